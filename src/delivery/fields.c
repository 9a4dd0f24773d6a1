/* SPDX-License-Identifier: MIT */
/* Making the API's fields of a message. */
#include "delivery/fields.h"

#include "core/base64.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/utf8.h"
#include "delivery/carry.h"
#include "delivery/display.h"
#include "delivery/template.h"
#include "ses/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MAX      512
#define TEMPLATE_ID   "X-SES-Template-ID"
#define TEMPLATE_DATA "X-SES-Template-Data"

void fields_note(struct fields *f, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;

	if (f->n_notes == FIELDS_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->notes[f->n_notes++] = mem_strdup(text);
}

int fields_refuse_error(struct reply *why, int error)
{
	switch (error) {
	case EMSGSIZE:
		*why = reply_make(552, "5.3.4", "message too large for the API");
		break;
	case ENOMEM:
		*why = reply_make(452, "4.3.1", "not enough memory now, try again later");
		break;
	default: *why = reply_make(554, "5.6.0", "message cannot be written for the API");
	}
	return -1;
}

static int refuse(struct reply *why, const char *text)
{
	*why = reply_make(554, "5.6.0", "%s", text);
	return -1;
}

/* --- sender and reply address ----------------------------------------------------------- */

/* The alias and the address of "Alias <a@b>" or "a@b", as rewrite_from holds it. */
static void split_sender(const char *text, struct span *alias, struct span *address)
{
	const char *open = strrchr(text, '<');

	if (open == NULL) {
		*alias = span_make(text, 0);
		*address = span_trim(span_of(text));
		return;
	}
	*alias = span_trim(span_make(text, (size_t)(open - text)));
	*address = span_trim(span_make(open + 1, strcspn(open + 1, ">")));
}

/* "Alias <address>", or the address alone. */
static char *make_sender(struct fields *f, struct span name, struct span address)
{
	bool changed = false;
	char *alias = display_alias(name, &changed), *sender;

	if (changed)
		fields_note(f, "sender name: changed to what the API can carry");
	if (alias[0] == '\0')
		sender = mem_strndup(address.p, address.len);
	else
		sender = mem_sprintf("%s <%.*s>", alias, (int)address.len, address.p);
	free(alias);
	return sender;
}

/* The route's sender; its alias may hold %{...}. Where it has none, the name stays of an
 * author without address ("Cron Daemon"): nothing else tells who wrote. */
static int rewrite_sender(
	struct fields *f, const struct conf_route *route, const struct message *m)
{
	struct span alias, address;
	struct buf name;
	char *text;
	int rc;

	split_sender(route->rewrite_from, &alias, &address);
	text = mem_strndup(alias.p, alias.len);
	buf_init(&name, SES_TEMPLATE_DATA_MAX, NULL);
	rc = template_expand(text, m, &name);
	if (rc == 0 && m->no_author && alias.len == 0)
		rc = buf_append_str(&name, m->from.name);
	if (rc == 0)
		f->from = make_sender(f, span_make(name.data, name.len), address);
	buf_free(&name);
	free(text);
	return rc;
}

static int make_from(struct fields *f, const struct conf_route *route,
	const struct message *m, struct reply *why)
{
	if (route->rewrite_from[0] != '\0') {
		if (rewrite_sender(f, route, m) < 0)
			return fields_refuse_error(why, errno);
	} else if (m->from.address[0] == '\0') {
		return refuse(why,
			"no author: neither From nor the envelope's sender is an "
			"address, and the route has no rewrite_from");
	} else {
		f->from = make_sender(f, span_of(m->from.name), span_of(m->from.address));
	}
	if (m->no_author)
		fields_note(f, "From: holds no usable address, sent as %s", f->from);
	f->api.from = f->from;
	return 0;
}

/* One address: the API's field is a single string. A sender that was rewritten would be
 * lost to replies, so it stands in for a missing Reply-To. */
static void make_reply_to(
	struct fields *f, const struct conf_route *route, const struct message *m)
{
	if (m->reply_to.n > 0)
		f->reply_to = mem_strdup(m->reply_to.items[0].address);
	else if (route->rewrite_from[0] != '\0' && !m->no_author)
		f->reply_to = mem_strdup(m->from.address);
	if (m->reply_to.n > 1)
		fields_note(f, "Reply-To: only the first of %zu addresses is carried",
			m->reply_to.n);
	f->api.reply_to = f->reply_to;
}

/* --- template ---------------------------------------------------------------------------- */

/* The route names the template; if it says 0, the mail does. */
static int choose_template(struct fields *f, const struct conf_route *route,
	const struct message *m, struct reply *why)
{
	const char *text = template_header(m, span_of(TEMPLATE_ID));
	uint64_t id;

	f->api.template_id = route->template_id;
	if (f->api.template_id != 0)
		return 0;
	if (text == NULL)
		return refuse(
			why, "no template: the route wants a header field " TEMPLATE_ID);
	if (!span_number(span_of(text), UINT32_MAX, &id) || id == 0)
		return refuse(why, TEMPLATE_ID " must be a number above 0");
	f->api.template_id = id;
	return 0;
}

/* Whether there is anything to read: a part that is there may be blank. */
static bool has_content(bool there, const struct buf *part)
{
	return there && !utf8_is_blank(span_make(part->data, part->len));
}

static bool uses_text(const struct conf_route *route)
{
	for (size_t i = 0; i < route->variables.n; i++)
		if (template_uses(route->variables.items[i], CONF_PIECE_BODY))
			return true;
	return false;
}

/* One string after the other, NUL between, in one buffer: pairs point at them when it has
 * stopped to grow. */
static int expand_variables(const struct conf_route *route, const struct message *m,
	struct buf *text, struct ses_pair *pairs)
{
	size_t *at = mem_new(route->variables.n * 2, sizeof(*at));
	int rc = -1;

	for (size_t i = 0; i < route->variables.n; i++) {
		const char *item = route->variables.items[i];
		const char *equals = strchr(item, '=');
		struct span name = span_trim(span_make(item, (size_t)(equals - item)));

		at[2 * i] = text->len;
		if (buf_append(text, name.p, name.len) < 0 ||
			buf_append_byte(text, '\0') < 0)
			goto out;
		at[2 * i + 1] = text->len;
		if (template_expand(equals + 1, m, text) < 0 ||
			buf_append_byte(text, '\0') < 0)
			goto out;
	}
	for (size_t i = 0; i < route->variables.n; i++)
		pairs[i] = (struct ses_pair){
			text->data + at[2 * i], text->data + at[2 * i + 1]};
	rc = 0;
out:
	free(at);
	return rc;
}

static int data_of_variables(struct fields *f, const struct conf_route *route,
	const struct message *m, struct reply *why)
{
	struct ses_pair *pairs;
	struct buf text;
	int rc;

	if (uses_text(route) && !has_content(m->has_text, &m->text) &&
		has_content(m->has_html, &m->html))
		return refuse(why, "the template wants text, and the mail has only HTML");
	pairs = mem_new(route->variables.n, sizeof(*pairs));
	buf_init(&text, SES_TEMPLATE_DATA_MAX, f->data.budget);
	rc = expand_variables(route, m, &text, pairs);
	if (rc == 0)
		rc = ses_json_object(pairs, route->variables.n, &f->data);
	if (rc < 0)
		rc = fields_refuse_error(why, errno);
	buf_free(&text);
	free(pairs);
	return rc;
}

static int take_data(
	struct fields *f, struct span json, const char *where, struct reply *why)
{
	if (ses_json_compact(json, &f->data) == 0)
		return 0;
	if (errno != EINVAL)
		return fields_refuse_error(why, errno);
	*why = reply_make(
		554, "5.6.0", "template data in the %s is not a JSON object", where);
	return -1;
}

static bool is_json(const struct attachment *a)
{
	return strcmp(a->content_type, "application/json") == 0;
}

/* A mail whose only content is a part of application/json. */
static int data_of_attachment(
	struct fields *f, const struct attachment *a, struct reply *why)
{
	struct buf bytes;
	int rc;

	if (!a->is_base64)
		return take_data(f, span_make(a->bytes.data, a->bytes.len), "mail", why);
	buf_init(&bytes, SES_TEMPLATE_DATA_MAX, f->data.budget);
	if (base64_decode(&bytes, a->base64, NULL) < 0)
		rc = fields_refuse_error(why, errno);
	else
		rc = take_data(f, span_make(bytes.data, bytes.len), "mail", why);
	buf_free(&bytes);
	return rc;
}

/* The mail's own data: header, text body, or a JSON part that is all it has. Sets *used
 * if it was an attachment. */
static int data_of_mail(struct fields *f, const struct message *m,
	const struct attachment **used, struct reply *why)
{
	const char *header = template_header(m, span_of(TEMPLATE_DATA));
	struct span text = span_trim(span_make(m->text.data, m->text.len));

	if (header != NULL)
		return take_data(f, span_of(header), "field " TEMPLATE_DATA, why);
	if (m->has_text && text.len > 0 && text.p[0] == '{')
		return take_data(f, text, "body", why);
	if (text.len == 0 && !m->has_html && m->n_attachments == 1 &&
		is_json(&m->attachments[0])) {
		*used = &m->attachments[0];
		return data_of_attachment(f, *used, why);
	}
	if (m->has_text || m->has_html)
		fields_note(f, "body not carried: the template has its own");
	return take_data(f, span_of("{}"), "mail", why);
}

static int make_template(struct fields *f, const struct conf_route *route,
	const struct message *m, const struct attachment **used, struct reply *why)
{
	if (route->content != CONF_CONTENT_TEMPLATE)
		return 0;
	if (choose_template(f, route, m, why) < 0)
		return -1;
	if (route->variables.n > 0) {
		if (data_of_variables(f, route, m, why) < 0)
			return -1;
		if (!uses_text(route) && (m->has_text || m->has_html))
			fields_note(f, "body not carried: no variable uses %%{text}");
	} else if (data_of_mail(f, m, used, why) < 0) {
		return -1;
	}
	f->api.template_data = f->data.data;
	return 0;
}

/* --- body and attachments ---------------------------------------------------------------- */

/* A blank part beside one with content is left out, or its readers would see nothing. The API
 * refuses a mail without content (FailedOperation.MissingEmailContent), mail does not: an
 * empty body is sent as one line end. */
static void make_body(struct fields *f, const struct message *m)
{
	if (f->api.template_id != 0)
		return;
	f->api.has_text = has_content(m->has_text, &m->text);
	f->api.has_html = has_content(m->has_html, &m->html);
	if (!f->api.has_text && !f->api.has_html) {
		f->api.has_text = m->has_text && m->text.len > 0;
		f->api.has_html = m->has_html && m->html.len > 0;
	}
	f->api.text = span_make(m->text.data, m->text.len);
	f->api.html = span_make(m->html.data, m->html.len);
	if (f->api.has_text || f->api.has_html)
		return;
	f->api.has_text = true;
	f->api.text = span_of("\n");
}

/* How many bytes the attachment has once it is decoded. Clean base64 is whole quanta, and
 * its padding stands at the end, with or without white space after it. */
static size_t raw_size(const struct attachment *a)
{
	size_t pads = 0;

	if (!a->is_base64)
		return a->bytes.len;
	for (size_t i = a->base64.len; i > 0 && pads < 2; i--) {
		char c = a->base64.p[i - 1];

		if (c != '=' && !ascii_isspace(c))
			break;
		pads += c == '=';
	}
	return a->base64_chars / 4 * 3 - pads;
}

static int make_attachments(struct fields *f, const struct message *m,
	const struct attachment *used, struct reply *why)
{
	size_t bytes = 0, n = 0;

	f->attachments = mem_new(m->n_attachments, sizeof(*f->attachments));
	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct attachment *a = &m->attachments[i];

		if (a == used)
			continue;
		bytes += raw_size(a);
		f->attachments[n++] = (struct ses_attachment){
			.filename = a->filename,
			.is_base64 = a->is_base64,
			.data = a->is_base64 ? a->base64
		                             : span_make(a->bytes.data, a->bytes.len),
			.base64_chars = a->base64_chars,
		};
	}
	f->api.attachments = f->attachments;
	f->api.n_attachments = n;
	if (n > SES_ATTACHMENTS_MAX) {
		*why = reply_make(554, "5.6.0", "%zu attachments, the API takes %d", n,
			SES_ATTACHMENTS_MAX);
		return -1;
	}
	if (bytes > SES_ATTACHED_MAX) {
		*why = reply_make(552, "5.3.4",
			"attachments of %zu bytes, the API takes %d in all", bytes,
			SES_ATTACHED_MAX);
		return -1;
	}
	return 0;
}

static void make_subject(struct fields *f, const struct message *m)
{
	bool changed = false;

	f->subject = display_subject(m->subject, &changed);
	f->api.subject = f->subject;
	if (changed)
		fields_note(f, "Subject: what looks like an encoded word is broken");
	if (m->subject[0] == '\0') {
		f->api.subject = SES_NO_SUBJECT;
		fields_note(f, "Subject: empty, sent as %s", SES_NO_SUBJECT);
	}
}

/* --- all together ------------------------------------------------------------------------ */

static void make_message_id(struct fields *f, const struct fields_input *in)
{
	if (!in->route->message_id)
		return;
	if (hidden_is_named(in->hidden, in->message->message_id))
		fields_note(f, "Message-ID: names a blind recipient, not carried");
	else
		f->api.message_id = in->message->message_id;
}

int fields_make(struct fields *f, const struct fields_input *in, struct reply *why)
{
	const struct conf_route *route = in->route;
	const struct message *m = in->message;
	const struct attachment *used = NULL;

	*f = (struct fields){
		.api = {.unsubscribe = route->unsubscribe, .trigger = route->trigger}};
	buf_init(&f->headers, SES_HEADERS_MAX, NULL);
	buf_init(&f->data, SES_TEMPLATE_DATA_MAX, m->text.budget);
	if (make_from(f, route, m, why) < 0)
		return -1;
	if (carry_collect(f, in) < 0)
		return fields_refuse_error(why, errno);
	f->api.headers = f->headers.data;
	make_reply_to(f, route, m);
	make_subject(f, m);
	make_message_id(f, in);
	if (make_template(f, route, m, &used, why) < 0)
		return -1;
	make_body(f, m);
	return make_attachments(f, m, used, why);
}

void fields_clear(struct fields *f)
{
	free(f->from);
	free(f->reply_to);
	free(f->subject);
	buf_free(&f->headers);
	buf_free(&f->data);
	free(f->attachments);
	for (size_t i = 0; i < f->n_notes; i++)
		free(f->notes[i]);
	*f = (struct fields){0};
}
