/* SPDX-License-Identifier: MIT */
/* A web page of what arrived. */
#include "sandbox/page.h"

#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_SHOWN 500

/* No script, nothing from elsewhere; styles may stand in the page because the mail's HTML
 * inherits this policy. */
static const char headers[] = "Content-Security-Policy: default-src 'none'; style-src "
			      "'unsafe-inline'; img-src data:; "
			      "frame-src 'self'; form-action 'none'; base-uri 'none'; "
			      "frame-ancestors 'none'\r\n"
			      "X-Content-Type-Options: nosniff\r\n"
			      "Referrer-Policy: no-referrer\r\n"
			      "Cache-Control: no-store\r\n";

static const char style[] =
	"body{font:15px/1.5 "
	"system-ui,sans-serif;color:#1d2330;background:#f4f5f7;margin:0}"
	"header{background:#16325c;color:#fff;padding:.8em 1.5em;display:flex;gap:1.5em;"
	"align-items:baseline}header b{font-size:1.15em}header a{color:#cfe0ff}"
	"main{padding:1.2em 1.5em;max-width:80em}"
	"table{border-collapse:collapse;width:100%;background:#fff;box-shadow:0 1px 2px "
	"#0002}"
	"th,td{text-align:left;vertical-align:top;padding:.45em .7em;border-bottom:1px "
	"solid #e3e6eb;"
	"overflow-wrap:anywhere}"
	"th{background:#eceff4;font-weight:600;white-space:nowrap}"
	"td.num{text-align:right;white-space:nowrap}.word{white-space:nowrap}.time{white-"
	"space:nowrap;color:#566}"
	"pre{background:#fff;padding:1em;white-space:pre-wrap;overflow-wrap:anywhere;"
	"border:1px solid #e3e6eb;margin:.4em 0}"
	"iframe{width:100%;height:28em;border:1px solid #cdd3dd;background:#fff}"
	".ok{color:#146c2e}.bad{color:#a61b1b}.note{color:#566}h2{font-size:1.1em;margin:"
	"1.4em 0 .3em}";

/* Text for HTML, in elements and in quoted attributes. */
static void put_text_n(struct evbuffer *out, const char *s, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		const char *to = NULL;

		switch (s[i]) {
		case '&': to = "&amp;"; break;
		case '<': to = "&lt;"; break;
		case '>': to = "&gt;"; break;
		case '"': to = "&quot;"; break;
		case '\'': to = "&#39;"; break;
		case '\0': to = "&#65533;"; break;
		default: break;
		}
		if (to == NULL)
			continue;
		evbuffer_add(out, s + from, i - from);
		evbuffer_add(out, to, strlen(to));
		from = i + 1;
	}
	evbuffer_add(out, s + from, len - from);
}

static void put_text(struct evbuffer *out, const char *s)
{
	if (s != NULL)
		put_text_n(out, s, strlen(s));
}

static void put_time(struct evbuffer *out, int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;
	char text[32];

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &tm);
	put_text(out, text);
}

static void put_start(struct evbuffer *out, const char *title)
{
	evbuffer_add_printf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\"><title>%s</title>"
		"<style>%s</style></head>\n<body><header><b>SES sandbox</b>"
		"<a href=\"/sandbox\">Mails</a><a href=\"/sandbox/requests\">API "
		"requests</a>"
		"</header><main>\n",
		title, style);
}

static void put_end(struct evbuffer *out)
{
	evbuffer_add_printf(out, "</main></body></html>\n");
}

static void put_addresses(struct evbuffer *out, const struct strings *l)
{
	for (size_t i = 0; i < l->n; i++) {
		put_text(out, i > 0 ? ", " : "");
		put_text(out, l->items[i]);
	}
}

static void put_mail_row(struct evbuffer *out, const struct mail *m)
{
	evbuffer_add_printf(out, "<tr><td class=\"num\">%llu</td><td class=\"time\">",
		(unsigned long long)m->seq);
	put_time(out, m->time);
	evbuffer_add_printf(out, "</td><td>");
	put_text(out, m->from);
	evbuffer_add_printf(out, "</td><td>");
	put_addresses(out, &m->to);
	if (m->cc.n > 0)
		evbuffer_add_printf(out, " <span class=\"note\">+%zu Cc</span>", m->cc.n);
	if (m->bcc.n > 0)
		evbuffer_add_printf(
			out, " <span class=\"note\">+%zu Bcc</span>", m->bcc.n);
	evbuffer_add_printf(out, "</td><td><a href=\"/sandbox/mails/%llu\">",
		(unsigned long long)m->seq);
	put_text(out, m->subject);
	evbuffer_add_printf(
		out, "</a></td><td class=\"num\">%zu</td></tr>\n", m->n_attachments);
}

static void page_mails(struct sandbox *sb, struct evbuffer *out)
{
	const struct mail *m;
	size_t rows = 0;

	put_start(out, "SES sandbox: mails");
	evbuffer_add_printf(out,
		"<p><span class=\"ok\">%llu accepted</span>, <span class=\"bad\">%llu "
		"requests "
		"refused</span>, %llu faults. Nothing here is ever sent on.</p>\n",
		(unsigned long long)sb->counters.accepted,
		(unsigned long long)sb->counters.refused,
		(unsigned long long)sb->counters.faults);
	if (sb->store.n == 0) {
		evbuffer_add_printf(
			out, "<p class=\"note\">No mail has arrived yet.</p>\n");
		put_end(out);
		return;
	}
	evbuffer_add_printf(out,
		"<table><tr><th>No.</th><th>Time</th><th>From</th><th>To</th>"
		"<th>Subject</th><th>Files</th></tr>\n");
	TAILQ_FOREACH_REVERSE(m, &sb->store.mails, mail_list, link)
	{
		if (rows++ == ROWS_SHOWN)
			break;
		put_mail_row(out, m);
	}
	evbuffer_add_printf(out, "</table>\n");
	put_end(out);
}

static void put_field(struct evbuffer *out, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	evbuffer_add_printf(out, "<tr><th>%s</th><td>", name);
	put_text(out, value);
	evbuffer_add_printf(out, "</td></tr>\n");
}

static void put_list_field(
	struct evbuffer *out, const char *name, const struct strings *l)
{
	if (l->n == 0)
		return;
	evbuffer_add_printf(out, "<tr><th>%s</th><td>", name);
	put_addresses(out, l);
	evbuffer_add_printf(out, "</td></tr>\n");
}

static void put_fields(struct evbuffer *out, const struct mail *m)
{
	evbuffer_add_printf(out, "<table>\n<tr><th>Time</th><td>");
	put_time(out, m->time);
	evbuffer_add_printf(out, "</td></tr>\n");
	put_field(out, "FromEmailAddress", m->from);
	put_field(out, "HeaderFrom", m->header_from);
	put_list_field(out, "Destination", &m->to);
	put_list_field(out, "Cc", &m->cc);
	put_list_field(out, "Bcc", &m->bcc);
	put_field(out, "ReplyToAddresses", m->reply_to);
	put_field(out, "Subject", m->subject);
	if (m->has_template)
		evbuffer_add_printf(out, "<tr><th>TemplateID</th><td>%lld</td></tr>\n",
			(long long)m->template_id);
	put_field(out, "TemplateData", m->template_data);
	put_field(out, "Unsubscribe", m->unsubscribe);
	evbuffer_add_printf(out, "<tr><th>TriggerType</th><td>%lld</td></tr>\n",
		(long long)m->trigger_type);
	put_field(out, "SmtpMessageId", m->smtp_message_id);
	put_field(out, "SmtpHeaders", m->smtp_headers);
	put_field(out, "MessageId", m->message_id);
	put_field(out, "RequestId", m->request_id);
	if (m->answer_lost)
		put_field(out, "Note",
			"a fault hid from the caller that this was accepted");
	evbuffer_add_printf(out, "</table>\n");
}

static void put_attachments(struct evbuffer *out, const struct mail *m)
{
	if (m->n_attachments == 0)
		return;
	evbuffer_add_printf(out, "<h2>Attachments</h2><table><tr><th>Name</th><th>Bytes</"
				 "th><th>SHA-256</th></tr>\n");
	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct mail_attachment *a = &m->attachments[i];

		evbuffer_add_printf(out,
			"<tr><td><a href=\"/sandbox/v1/mails/%llu/attachments/%zu\" "
			"download>",
			(unsigned long long)m->seq, i);
		put_text(out, a->name);
		evbuffer_add_printf(out,
			"</a></td><td class=\"num\">%zu</td><td>%s</td></tr>\n",
			a->content.len, a->sha256);
	}
	evbuffer_add_printf(out, "</table>\n");
}

static void page_mail(const struct mail *m, struct evbuffer *out)
{
	put_start(out, "SES sandbox: mail");
	put_fields(out, m);
	put_attachments(out, m);
	if (m->html.bytes != NULL) {
		evbuffer_add_printf(out, "<h2>HTML</h2><iframe sandbox srcdoc=\"");
		put_text_n(out, m->html.bytes, m->html.len);
		evbuffer_add_printf(
			out, "\"></iframe>\n<details><summary>Source</summary><pre>");
		put_text_n(out, m->html.bytes, m->html.len);
		evbuffer_add_printf(out, "</pre></details>\n");
	}
	if (m->text.bytes != NULL) {
		evbuffer_add_printf(out, "<h2>Text</h2><pre>");
		put_text_n(out, m->text.bytes, m->text.len);
		evbuffer_add_printf(out, "</pre>\n");
	}
	put_end(out);
}

static void put_request_row(struct evbuffer *out, const json_t *r)
{
	const char *result = json_string_value(json_object_get(r, "result"));
	char *body =
		json_dumps(json_object_get(r, "body"), JSON_INDENT(2) | JSON_ENCODE_ANY);
	char *headers_text = json_dumps(json_object_get(r, "headers"), JSON_INDENT(1));

	evbuffer_add_printf(out, "<tr><td class=\"num\">%lld</td><td class=\"time\">",
		(long long)json_integer_value(json_object_get(r, "seq")));
	put_time(out, json_integer_value(json_object_get(r, "time")));
	evbuffer_add_printf(out, "</td><td class=\"word\">");
	put_text(out, json_string_value(json_object_get(r, "action")));
	evbuffer_add_printf(out, "</td><td><span class=\"%s\">",
		strcmp(result, "ok") == 0 ? "ok" : "bad");
	put_text(out, result);
	evbuffer_add_printf(out, "</span> ");
	put_text(out, json_string_value(json_object_get(r, "message")));
	evbuffer_add_printf(out, "<details><summary>Request</summary><pre>");
	put_text(out, headers_text);
	evbuffer_add_printf(out, "\n\n");
	put_text(out, body);
	evbuffer_add_printf(out, "</pre></details></td></tr>\n");
	free(body);
	free(headers_text);
}

static void page_requests(struct sandbox *sb, struct evbuffer *out)
{
	size_t n = json_array_size(sb->log.entries);

	put_start(out, "SES sandbox: API requests");
	evbuffer_add_printf(out, "<table><tr><th>No.</th><th>Time</th><th>Action</th>"
				 "<th>Result</th></tr>\n");
	while (n > 0)
		put_request_row(out, json_array_get(sb->log.entries, --n));
	evbuffer_add_printf(out, "</table>\n");
	put_end(out);
}

static void page_not_found(struct http_answer *answer)
{
	answer->status = 404;
	put_start(answer->body, "SES sandbox: not found");
	evbuffer_add_printf(answer->body, "<p>There is nothing here. API requests are "
					  "POSTed to <code>/</code>.</p>\n");
	put_end(answer->body);
}

void page_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer)
{
	static const char mails[] = "/sandbox/mails/";
	const char *path = req->head->path;
	const struct mail *m = NULL;

	answer->type = "text/html; charset=utf-8";
	answer->extra_headers = headers;
	if (strncmp(path, mails, strlen(mails)) == 0)
		m = mailstore_find(&sb->store, path + strlen(mails));
	if (strcmp(req->head->method, "GET") != 0 &&
		strcmp(req->head->method, "HEAD") != 0) {
		answer->status = 405;
		evbuffer_add_printf(answer->body, "Only GET\n");
	} else if (strcmp(path, "/") == 0 || strcmp(path, "/sandbox") == 0 ||
		   strcmp(path, "/sandbox/") == 0) {
		page_mails(sb, answer->body);
	} else if (strcmp(path, "/sandbox/requests") == 0) {
		page_requests(sb, answer->body);
	} else if (m != NULL) {
		page_mail(m, answer->body);
	} else {
		page_not_found(answer);
	}
}
