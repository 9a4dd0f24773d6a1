/* SPDX-License-Identifier: MIT */
/*
 * The memory that all messages of one worker may hold together. A struct buf that was
 * given a budget asks it before it grows, so the limit is met before memory is.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include "core/attr.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	size_t limit;        /* bytes; 0: no limit */
	_Atomic size_t used; /* threads that prepare messages take and give, too */
	/* Told every change, from any thread, for a metric; may be NULL. */
	void (*changed)(size_t used);
};

/* Takes n bytes, or returns false and takes nothing. */
static inline bool budget_take(struct budget *b, size_t n)
{
	size_t used;

	if (b == NULL)
		return true;
	used = atomic_load_explicit(&b->used, memory_order_relaxed);
	do {
		if (b->limit != 0 && (used > b->limit || n > b->limit - used))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&b->used, &used, used + n, memory_order_relaxed, memory_order_relaxed));
	if (b->changed != NULL)
		b->changed(used + n);
	return true;
}

static inline void budget_give(struct budget *b, size_t n)
{
	size_t used;

	if (b == NULL)
		return;
	used = atomic_fetch_sub_explicit(&b->used, n, memory_order_relaxed) - n;
	if (b->changed != NULL)
		b->changed(used);
}

#endif
