/* SPDX-License-Identifier: MIT */
/* The kernel's clocks, or one that stands still. */
#include "core/clock.h"

#include "core/str.h"

#include <time.h>

static struct timespec now(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return ts;
}

uint64_t clock_mono_ms(const struct clock *c)
{
	struct timespec ts;

	if (c->frozen)
		return c->mono_ms;
	ts = now(CLOCK_MONOTONIC);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t clock_wall_s(const struct clock *c)
{
	return c->frozen ? c->wall_s : (int64_t)now(CLOCK_REALTIME).tv_sec;
}

void clock_freeze(struct clock *c, uint64_t mono_ms, int64_t wall_s)
{
	*c = (struct clock){.frozen = true, .mono_ms = mono_ms, .wall_s = wall_s};
}

void clock_advance(struct clock *c, uint64_t ms)
{
	uint64_t before = c->mono_ms / 1000;

	c->mono_ms += ms;
	c->wall_s += (int64_t)(c->mono_ms / 1000 - before);
}

void clock_utc_date(int64_t wall_s, char date[CLOCK_DATE_LEN])
{
	time_t t = (time_t)wall_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(date, CLOCK_DATE_LEN, "%F", &tm) == 0)
		str_copy(date, CLOCK_DATE_LEN, "0000-00-00");
}
