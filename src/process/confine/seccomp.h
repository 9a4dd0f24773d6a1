/* SPDX-License-Identifier: MIT */
/*
 * A filter of system calls (seccomp(2)): what this process may still ask of the kernel. The
 * kernel keeps it for the rest of the process' life.
 */
#ifndef PROCESS_CONFINE_SECCOMP_H
#define PROCESS_CONFINE_SECCOMP_H

#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>

/*
 * Puts the filter in force, for all threads. Calls fall in three groups:
 *
 *   - those on the list of the process are allowed;
 *   - those that only an intruder has a use for (execve, ptrace, mount, bpf, ...) end the
 *     process with SIGSYS: there is nothing to go on with;
 *   - any other fails with ENOSYS, as on an older kernel. Libraries fall back from that, and a
 *     call that this list has forgotten costs a function, not all sessions of a worker.
 *
 * connect: the process may open sockets and start threads. *in_force is false, and the
 * result 0, where the kernel, or a policy around this process, has no seccomp; *err then says
 * why. -1 where the filter cannot be made. Needs NO_NEW_PRIVS.
 */
int seccomp_apply(bool connect, bool *in_force, struct err *err) MUST_CHECK;

#endif
