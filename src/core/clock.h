/* SPDX-License-Identifier: MIT */
/*
 * What time it is. Everything asks this clock, so that a test can stop it and move it.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
	bool frozen;
	uint64_t mono_ms; /* while frozen */
	int64_t wall_s;   /* while frozen */
};

/* Milliseconds that only ever grow; for deadlines and durations. */
uint64_t clock_mono_ms(const struct clock *c);

/* Seconds since 1970-01-01 UTC; for signatures and logs. */
int64_t clock_wall_s(const struct clock *c);

/* Stops the clock at the given times. */
void clock_freeze(struct clock *c, uint64_t mono_ms, int64_t wall_s);

/* Moves a stopped clock on, both faces. */
void clock_advance(struct clock *c, uint64_t ms);

/* "2026-01-02", UTC, of a wall time: the date of TC3 credential scopes. */
#define CLOCK_DATE_LEN 11
void clock_utc_date(int64_t wall_s, char date[CLOCK_DATE_LEN]);

#endif
