/* SPDX-License-Identifier: MIT */
/* The lowest rate of a message. */
#include "smtp/pace.h"

bool pace_is_missed(const struct pace *p, uint64_t now)
{
	uint64_t passed = now - p->since;

	if (now >= p->end)
		return true;
	return p->rate != 0 && passed >= PACE_GRACE &&
	       p->bytes < p->rate * (passed / 1000);
}

uint64_t pace_next(const struct pace *p, uint64_t now)
{
	uint64_t next = p->since + PACE_GRACE;

	if (p->rate == 0)
		return p->end;
	if (next <= now)
		next = now + PACE_CHECK;
	return next < p->end ? next : p->end;
}
