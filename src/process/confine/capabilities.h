/* SPDX-License-Identifier: MIT */
/*
 * Capabilities (capabilities(7)): the parts of root's rights that a process has.
 */
#ifndef PROCESS_CONFINE_CAPABILITIES_H
#define PROCESS_CONFINE_CAPABILITIES_H

#include "core/attr.h"
#include "core/err.h"

/* Keeps, of what this process has, what a supervisor needs, and gives up the rest for good:
 * effective, permitted, inheritable, ambient, and the bounding set where it may. */
int capabilities_keep_supervisor(struct err *err) MUST_CHECK;

/* Gives up all of them for good. */
int capabilities_drop(struct err *err) MUST_CHECK;

#endif
