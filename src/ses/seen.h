/* SPDX-License-Identifier: MIT */
/*
 * The MessageIds of the last answers to an account's calls. Each call has its own (SendEmail,
 * "Response"): one that arrives twice answers another call's request.
 */
#ifndef SES_SEEN_H
#define SES_SEEN_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many are known. Their hash chooses the set, and the oldest of a set is forgotten first:
 * an id is known for some hundred calls at least. */
#define SEEN_SETS 512
#define SEEN_WAYS 16

/* Zeroed: none. */
struct seen {
	struct seen_set {
		uint64_t prints[SEEN_WAYS]; /* of the ids; 0: none */
		size_t next;
	} sets[SEEN_SETS];
};

/* Notes an id. false if it is known already (or, once in 2^60, mistaken for another). */
bool seen_note(struct seen *s, const char *id) MUST_CHECK;

#endif
