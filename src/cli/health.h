/* SPDX-License-Identifier: MIT */
/* `sesrelay health`: asks a running gateway whether it is well, for container engines. */
#ifndef CLI_HEALTH_H
#define CLI_HEALTH_H

#include "config/conf.h"
#include "core/attr.h"

#include <stdbool.h>
#include <stdio.h>

/* The whole question, in milliseconds. */
#define HEALTH_TIMEOUT_MS 5000

/*
 * Asks /healthz of the admin listener, or /readyz where ready is set: 200 is well. Without
 * admin it reads the greeting of a listener instead: 220 is well, and so is a 554 to a client
 * that may not send; ready has no meaning then. Of a listener that waits for TLS or for a
 * PROXY header it is enough that it can be connected to. An address of all (0.0.0.0, ::) is
 * asked over loopback.
 *
 * 0 and a line in out; -1 and *err where it is not well, or does not answer within
 * HEALTH_TIMEOUT_MS. Blocks.
 */
int health(const struct conf *conf, bool ready, FILE *out, struct err *err) MUST_CHECK;

#endif
