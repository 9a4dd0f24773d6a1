/* SPDX-License-Identifier: MIT */
/* Scripted misfortune: matching. */
#include "sandbox/fault.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void fault_effect_init(struct fault_effect *e)
{
	*e = (struct fault_effect){.truncate_at = HTTP_NO_TRUNCATE};
}

void fault_effect_clear(struct fault_effect *e)
{
	free(e->code);
	free(e->message);
	free(e->body);
	free(e->content_type);
	fault_effect_init(e);
}

static char *dup_or_null(const char *s)
{
	return s == NULL ? NULL : mem_strdup(s);
}

void fault_effect_copy(struct fault_effect *to, const struct fault_effect *from)
{
	*to = *from;
	to->code = dup_or_null(from->code);
	to->message = dup_or_null(from->message);
	to->body = dup_or_null(from->body);
	to->content_type = dup_or_null(from->content_type);
}

bool fault_effect_records(const struct fault_effect *e)
{
	if (e->record != FAULT_RECORD_DEFAULT)
		return e->record == FAULT_RECORD_YES;
	return e->code == NULL && (e->http_status == 0 || e->http_status == 200);
}

bool fault_effect_hides_answer(const struct fault_effect *e)
{
	return e->code != NULL || (e->http_status != 0 && e->http_status != 200) ||
	       e->body != NULL || e->huge > 0 || e->truncate_at != HTTP_NO_TRUNCATE ||
	       (e->cut.point != HTTP_POINT_NONE &&
		       e->cut.point != HTTP_POINT_AFTER_ANSWER);
}

void faults_init(struct faults *f, uint64_t seed)
{
	/* Spread small seeds over all bits; the state must not be 0. */
	*f = (struct faults){
		.random = (seed + 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL | 1};
	TAILQ_INIT(&f->list);
}

static void fault_free(struct fault *x)
{
	free(x->action);
	free(x->recipient);
	fault_effect_clear(&x->effect);
	free(x);
}

static void drop(struct faults *f, struct fault *x)
{
	TAILQ_REMOVE(&f->list, x, link);
	f->n--;
	fault_free(x);
}

void faults_clear(struct faults *f)
{
	while (!TAILQ_EMPTY(&f->list))
		drop(f, TAILQ_FIRST(&f->list));
}

int faults_remove(struct faults *f, unsigned id)
{
	struct fault *x;

	TAILQ_FOREACH (x, &f->list, link) {
		if (x->id == id) {
			drop(f, x);
			return 0;
		}
	}
	return -1;
}

/* Between 0 and 1, the same row of numbers for the same seed (xorshift64*). */
static double next_random(struct faults *f)
{
	uint64_t x = f->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	f->random = x;
	return (double)((x * 0x2545f4914f6cdd1dULL) >> 11) / (double)(1ULL << 53);
}

static bool any_matches(const struct strings *l, const char *glob)
{
	for (size_t i = 0; i < l->n; i++) {
		if (fnmatch(glob, l->items[i], FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

static bool belongs_to(const struct fault *x, enum http_point point, const char *action)
{
	bool early = x->effect.cut.point == HTTP_POINT_CONNECT ||
	             x->effect.cut.point == HTTP_POINT_MID_REQUEST;

	if (!early)
		return point == HTTP_POINT_NONE;
	if (x->effect.cut.point != point)
		return false;
	return point == HTTP_POINT_CONNECT || (x->action == NULL) == (action == NULL);
}

static bool matches(const struct fault *x, const char *action, const struct mail *mail)
{
	if (x->action != NULL && (action == NULL || strcmp(x->action, action) != 0))
		return false;
	if (x->recipient == NULL)
		return true;
	return mail != NULL && (any_matches(&mail->to, x->recipient) ||
				       any_matches(&mail->cc, x->recipient) ||
				       any_matches(&mail->bcc, x->recipient));
}

const struct fault *faults_pick(struct faults *f, enum http_point point,
	const char *action, const struct mail *mail)
{
	struct fault *x;

	TAILQ_FOREACH (x, &f->list, link) {
		if (!belongs_to(x, point, action) || !matches(x, action, mail))
			continue;
		if (x->count != 0 && x->fired >= x->count)
			continue;
		x->seen++;
		if (x->seen < x->nth)
			continue;
		if (x->probability < 1 && next_random(f) >= x->probability)
			continue;
		x->fired++;
		return x;
	}
	return NULL;
}
