/* SPDX-License-Identifier: MIT */
/* Landlock rules by system call: glibc 2.36 has no wrappers for them. */
#include "config.h"

#include "process/confine/landlock.h"

#include <stdint.h>

#if HAVE_LINUX_LANDLOCK_H
#include <linux/landlock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's header ends at version 2; these are the kernel's numbers of later ones. */
#define FS_TRUNCATE       (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV      (1ULL << 15) /* version 5 */
#define NET_BIND          (1ULL << 0)  /* version 4 */
#define NET_CONNECT       (1ULL << 1)
#define SCOPE_UNIX_SOCKET (1ULL << 0) /* version 6: abstract sockets of others */
#define SCOPE_SIGNAL      (1ULL << 1)

/* struct landlock_ruleset_attr as version 6 knows it. An older kernel takes it as well, as
 * long as the members that it does not know are 0. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

#define FS_READ      (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_VERSION_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What the kernel knows: 0 if it has no Landlock, or has it switched off. */
static int known_version(void)
{
	long v = syscall(
		SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v < 0 ? 0 : (int)v;
}

/* Everything that this kernel can deny, except what the process needs. */
static struct ruleset denied(int version, bool connect)
{
	struct ruleset r = {.fs = FS_VERSION_1};

	if (version >= 2)
		r.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		r.fs |= FS_TRUNCATE;
	if (version >= 4)
		r.net = connect ? NET_BIND : NET_BIND | NET_CONNECT;
	if (version >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (version >= 6)
		r.scoped = SCOPE_UNIX_SOCKET | SCOPE_SIGNAL;
	return r;
}

static int allow_read(int ruleset, const char *path, struct err *err)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = FS_READ};
	struct stat st;
	int rc = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
		    0) != 0)
		rc = err_errno(err, "Landlock refuses the rule for %s", path);
	close(rule.parent_fd);
	return rc;
}

int landlock_apply(const struct landlock_rules *rules, int *version, struct err *err)
{
	struct ruleset attr;
	int ruleset, rc = -1;

	*version = known_version();
	if (*version == 0)
		return 0;
	attr = denied(*version, rules->connect);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_errno(err, "Landlock refuses the rule set");
	for (size_t i = 0; i < rules->n_readable; i++)
		if (allow_read(ruleset, rules->readable[i], err) != 0)
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
		err_errno(err, "Landlock refuses to be put in force");
		goto out;
	}
	rc = 0;
out:
	close(ruleset);
	return rc;
}

#else

int landlock_apply(const struct landlock_rules *rules, int *version, struct err *err)
{
	(void)rules;
	(void)err;
	*version = 0;
	return 0;
}

#endif
