/* SPDX-License-Identifier: MIT */
/* One reply out of many results. */
#include "delivery/aggregate.h"

#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>

#define NAMES_MAX 130 /* bytes of addresses in a list, so that both fit into a reply */

static bool is_accepted(const struct aggregate_part *p)
{
	return p->result->class == OUTCOME_ACCEPTED && p->result->message_id[0] != '\0';
}

/* A refusal may never become a 250, whatever its outcome holds. */
static unsigned code_of(const struct aggregate_part *p)
{
	if (p->outcome->smtp < 400 || p->outcome->smtp > 599)
		return 451;
	return p->outcome->smtp;
}

static bool is_temporary(const struct aggregate_part *p)
{
	return !is_accepted(p) && code_of(p) < 500;
}

static bool is_permanent(const struct aggregate_part *p)
{
	return !is_accepted(p) && code_of(p) >= 500;
}

static const struct aggregate_part *first_of(const struct aggregate_part *parts, size_t n,
	bool (*is)(const struct aggregate_part *))
{
	for (size_t i = 0; i < n; i++)
		if (is(&parts[i]))
			return &parts[i];
	return NULL;
}

static size_t count_recipients(const struct aggregate_part *parts, size_t n,
	bool (*is)(const struct aggregate_part *))
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (is == NULL || is(&parts[i]))
			count += batch_count(parts[i].call);
	return count;
}

/* Text for people: where it does not fit it ends. */
static void put(struct buf *text, const char *bytes)
{
	if (buf_append_str(text, bytes) < 0)
		text->max = text->len;
}

/* "a@x, b@x and 3 more" */
static void put_names(struct buf *text, const struct aggregate_part *parts, size_t n,
	bool (*is)(const struct aggregate_part *))
{
	size_t total = count_recipients(parts, n, is), shown = 0, begin = text->len;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; is(&parts[i]) && j < batch_count(parts[i].call);
			j++) {
			const char *name = batch_recipient(parts[i].call, j);

			if (text->len - begin + strlen(name) + 2 > NAMES_MAX)
				goto out;
			put(text, shown > 0 ? ", " : "");
			put(text, name);
			shown++;
		}
	}
out:
	if (shown < total &&
		buf_appendf(text, "%s%zu%s", shown > 0 ? " and " : "", total - shown,
			shown > 0 ? " more" : " recipients") < 0)
		text->max = text->len;
}

/* "<text of the row> (<Code>) req=<RequestId>" */
static void put_refusal(struct buf *text, const struct aggregate_part *p)
{
	put(text, p->outcome->text);
	if (p->result->code[0] != '\0') {
		put(text, " (");
		put(text, p->result->code);
		put(text, ")");
	}
	if (p->result->request_id[0] != '\0') {
		put(text, " req=");
		put(text, p->result->request_id);
	}
}

static struct reply accepted(const struct aggregate_part *parts, size_t n)
{
	const struct ses_result *r = parts[0].result;
	struct buf text;
	struct reply reply;

	buf_init(&text, REPLY_LINE_MAX, NULL);
	put(&text, "Ok: queued as ");
	put(&text, r->message_id);
	if (n > 1 && buf_appendf(&text, " and %zu more", n - 1) < 0)
		text.max = text.len;
	if (r->request_id[0] != '\0') {
		put(&text, " req=");
		put(&text, r->request_id);
	}
	reply = reply_make(250, "2.0.0", "%s", text.data);
	buf_free(&text);
	return reply;
}

struct reply aggregate(const struct aggregate_part *parts, size_t n)
{
	const struct aggregate_part *cause = first_of(parts, n, is_temporary);
	size_t got = count_recipients(parts, n, is_accepted);
	struct reply reply;
	struct buf text;

	if (cause == NULL)
		cause = first_of(parts, n, is_permanent);
	if (cause == NULL)
		return accepted(parts, n);
	buf_init(&text, REPLY_LINE_MAX, NULL);
	put_refusal(&text, cause);
	if (got > 0 && is_temporary(cause)) {
		if (buf_appendf(&text, "; %zu of %zu recipients done, the rest later",
			    got, count_recipients(parts, n, NULL)) < 0)
			text.max = text.len;
	} else if (got > 0) {
		put(&text, "; not sent to ");
		put_names(&text, parts, n, is_permanent);
		put(&text, "; sent to ");
		put_names(&text, parts, n, is_accepted);
	}
	reply = reply_make(code_of(cause), cause->outcome->enhanced, "%s", text.data);
	buf_free(&text);
	return reply;
}
