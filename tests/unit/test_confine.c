/* SPDX-License-Identifier: MIT */
/* process/confine, process/landlock: what a confined process can no longer do. */
#include "config.h"

#include "process/confine/confine.h"
#include "process/confine/landlock.h"
#include "process/confine/seccomp.h"

#include "core/attr.h"
#include "core/loop.h"
#include "core/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char no_file[1] = "";
static char no_user[1] = "";

static struct conf_account account = {.ca_file = no_file};
static struct conf conf = {
	.user = no_user, .seccomp = true, .accounts = &account, .n_accounts = 1};

/* How a process of its own ends that runs check() confined as role, as waitpid() says it. */
static int end_of(enum confine_role role, int (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err;

		if (confine_self(&conf, role, "test", &err) != 0) {
			fprintf(stderr, "# %s\n", err.text);
			_exit(100);
		}
		_exit(check());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* 0 where check() found nothing wrong, else the number of what was. */
static int confined(enum confine_role role, int (*check)(void))
{
	int status = end_of(role, check);

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
	return 0;
}

/* Asks the kernel, not the code that is tested. */
static long kernel_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1); /* 1: which version */
}

static int check_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 1;
}

static void keeps_a_worker_to_its_files(void **state)
{
	(void)state;
	if (kernel_landlock() <= 0)
		skip(); /* a kernel without Landlock: nothing is restricted */
	assert_int_equal(confined(CONFINE_WORKER, check_worker_files), 0);
	/* Landlock alone, for the filter of system calls ends who tries. */
	conf.seccomp = false;
	assert_int_equal(confined(CONFINE_WORKER, check_exec), 0);
	conf.seccomp = true;
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
	if (kernel_landlock() < 4)
		return 0; /* nothing to deny connections with */
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
	if (kernel_landlock() <= 0)
		skip(); /* a kernel without Landlock: nothing is restricted */
	conf.seccomp = false;
	assert_int_equal(confined(CONFINE_ADMIN, check_admin), 0);
	conf.seccomp = true;
}

/* --- the filter of system calls ------------------------------------------------------- */

#ifndef SYS_io_uring_setup
#error "the kernel's headers are older than Debian 12"
#endif

static const long deadly[] = {
	SYS_execve,
	SYS_execveat,
	SYS_bpf,
	SYS_mount,
	SYS_keyctl,
	SYS_add_key,
	SYS_userfaultfd,
	SYS_perf_event_open,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_process_vm_writev,
	SYS_pidfd_getfd,
	SYS_unshare,
	SYS_setns,
	SYS_chroot,
	SYS_init_module,
#ifndef SANITIZERS
	/* LeakSanitizer needs these. */
	SYS_ptrace,
	SYS_process_vm_readv,
#endif
};

static long call_to_make;

static int make_call(void)
{
	return syscall(call_to_make, 0, 0, 0, 0, 0, 0) == -1 ? 1 : 0;
}

static void ends_who_calls_what_only_an_intruder_needs(void **state)
{
	static const enum confine_role roles[] = {CONFINE_WORKER, CONFINE_ADMIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(deadly) * 2; i++) {
		int status;

		call_to_make = deadly[i / 2];
		status = end_of(roles[i % 2], make_call);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("call %ld ends with %x", call_to_make, (unsigned)status);
	}
	conf.seccomp = false;
	call_to_make = SYS_keyctl;
	assert_int_equal(confined(CONFINE_WORKER, make_call), 1);
	conf.seccomp = true;
}

static bool fails(long result)
{
	return result == -1 && errno == ENOSYS;
}

/* They would take the connections of others, or outlive the process. */
static const int hostile_options[] = {SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF,
	SO_ATTACH_BPF, SO_LOCK_FILTER};

static int check_refused(void)
{
	void *page = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte = 'x';

	if (!fails(socket(AF_PACKET, SOCK_RAW, 0)))
		return 1;
	if (!fails(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)))
		return 2;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 3;
	if (!fails(mprotect(page, 4096, PROT_READ | PROT_EXEC)))
		return 4;
	if (!fails(memfd_create("x", 0)))
		return 5;
	if (!fails(fcntl(0, F_SETOWN, getppid())) ||
		!fails(fcntl(0, F_SETSIG, SIGKILL)) ||
		!fails(fcntl(0, F_SETLEASE, F_RDLCK)))
		return 12;
	for (size_t i = 0; i < ARRAY_LEN(hostile_options); i++)
		if (!fails(setsockopt(0, SOL_SOCKET, hostile_options[i], &byte, 1)))
			return 13;
	if (!fails(syscall(SYS_clone3, NULL, 0)))
		return 6;
	if (!fails(ioctl(0, TIOCSTI, &byte)))
		return 7;
	if (!fails(prctl(PR_SET_SECCOMP, 0, 0, 0, 0)))
		return 8;
	if (!fails(prlimit(getppid(), RLIMIT_CORE, NULL, NULL)))
		return 9;
	if (!fails(setgid(0)) || !fails(setuid(0)))
		return 10;
#ifndef SANITIZERS
	if (!fails(kill(getppid(), 0)) || !fails(fork()))
		return 11;
#endif
	return 0;
}

static int check_refused_to_admin(void)
{
	if (!fails(socket(AF_INET, SOCK_STREAM, 0)) || !fails(connect(0, NULL, 0)) ||
		!fails(bind(0, NULL, 0)))
		return 20;
	return check_refused();
}

static void refuses_what_is_not_on_the_list(void **state)
{
	(void)state;
	assert_int_equal(confined(CONFINE_WORKER, check_refused), 0);
	assert_int_equal(confined(CONFINE_ADMIN, check_refused_to_admin), 0);
}

static struct loop *loop;
static bool job_ran;

static void run_job(struct pool_job *job)
{
	(void)job;
	job_ran = true;
}

static void job_done(struct pool_job *job, bool ran)
{
	(void)job;
	(void)ran;
	loop_stop(loop);
}

/* What a worker's libraries do: threads, names, character sets, memory. */
static int check_allowed(void)
{
	struct addrinfo *found = NULL;
	struct pool_job job = {.work = run_job, .done = job_done};
	struct pool *pool;
	struct err err;
	iconv_t cd;
	void *large;

	loop = loop_new();
	pool = pool_new(loop, 1, 1, 5, &err);
	if (pool == NULL)
		return 1;
	if (pool_submit(pool, &job) != 0 || loop_run(loop) != 0 || !job_ran)
		return 2;
	pool_free(&pool);
	loop_free(&loop);
	if (getaddrinfo("localhost", "25", &(struct addrinfo){.ai_flags = AI_ADDRCONFIG},
		    &found) != 0)
		return 3;
	freeaddrinfo(found);
	cd = iconv_open("UTF-8", "EUC-KR");
	if (cd == (iconv_t)-1)
		return 4;
	iconv_close(cd);
	large = malloc(100 << 20);
	if (large == NULL)
		return 5;
	free(large);
	return 0;
}

static void allows_what_a_worker_needs(void **state)
{
	(void)state;
	assert_int_equal(confined(CONFINE_WORKER, check_allowed), 0);
}

/* A process that is forbidden to filter: by its own filter, for want of an older kernel. */
static int check_no_filter(void)
{
	struct err err = {.text = ""};
	bool in_force = true;

	if (seccomp_apply(true, &in_force, &err) != 0)
		return 1;
	if (in_force)
		return 2;
	return strstr(err.text, "the kernel takes no filter") != NULL ? 0 : 3;
}

static void goes_on_where_no_filter_can_be_set(void **state)
{
	(void)state;
	assert_int_equal(confined(CONFINE_WORKER, check_no_filter), 0);
}

static int check_abort(void)
{
	abort();
}

static void lets_a_process_end_itself(void **state)
{
	int status = end_of(CONFINE_ADMIN, check_abort);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* --- capabilities --------------------------------------------------------------------- */

static int check_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return 1;
	for (unsigned i = 0; i < 2; i++)
		if (data[i].effective != 0 || data[i].permitted != 0 ||
			data[i].inheritable != 0)
			return 2;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) ==
	                       1
	               ? 3
	               : 0;
}

static void leaves_a_child_no_capability(void **state)
{
	(void)state;
	conf.seccomp = false; /* which forbids to look */
	assert_int_equal(confined(CONFINE_WORKER, check_capabilities), 0);
	assert_int_equal(confined(CONFINE_ADMIN, check_capabilities), 0);
	conf.seccomp = true;
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
		cmocka_unit_test(ends_who_calls_what_only_an_intruder_needs),
		cmocka_unit_test(refuses_what_is_not_on_the_list),
		cmocka_unit_test(allows_what_a_worker_needs),
		cmocka_unit_test(goes_on_where_no_filter_can_be_set),
		cmocka_unit_test(lets_a_process_end_itself),
		cmocka_unit_test(leaves_a_child_no_capability),
		cmocka_unit_test(finds_the_user_to_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
