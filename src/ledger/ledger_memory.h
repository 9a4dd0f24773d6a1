/* SPDX-License-Identifier: MIT */
/*
 * The ledger in shared memory (core/shm): a bounded table for each worker, which it alone
 * writes and all read. It outlives a worker and a reload, but not the service.
 *
 * In a full row of a table the entry is replaced that is worth least: one with replace_first,
 * else one that was sent, else any; of those the oldest.
 *
 * A compromised worker cannot make others believe what it wants: an entry ends with a digest
 * that nobody can make without the bytes of the message, and without a correct digest it does
 * not count. So nobody can make or change an entry of mail that they have not seen.
 */
#ifndef LEDGER_LEDGER_MEMORY_H
#define LEDGER_LEDGER_MEMORY_H

#include "core/attr.h"
#include "core/shm.h"
#include "ledger/ledger.h"

#include <stddef.h>

#define LEDGER_MEMORY_ENTRIES 32768 /* of a worker: about 7 MB, taken as they are used */

/* Reads the tables of all slots of shm, which is borrowed and has slot 0, and writes that of
 * `slot`. entries: room in each, at most LEDGER_MEMORY_ENTRIES, and the same for all who share
 * them. Never NULL. Owned: ledger_free(&l). */
struct ledger *ledger_memory_new(struct shm *shm, size_t slot, size_t entries) MUST_CHECK;

#endif
