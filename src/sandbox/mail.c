/* SPDX-License-Identifier: MIT */
/* A mail as SendEmail's parameters describe it, decoded. */
#include "sandbox/mail.h"

#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The header that the gateway sends its delivery id in; the event webhook echoes it. */
#define DELIVERY_HEADER "X-Tencentcloudses-Cb-Sesrelay"

static char *dup_string(const json_t *params, const char *name)
{
	const json_t *v = json_object_get(params, name);

	return json_is_string(v) ? mem_strdup(json_string_value(v)) : NULL;
}

static void read_strings(const json_t *params, const char *name, struct strings *out)
{
	const json_t *list = json_object_get(params, name), *v;
	size_t i;

	json_array_foreach (list, i, v)
		strings_add(out, json_string_value(v));
}

static int decode(const json_t *v, struct mail_part *out)
{
	return digest_base64_decode(
		json_string_value(v), json_string_length(v), &out->bytes, &out->len);
}

static int read_simple(struct mail *m, const json_t *simple, struct api_error *err)
{
	const json_t *html = json_object_get(simple, "Html");
	const json_t *text = json_object_get(simple, "Text");

	m->has_simple = true;
	if (json_is_string(html) && json_string_length(html) > 0 &&
		decode(html, &m->html) != 0)
		return api_refuse(err, "InvalidParameterValue.EmailContentIsWrong",
			"The value of parameter `Simple.Html` is not base64.");
	if (json_is_string(text) && json_string_length(text) > 0 &&
		decode(text, &m->text) != 0)
		return api_refuse(err, "InvalidParameterValue.EmailContentIsWrong",
			"The value of parameter `Simple.Text` is not base64.");
	return 0;
}

static void read_template(struct mail *m, const json_t *template)
{
	m->has_template = true;
	m->template_id = json_integer_value(json_object_get(template, "TemplateID"));
	m->template_data = dup_string(template, "TemplateData");
}

static int read_attachments(struct mail *m, const json_t *list, struct api_error *err)
{
	const json_t *v;
	size_t i;

	m->attachments = mem_array(json_array_size(list), sizeof(*m->attachments));
	json_array_foreach (list, i, v) {
		struct mail_attachment *a = &m->attachments[m->n_attachments++];
		const json_t *content = json_object_get(v, "Content");

		a->name = dup_string(v, "FileName");
		if (json_string_length(json_object_get(v, "FileURL")) > 0)
			return api_refuse(err, "FailedOperation.FileURLNotExist",
				"FileURL is not open for use: send Content.");
		if (!json_is_string(content) || decode(content, &a->content) != 0)
			return api_refuse(err,
				"InvalidParameterValue.AttachContentIsWrong",
				"The value of parameter `Attachments.%zu.Content` is not "
				"base64.",
				i);
		digest_sha256_hex(a->content.bytes, a->content.len, a->sha256);
		m->memory += a->content.len;
	}
	return 0;
}

int mail_from_params(const json_t *params, struct mail **mail, struct api_error *err)
{
	struct mail *m = mem_alloc(sizeof(*m));
	const json_t *simple = json_object_get(params, "Simple");
	const json_t *template = json_object_get(params, "Template");

	m->from = dup_string(params, "FromEmailAddress");
	m->subject = dup_string(params, "Subject");
	read_strings(params, "Destination", &m->to);
	read_strings(params, "Cc", &m->cc);
	read_strings(params, "Bcc", &m->bcc);
	m->reply_to = dup_string(params, "ReplyToAddresses");
	m->header_from = dup_string(params, "HeaderFrom");
	m->unsubscribe = dup_string(params, "Unsubscribe");
	m->smtp_message_id = dup_string(params, "SmtpMessageId");
	m->smtp_headers = dup_string(params, "SmtpHeaders");
	m->trigger_type = json_integer_value(json_object_get(params, "TriggerType"));
	if (json_is_object(template))
		read_template(m, template);
	if (json_is_object(simple) && read_simple(m, simple, err) != 0)
		goto fail;
	if (read_attachments(m, json_object_get(params, "Attachments"), err) != 0)
		goto fail;
	m->memory += m->text.len + m->html.len + 4096;
	*mail = m;
	return 0;
fail:
	mail_free(&m);
	return -1;
}

void mail_free(struct mail **mp)
{
	struct mail *m = *mp;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_attachments; i++) {
		free(m->attachments[i].name);
		free(m->attachments[i].content.bytes);
	}
	free(m->attachments);
	free(m->from);
	free(m->subject);
	strings_free(&m->to);
	strings_free(&m->cc);
	strings_free(&m->bcc);
	free(m->reply_to);
	free(m->header_from);
	free(m->unsubscribe);
	free(m->smtp_message_id);
	free(m->smtp_headers);
	free(m->text.bytes);
	free(m->html.bytes);
	free(m->template_data);
	free(m);
	*mp = NULL;
}

char *mail_bare_address(const char *mailbox)
{
	const char *open = strrchr(mailbox, '<');
	size_t len;

	if (open == NULL)
		return mem_strdup(mailbox);
	len = strcspn(open + 1, ">");
	return mem_strndup(open + 1, len);
}

/* The caller owns it; NULL: none. */
static char *delivery_id(const struct mail *m)
{
	json_t *headers =
		m->smtp_headers == NULL ? NULL : json_loads(m->smtp_headers, 0, NULL);
	const char *key;
	char *out = NULL;
	json_t *v;

	json_object_foreach (headers, key, v) {
		if (out == NULL && strcasecmp(key, DELIVERY_HEADER) == 0 &&
			json_is_string(v))
			out = mem_strdup(json_string_value(v));
	}
	json_decref(headers);
	return out;
}

json_t *mail_summary_json(const struct mail *m)
{
	char *delivery = delivery_id(m);
	json_t *o = json_object();

	json_object_set_new(o, "seq", json_integer((json_int_t)m->seq));
	json_object_set_new(o, "time", json_integer(m->time));
	json_object_set_new(o, "message_id", json_text(m->message_id));
	json_object_set_new(o, "request_id", json_text(m->request_id));
	json_object_set_new(o, "from", json_text(m->from));
	json_object_set_new(o, "to", json_strings(&m->to));
	json_object_set_new(o, "cc", json_strings(&m->cc));
	json_object_set_new(o, "bcc", json_strings(&m->bcc));
	json_object_set_new(o, "subject", json_text(m->subject));
	json_object_set_new(o, "smtp_message_id", json_text(m->smtp_message_id));
	json_object_set_new(o, "smtp_headers", json_text(m->smtp_headers));
	json_object_set_new(o, "delivery_id", json_text(delivery));
	json_object_set_new(o, "template_id",
		m->has_template ? json_integer(m->template_id) : json_null());
	json_object_set_new(o, "attachments", json_integer((json_int_t)m->n_attachments));
	json_object_set_new(o, "body_sha256", json_text(m->body_sha256));
	json_object_set_new(o, "body_size", json_integer((json_int_t)m->body_size));
	json_object_set_new(o, "fault",
		m->fault != 0 ? json_integer((json_int_t)m->fault) : json_null());
	json_object_set_new(o, "answer_lost", json_boolean(m->answer_lost));
	free(delivery);
	return o;
}

/* Text as a string; what is no UTF-8 additionally as base64, byte for byte. */
static void put_part(json_t *o, const char *name, const struct mail_part *part)
{
	char *key, *base64;

	if (part->bytes == NULL) {
		json_object_set_new(o, name, json_null());
		return;
	}
	json_object_set_new(o, name, json_text_n(part->bytes, part->len));
	if (utf8_is_valid(part->bytes, part->len))
		return;
	key = mem_printf("%s_base64", name);
	base64 = digest_base64_encode(part->bytes, part->len);
	json_object_set_new(o, key, json_text(base64));
	free(base64);
	free(key);
}

static json_t *attachments_json(const struct mail *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct mail_attachment *a = &m->attachments[i];
		json_t *o = json_object();

		json_object_set_new(o, "name", json_text(a->name));
		json_object_set_new(o, "size", json_integer((json_int_t)a->content.len));
		json_object_set_new(o, "sha256", json_text(a->sha256));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *mail_json(const struct mail *m)
{
	json_t *o = mail_summary_json(m);

	json_object_set_new(o, "reply_to", json_text(m->reply_to));
	json_object_set_new(o, "header_from", json_text(m->header_from));
	json_object_set_new(o, "unsubscribe", json_text(m->unsubscribe));
	json_object_set_new(o, "trigger_type", json_integer(m->trigger_type));
	json_object_set_new(o, "simple", json_boolean(m->has_simple));
	json_object_set_new(o, "template_data", json_text(m->template_data));
	put_part(o, "text", &m->text);
	put_part(o, "html", &m->html);
	json_object_set_new(o, "attachments", attachments_json(m));
	return o;
}
