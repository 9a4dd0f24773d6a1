/* SPDX-License-Identifier: MIT */
/*
 * Finds children that hang: stopped, or in an endless loop. The supervisor asks each over its
 * channel, and a child answers from its loop.
 *
 * What counts is how often the supervisor found no answer, once a second, not how late it is: a
 * machine that was suspended, or a supervisor that was, finds its children just as late.
 */
#ifndef PROCESS_WATCHDOG_H
#define PROCESS_WATCHDOG_H

#include "process/children.h"

/* The caller's period. */
#define WATCHDOG_PERIOD_MS 1000

/* Asks every child that has answered, and kills (SIGKILL) each whose answer is missing for the
 * `watchdog` of its configuration: it ends like one that died. */
void watchdog_tick(struct children *set);

/* The child's answer came; false if it was not asked. */
bool watchdog_answered(struct child *c) MUST_CHECK;

#endif
