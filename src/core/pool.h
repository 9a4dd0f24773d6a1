/* SPDX-License-Identifier: MIT */
/*
 * A few threads beside the loop, for work that computes for long and touches nothing of it.
 * The threads are nice to the loop's own: they take the time that is left.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct pool;

/* Embedded in what is to be done; the owner's, until done() has it back. */
struct pool_job {
	/* In a thread: may touch nothing but the job's own memory. */
	void (*work)(struct pool_job *job);
	/* In the loop. ran is false where the pool ended before its turn came. */
	void (*done)(struct pool_job *job, bool ran);
	STAILQ_ENTRY(pool_job) next; /* the pool's */
};

/* waiting: jobs that may wait for a thread. nice: how much nicer than the loop's thread they
 * are, 0 to 19. NULL where there are no threads or descriptors. */
struct pool *pool_new(struct loop *loop, unsigned threads, size_t waiting, int nice,
	struct err *err) MUST_CHECK;

/* Waits for the jobs that run, then calls done() for every one that has not had it. */
void pool_free(struct pool **pool);

/* 0, or -1 where too many wait already: the job stays the caller's. done() is never called
 * from inside. */
int pool_submit(struct pool *pool, struct pool_job *job) MUST_CHECK;

#endif
