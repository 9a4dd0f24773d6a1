/* SPDX-License-Identifier: MIT */
/*
 * The lists of system calls, by name: libseccomp knows their numbers on each architecture,
 * and what an architecture does not have is left out. Checked arguments cost time at every
 * call, so only calls that are rare, or dangerous otherwise, have them.
 */
#include "config.h"

#include "process/confine/seccomp.h"

#include <seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */
static const char *const allowed[] = {
	/* memory; those that make it executable are below */
	"brk", "madvise", "mlock", "mlock2", "mremap", "munlock", "munmap",
	/* descriptors */
	"close", "close_range", "dup", "dup2", "dup3", "eventfd2", "flock",
	"pipe2", "_llseek", "lseek", "pread64", "preadv", "pwrite64",
	"pwritev", "read", "readv", "write", "writev",
	/* files; Landlock decides which */
	"access", "faccessat", "faccessat2", "fadvise64", "fstat", "fstat64",
	"fstatat64", "fstatfs", "getcwd", "getdents64", "lstat", "newfstatat", "open",
	"openat", "readlink", "readlinkat", "stat", "stat64", "statfs", "statx",
	/* waiting */
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",
	"timerfd_create", "timerfd_settime", "timerfd_settime64",
	/* time */
	"clock_getres", "clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "gettimeofday", "nanosleep", "time",
	/* sockets that are there already */
	"accept", "accept4", "getpeername", "getsockname", "getsockopt", "listen",
	"recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send",
	"sendmmsg", "sendmsg", "sendto", "shutdown",
	/* itself */
	"exit", "exit_group", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32",
	"getgid", "getgid32", "getgroups", "getgroups32", "getpid", "getppid",
	"getrandom", "getresuid", "getresuid32", "getrlimit", "getrusage", "gettid",
	"getuid", "getuid32", "sched_getaffinity", "sched_yield", "sysinfo",
	"ugetrlimit", "uname",
	/* signals and locks */
	"futex", "futex_time64", "get_robust_list", "membarrier", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "set_robust_list", "set_tid_address", "sigaltstack",
	"sigreturn",
#ifdef SANITIZERS
	/* LeakSanitizer stops its own threads from a process that it clones at exit, and
	 * looks at their memory. */
	"clone", "getdents", "pipe", "process_vm_readv", "ptrace", "wait4",
#endif
};

/* For a process that opens connections and starts threads. */
static const char *const allowed_to_connect[] = {
	"bind", /* of a netlink socket, by getaddrinfo(3) */
	"connect", "arch_prctl", "cacheflush", "set_thread_area", "set_tls",
	"setpriority",
};

static const char *const deadly[] = {
	/* another program, another process, another process' memory */
	"execve", "execveat", "pidfd_getfd", "pidfd_open", "process_madvise",
	"process_vm_writev",
#ifndef SANITIZERS
	"process_vm_readv", "ptrace",
#endif
	/* the kernel */
	"bpf", "create_module", "delete_module", "finit_module", "init_module",
	"io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load",
	"kexec_load", "lookup_dcookie", "perf_event_open", "userfaultfd",
	/* the file system's tree, and ways around it */
	"chroot", "fsconfig", "fsmount", "fsopen", "mount", "mount_setattr",
	"move_mount", "open_by_handle_at", "open_tree", "pivot_root", "swapoff",
	"swapon", "umount", "umount2",
	/* keys, names, clocks, the machine */
	"acct", "add_key", "adjtimex", "clock_adjtime", "clock_settime", "ioperm",
	"iopl", "keyctl", "quotactl", "reboot", "request_key", "setdomainname",
	"sethostname", "setns", "settimeofday", "syslog", "unshare",
};
/* clang-format on */

enum process { ANY, CONNECTS };

/* A call that is allowed if an argument matches, and else fails with ENOSYS. */
struct checked {
	enum process process;
	const char *name;
	struct scmp_arg_cmp arg;
};

#define ARG(n, value)                                                                    \
	{                                                                                \
		(n), SCMP_CMP_EQ, (value), 0                                             \
	}
#define ARG_BITS(n, mask, set)                                                           \
	{                                                                                \
		(n), SCMP_CMP_MASKED_EQ, (mask), (set)                                   \
	}

#ifdef __s390__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

/* Not those that send signals (F_SETOWN, F_SETSIG): by a descriptor of its own a process could
 * let the kernel kill another of the same user. */
#define FCNTL(command)                                                                   \
	{ANY, "fcntl", ARG(1, command)},                                                 \
	{                                                                                \
		ANY, "fcntl64", ARG(1, command)                                          \
	}

static const struct checked checked[] = {
	FCNTL(F_DUPFD),
	FCNTL(F_DUPFD_CLOEXEC),
	FCNTL(F_GETFD),
	FCNTL(F_SETFD),
	FCNTL(F_GETFL),
	FCNTL(F_SETFL),
	FCNTL(F_GET_SEALS),
	/* Libraries are loaded when they are first needed (character sets, name services);
	 * nothing else makes memory executable. */
	{ANY, "mmap", ARG_BITS(2, PROT_WRITE | PROT_EXEC, 0)},
	{ANY, "mmap", ARG_BITS(2, PROT_WRITE | PROT_EXEC, PROT_WRITE)},
	{ANY, "mmap", ARG_BITS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC)},
	{ANY, "mmap2", ARG_BITS(2, PROT_WRITE | PROT_EXEC, 0)},
	{ANY, "mmap2", ARG_BITS(2, PROT_WRITE | PROT_EXEC, PROT_WRITE)},
	{ANY, "mmap2", ARG_BITS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC)},
	{ANY, "mprotect", ARG_BITS(2, PROT_EXEC, 0)},
	{CONNECTS, "socket", ARG(0, AF_UNIX)},
	{CONNECTS, "socket", ARG(0, AF_INET)},
	{CONNECTS, "socket", ARG(0, AF_INET6)},
	{CONNECTS, "socketpair", ARG(0, AF_UNIX)},
	/* Threads; glibc falls back to clone from clone3, whose flags a filter cannot read. */
	{CONNECTS, "clone", ARG_BITS(CLONE_FLAGS_ARG, CLONE_THREAD, CLONE_THREAD)},
	{ANY, "ioctl", ARG(1, FIONREAD)},
	{ANY, "ioctl", ARG(1, FIONBIO)},
	{ANY, "ioctl", ARG(1, SIOCOUTQ)},
	{ANY, "ioctl", ARG(1, TCGETS)},
	{ANY, "prctl", ARG(0, PR_SET_NAME)},
	{ANY, "prctl", ARG(0, PR_GET_NAME)},
	{ANY, "prctl", ARG(0, PR_GET_DUMPABLE)},
	{ANY, "prctl", ARG(0, PR_GET_NO_NEW_PRIVS)},
#ifdef SANITIZERS
	{ANY, "prctl", ARG(0, PR_SET_DUMPABLE)}, /* confine_end() */
	{ANY, "prctl", ARG(0, PR_SET_PTRACER)},
	/* Else the thread that looks for leaks outlives a child that is killed meanwhile. */
	{ANY, "prctl", ARG(0, PR_SET_PDEATHSIG)},
#endif
};

/* What an architecture does not have needs no rule. */
static int add_rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
	const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(f, action, number, n, args);
}

/* Signals to itself alone, as abort() sends them; the limits of itself alone; netlink for
 * routes alone, which is how getaddrinfo(3) learns of our addresses. */
static int add_own(scmp_filter_ctx f, bool connect)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct scmp_arg_cmp pid[] = {{0, SCMP_CMP_EQ, self, 0}};
	const struct scmp_arg_cmp none[] = {ARG(0, 0)};
	const struct scmp_arg_cmp route[] = {ARG(0, AF_NETLINK), ARG(2, NETLINK_ROUTE)};
	int rc = add_rule(f, SCMP_ACT_ALLOW, "tgkill", 1, pid);
	if (rc == 0)
		rc = add_rule(f, SCMP_ACT_ALLOW, "kill", 1, pid);
	if (rc == 0)
		rc = add_rule(f, SCMP_ACT_ALLOW, "prlimit64", 1, none);
	if (rc == 0 && !connect)
		return 0;
	return rc != 0 ? rc : add_rule(f, SCMP_ACT_ALLOW, "socket", 2, route);
}

/* Of a socket itself only these, and whatever its protocol has: a program that steers the
 * connections of a whole SO_REUSEPORT group would take those of all other workers, and a
 * filter that is locked would outlive its process. */
static int add_socket_options(scmp_filter_ctx f)
{
	static const int options[] = {SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_KEEPALIVE,
		SO_LINGER, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF};
	const struct scmp_arg_cmp protocol[] = {{1, SCMP_CMP_NE, SOL_SOCKET, 0}};
	int rc = add_rule(f, SCMP_ACT_ALLOW, "setsockopt", 1, protocol);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(options); i++) {
		const struct scmp_arg_cmp own[] = {
			ARG(1, SOL_SOCKET), ARG(2, (scmp_datum_t)options[i])};

		rc = add_rule(f, SCMP_ACT_ALLOW, "setsockopt", 2, own);
	}
	return rc;
}

static int add_names(
	scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_rule(f, action, names[i], 0, NULL);
	return rc;
}

static int add_rules(scmp_filter_ctx f, bool connect)
{
	int rc;

	rc = add_names(f, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
	if (rc == 0)
		rc = add_names(f, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
	if (rc == 0 && connect)
		rc = add_names(f, SCMP_ACT_ALLOW, allowed_to_connect,
			ARRAY_LEN(allowed_to_connect));
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(checked); i++)
		if (checked[i].process == ANY || connect)
			rc = add_rule(
				f, SCMP_ACT_ALLOW, checked[i].name, 1, &checked[i].arg);
	if (rc == 0)
		rc = add_socket_options(f);
	return rc != 0 ? rc : add_own(f, connect);
}

static scmp_filter_ctx filter_new(bool connect, struct err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (f == NULL) {
		err_set(err, "libseccomp makes no filter");
		return NULL;
	}
	/* A binary tree, not a list: a call is found in fewer steps. */
	rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (rc == 0)
		rc = add_rules(f, connect);
	if (rc == 0)
		return f;
	errno = -rc;
	err_errno(err, "libseccomp refuses a rule");
	seccomp_release(f);
	return NULL;
}

int seccomp_apply(bool connect, bool *in_force, struct err *err)
{
	scmp_filter_ctx f = filter_new(connect, err);
	int rc;

	*in_force = false;
	if (f == NULL)
		return -1;
	rc = seccomp_load(f);
	seccomp_release(f);
	*in_force = rc == 0;
	if (rc != 0) {
		errno = -rc;
		err_errno(err, "the kernel takes no filter");
	}
	return 0;
}
