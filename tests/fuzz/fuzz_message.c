/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a message. What comes out must be what the API may be
 * given: valid UTF-8 without control characters in every field, and names that are there.
 */
#include "core/utf8.h"
#include "mail/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char gb18030[] = "gb18030", big5[] = "big5", windows_1252[] = "windows-1252";
static char *charset_names[] = {gb18030, big5, windows_1252};

/* Small, so that inputs of a few kilobytes reach them. */
static const struct conf_limits limits = {
	.header_lines = 60,
	.header_bytes = 4096,
	.address_tokens = 200,
	.parts = 30,
	.nesting = 8,
	.hops = 5,
};

static void init_once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	message_library_init();
	(void)atexit(message_library_shutdown);
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(const char *s)
{
	check(s != NULL && utf8_valid(span_of(s)));
	for (; *s != '\0'; s++)
		check((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void check_list(const struct mailbox_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		check_line(l->items[i].name);
		check_line(l->items[i].address);
		check(strchr(l->items[i].address, '@') != NULL);
	}
}

static void check_attachment(const struct attachment *a, struct span raw)
{
	check_line(a->filename);
	check(a->filename[0] != '\0' && strpbrk(a->filename, "?\\*|\"<>:/ ") == NULL);
	check_line(a->content_type);
	check_line(a->content_id);
	if (a->is_base64)
		check(a->base64.p >= raw.p &&
			a->base64.p + a->base64.len <= raw.p + raw.len &&
			a->base64_chars % 4 == 0);
}

static void check_message(const struct message *m, struct span raw)
{
	check_line(m->from.name);
	check_line(m->from.address);
	check(m->from.address[0] != '\0');
	check_line(m->sender.name);
	check_line(m->sender.address);
	check_list(&m->reply_to);
	check_list(&m->to);
	check_list(&m->cc);
	check_line(m->subject);
	check_line(m->message_id);
	for (size_t i = 0; i < m->n_headers; i++) {
		check_line(m->headers[i].name);
		check_line(m->headers[i].value);
	}
	check(utf8_valid(span_make(m->text.data, m->text.len)));
	check(utf8_valid(span_make(m->html.data, m->html.len)));
	for (size_t i = 0; i < m->n_attachments; i++)
		check_attachment(&m->attachments[i], raw);
	for (size_t i = 0; i < m->n_losses; i++)
		check_line(m->losses[i].detail);
}

/* The first byte chooses the policies, the rest is the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum conf_policy choices[] = {CONF_ATTACH, CONF_DROP, CONF_CONVERT};
	enum conf_policy policy = choices[size > 0 ? data[0] % 3 : 0];
	enum conf_policy other = policy == CONF_CONVERT ? CONF_ATTACH : policy;
	const struct conf_mail mail = {
		.charsets = {.items = charset_names, .n = ARRAY_LEN(charset_names)},
		.inline_image = other,
		.calendar = other,
		.tnef = other,
		.signature = other,
		.encrypted = CONF_ATTACH,
		.report = policy,
	};
	struct budget budget = {.limit = (size_t)4 << 20};
	struct message_refusal why;
	struct message *m;
	struct span raw;

	init_once();
	if (size == 0)
		return 0;
	raw = span_make((const char *)data + 1, size - 1);
	if (message_parse(&m, raw, &limits, &mail, &budget, &why) == 0)
		check_message(m, raw);
	else
		check(m == NULL && (why.code == 554 || why.code == 452));
	message_free(&m);
	check(budget.used == 0);
	return 0;
}
