/* SPDX-License-Identifier: MIT */
/* Three mechanisms as tables of steps. */
#include "auth/sasl.h"

#include "core/base64.h"
#include "core/mem.h"
#include "core/secret.h"

#include <stdlib.h>

#define STEPS_MAX 2

/* The longest response there is: PLAIN's, with both names and a password, each with the NUL
 * that C or PLAIN itself puts after it. */
#define RESPONSE_MAX                                                                     \
	(2 * sizeof(((struct credentials *)NULL)->user) +                                \
		sizeof(((struct credentials *)NULL)->password))

struct step {
	const char *challenge; /* in base64 */
	bool (*parse)(struct credentials *c, struct span text);
};

struct sasl_mechanism {
	const char *name;
	bool external;
	struct step steps[STEPS_MAX];
	unsigned n_steps;
};

/* No control characters: a line end or a NUL in a name or a password was meant for another
 * program. */
static bool parse_user(struct credentials *c, struct span text)
{
	return !span_has_control(text) && span_copy(c->user, sizeof(c->user), text);
}

static bool parse_password(struct credentials *c, struct span text)
{
	return !span_has_control(text) &&
	       span_copy(c->password, sizeof(c->password), text);
}

/* Up to the next NUL, which is taken too; false if there is none. */
static bool next_part(struct span *rest, struct span *part)
{
	const char *nul = memchr(rest->p, '\0', rest->len);

	if (nul == NULL)
		return false;
	*part = span_make(rest->p, (size_t)(nul - rest->p));
	*rest = span_make(nul + 1, rest->len - part->len - 1);
	return true;
}

/* [authzid] NUL authcid NUL passwd; no user may act for another here. */
static bool parse_plain(struct credentials *c, struct span text)
{
	struct span other, user;

	if (!next_part(&text, &other) || !next_part(&text, &user))
		return false;
	if (!parse_user(c, user) || !parse_password(c, text))
		return false;
	c->for_another = other.len > 0 && (other.len != user.len ||
						  memcmp(other.p, user.p, user.len) != 0);
	return true;
}

static bool parse_external(struct credentials *c, struct span text)
{
	c->external = true;
	return parse_user(c, text);
}

static const struct sasl_mechanism mechanisms[] = {
	{"PLAIN", false, {{"", parse_plain}}, 1},
	/* "Username:" and "Password:", which some clients compare. */
	{"LOGIN", false, {{"VXNlcm5hbWU6", parse_user}, {"UGFzc3dvcmQ6", parse_password}},
		2},
	{"EXTERNAL", true, {{"", parse_external}}, 1},
};

struct sasl *sasl_new(struct span name)
{
	struct sasl *s;

	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (span_ieq_str(name, mechanisms[i].name)) {
			s = mem_new(1, sizeof(*s));
			s->mechanism = &mechanisms[i];
			s->credentials.mechanism = mechanisms[i].name;
			return s;
		}
	return NULL;
}

void sasl_free(struct sasl **sp)
{
	struct sasl *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	secret_wipe(s, sizeof(*s));
	free(s);
}

bool sasl_is_external(const struct sasl *s)
{
	return s->mechanism->external;
}

const char *sasl_challenge(const struct sasl *s)
{
	return s->mechanism->steps[s->step].challenge;
}

enum sasl_result sasl_parse(struct sasl *s, struct span base64)
{
	const struct step *step = &s->mechanism->steps[s->step];
	struct buf text;
	bool ok;

	/* All at once: growing would leave a copy of the secret in memory. */
	buf_init(&text, RESPONSE_MAX, NULL);
	ok = buf_reserve(&text, RESPONSE_MAX - 1) == 0 &&
	     base64_decode_strict(&text, base64) == 0 &&
	     step->parse(&s->credentials, span_make(text.data, text.len));
	secret_wipe(text.data, text.len);
	buf_free(&text);
	if (!ok)
		return SASL_BAD;
	return ++s->step == s->mechanism->n_steps ? SASL_DONE : SASL_MORE;
}
