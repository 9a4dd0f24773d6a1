/* SPDX-License-Identifier: MIT */
/*
 * Memory that processes share without being able to harm each other: a region for each slot,
 * which one process at a time may write and all others can only read.
 *
 * The supervisor makes a region when its slot is first used. It hands the writable descriptor
 * to the process in the slot, and descriptors that only read to everybody. There are no
 * locks. What stands in a region is as its writer wants it, so a reader believes none of it:
 * the layout is that of the build (all processes run the same image), and nothing in the
 * memory says where anything is or how much of it there is.
 *
 * A region has sections, each for one room. A page that nobody touched takes no memory.
 */
#ifndef CORE_SHM_H
#define CORE_SHM_H

#include "core/attr.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

enum shm_section {
	SHM_HEAD,        /* of slot 0: the seed */
	SHM_METRICS,     /* core/metrics */
	SHM_SESSIONS,    /* smtp/conn_limit: sessions of each client */
	SHM_CONNECTIONS, /* core/rate: these three */
	SHM_MESSAGES,
	SHM_FAILURES,
	SHM_LEDGER, /* ledger/ledger_memory; outlives the process that wrote it */
	SHM_SECTIONS
};

/* Bytes of a section; whoever uses it asserts that it fits. */
#define SHM_HEAD_BYTES     ((size_t)4 * 1024)
#define SHM_METRICS_BYTES  ((size_t)32 * 1024)
#define SHM_SESSIONS_BYTES ((size_t)512 * 1024)
#define SHM_RATE_BYTES     ((size_t)192 * 1024)
#define SHM_LEDGER_BYTES   ((size_t)7 * 1024 * 1024)

struct shm;

/* A set of at most `slots` regions, none of which is there yet. Owned: shm_free(&s). */
struct shm *shm_new(size_t slots) MUST_CHECK;
void shm_free(struct shm **s);

/* --- for the supervisor, which may write all --- */

/* Makes the region of a slot, all zero; 1, or 0 where it is there already. -1 where the
 * system has no memory, or where there is no such slot. Slots are made in order: 0 first. */
int shm_make(struct shm *s, size_t slot, struct err *err) MUST_CHECK;

/* The descriptor by which its process may write; stays ours. -1 where it was not made. */
int shm_writer(const struct shm *s, size_t slot);

/* A descriptor that can only read, and by which another user cannot get a better one. The
 * caller closes it. -1 where the system refuses. */
int shm_reader(const struct shm *s, size_t slot, struct err *err) MUST_CHECK;

/* Makes a section zero, and gives its memory back. */
void shm_clear(struct shm *s, size_t slot, enum shm_section section);

/* --- for its children --- */

enum shm_access { SHM_READ, SHM_WRITE };

/* Maps a region that the supervisor made, and closes fd in any case. -1 where it is no such
 * memory, another process could cut it short, or the slot is mapped already. */
int shm_take(struct shm *s, size_t slot, int fd, enum shm_access access,
	struct err *err) MUST_CHECK;

/* --- for both --- */

/* Every region that is mapped has a slot below this. */
size_t shm_count(const struct shm *s);

/* NULL where the region is not mapped. Changes while it is looked at. */
const void *shm_read(const struct shm *s, size_t slot, enum shm_section section);

/* NULL where this process may not write it. */
void *shm_write(const struct shm *s, size_t slot, enum shm_section section);

/* A random number that is the same in all processes; 0 before slot 0 is mapped. */
uint64_t shm_seed(const struct shm *s);

#endif
