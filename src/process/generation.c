/* SPDX-License-Identifier: MIT */
/* A configuration with its masked copy for the children. */
#include "process/generation.h"

#include "core/mem.h"
#include "delivery/handler.h"
#include "process/confine.h"
#include "process/spawn.h"
#include "ses/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Far more than any configuration; a buffer has a maximum. */
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

int generation_check(const struct conf *conf, struct err *err)
{
	struct confine_user user;
	struct outcome_table *table;

	if (outcome_table_new(conf->replies, conf->n_replies, &table, err) != 0)
		return -1;
	outcome_table_free(&table);
	if (delivery_check_conf(conf, err) != 0)
		return -1;
	/* Anybody may check a file that root will run. */
	return geteuid() == 0 ? confine_find_user(conf->user, &user, err) : 0;
}

int generation_new(
	const char *file, unsigned number, struct generation **out, struct err *err)
{
	struct generation *g = mem_new(1, sizeof(*g));
	struct confine_user user;

	g->number = number;
	g->conf_fd = -1;
	g->refs = 1;
	if (conf_load(file, &g->conf, err) != 0 || generation_check(g->conf, err) != 0 ||
		confine_find_user(g->conf->user, &user, err) != 0 ||
		print_masked(g, err) != 0) {
		generation_unref(&g);
		return -1;
	}
	*out = g;
	return 0;
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
	conf_free(&g->conf);
	free(g);
}
