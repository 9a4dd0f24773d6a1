/* SPDX-License-Identifier: MIT */
/*
 * Scripted misfortune: which requests, and what happens to them.
 *
 * A fault happens to a request that would have succeeded; one that is refused for reasons
 * of its own uses up none. Only breaks of a connection or of a request that is still being
 * read come before that, and are matched without knowing the mail.
 */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include "sandbox/http_server.h"
#include "sandbox/mail.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum fault_record { FAULT_RECORD_DEFAULT, FAULT_RECORD_NO, FAULT_RECORD_YES };

/* What happens. */
struct fault_effect {
	char *code;    /* API error instead of success; owned, NULL: none */
	char *message; /* owned, NULL: the code's own */
	int http_status;
	uint64_t delay_ms;
	uint64_t drip_ms;
	struct http_cut cut;
	bool has_after;     /* cut.after was given; else half of the answer, or 0 bytes */
	char *body;         /* owned: instead of the answer's */
	char *content_type; /* owned */
	size_t truncate_at; /* HTTP_NO_TRUNCATE: none */
	size_t huge;        /* body of so many bytes, 0: no */
	enum fault_record record;
};

void fault_effect_init(struct fault_effect *e);
void fault_effect_clear(struct fault_effect *e);
/* A copy that is the caller's to clear. */
void fault_effect_copy(struct fault_effect *to, const struct fault_effect *from);

/* Whether a mail that meets it counts as accepted: as asked for, else no where an error or
 * a failure of HTTP is answered, and yes where only the answer is spoilt. */
bool fault_effect_records(const struct fault_effect *e);

/* True where the caller does not learn of an acceptance. */
bool fault_effect_hides_answer(const struct fault_effect *e);

struct fault {
	TAILQ_ENTRY(fault) link;
	unsigned id;
	char *action;    /* owned; NULL: any */
	char *recipient; /* glob, owned; NULL: any */
	uint64_t nth;    /* only from this match on; 0: from the first */
	uint64_t count;  /* fires so often, 0: for ever */
	double probability;
	struct fault_effect effect;
	uint64_t seen, fired;
};

struct faults {
	TAILQ_HEAD(, fault) list; /* in order of posting; owned */
	size_t n;
	unsigned last_id;
	uint64_t random;
};

#define FAULTS_MAX 1000

void faults_init(struct faults *f, uint64_t seed);
void faults_clear(struct faults *f);
int faults_remove(struct faults *f, unsigned id) MUST_CHECK; /* -1: there is none */

/* Adds what the control API was sent. New reference to its JSON; NULL: *why, the caller's,
 * says what would be right. */
json_t *faults_add(struct faults *f, const json_t *spec, char **why) MUST_CHECK;
json_t *faults_json(const struct faults *f) MUST_CHECK;

/*
 * The first fault that this moment meets, or NULL; counts it as fired. Borrowed.
 * Point CONNECT: action and mail NULL. MID_REQUEST: action NULL at the first byte (faults
 * without an action), then the action (faults with one). NONE: a whole request, all others.
 */
const struct fault *faults_pick(struct faults *f, enum http_point point,
	const char *action, const struct mail *mail) MUST_CHECK;

/* What a recipient's local part asks for; false: nothing. effect is the caller's to clear. */
bool fault_magic(const struct mail *m, struct fault_effect *effect) MUST_CHECK;

#endif
