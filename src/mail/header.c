/* SPDX-License-Identifier: MIT */
/* Parses the header fields that the API has a field for; keeps the rest. */
#include "mail/header.h"

#include "core/mem.h"
#include "core/utf8.h"
#include "mail/charset.h"
#include "mail/conversion_loss.h"
#include "mail/field.h"
#include "mail/mailbox.h"

#define MESSAGE_ID_MAX 998

/* The fields of which only one author may be sent. */
struct authors {
	struct span value; /* of the From field */
	struct mailbox_list from, sender;
};

typedef void parse_field(struct parse *p, struct authors *a, const struct field *f);

static void read_list(struct parse *p, struct mailbox_list *list, const struct field *f)
{
	struct decode_notes notes = {0};

	mailbox_list_parse(list, f->value, &p->policy->charsets, &notes);
	conversion_loss_note(p->m, f->name, &notes);
}

static char *read_text(struct parse *p, const struct field *f)
{
	struct decode_notes notes = {0};
	char *text = rfc2047_string(f->value, &p->policy->charsets, &notes);

	conversion_loss_note(p->m, f->name, &notes);
	return text;
}

static void parse_from(struct parse *p, struct authors *a, const struct field *f)
{
	a->value = f->value;
	read_list(p, &a->from, f);
}

static void parse_sender(struct parse *p, struct authors *a, const struct field *f)
{
	if (a->sender.n == 0)
		read_list(p, &a->sender, f);
}

static void parse_to(struct parse *p, struct authors *a, const struct field *f)
{
	(void)a;
	read_list(p, &p->m->to, f);
}

static void parse_cc(struct parse *p, struct authors *a, const struct field *f)
{
	(void)a;
	read_list(p, &p->m->cc, f);
}

static void parse_reply_to(struct parse *p, struct authors *a, const struct field *f)
{
	(void)a;
	read_list(p, &p->m->reply_to, f);
}

/* Of several Subject fields the first counts. */
static void parse_subject(struct parse *p, struct authors *a, const struct field *f)
{
	(void)a;
	if (p->m->subject == NULL)
		p->m->subject = read_text(p, f);
	else
		conversion_loss_add(p->m, LOSS_HEADER, "a second Subject");
}

/* The inner part of a msg-id (RFC 5322 §3.6.4), loosely: printable ASCII but "<" and ">".
 * Plain char may be unsigned, so bytes over 127 have a test of their own. */
static bool is_message_id(struct span s)
{
	if (s.len == 0 || s.len > MESSAGE_ID_MAX - 2)
		return false;
	return span_is_all(s, ascii_isgraph) && memchr(s.p, '<', s.len) == NULL &&
	       memchr(s.p, '>', s.len) == NULL;
}

/* The text between "<" and ">", else the whole value: some programs leave them out. */
static struct span message_id_of(struct span value)
{
	struct span s = span_trim(value);
	const char *end;

	if (s.len == 0 || s.p[0] != '<')
		return s;
	s = span_make(s.p + 1, s.len - 1);
	end = memchr(s.p, '>', s.len);
	return span_make(s.p, end != NULL ? (size_t)(end - s.p) : s.len);
}

static void parse_message_id(struct parse *p, struct authors *a, const struct field *f)
{
	struct span id = message_id_of(f->value);

	(void)a;
	if (p->m->message_id != NULL)
		return;
	if (is_message_id(id))
		p->m->message_id = mem_sprintf("<%.*s>", (int)id.len, id.p);
	else
		conversion_loss_add(
			p->m, LOSS_HEADER, "Message-ID: is none as in RFC 5322");
}

static void parse_dkim(struct parse *p, struct authors *a, const struct field *f)
{
	(void)a;
	(void)f;
	if (!conversion_loss_has(p->m, LOSS_DKIM))
		conversion_loss_add(p->m, LOSS_DKIM,
			"DKIM-Signature: the API signs the mail that it builds");
}

static void skip_field(struct parse *p, struct authors *a, const struct field *f)
{
	(void)p;
	(void)a;
	(void)f;
}

static void keep_field(struct parse *p, struct authors *a, const struct field *f)
{
	struct message *m = p->m;

	(void)a;
	mem_grow(&m->headers, &m->headers_cap, m->n_headers + 1, sizeof(*m->headers));
	m->headers[m->n_headers].name = mem_strndup(f->name.p, f->name.len);
	m->headers[m->n_headers].value = read_text(p, f);
	m->n_headers++;
}

static parse_field *find_parser(struct span name)
{
	static const struct {
		const char *name;
		parse_field *parse;
	} fields[] = {
		{"From", parse_from},
		{"Sender", parse_sender},
		{"To", parse_to},
		{"Cc", parse_cc},
		{"Reply-To", parse_reply_to},
		{"Subject", parse_subject},
		{"Message-ID", parse_message_id},
		{"DKIM-Signature", parse_dkim},
		/* Bcc is never shown; the API writes the rest itself. */
		{"Bcc", skip_field},
		{"MIME-Version", skip_field},
		{"Received", skip_field},
		{"Return-Path", skip_field},
	};

	if (span_istarts(name, "Content-") || !utf8_is_ascii(name))
		return skip_field;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (span_ieq_str(name, fields[i].name))
			return fields[i].parse;
	return keep_field;
}

static struct mailbox steal_mailbox(struct mailbox_list *list, size_t i)
{
	struct mailbox m = list->items[i];

	list->items[i] =
		(struct mailbox){.name = mem_strdup(""), .address = mem_strdup("")};
	return m;
}

/* Cron, bounces and old programs write a name, or nothing. The caller knows other addresses
 * to send from. */
static void leave_author_open(struct parse *p, const struct authors *a)
{
	struct decode_notes notes = {0};

	p->m->no_author = true;
	p->m->from.name = mailbox_name(a->value, &p->policy->charsets, &notes);
	p->m->from.address = mem_strdup("");
	conversion_loss_note(p->m, span_of("From"), &notes);
}

/* Of several authors the one that Sender names is sent, else the first. */
static void choose_author(struct parse *p, struct authors *a)
{
	size_t chosen = 0;

	if (a->from.n == 0) {
		leave_author_open(p, a);
		return;
	}
	for (size_t i = 0; i < a->from.n && a->sender.n > 0; i++)
		if (strcmp(a->from.items[i].address, a->sender.items[0].address) == 0) {
			chosen = i;
			break;
		}
	for (size_t i = 0; i < a->from.n; i++)
		if (i != chosen)
			conversion_loss_add(p->m, LOSS_HEADER, "From: further author %s",
				a->from.items[i].address);
	p->m->from = steal_mailbox(&a->from, chosen);
}

void header_read(struct parse *p)
{
	struct span rest = span_make(
		p->raw.p + p->guard.start, p->guard.header_end - p->guard.start);
	struct message *m = p->m;
	struct authors a = {0};
	struct field f;

	while (field_next(&rest, &f))
		find_parser(f.name)(p, &a, &f);
	choose_author(p, &a);
	if (a.sender.n == 0)
		m->sender = (struct mailbox){
			.name = mem_strdup(""), .address = mem_strdup("")};
	else
		m->sender = steal_mailbox(&a.sender, 0);
	mailbox_list_clear(&a.from);
	mailbox_list_clear(&a.sender);
	if (m->subject == NULL)
		m->subject = mem_strdup("");
	if (m->message_id == NULL)
		m->message_id = mem_strdup("");
}
