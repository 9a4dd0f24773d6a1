/* SPDX-License-Identifier: MIT */
/*
 * The sessions of a worker, shared out among its listeners: each has a part that the others
 * cannot take, and perhaps a maximum. So clients that hold many sessions of one listener open
 * cannot keep those of another out.
 */
#ifndef NET_SHARES_H
#define NET_SHARES_H

#include <stddef.h>

struct share {
	unsigned max;      /* sessions of the listener */
	unsigned reserved; /* so many no other listener can take */
	unsigned open;
};

struct shares {
	unsigned max;       /* of all listeners; at least 1 */
	unsigned open;      /* of all listeners */
	struct share *list; /* owned */
	size_t n;
};

/* For n listeners. Half of max is reserved, the same for each. maxima: the most that each may
 * have, by listener; 0: no maximum of its own. Free with shares_clear(). */
void shares_init(struct shares *s, unsigned max, const unsigned *maxima, size_t n);
void shares_clear(struct shares *s);

/* NULL if the listener may have one more session; else why not, constant text for the log. */
const char *shares_refuse(const struct shares *s, size_t listener);

void shares_take(struct shares *s, size_t listener);
/* One that was taken ends. */
void shares_drop(struct shares *s, size_t listener);

#endif
