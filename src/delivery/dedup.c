/* SPDX-License-Identifier: MIT */
/*
 * What a delivery asks of the memory of sent mail, and tells it.
 *
 * A client that was told "4yz", or did not hear the 250, sends the same bytes again, and
 * those of its recipients who have the mail must not get it twice. So the memory keeps: who
 * was accepted; who was uncertain; and, when the client went away without an answer, who is
 * still being sent.
 *
 * No two mails share a Message-ID, so what has one is kept whatever the client heard. Without
 * one the same bytes may as well be another mail ("disk full", once more). It is kept where
 * it is known that the client will try again, and for a while where it probably will: its
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

/* How long a mail without Message-ID is known again whose client may have gone without its 250. */
#define DEDUP_UNSURE_MS (10ULL * 60 * 1000)

static struct ledger_key key_of(
	const struct delivery *d, const char *account, const char *recipient)
{
	struct ledger_key k = {0};

	ledger_key_envelope(&k, account, d->envelope.reverse_path, recipient, d->body.len);
	return k;
}

/* The hash over the message is made once, and only where it is needed. */
static void complete(struct delivery *d, struct ledger_key *k)
{
	if (!d->has_what) {
		ledger_key_content(d->ctx->ledger, k, span_make(d->body.data, d->body.len));
		memcpy(d->what, k->content, sizeof(d->what));
		d->has_what = true;
	}
	memcpy(k->content, d->what, sizeof(k->content));
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
	delivery_log_remembered(d, r->address, e->message_id);
}

int dedup_filter(void *arg, const struct routed_recipient *r, struct reply *why)
{
	struct delivery *d = arg;
	struct ledger_key k = key_of(d, r->route->account, r->address);
	uint64_t now = loop_now_ms(d->ctx->loop);
	struct ledger_entry e;

	if (!ledger_knows(d->ctx->ledger, &k, now))
		return 1;
	complete(d, &k);
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

/* Whether the client may not hear what becomes of its mail. */
static bool is_in_doubt(const struct delivery *d)
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
		e.replace_first = d->n_calls == 1 && !is_in_doubt(d);
		if (d->message_id[0] == '\0' && is_all_accepted(d))
			e.life_ms = DEDUP_UNSURE_MS;
	}
	for (size_t i = 0; i < batch_count(c->batch); i++) {
		struct ledger_key k =
			key_of(d, c->batch->route->account, batch_recipient(c->batch, i));

		complete(d, &k);
		if (state == LEDGER_NONE)
			ledger_remove(d->ctx->ledger, &k, now);
		else
			ledger_put(d->ctx->ledger, &k, now, &e);
	}
}

void dedup_accepted(struct delivery *d, const struct delivery_call *c)
{
	if (d->message_id[0] != '\0' || d->n_calls > 1 || is_in_doubt(d) || d->in_ledger)
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

struct unsure {
	struct ledger_key key;
	char message_id[LEDGER_ID_MAX];
};

/* Who was said to have the mail: remembered if it turns out that nobody may have heard. */
struct receipt {
	char id[DELIVERY_ID_LEN];
	struct ledger *ledger; /* borrowed */
	struct loop *loop;     /* borrowed */
	struct buf entries;    /* of struct unsure */
};

static void settle(void *arg, bool acknowledged)
{
	struct receipt *r = arg;
	const struct unsure *u = (const struct unsure *)(const void *)r->entries.data;
	size_t n = acknowledged ? 0 : r->entries.len / sizeof(*u);

	for (size_t i = 0; i < n; i++) {
		struct ledger_entry e = {
			.state = LEDGER_SENT, .life_ms = DEDUP_UNSURE_MS};

		str_copy(e.message_id, sizeof(e.message_id), u[i].message_id);
		ledger_put(r->ledger, &u[i].key, loop_now_ms(r->loop), &e);
	}
	if (!acknowledged)
		log_event(LOG_INFO, r->id, "unacknowledged", LOG_U("recipients", n));
	buf_free(&r->entries);
	free(r);
}

/* Where memory is at its end the mail may be sent again: that is the side to err on. */
static void add_unsure(struct delivery *d, struct receipt *r, const char *account,
	const char *recipient, const char *message_id)
{
	struct unsure u = {.key = key_of(d, account, recipient)};

	complete(d, &u.key);
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
	buf_init(&r->entries, d->envelope.n_recipients * sizeof(struct unsure),
		d->ctx->budget);
	for (size_t i = 0; i < known->n_to; i++)
		add_unsure(d, r, d->earlier[i].route->account, known->to[i],
			d->earlier[i].result.message_id);
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];
		size_t n = is_accepted(c) ? batch_count(c->batch) : 0;

		for (size_t j = 0; j < n; j++)
			add_unsure(d, r, c->batch->route->account,
				batch_recipient(c->batch, j), c->result.message_id);
	}
	transaction_set_receipt(d->client, &(struct smtp_receipt){settle, r});
}

void dedup_finished(struct delivery *d, bool says_accepted)
{
	bool unsure = says_accepted && d->message_id[0] == '\0' && d->ctx->ledger != NULL;

	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];

		if (c->result.class == OUTCOME_UNCERTAIN)
			put(d, c, LEDGER_UNCERTAIN);
		else if (!is_accepted(c) && is_in_doubt(d))
			put(d, c, LEDGER_NONE);
		else if (is_accepted(c) && is_in_doubt(d) && !unsure)
			put(d, c, LEDGER_SENT);
	}
	if (unsure)
		ask_for_receipt(d);
}
