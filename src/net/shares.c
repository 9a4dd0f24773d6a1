/* SPDX-License-Identifier: MIT */
/* Sessions by listener. */
#include "net/shares.h"

#include "core/mem.h"

#include <assert.h>
#include <stdlib.h>

static unsigned less(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Half of all; one each if that is nothing, as long as there are enough. */
static unsigned reserve(unsigned max, size_t n)
{
	size_t part = max / (2 * n);

	return part > 0 ? (unsigned)part : max >= n;
}

void shares_init(struct shares *s, unsigned max, const unsigned *maxima, size_t n)
{
	*s = (struct shares){.max = max, .n = n};
	s->list = mem_new(n, sizeof(*s->list));
	for (size_t i = 0; i < n; i++) {
		unsigned most = maxima[i] > 0 ? less(maxima[i], max) : max;

		s->list[i] = (struct share){
			.max = most, .reserved = less(reserve(max, n), most)};
	}
}

void shares_clear(struct shares *s)
{
	free(s->list);
	*s = (struct shares){0};
}

/* What is taken of all sessions from the view of a listener: what the others have open, or
 * have reserved and not used. */
static unsigned taken_by_others(const struct shares *s, size_t listener)
{
	unsigned taken = 0;

	for (size_t i = 0; i < s->n; i++)
		if (i != listener)
			taken += s->list[i].open > s->list[i].reserved
			                 ? s->list[i].open
			                 : s->list[i].reserved;
	return taken;
}

const char *shares_refuse(const struct shares *s, size_t listener)
{
	const struct share *own = &s->list[listener];

	if (s->open >= s->max)
		return "sessions";
	if (own->open >= own->max || own->open + taken_by_others(s, listener) >= s->max)
		return "sessions of the listener";
	return NULL;
}

void shares_take(struct shares *s, size_t listener)
{
	s->open++;
	s->list[listener].open++;
}

void shares_drop(struct shares *s, size_t listener)
{
	assert(s->open > 0 && s->list[listener].open > 0);
	s->open--;
	s->list[listener].open--;
}
