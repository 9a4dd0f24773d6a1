/* SPDX-License-Identifier: MIT */
/*
 * The last API requests, refused ones included: what came, and what became of it.
 */
#ifndef SANDBOX_REQLOG_H
#define SANDBOX_REQLOG_H

#include "sandbox/attr.h"

#include <jansson.h>

#include <stddef.h>

struct reqlog {
	json_t *entries; /* array, oldest first; owned */
	size_t max;
	long long last_seq;
};

void reqlog_init(struct reqlog *l, size_t max);
void reqlog_clear(struct reqlog *l); /* may be used again after reqlog_init() only */

/* Takes the entry over and gives it the next number. */
void reqlog_add(struct reqlog *l, json_t *entry);

#endif
