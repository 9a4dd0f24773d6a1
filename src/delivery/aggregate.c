/* SPDX-License-Identifier: MIT */
/* One reply out of many results. */
#include "delivery/aggregate.h"

#include "core/buf.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
			count += batch_count(parts[i].batch);
	return count;
}

/* "a@x, b@x and 3 more" */
static int put_names(struct buf *text, const struct aggregate_part *parts, size_t n,
	bool (*is)(const struct aggregate_part *))
{
	size_t total = count_recipients(parts, n, is), shown = 0, begin = text->len;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; is(&parts[i]) && j < batch_count(parts[i].batch);
			j++) {
			const char *name = batch_recipient(parts[i].batch, j);

			if (text->len - begin + strlen(name) + 2 > NAMES_MAX)
				goto out;
			if (buf_appendf(text, "%s%s", shown > 0 ? ", " : "", name) < 0)
				return -1;
			shown++;
		}
	}
out:
	if (shown == total)
		return 0;
	return buf_appendf(text, "%s%zu%s", shown > 0 ? " and " : "", total - shown,
		shown > 0 ? " more" : " recipients");
}

/* Who has the mail, although the reply is a refusal. */
static int put_recipients(
	struct buf *text, const struct aggregate_part *parts, size_t n, bool temporary)
{
	if (temporary)
		return buf_appendf(text, "; %zu of %zu recipients done, the rest later",
			count_recipients(parts, n, is_accepted),
			count_recipients(parts, n, NULL));
	if (buf_append_str(text, "; not sent to ") < 0 ||
		put_names(text, parts, n, is_permanent) < 0 ||
		buf_append_str(text, "; sent to ") < 0)
		return -1;
	return put_names(text, parts, n, is_accepted);
}

/* "<text of the row> (<Code>) req=<RequestId>" */
static int put_refusal(struct buf *text, const struct aggregate_part *p)
{
	const struct ses_result *r = p->result;
	bool has_code = r->code[0] != '\0';

	return buf_appendf(text, "%s%s%s%s%s%s", p->outcome->text, has_code ? " (" : "",
		r->code, has_code ? ")" : "", r->request_id[0] != '\0' ? " req=" : "",
		r->request_id);
}

static struct reply accepted(const struct aggregate_part *parts, size_t n)
{
	const struct ses_result *r = parts[0].result;
	char more[40] = "";

	if (n > 1)
		(void)snprintf(more, sizeof(more), " and %zu more", n - 1);
	return reply_make(250, "2.0.0", "Ok: queued as %s%s%s%s", r->message_id, more,
		r->request_id[0] != '\0' ? " req=" : "", r->request_id);
}

struct reply aggregate(const struct aggregate_part *parts, size_t n)
{
	const struct aggregate_part *cause = first_of(parts, n, is_temporary);
	struct reply reply;
	struct buf text;

	if (cause == NULL)
		cause = first_of(parts, n, is_permanent);
	if (cause == NULL)
		return accepted(parts, n);
	buf_init(&text, REPLY_LINE_MAX, NULL);
	/* Text for people: it ends where there is no more room. */
	if (put_refusal(&text, cause) == 0 && first_of(parts, n, is_accepted) != NULL)
		(void)put_recipients(&text, parts, n, is_temporary(cause));
	reply = reply_make(code_of(cause), cause->outcome->enhanced, "%s", text.data);
	buf_free(&text);
	return reply;
}
