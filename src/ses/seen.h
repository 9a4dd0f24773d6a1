/* SPDX-License-Identifier: MIT */
/*
 * The MessageIds that an account's last calls were answered with. Each call has one of its
 * own (SendEmail, "Response"): one that comes again answers another call's request.
 */
#ifndef SES_SEEN_H
#define SES_SEEN_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many are known. They stand in sets by chance, and the oldest of a set is forgotten
 * first: an id is known for some hundred calls at the least. */
#define SEEN_SETS 512
#define SEEN_WAYS 16

/* Zeroed: none. */
struct seen {
	struct seen_set {
		uint64_t prints[SEEN_WAYS]; /* of the ids; 0: none */
		size_t next;
	} sets[SEEN_SETS];
};

/* Takes note of an id. false where it is known already (or, once in 2^60, another is taken
 * for it). */
bool seen_note(struct seen *s, const char *id) MUST_CHECK;

#endif
