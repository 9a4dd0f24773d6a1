/* SPDX-License-Identifier: MIT */
/*
 * Whether a message comes fast enough: looked at from time to time, not at each byte, so that
 * a byte now and then keeps nothing open.
 */
#ifndef SMTP_PACE_H
#define SMTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* How long a client may be as slow as it likes, and how often it is checked then, in ms. */
#define PACE_GRACE 30000
#define PACE_CHECK 10000

/* All times in ms, of one clock. */
struct pace {
	uint64_t since;
	uint64_t end; /* when it has to be there, however fast it comes */
	uint64_t bytes;
	unsigned rate; /* lowest, in bytes a second; 0: any */
};

static inline void pace_begin(struct pace *p, uint64_t now, uint64_t end, unsigned rate)
{
	*p = (struct pace){.since = now, .end = end, .rate = rate};
}

/* Past the deadline, or past the grace period and below the minimum rate. */
bool pace_is_missed(const struct pace *p, uint64_t now);

/* When to ask the next time. */
uint64_t pace_next(const struct pace *p, uint64_t now);

#endif
