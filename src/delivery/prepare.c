/* SPDX-License-Identifier: MIT */
/* The four steps, and what each needs. */
#include "delivery/prepare.h"

#include "core/mem.h"
#include "mail/mailbox.h"
#include "smtp/access.h"

#include <errno.h>
#include <stdlib.h>

/* --- the message ---------------------------------------------------------------------------- */

static void stand_in(struct message *m, const char *reverse_path)
{
	if (!m->no_author || !mailbox_is_address(span_of(reverse_path)))
		return;
	free(m->from.address);
	m->from.address = mem_strdup(reverse_path);
}

int prepare_message(struct prepare *p, struct span raw, struct reply *why)
{
	struct message_refusal refusal;

	if (message_parse(&p->message, raw, &p->conf->limits, &p->conf->mail, p->budget,
		    &refusal) < 0) {
		*why = reply_make(refusal.code, refusal.enhanced, "%s", refusal.text);
		return -1;
	}
	stand_in(p->message, p->envelope->reverse_path);
	return 0;
}

/* --- recipients ----------------------------------------------------------------------------- */

int prepare_sender(const struct conf *conf, const char *sender, struct reply *why)
{
	enum access a = access_null_sender(&conf->mail, sender);

	if (a == ACCESS_GRANTED)
		return 0;
	*why = access_reply(a, sender);
	return -1;
}

const struct conf_route *prepare_route(
	const struct conf *conf, const struct route_query *q, struct reply *why)
{
	const struct conf_route *r = route_find(conf, q);

	if (r == NULL)
		*why = reply_make(550, "5.7.1", "no route for <%s>", q->recipient);
	return r;
}

int prepare_recipients(
	struct prepare *p, const struct route_query *client, struct reply *why)
{
	const struct envelope *e = p->envelope;
	struct route_query q = *client;

	q.sender = e->reverse_path;
	q.from = p->message->from.address;
	p->recipients = mem_new(e->n_recipients, sizeof(*p->recipients));
	for (size_t i = 0; i < e->n_recipients; i++) {
		struct routed_recipient *r = &p->recipients[p->n_recipients++];

		q.recipient = r->address = e->recipients[i];
		r->route = prepare_route(p->conf, &q, why);
		if (r->route == NULL)
			return -1;
	}
	return 0;
}

void prepare_batches(struct prepare *p)
{
	batch_make(&p->batches, p->recipients, p->n_recipients, p->message);
}

/* --- requests ------------------------------------------------------------------------------- */

static void keep_notes(
	struct prepare *p, const struct conf_route *route, const struct fields *f)
{
	mem_grow(&p->notes, &p->notes_cap, p->n_notes + f->n_notes, sizeof(*p->notes));
	for (size_t i = 0; i < f->n_notes; i++)
		p->notes[p->n_notes++] =
			(struct prepare_note){route, mem_strdup(f->notes[i])};
}

static struct ses_content *make_content(
	struct prepare *p, const struct conf_route *route, struct reply *why)
{
	struct ses_content *content = NULL;
	struct hidden *hidden = hidden_new(&p->batches, route, p->envelope);
	const struct fields_input input = {
		.route = route,
		.message = p->message,
		.id = p->id,
		.hidden = hidden,
	};
	struct fields f;

	if (fields_make(&f, &input, why) == 0) {
		content = ses_request_content_new(
			&f.api, p->conf->limits.request_size, p->budget);
		if (content == NULL)
			fields_refuse_error(why, errno);
		else
			keep_notes(p, route, &f);
	}
	fields_clear(&f);
	hidden_free(&hidden);
	return content;
}

int prepare_requests(struct prepare *p, struct reply *why)
{
	struct ses_content *content = NULL;
	const struct conf_route *route = NULL;
	int rc = 0;

	p->requests = mem_new(p->batches.n, sizeof(*p->requests));
	for (size_t i = 0; i < p->batches.n && rc == 0; i++) {
		const struct batch *b = &p->batches.items[i];
		const struct ses_recipients r = {
			b->to, b->n_to, b->cc, b->n_cc, b->bcc, b->n_bcc};

		if (b->route != route) {
			ses_request_content_unref(&content);
			content = make_content(p, b->route, why);
			route = b->route;
		}
		if (content == NULL) {
			rc = -1;
			break;
		}
		p->requests[i] = ses_request_new(content, &r);
		if (p->requests[i] == NULL) {
			fields_refuse_error(why, errno);
			rc = -1;
		}
	}
	ses_request_content_unref(&content);
	return rc;
}

void prepare_clear(struct prepare *p)
{
	message_free(&p->message);
	free(p->recipients);
	for (size_t i = 0; p->requests != NULL && i < p->batches.n; i++)
		ses_request_free(&p->requests[i]);
	free(p->requests);
	batch_clear(&p->batches);
	for (size_t i = 0; i < p->n_notes; i++)
		free(p->notes[i].text);
	free(p->notes);
	*p = (struct prepare){0};
}
