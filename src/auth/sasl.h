/* SPDX-License-Identifier: MIT */
/*
 * The client's side of AUTH: PLAIN (RFC 4616), LOGIN (as clients speak it; it has no RFC) and
 * EXTERNAL (RFC 4422 appendix A). It decodes the name and the password from base64; it checks
 * neither.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "auth/login.h"
#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>

struct sasl_mechanism;

struct sasl {
	const struct sasl_mechanism *mechanism;
	unsigned step;
	struct credentials credentials;
};

enum sasl_result {
	SASL_MORE, /* send sasl_challenge() */
	SASL_DONE, /* credentials are complete */
	SASL_BAD,  /* no base64, or not what the mechanism expects */
};

/* NULL if no mechanism has that name (ASCII case ignored). Owned; wiped when freed. */
struct sasl *sasl_new(struct span name) MUST_CHECK;
void sasl_free(struct sasl **s);

bool sasl_is_external(const struct sasl *s);

/* In base64; "" for none. */
const char *sasl_challenge(const struct sasl *s);

/* Takes one response of the client, without its line end; "" for an empty one. */
enum sasl_result sasl_parse(struct sasl *s, struct span base64) MUST_CHECK;

#endif
