/* SPDX-License-Identifier: MIT */
/*
 * The slots of children in the shared memory (core/shm.h). A slot has a region from its first
 * process on; the next process in it goes on with what the last one left.
 */
#ifndef PROCESS_SLOTS_H
#define PROCESS_SLOTS_H

#include "core/attr.h"
#include "core/err.h"
#include "process/children.h"

/* Makes the regions of the next n processes before the first of them, which then inherits all
 * of them. Children that live already are sent what is new. */
int slots_prepare(struct children *set, size_t n, struct err *err) MUST_CHECK;

/* Gives a child without a process the lowest free slot. */
int slots_take(struct child *c, struct err *err) MUST_CHECK;

/* After its process: takes back what ended with it (gauges, sessions, rates), and whatever a
 * broken one wrote there. The ledger's entries stay, because each proves itself. */
void slots_leave(struct child *c);

/* Opens all regions from slot 0 on, to read; fds has room for shm_count(). Returns how many;
 * where one cannot be opened, only those before it. The caller closes them. */
size_t slots_readers(const struct children *set, int *fds);

#endif
