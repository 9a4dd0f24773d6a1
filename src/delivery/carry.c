/* SPDX-License-Identifier: MIT */
/* Choosing header fields for SmtpHeaders. */
#include "delivery/carry.h"

#include "core/mem.h"
#include "core/str.h"
#include "delivery/route.h"
#include "ses/json.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 64
#define NAMES_MAX 400 /* bytes of names in one note */

static const char *const barred[] = {
	/* Have a field of the API, or are the API's to write. */
	"From", "Sender", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID",
	"MIME-Version", "Content-*", SES_CALLBACK_HEADER,
	/* Are for us. */
	"X-SES-Template-*",
	/* Speak of another transmission, or sign what is no more. */
	"Received", "Received-SPF", "Return-Path", "Authentication-Results", "ARC-*",
	"DKIM-Signature", "DomainKey-Signature", "X-Google-DKIM-Signature", "Resent-*",
	/* Tell another service what to do with the mail, and to which addresses. */
	"X-SMTPAPI", "X-MSYS-API", "X-MC-*",
	/* Name recipients that the visible ones may not know. */
	"Bcc", "X-*Bcc*", "X-Receiver*", "Apparently-To", "X-Apparently-To",
	"Delivered-To", "Envelope-To", "X-Envelope-*", "Original-Recipient",
	"X-Original-*", "X-*Original-To", "X-*OriginalRecipient", "X-*Rcpt*",
	"X-*Recipient*", "X-*Deliver*-To", "X-Real-To", "X-Orig-To", "X-Forwarded-*"};

bool carry_is_barred(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		if (str_glob(barred[i], name))
			return true;
	return false;
}

/* What a pair may cost in JSON: every byte of it escaped, quotes, colon, comma. */
static size_t cost(const struct mail_header *h)
{
	return 2 * (strlen(h->name) + strlen(h->value)) + 6;
}

static bool is_doubled(const struct ses_pair *pairs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(pairs[i].name, name))
			return true;
	return false;
}

/* Names of fields that are not carried for one reason; the list is for people: it ends where
 * there is no more room. */
struct left {
	struct buf names;
	size_t n;
	bool full;
};

static void leave(struct left *l, const char *name)
{
	l->full =
		l->full || buf_appendf(&l->names, "%s%s", l->n > 0 ? ", " : "", name) < 0;
	l->n++;
}

static void note_left(struct fields *f, struct left *l, const char *why)
{
	if (l->n > 0)
		fields_note(f, "%zu header field%s not carried%s: %s", l->n,
			l->n == 1 ? "" : "s", why, l->names.data);
	buf_free(&l->names);
}

static bool names_hidden(const struct fields_input *in, const struct mail_header *h)
{
	return hidden_is_named(in->hidden, h->name) ||
	       hidden_is_named(in->hidden, h->value);
}

int carry_collect(struct fields *f, const struct fields_input *in)
{
	const struct message *m = in->message;
	struct ses_pair *pairs = mem_new(PAIRS_MAX, sizeof(*pairs));
	size_t n = 0, used = 0;
	struct left unwanted = {0}, telling = {0};
	int rc;

	buf_init(&unwanted.names, NAMES_MAX, NULL);
	buf_init(&telling.names, NAMES_MAX, NULL);
	pairs[n++] = (struct ses_pair){SES_CALLBACK_HEADER, in->id};
	for (size_t i = 0; i < m->n_headers; i++) {
		const struct mail_header *h = &m->headers[i];

		if (carry_is_barred(h->name))
			continue;
		if (!route_globs_match(&in->route->headers, h->name) || n == PAIRS_MAX ||
			used + cost(h) > SES_HEADERS_MAX - 1024 ||
			is_doubled(pairs, n, h->name)) {
			leave(&unwanted, h->name);
			continue;
		}
		if (names_hidden(in, h)) {
			leave(&telling, h->name);
			continue;
		}
		used += cost(h);
		pairs[n++] = (struct ses_pair){h->name, h->value};
	}
	note_left(f, &unwanted, "");
	note_left(f, &telling, ", for a blind recipient is named");
	rc = ses_json_object(pairs, n, &f->headers);
	free(pairs);
	return rc;
}
