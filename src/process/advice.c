/* SPDX-License-Identifier: MIT */
/* Settings that are legal and probably mistakes. */
#include "process/advice.h"

#include "core/mem.h"
#include "process/descriptors.h"
#include "process/drain_times.h"
#include "ses/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct advice {
	const struct conf *conf;
	advice_say *say;
	void *arg;
};

static void give(const struct advice *a, const char *section, size_t index,
	const char *key, struct err *what)
{
	(void)conf_blame(a->conf, section, index, key, what);
	a->say(a->arg, what->text);
}

/* --- regions -------------------------------------------------------------------------- */

static void look_at_region(const struct advice *a, size_t i)
{
	const struct conf_account *account = &a->conf->accounts[i];
	struct err what;

	if (conf_check_region(account->site, account->region, &what) < 0)
		give(a, "account", i, "region", &what);
}

/* --- codes ---------------------------------------------------------------------------- */

static void look_at_reply(const struct advice *a, size_t i)
{
	const char *code = a->conf->replies[i].code;
	char meant[OUTCOME_CODE_LEN];
	struct err what;

	if (outcome_is_known(code, meant))
		return;
	if (meant[0] != '\0')
		(void)err_set(&what,
			"reply \"%s\" is of no code that sesrelay knows; did you mean "
			"%s?",
			code, meant);
	else
		(void)err_set(&what,
			"reply \"%s\" is of no code that sesrelay knows; `sesrelay "
			"replies` lists them",
			code);
	give(a, "reply", i, NULL, &what);
}

/* --- the log -------------------------------------------------------------------------- */

static char *folder_of(const char *file)
{
	const char *end = strrchr(file, '/');

	return end == file ? mem_strdup("/") : mem_strndup(file, (size_t)(end - file));
}

static int may_write(const char *path, int mode, const char *file, struct err *why)
{
	if (access(path, mode) == 0)
		return 0;
	if (errno == EROFS)
		return err_set(why,
			"file: %s is on a file system that may only be read; under "
			"systemd write LogsDirectory= or ReadWritePaths= into the unit",
			file);
	return err_errno(
		why, "file: this user may not write %s; change its owner or mode", file);
}

static int try_log(const char *file, struct err *why)
{
	char *folder = folder_of(file);
	struct stat st;
	int rc = 0;

	if (stat(file, &st) == 0) {
		rc = S_ISDIR(st.st_mode) ? err_set(why,
						   "file: %s is a folder; write the path "
						   "of a file",
						   file)
		                         : may_write(file, W_OK, file, why);
	} else if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
		rc = err_set(why,
			"file: there is no folder %s; make it, or leave file out to log "
			"to standard error",
			folder);
	} else {
		rc = may_write(folder, W_OK | X_OK, file, why);
	}
	free(folder);
	return rc;
}

/* The gateway may run as root or another user; this user only checks the file. */
static bool may_be_another_user(void)
{
	return geteuid() != 0 && (errno == EACCES || errno == EPERM);
}

int advice_check_log(const struct conf *conf, struct err *err)
{
	struct err why;

	errno = 0;
	if (conf->log.file[0] == '\0' || try_log(conf->log.file, &why) == 0 ||
		may_be_another_user())
		return 0;
	(void)conf_blame(conf, "log", 0, "file", &why);
	return err_set(err, "%s", why.text);
}

static void look_at_log(const struct advice *a)
{
	struct err what;

	errno = 0;
	if (a->conf->log.file[0] == '\0' || try_log(a->conf->log.file, &what) == 0 ||
		!may_be_another_user())
		return;
	give(a, "log", 0, "file", &what);
}

/* --- descriptors ---------------------------------------------------------------------- */

/* The limit of a service may differ from that of the shell that runs `sesrelay check`. */
static void look_at_descriptors(const struct advice *a)
{
	struct descriptors d;
	struct err what;

	if (descriptors_foresee(a->conf, &d) < 0 || !d.fewer)
		return;
	(void)err_set(&what,
		"sessions: %" PRIu64 " descriptors a process (ulimit -Hn) are enough for "
		"%u sessions and %u connections to the API in each of %u workers; raise "
		"the limit (LimitNOFILE= of systemd), or write fewer",
		d.limit, d.sessions, d.connections, a->conf->workers);
	give(a, "limits", 0, "sessions", &what);
}

/* --- the end -------------------------------------------------------------------------- */

static void look_at_stop(const struct advice *a)
{
	const struct conf *conf = a->conf;
	bool written = conf_line(conf, "", 0, "shutdown_timeout") !=
	               conf_line(conf, "", 0, NULL);
	struct err what;

	if (!drain_times_cut_calls(conf))
		return;
	(void)err_set(&what,
		"shutdown_timeout %" PRIu64 "s is too short for limits.deadline %" PRIu64
		"s: a stop may cut calls to the API, and their mail may be sent twice; "
		"write %" PRIu64 "s or more",
		conf->shutdown_timeout / 1000, conf->limits.deadline / 1000,
		(drain_times_needed(conf) + 999) / 1000);
	if (written)
		give(a, "", 0, "shutdown_timeout", &what);
	else
		give(a, "limits", 0, "deadline", &what);
}

void advice_give(const struct conf *conf, advice_say *say, void *arg)
{
	const struct advice a = {conf, say, arg};

	for (size_t i = 0; i < conf->n_accounts; i++)
		look_at_region(&a, i);
	for (size_t i = 0; i < conf->n_replies; i++)
		look_at_reply(&a, i);
	look_at_log(&a);
	look_at_descriptors(&a);
	look_at_stop(&a);
}
