/* SPDX-License-Identifier: MIT */
/* The order of calls, their retries, and the deadline. */
#include "delivery/schedule.h"

#include "delivery/delivery_private.h"

static uint64_t time_left(const struct delivery *d, uint64_t now)
{
	return now < d->deadline ? d->deadline - now : 0;
}

static struct delivery_call *first_call(const struct delivery *d, enum call_state state)
{
	for (size_t i = 0; i < d->n_calls; i++)
		if (d->calls[i].state == state)
			return &d->calls[i];
	return NULL;
}

/* --- what came of a call ------------------------------------------------------------------ */

/* Of a refusal that is not about its recipients alone. */
static bool would_be_refused_too(
	const struct delivery_call *refused, const struct delivery_call *other)
{
	if (refused->outcome->scope == SCOPE_ACCOUNT)
		return other->account == refused->account;
	return other->batch->route == refused->batch->route;
}

/* Calls that are not in flight yet get the same result. */
static void settle_alike(const struct delivery_call *refused)
{
	struct delivery *d = refused->delivery;

	for (size_t i = 0; i < d->n_calls; i++) {
		struct delivery_call *c = &d->calls[i];

		if ((c->state != CALL_OPEN && c->state != CALL_AGAIN) ||
			!would_be_refused_too(refused, c))
			continue;
		c->result = refused->result;
		c->outcome = refused->outcome;
		c->state = CALL_SETTLED;
	}
}

/* AuthFailure.SignatureExpire: our clock is wrong, and the Date of the response says by how
 * much. Once, and not if there would be no key for that day. */
static bool can_sign_again(const struct delivery_call *c, uint64_t now)
{
	return c->outcome->recovery == RECOVERY_RESIGN && !c->signed_again &&
	       c->result.date != 0 &&
	       ses_account_can_sign_at(c->account, c->result.date) &&
	       time_left(c->delivery, now) >= SCHEDULE_CALL_MIN_MS;
}

static void note_refusal(struct delivery_call *c, uint64_t now)
{
	if (can_sign_again(c, now)) {
		c->signed_again = true;
		c->state = CALL_SIGN_AGAIN;
	} else if (c->outcome->scope == SCOPE_RECIPIENT) {
		c->delivery->answered = true;
	} else {
		settle_alike(c);
	}
}

void schedule_note(struct delivery_call *c, const struct ses_result *result, uint64_t now)
{
	struct delivery *d = c->delivery;

	d->in_flight--;
	c->result = *result;
	c->outcome = outcome_of(d->ctx->outcomes, result);
	c->state = CALL_SETTLED;
	switch (result->class) {
	case OUTCOME_ACCEPTED: d->answered = true; break;
	case OUTCOME_NOT_SENT:
		c->state = CALL_AGAIN;
		d->answered = false;
		break;
	case OUTCOME_UNCERTAIN: break;
	case OUTCOME_REFUSED: note_refusal(c, now); break;
	}
}

/* --- what is next ------------------------------------------------------------------------- */

/* Until a call was answered, one at a time; and none while another waits to be tried again, for
 * it would meet the same trouble. */
static struct delivery_call *next_call(const struct delivery *d)
{
	if (d->in_flight >= (d->answered ? SCHEDULE_PARALLEL : 1))
		return NULL;
	if (!d->answered && first_call(d, CALL_AGAIN) != NULL)
		return NULL;
	return first_call(d, CALL_OPEN);
}

struct schedule_step schedule_at_once(struct delivery_call *c, uint64_t now)
{
	uint64_t left = time_left(c->delivery, now);
	uint64_t most = c->delivery->ctx->conf->limits.call_timeout;

	if (left < SCHEDULE_CALL_MIN_MS)
		left = 0; /* ends as not sent, and from the loop */
	c->begun++;
	c->delivery->in_flight++;
	c->state = CALL_IN_FLIGHT;
	return (struct schedule_step){SCHEDULE_CALL, c, left < most ? left : most};
}

/* No time for another call: what was not sent stays so, and the client tries later. */
static void settle_unsent(struct delivery *d)
{
	for (size_t i = 0; i < d->n_calls; i++) {
		struct delivery_call *c = &d->calls[i];

		if (c->state == CALL_OPEN && c->begun == 0) {
			c->result = outcome_past_deadline();
			c->outcome = outcome_of(d->ctx->outcomes, &c->result);
		}
		if (c->state == CALL_OPEN || c->state == CALL_AGAIN)
			c->state = CALL_SETTLED;
	}
}

/* Doubles with each pause. */
static uint64_t pause_before_retry(const struct delivery *d)
{
	return d->ctx->conf->limits.retry_delay << (d->pauses < 16 ? d->pauses : 16);
}

struct schedule_step schedule_next(struct delivery *d, uint64_t now)
{
	uint64_t left = time_left(d, now), pause = pause_before_retry(d);
	struct delivery_call *c;

	if (left < SCHEDULE_CALL_MIN_MS)
		settle_unsent(d);
	c = next_call(d);
	if (c != NULL)
		return schedule_at_once(c, now);
	if (d->in_flight > 0)
		return (struct schedule_step){.action = SCHEDULE_BUSY};
	if (first_call(d, CALL_AGAIN) != NULL && pause + SCHEDULE_CALL_MIN_MS <= left)
		return (struct schedule_step){.action = SCHEDULE_WAIT, .ms = pause};
	settle_unsent(d);
	return (struct schedule_step){.action = SCHEDULE_FINISH};
}

void schedule_resume(struct delivery *d)
{
	d->pauses++;
	for (size_t i = 0; i < d->n_calls; i++)
		if (d->calls[i].state == CALL_AGAIN)
			d->calls[i].state = CALL_OPEN;
}
