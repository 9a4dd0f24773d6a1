/* SPDX-License-Identifier: MIT */
/* Dropping privileges, in the order in which each step is still allowed. */
#include "config.h"

#include "process/confine/confine.h"

#include "core/log.h"
#include "core/mem.h"
#include "process/confine/capabilities.h"
#include "process/confine/landlock.h"
#include "process/confine/seccomp.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What libraries open while a worker runs: name resolution (the resolver's files are read
 * again when they change), CA certificates, charsets that iconv loads at their first use,
 * time zones. */
static const char *const worker_readable[] = {
	"/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache",
	"/etc/localtime", "/etc/nsswitch.conf", "/etc/protocols", "/etc/resolv.conf",
	"/etc/services", "/etc/ca-certificates", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
	"/etc/pki/tls", "/run/systemd/resolve", "/usr/lib", "/usr/lib64",
	"/usr/local/share/ca-certificates", "/usr/share/ca-certificates",
	"/usr/share/zoneinfo",
#ifdef SANITIZERS
	"/proc", /* LeakSanitizer lists the threads at exit */
#endif
};

static const char *const admin_readable[] = {
#ifdef SANITIZERS
	"/proc",
#endif
	"/etc/localtime",
};

int confine_find_user(const char *name, struct confine_user *u, struct err *err)
{
	const struct passwd *pw;
	bool root = geteuid() == 0;

	*u = (struct confine_user){.uid = geteuid(), .gid = getegid()};
	if (name[0] == '\0') {
		if (!root)
			return 0;
		name = CONFINE_DEFAULT_USER;
	}
	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return err_set(err,
			"there is no user \"%s\" on this system: create it, or set user "
			"to "
			"one that exists",
			name);
	if (pw->pw_uid == 0)
		return err_set(err,
			"user \"%s\" is root: workers read from strangers, give them a "
			"user "
			"without rights",
			name);
	if (!root && pw->pw_uid != geteuid())
		return err_set(err,
			"only root can become user \"%s\": start as root, or leave user "
			"empty",
			name);
	u->change = root;
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	return 0;
}

static int drop_user(const struct confine_user *u, struct err *err)
{
	uid_t r, e, s;

	if (!u->change)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
		setresuid(u->uid, u->uid, u->uid) != 0)
		return err_errno(err, "cannot become user id %u", (unsigned)u->uid);
	/* Each of these has failed silently in some kernel or container. */
	if (getresuid(&r, &e, &s) != 0 || r != u->uid || e != u->uid || s != u->uid ||
		getegid() != u->gid || setuid(0) == 0 || seteuid(0) == 0)
		return err_set(err, "privileges came back after they were dropped");
	return 0;
}

/* No core file and not dumpable: nobody but root reads this process' memory, not even a worker
 * of the same user. Undone by an exec. */
static int hide_memory(struct err *err)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_errno(err, "cannot forbid core files");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_errno(err, "cannot make the process not dumpable");
	return 0;
}

static int restrict_paths(
	const struct conf *conf, enum confine_role role, int *version, struct err *err)
{
	struct landlock_rules rules = {
		.readable = admin_readable, .n_readable = ARRAY_LEN(admin_readable)};
	const char **paths;
	size_t n = ARRAY_LEN(worker_readable);
	int rc;

	if (role == CONFINE_ADMIN)
		return landlock_apply(&rules, version, err);
	paths = mem_new(n + conf->n_accounts, sizeof(*paths));
	memcpy(paths, worker_readable, sizeof(worker_readable));
	for (size_t i = 0; i < conf->n_accounts; i++)
		if (conf->accounts[i].ca_file[0] != '\0')
			paths[n++] = conf->accounts[i].ca_file;
	rules = (struct landlock_rules){
		.readable = paths, .n_readable = n, .connect = true};
	rc = landlock_apply(&rules, version, err);
	free(paths);
	return rc;
}

/* A kernel without the filter, or a container that forbids it, is no reason not to start. */
static int filter_calls(const struct conf *conf, enum confine_role role, const char *id,
	const char **state, struct err *err)
{
	bool in_force;

	*state = "off";
	if (!conf->seccomp)
		return 0;
	if (seccomp_apply(role == CONFINE_WORKER, &in_force, err) != 0)
		return -1;
	*state = in_force ? "on" : "none";
	if (!in_force)
		log_event(LOG_WARN, id, "no_seccomp", LOG_S("error", err->text));
	return 0;
}

int confine_self(
	const struct conf *conf, enum confine_role role, const char *id, struct err *err)
{
	struct confine_user user;
	const char *calls;
	int landlock;

	/* Memory after the change of user, which makes the process dumpable again. */
	if (confine_find_user(conf->user, &user, err) != 0 ||
		drop_user(&user, err) != 0 || capabilities_drop(err) != 0 ||
		hide_memory(err) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, "cannot set NO_NEW_PRIVS");
	/* The filter last: it forbids what the steps before it call. */
	if (restrict_paths(conf, role, &landlock, err) != 0 ||
		filter_calls(conf, role, id, &calls, err) != 0)
		return -1;
	log_event(LOG_INFO, id, "confined", LOG_I("landlock", landlock),
		LOG_S("seccomp", calls));
	return 0;
}

int confine_supervisor(struct err *err)
{
	return hide_memory(err) != 0 ? -1 : capabilities_keep_supervisor(err);
}

void confine_end(void)
{
#ifdef SANITIZERS
	/* LeakSanitizer traces its own process to find what is still reachable, which the
	 * kernel allows for a dumpable one only. No client is connected any more. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
}
