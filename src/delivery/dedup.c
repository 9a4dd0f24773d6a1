/* SPDX-License-Identifier: MIT */
/*
 * What a delivery asks the ledger, and writes into it.
 *
 * A client that received 4yz, or did not receive the 250, sends the same bytes again, and
 * those of its recipients who have the mail must not get it twice. So the ledger keeps: who
 * was accepted; who was uncertain; and, if the client went away without an answer, who is
 * still being sent.
 *
 * No two mails share a Message-ID, so what has one is kept whatever the client received.
 * Without one the same bytes may as well be another mail ("disk full", once more). It is kept
 * if it is known that the client will try again, and for a while if it probably will: its
 * connection ended, and nothing shows that the 250 arrived.
 */
#include "delivery/delivery_private.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"

#include <stdlib.h>
#include <string.h>

/* Past its deadline a delivery is over, but for the last call's own delay. */
#define BUSY_GRACE_MS 10000

/* How long a mail without Message-ID is kept of which nobody acknowledged the 250. */
#define DEDUP_UNACKNOWLEDGED_MS (10ULL * 60 * 1000)

/* Without the content. */
static struct ledger_key key_of(
	const struct delivery *d, const char *account, const char *recipient)
{
	struct ledger_key k = {0};

	ledger_key_envelope(
		&k, account, d->envelope.reverse_path, recipient, d->body.len);
	return k;
}

void dedup_digest(struct delivery *d)
{
	if (!d->digested)
		ledger_digest(
			d->ctx->ledger, span_make(d->body.data, d->body.len), d->content);
	d->digested = true;
}

static void add_content(struct delivery *d, struct ledger_key *k)
{
	dedup_digest(d);
	memcpy(k->content, d->content, sizeof(k->content));
}

/* The recipient has the mail from an earlier attempt, as what e says. */
static void add_duplicate(struct delivery *d, const struct routed_recipient *r,
	const struct ledger_entry *e)
{
	struct batch *duplicates = &d->duplicates;
	struct earlier *earlier;

	if (duplicates->to == NULL) {
		duplicates->to =
			mem_new(d->envelope.n_recipients, sizeof(*duplicates->to));
		d->earlier = mem_new(d->envelope.n_recipients, sizeof(*d->earlier));
	}
	earlier = &d->earlier[duplicates->n_to];
	earlier->route = r->route;
	earlier->result.class = OUTCOME_ACCEPTED;
	str_copy(earlier->result.message_id, sizeof(earlier->result.message_id),
		e->message_id);
	duplicates->to[duplicates->n_to++] = r->address;
	metrics_add(METRIC_REMEMBERED, 0, 1);
	delivery_log_duplicate(d, r->address, e->message_id);
}

/* As dedup_filter(), of one recipient; 0: it has the mail. */
static int check_recipient(
	struct delivery *d, const struct routed_recipient *r, struct reply *why)
{
	struct ledger_key k = key_of(d, r->route->account, r->address);
	uint64_t now = loop_now_ms(d->ctx->loop);
	struct ledger_entry e;

	if (!ledger_knows(d->ctx->ledger, &k, now))
		return 1;
	add_content(d, &k);
	if (!ledger_find(d->ctx->ledger, &k, now, &e))
		return 1;
	d->in_ledger = true;
	if (e.state == LEDGER_SENT) {
		add_duplicate(d, r, &e);
		return 0;
	}
	if (e.state == LEDGER_SENDING && e.busy_until > now) {
		*why = reply_make(451, "4.3.0",
			"an earlier attempt is still being sent, try again later");
		return -1;
	}
	/* Nobody can know whether the recipient has it; the client asked again, so it is sent. */
	log_event(LOG_WARN, d->id, "uncertain_earlier_attempt", LOG_A("to", r->address),
		LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id));
	return 1;
}

int dedup_filter(struct delivery *d, struct routed_recipient *recipients, size_t *n,
	struct reply *why)
{
	size_t left = 0;

	for (size_t i = 0; i < *n; i++) {
		int rc = check_recipient(d, &recipients[i], why);

		if (rc < 0)
			return -1;
		if (rc > 0)
			recipients[left++] = recipients[i];
	}
	*n = left;
	return 1;
}

static bool may_miss_reply(const struct delivery *d)
{
	return d->client == NULL || d->half_closed;
}

static bool is_accepted(const struct delivery_call *c)
{
	return c->state == CALL_SETTLED && c->result.class == OUTCOME_ACCEPTED;
}

/* Whether nothing but a 250 can be the answer. */
static bool is_all_accepted(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_calls; i++)
		if (!is_accepted(&d->calls[i]))
			return false;
	return true;
}

static void put(
	struct delivery *d, const struct delivery_call *c, enum ledger_state state)
{
	struct ledger_entry e = {
		.state = state, .busy_until = d->deadline + BUSY_GRACE_MS};
	uint64_t now = loop_now_ms(d->ctx->loop);

	if (state == LEDGER_SENT) {
		str_copy(e.message_id, sizeof(e.message_id), c->result.message_id);
		e.replace_first = d->n_calls == 1 && !may_miss_reply(d);
		if (d->message_id[0] == '\0' && is_all_accepted(d))
			e.life_ms = DEDUP_UNACKNOWLEDGED_MS;
	}
	for (size_t i = 0; i < batch_count(c->batch); i++) {
		struct ledger_key k =
			key_of(d, c->batch->route->account, batch_recipient(c->batch, i));

		add_content(d, &k);
		if (state == LEDGER_NONE)
			ledger_remove(d->ctx->ledger, &k, now);
		else
			ledger_put(d->ctx->ledger, &k, now, &e);
	}
}

void dedup_accepted(struct delivery *d, const struct delivery_call *c)
{
	if (d->message_id[0] != '\0' || d->n_calls > 1 || may_miss_reply(d) ||
		d->in_ledger)
		put(d, c, LEDGER_SENT);
}

void dedup_detached(struct delivery *d)
{
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];

		if (c->state != CALL_SETTLED)
			put(d, c, LEDGER_SENDING);
		else if (is_accepted(c))
			put(d, c, LEDGER_SENT);
		else if (c->result.class == OUTCOME_UNCERTAIN)
			put(d, c, LEDGER_UNCERTAIN);
	}
}

/* --- mail without a Message-ID ------------------------------------------------------------ */

struct unacknowledged {
	struct ledger_key key;
	char message_id[LEDGER_ID_MAX];
};

/* Recipients of which the reply says that they have the mail: they go into the ledger unless
 * the client acknowledges the reply. */
struct receipt {
	char id[DELIVERY_ID_LEN];
	struct ledger *ledger; /* borrowed */
	struct loop *loop;     /* borrowed */
	struct buf entries;    /* of struct unacknowledged */
};

static void settle(void *arg, bool acknowledged)
{
	struct receipt *r = arg;
	const struct unacknowledged *u =
		(const struct unacknowledged *)(const void *)r->entries.data;
	size_t n = acknowledged ? 0 : r->entries.len / sizeof(*u);

	for (size_t i = 0; i < n; i++) {
		struct ledger_entry e = {
			.state = LEDGER_SENT, .life_ms = DEDUP_UNACKNOWLEDGED_MS};

		str_copy(e.message_id, sizeof(e.message_id), u[i].message_id);
		ledger_put(r->ledger, &u[i].key, loop_now_ms(r->loop), &e);
	}
	if (!acknowledged)
		log_event(LOG_INFO, r->id, "unacknowledged", LOG_U("recipients", n));
	buf_free(&r->entries);
	free(r);
}

/* If memory is exhausted the mail may be sent again: that is the side to err on. */
static void add_unacknowledged(struct delivery *d, struct receipt *r, const char *account,
	const char *recipient, const char *message_id)
{
	struct unacknowledged u = {.key = key_of(d, account, recipient)};

	add_content(d, &u.key);
	ledger_remove(d->ctx->ledger, &u.key, loop_now_ms(d->ctx->loop));
	str_copy(u.message_id, sizeof(u.message_id), message_id);
	if (buf_append(&r->entries, &u, sizeof(u)) < 0)
		log_event(LOG_DEBUG, d->id, "no_receipt", LOG_A("to", recipient));
}

static void ask_for_receipt(struct delivery *d)
{
	const struct batch *known = &d->duplicates;
	struct receipt *r = mem_new(1, sizeof(*r));

	*r = (struct receipt){.ledger = d->ctx->ledger, .loop = d->ctx->loop};
	str_copy(r->id, sizeof(r->id), d->id);
	buf_init(&r->entries, d->envelope.n_recipients * sizeof(struct unacknowledged),
		d->ctx->budget);
	for (size_t i = 0; i < known->n_to; i++)
		add_unacknowledged(d, r, d->earlier[i].route->account, known->to[i],
			d->earlier[i].result.message_id);
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];
		size_t n = is_accepted(c) ? batch_count(c->batch) : 0;

		for (size_t j = 0; j < n; j++)
			add_unacknowledged(d, r, c->batch->route->account,
				batch_recipient(c->batch, j), c->result.message_id);
	}
	transaction_set_receipt(d->client, &(struct smtp_receipt){settle, r});
}

void dedup_finished(struct delivery *d, bool says_accepted)
{
	bool by_receipt =
		says_accepted && d->message_id[0] == '\0' && d->ctx->ledger != NULL;

	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];

		if (c->result.class == OUTCOME_UNCERTAIN)
			put(d, c, LEDGER_UNCERTAIN);
		else if (!is_accepted(c) && may_miss_reply(d))
			put(d, c, LEDGER_NONE);
		else if (is_accepted(c) && may_miss_reply(d) && !by_receipt)
			put(d, c, LEDGER_SENT);
	}
	if (by_receipt)
		ask_for_receipt(d);
}
