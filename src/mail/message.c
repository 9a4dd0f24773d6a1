/* SPDX-License-Identifier: MIT */
/* Parses a message, step by step. */
#include "mail/message.h"

#include "core/mem.h"
#include "mail/attachment.h"
#include "mail/body.h"
#include "mail/conversion_loss.h"
#include "mail/converter.h"
#include "mail/guard.h"
#include "mail/header.h"
#include "mail/mailbox.h"
#include "mail/parse.h"
#include "mail/role.h"
#include "mail/walk.h"

#include <stdlib.h>

void message_library_init(void)
{
	walk_library_init();
	converter_init();
}

void message_library_shutdown(void)
{
	converter_shutdown();
	walk_library_shutdown();
}

static struct message *new_message(const struct parse *p)
{
	struct message *m = mem_new(1, sizeof(*m));

	buf_init(&m->text, parse_room(p->raw.len), p->budget);
	buf_init(&m->html, parse_room(p->raw.len), p->budget);
	return m;
}

static int place_part(struct parse *p, size_t index)
{
	switch (role_choose(p, index)) {
	case ROLE_TEXT: return body_add_part(p, index, false);
	case ROLE_HTML: return body_add_part(p, index, true);
	case ROLE_ATTACHMENT: return attachment_add(p, index);
	case ROLE_NOTHING: return 0;
	default: return -1;
	}
}

static int place_parts(struct parse *p)
{
	for (size_t i = 0; i < p->parts.n; i++)
		if (!p->parts.items[i].multipart && place_part(p, i) < 0)
			return -1;
	return body_finish(p);
}

static int read_parts(struct parse *p)
{
	const struct walk_input in = {
		.raw = p->raw,
		.guard = &p->guard,
		.limits = p->limits,
		.charsets = &p->policy->charsets,
		.budget = p->budget,
	};

	if (walk_parts(&p->parts, &in, p->why) < 0)
		return -1;
	conversion_loss_note(p->m, span_of("a parameter of a part"), &p->parts.notes);
	if (p->guard.unclosed > 0)
		conversion_loss_add(p->m, LOSS_TRUNCATED,
			"%zu without a closing boundary", p->guard.unclosed);
	return place_parts(p);
}

int message_parse(struct message **out, struct span raw, const struct conf_limits *limits,
	const struct conf_mail *policy, struct budget *budget,
	struct message_refusal *why)
{
	struct parse p = {
		.raw = raw,
		.limits = limits,
		.policy = policy,
		.budget = budget,
		.why = why,
	};
	int rc = -1;

	*out = NULL;
	if (guard_scan(&p.guard, raw, limits, why) < 0)
		return -1;
	p.m = new_message(&p);
	header_read(&p);
	rc = read_parts(&p);
	body_clear(&p);
	walk_parts_clear(&p.parts);
	guard_report_clear(&p.guard);
	if (rc < 0)
		message_free(&p.m);
	*out = p.m;
	return rc;
}

void message_free(struct message **mp)
{
	struct message *m = *mp;

	if (m == NULL)
		return;
	mailbox_clear(&m->from);
	mailbox_clear(&m->sender);
	mailbox_list_clear(&m->reply_to);
	mailbox_list_clear(&m->to);
	mailbox_list_clear(&m->cc);
	free(m->subject);
	free(m->message_id);
	for (size_t i = 0; i < m->n_headers; i++) {
		free(m->headers[i].name);
		free(m->headers[i].value);
	}
	free(m->headers);
	buf_free(&m->text);
	buf_free(&m->html);
	for (size_t i = 0; i < m->n_attachments; i++)
		attachment_clear(&m->attachments[i]);
	free(m->attachments);
	for (size_t i = 0; i < m->n_losses; i++)
		free(m->losses[i].detail);
	free(m);
	*mp = NULL;
}
