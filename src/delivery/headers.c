/* SPDX-License-Identifier: MIT */
/* Choosing header fields for SmtpHeaders. */
#include "delivery/headers.h"

#include "core/mem.h"
#include "core/str.h"
#include "delivery/route.h"
#include "ses/json.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 64

static const char *const barred[] = {
	/* Have a field of the API, or are the API's to write. */
	"From", "Sender", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID",
	"MIME-Version", "Content-*", FIELDS_CALLBACK_HEADER,
	/* Are for us. */
	"X-SES-Template-*",
	/* Speak of another transmission, or sign what is no more. */
	"Received", "Received-SPF", "Return-Path", "Authentication-Results", "ARC-*",
	"DKIM-Signature", "DomainKey-Signature", "X-Google-DKIM-Signature", "Resent-*",
	/* Name recipients that the visible ones may not know. */
	"Bcc", "X-Bcc", "X-Bcc-*", "Apparently-To", "X-Apparently-To", "Delivered-To",
	"Envelope-To", "X-Envelope-*", "Original-Recipient", "X-Original-*",
	"X-*Original-To", "X-*OriginalRecipient", "X-*Rcpt*", "X-*Recipient*",
	"X-*Deliver*-To", "X-Real-To", "X-Orig-To", "X-Forwarded-*"};

bool headers_is_barred(const char *name)
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

/* The names of the fields that stay behind, in one note. */
static void note_left(struct fields *f, const struct buf *left, size_t n)
{
	if (n > 0)
		fields_note(f, "%zu header field%s not carried: %s", n, n == 1 ? "" : "s",
			left->data);
}

static void leave(struct buf *left, size_t *n, const char *name)
{
	/* A list for people: where it is full it just ends. */
	if (buf_appendf(left, "%s%s", *n > 0 ? ", " : "", name) < 0)
		left->max = left->len;
	(*n)++;
}

int headers_collect(struct fields *f, const struct conf_list *globs,
	const struct message *m, const char *id)
{
	struct ses_pair *pairs = mem_new(PAIRS_MAX, sizeof(*pairs));
	size_t n = 0, used = 0, n_left = 0;
	struct buf left;
	int rc;

	buf_init(&left, 400, NULL);
	pairs[n++] = (struct ses_pair){FIELDS_CALLBACK_HEADER, id};
	for (size_t i = 0; i < m->n_headers; i++) {
		const struct mail_header *h = &m->headers[i];

		if (headers_is_barred(h->name))
			continue;
		if (!route_globs_match(globs, h->name) || n == PAIRS_MAX ||
			used + cost(h) > FIELDS_HEADERS_MAX - 1024 ||
			is_doubled(pairs, n, h->name)) {
			leave(&left, &n_left, h->name);
			continue;
		}
		used += cost(h);
		pairs[n++] = (struct ses_pair){h->name, h->value};
	}
	note_left(f, &left, n_left);
	buf_free(&left);
	rc = ses_json_object(pairs, n, &f->headers);
	free(pairs);
	return rc;
}
