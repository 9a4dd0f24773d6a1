/* SPDX-License-Identifier: MIT */
/*
 * Prints, as one line of JSON for each file named, what src/mail makes of a message: for
 * scripts that compare it with other parsers. Bare LF line ends become CRLF first.
 */
#include "core/base64.h"
#include "core/digest.h"
#include "core/mem.h"
#include "mail/message.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)64 << 20)

static char gb18030[] = "gb18030", big5[] = "big5", shift_jis[] = "shift_jis",
	    windows_1252[] = "windows-1252";
static char *charset_names[] = {gb18030, big5, shift_jis, windows_1252};

static const struct conf_limits limits = {
	.header_lines = 1000,
	.header_bytes = 102400,
	.address_tokens = 10240,
	.parts = 1000,
	.nesting = 100,
	.hops = 50,
};

static const struct conf_mail policy = {
	.charsets = {.items = charset_names, .n = 4},
	.inline_image = CONF_ATTACH,
	.calendar = CONF_ATTACH,
	.tnef = CONF_ATTACH,
	.signature = CONF_ATTACH,
	.encrypted = CONF_ATTACH,
	.report = CONF_ATTACH,
};

static int read_file(const char *name, struct buf *out)
{
	FILE *f = fopen(name, "rb");
	char last = '\0';
	int c, rc = 0;

	if (f == NULL)
		return -1;
	while (rc == 0 && (c = getc(f)) != EOF) {
		if (c == '\n' && last != '\r')
			rc = buf_append_byte(out, '\r');
		if (rc == 0)
			rc = buf_append_byte(out, (char)c);
		last = (char)c;
	}
	(void)fclose(f);
	return rc;
}

static json_t *dump_mailbox(const struct mailbox *m)
{
	return json_pack("[s,s]", m->name, m->address);
}

static json_t *dump_list(const struct mailbox_list *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, dump_mailbox(&l->items[i]));
	return a;
}

static json_t *dump_attachment(const struct attachment *a)
{
	char hex[DIGEST_HEX_LEN];
	uint8_t digest[DIGEST_LEN];
	struct buf bytes;
	json_t *o;

	buf_init(&bytes, FILE_MAX, NULL);
	if (a->is_base64) {
		if (base64_decode(&bytes, a->base64, NULL) < 0)
			abort();
	} else if (buf_append(&bytes, a->bytes.data, a->bytes.len) < 0) {
		abort();
	}
	digest_sha256(bytes.data, bytes.len, digest);
	digest_hex(digest, hex);
	o = json_pack("{s:s,s:s,s:s,s:b,s:I,s:s}", "filename", a->filename, "type",
		a->content_type, "cid", a->content_id, "base64", a->is_base64, "size",
		(json_int_t)bytes.len, "sha256", hex);
	buf_free(&bytes);
	return o;
}

static json_t *dump_body(bool has, const struct buf *b)
{
	return has ? json_stringn(b->data, b->len) : json_null();
}

static json_t *dump_message(const struct message *m)
{
	json_t *headers = json_array(), *attachments = json_array(),
	       *losses = json_array();

	for (size_t i = 0; i < m->n_headers; i++)
		json_array_append_new(headers,
			json_pack("[s,s]", m->headers[i].name, m->headers[i].value));
	for (size_t i = 0; i < m->n_attachments; i++)
		json_array_append_new(attachments, dump_attachment(&m->attachments[i]));
	for (size_t i = 0; i < m->n_losses; i++)
		json_array_append_new(losses,
			json_pack("[s,s]", conversion_loss_name(m->losses[i].kind),
				m->losses[i].detail));
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "from",
		dump_mailbox(&m->from), "sender", dump_mailbox(&m->sender), "reply_to",
		dump_list(&m->reply_to), "to", dump_list(&m->to), "cc", dump_list(&m->cc),
		"subject", m->subject, "message_id", m->message_id, "headers", headers,
		"text", dump_body(m->has_text, &m->text), "html",
		dump_body(m->has_html, &m->html), "attachments", attachments, "losses",
		losses);
}

static json_t *dump_file(const char *name)
{
	struct message_refusal why;
	struct message *m = NULL;
	struct buf raw;
	json_t *o;

	buf_init(&raw, FILE_MAX, NULL);
	if (read_file(name, &raw) < 0)
		o = json_pack("{s:s}", "error", "cannot be read");
	else if (message_parse(&m, span_make(raw.data, raw.len), &limits, &policy, NULL,
			 &why) < 0)
		o = json_pack("{s:i,s:s,s:s}", "code", (int)why.code, "enhanced",
			why.enhanced, "refusal", why.text);
	else
		o = dump_message(m);
	if (o != NULL)
		json_object_set_new(o, "file", json_string(name));
	message_free(&m);
	buf_free(&raw);
	return o;
}

int main(int argc, char **argv)
{
	message_library_init();
	for (int i = 1; i < argc; i++) {
		json_t *o = dump_file(argv[i]);

		if (o == NULL) {
			(void)fprintf(stderr, "%s: a field is no UTF-8\n", argv[i]);
			return 1;
		}
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(o);
	}
	message_library_shutdown();
	return 0;
}
