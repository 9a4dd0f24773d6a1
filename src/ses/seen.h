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

/* How many are known; the oldest is forgotten first. */
#define SEEN_MAX 4096

struct seen {
	uint64_t prints[SEEN_MAX]; /* of the ids; 0: none */
	size_t next;
};

/* Takes note of an id. false where it is known already (or, once in 2^52, another is taken
 * for it). */
bool seen_note(struct seen *s, const char *id) MUST_CHECK;

#endif
