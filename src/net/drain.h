/* SPDX-License-Identifier: MIT */
/*
 * Ends the sessions of a worker without cutting a transaction: sessions between transactions
 * are told to come again (421) a few at a time, so that their clients do not all come back
 * at once; the others when their transaction has ended.
 */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include "core/attr.h"
#include "net/listener.h"

/* How often some of the sessions that wait are told, in ms, and how many at least. */
#define DRAIN_STEP_MS  100
#define DRAIN_STEP_MIN 10

struct drain;

/* Begins. Every session that is between transactions now is told within spread_ms; 0: at
 * once. From now on shared->draining is set. shared is borrowed. Never NULL. */
struct drain *drain_new(struct listener_shared *shared, uint64_t spread_ms) MUST_CHECK;

/* No more time: every session is told, and a message that has not come whole is given up. A
 * session that waits for the handler still gets its reply first. */
void drain_cut(struct drain *d);

void drain_free(struct drain **d);

#endif
