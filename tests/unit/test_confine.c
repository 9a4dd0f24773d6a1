/* SPDX-License-Identifier: MIT */
/* process/confine, process/landlock: what a confined process can no longer do. */
#include "config.h"

#include "process/confine.h"
#include "process/landlock.h"

#include "core/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char no_file[1] = "";
static char no_user[1] = "";

static struct conf_account account = {.ca_file = no_file};
static struct conf conf = {.user = no_user, .accounts = &account, .n_accounts = 1};

/* Runs check() in a process of its own, confined as role; 0 where it found nothing wrong,
 * else the number of what was. */
static int confined(enum confine_role role, int (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err;
		int landlock;

		if (confine_self(&conf, role, &landlock, &err) != 0) {
			fprintf(stderr, "# %s\n", err.text);
			_exit(100);
		}
		_exit(check());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int check_flags(void)
{
	struct rlimit core;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 ||
		core.rlim_max != 0)
		return 3;
	if (geteuid() == 0 || getuid() == 0 || getegid() == 0)
		return 4;
	if (getgroups(0, NULL) != 0)
		return 5;
	return setuid(0) == 0 ? 6 : 0;
}

static void drops_root_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(confined(CONFINE_WORKER, check_flags), 0);
	assert_int_equal(confined(CONFINE_ADMIN, check_flags), 0);
}

static bool readable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int check_worker_files(void)
{
	iconv_t cd;

	if (readable("/etc/passwd"))
		return 1;
	if (open("/tmp/sesrelay-confined", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0)
		return 2;
	if (!readable("/etc/hosts") && errno != ENOENT)
		return 3;
	/* Loaded from a module at its first use. */
	cd = iconv_open("UTF-8", "GB18030");
	if (cd == (iconv_t)-1)
		return 4;
	iconv_close(cd);
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 5;
}

static void keeps_a_worker_to_its_files(void **state)
{
	(void)state;
	if (landlock_version() == 0)
		skip(); /* a kernel without Landlock: nothing is restricted */
	assert_int_equal(confined(CONFINE_WORKER, check_worker_files), 0);
}

static int check_ca_file(void)
{
	return readable(account.ca_file) ? 0 : 1;
}

static void lets_a_worker_read_its_ca_file(void **state)
{
	char path[] = "/tmp/sesrelay-ca-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	account.ca_file = path;
	assert_int_equal(confined(CONFINE_WORKER, check_ca_file), 0);
	account.ca_file = no_file;
	close(fd);
	unlink(path);
}

static int check_admin(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET};
	int fd;

	if (readable("/etc/hosts") || readable("/etc/passwd"))
		return 1;
	if (landlock_version() < 4)
		return 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES)
		return 2;
	if (connect(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 ||
		errno != EACCES)
		return 3;
	return 0;
}

static void gives_admin_no_file_and_no_connection(void **state)
{
	(void)state;
	if (landlock_version() == 0)
		skip(); /* a kernel without Landlock: nothing is restricted */
	assert_int_equal(confined(CONFINE_ADMIN, check_admin), 0);
}

static void finds_the_user_to_become(void **state)
{
	static const struct {
		const char *name;
		const char *error; /* NULL: found */
	} as_root[] = {
		{"", NULL},
		{"nobody", NULL},
		{"no-such-user", "no user \"no-such-user\""},
		{"root", "is root"},
	};
	struct confine_user u;
	struct err err;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	for (size_t i = 0; i < ARRAY_LEN(as_root); i++) {
		int rc = confine_find_user(as_root[i].name, &u, &err);

		if (as_root[i].error == NULL) {
			assert_int_equal(rc, 0);
			assert_true(u.change && u.uid != 0 && u.gid != 0);
		} else {
			assert_int_equal(rc, -1);
			assert_non_null(strstr(err.text, as_root[i].error));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_root_for_good),
		cmocka_unit_test(keeps_a_worker_to_its_files),
		cmocka_unit_test(lets_a_worker_read_its_ca_file),
		cmocka_unit_test(gives_admin_no_file_and_no_connection),
		cmocka_unit_test(finds_the_user_to_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
