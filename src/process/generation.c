/* SPDX-License-Identifier: MIT */
/* A configuration with its masked copy for the children. */
#include "process/generation.h"

#include "auth/users.h"
#include "core/log.h"
#include "core/mem.h"
#include "net/tls_context.h"
#include "process/advice.h"
#include "process/confine/confine.h"
#include "process/spawn.h"
#include "ses/outcome.h"
#include "ses/trust.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Far more than any configuration needs. */
#define CONF_TEXT_MAX (16 * 1024 * 1024)

static int print_masked(struct generation *g, struct err *err)
{
	struct buf text;
	int rc = -1;

	buf_init(&text, CONF_TEXT_MAX, NULL);
	if (conf_print(g->conf, &text) != 0) {
		err_errno(err, "cannot print the configuration");
		goto out;
	}
	g->conf_fd = spawn_memfd("sesrelay.conf", text.data, text.len, err);
	rc = g->conf_fd < 0 ? -1 : 0;
out:
	buf_free(&text);
	return rc;
}

/* The option that a TLS error is about: the one that it names, or "tls" for all. */
static const char *key_of(const struct err *why)
{
	static const char *const keys[] = {"tls_key", "tls_client_ca", "tls_certificate"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strstr(why->text, keys[i]) != NULL)
			return keys[i];
	return "tls";
}

/* The supervisor keeps nothing that it makes here: it checks that workers will be able to. */
static int check_listener(
	const struct conf *conf, size_t i, const struct files *files, struct err *err)
{
	const struct conf_listener *l = &conf->listeners[i];
	const struct tls_files source = files_for_tls(files);
	struct tls_context *tls;
	struct err why;
	int64_t expires;

	if (l->tls == CONF_TLS_OFF)
		return 0;
	if (tls_context_new(l, &source, NULL, &tls, &why) < 0) {
		(void)conf_blame(conf, "listener", i, key_of(&why), &why);
		return err_set(err, "%s", why.text);
	}
	expires = tls_context_expires(tls);
	tls_context_unref(&tls);
	if (expires < (int64_t)time(NULL))
		log_event(LOG_WARN, "supervisor", "certificate_expired",
			LOG_S("listener", l->name));
	return 0;
}

static bool route_exists(const void *arg, const char *name)
{
	const struct conf *conf = arg;

	for (size_t i = 0; i < conf->n_routes; i++)
		if (strcmp(conf->routes[i].name, name) == 0)
			return true;
	return false;
}

static int check_users(
	const struct conf *conf, const struct files *files, struct err *err)
{
	const char *file = conf->users_file;
	struct users *users;
	int rc;

	if (file[0] == '\0')
		return 0;
	if (users_parse(files_get(files, file), file, &users, err) < 0)
		return -1;
	rc = users_check_routes(users, file, route_exists, conf, err);
	users_unref(&users);
	return rc;
}

static int check_account(
	const struct conf *conf, size_t i, const struct files *files, struct err *err)
{
	const struct conf_account *a = &conf->accounts[i];
	struct err why;

	if (a->ca_file[0] == '\0' || trust_check_pem(a->name, a->ca_file,
					     files_get(files, a->ca_file), &why) == 0)
		return 0;
	(void)conf_blame(conf, "account", i, "ca_file", &why);
	return err_set(err, "%s", why.text);
}

static int check_files(
	const struct conf *conf, const struct files *files, struct err *err)
{
	if (check_users(conf, files, err) < 0)
		return -1;
	for (size_t i = 0; i < conf->n_listeners; i++)
		if (check_listener(conf, i, files, err) < 0)
			return -1;
	for (size_t i = 0; i < conf->n_accounts; i++)
		if (check_account(conf, i, files, err) < 0)
			return -1;
	return 0;
}

static int read_files(const struct conf *conf, struct files **out, struct err *err)
{
	struct files *files;

	if (files_read(conf, &files, err) < 0)
		return -1;
	if (check_files(conf, files, err) < 0) {
		files_free(&files);
		return -1;
	}
	*out = files;
	return 0;
}

/* Replaces the set of files. */
static int use_files(struct generation *g, struct files *files, struct err *err)
{
	int fd = files_seal(files, err);

	if (fd < 0) {
		files_free(&files);
		return -1;
	}
	if (g->files_fd >= 0)
		close(g->files_fd);
	files_free(&g->files);
	g->files = files;
	g->files_fd = fd;
	return 0;
}

static int check_values(const struct conf *conf, struct err *err)
{
	struct outcome_table *table;

	if (outcome_table_new(conf, &table, err) != 0)
		return -1;
	outcome_table_free(&table);
	return 0;
}

int generation_check(const struct conf *conf, struct err *err)
{
	struct confine_user user;
	struct files *files = NULL;

	if (check_values(conf, err) != 0 || read_files(conf, &files, err) != 0)
		return -1;
	files_free(&files);
	if (advice_check_log(conf, err) != 0)
		return -1;
	/* Anybody may check a file that root will run. */
	return geteuid() == 0 ? confine_find_user(conf->user, &user, err) : 0;
}

int generation_new(
	const char *file, unsigned number, struct generation **out, struct err *err)
{
	struct generation *g = mem_new(1, sizeof(*g));
	struct confine_user user;
	struct files *files = NULL;

	g->number = number;
	g->conf_fd = -1;
	g->files_fd = -1;
	g->refs = 1;
	if (conf_load(file, &g->conf, err) != 0 || check_values(g->conf, err) != 0 ||
		confine_find_user(g->conf->user, &user, err) != 0 ||
		read_files(g->conf, &files, err) != 0 || use_files(g, files, err) != 0 ||
		print_masked(g, err) != 0) {
		generation_unref(&g);
		return -1;
	}
	*out = g;
	return 0;
}

int generation_refresh(struct generation *g, struct err *err)
{
	struct files *files = NULL;

	if (!files_changed(g->files))
		return 0;
	if (read_files(g->conf, &files, err) != 0)
		return -1;
	return use_files(g, files, err) == 0 ? 1 : -1;
}

struct generation *generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

void generation_unref(struct generation **generation)
{
	struct generation *g = *generation;

	*generation = NULL;
	if (g == NULL || --g->refs > 0)
		return;
	if (g->conf_fd >= 0)
		close(g->conf_fd);
	if (g->files_fd >= 0)
		close(g->files_fd);
	files_free(&g->files);
	conf_free(&g->conf);
	free(g);
}
