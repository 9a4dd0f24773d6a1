/* SPDX-License-Identifier: MIT */
/* Decodes text parts, and joins them if a message has several. */
#include "mail/body.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "mail/charset.h"
#include "mail/conversion_loss.h"
#include "mail/refusal.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE SIZE_MAX

/* A piece of the body: a part, or the versions of one that an alternative holds. */
struct body_item {
	size_t alternative; /* index of the outermost one; NOWHERE */
	bool has_text, has_html;
	size_t text_branch, html_branch; /* children of the alternative they came from */
	struct buf text, html;
};

/* --- one part ------------------------------------------------------------------- */

/* Bytes in the part's charset to UTF-8. */
static int convert(struct parse *p, const char *charset, struct span in, struct buf *out)
{
	struct decode_notes notes = {0};
	size_t bad = 0;
	int rc = -1;

	errno = EINVAL;
	if (!charset_is_ascii(charset))
		rc = charset_convert(out, in, charset, &bad);
	if (rc < 0 && errno == EINVAL) {
		notes.characters = !charset_is_ascii(charset) && !utf8_is_ascii(in);
		rc = charset_guess(out, in, &p->policy->charsets, &bad);
	}
	notes.characters |= bad > 0;
	if (notes.characters)
		conversion_loss_add(
			p->m, LOSS_CHARACTERS, "a text part in charset \"%s\"", charset);
	return rc;
}

static void drop_mark(struct buf *out)
{
	if (out->len >= 3 && memcmp(out->data, "\xef\xbb\xbf", 3) == 0)
		buf_consume(out, 3);
}

/* Text holds no NUL. */
static int drop_nul(struct parse *p, struct buf *out)
{
	struct buf clean;
	int rc;

	if (out->len == 0 || memchr(out->data, '\0', out->len) == NULL)
		return 0;
	buf_init(&clean, out->max, p->budget);
	rc = utf8_clean_text(&clean, span_make(out->data, out->len), NULL);
	conversion_loss_add(p->m, LOSS_CONTROL, "NUL in a text part");
	buf_free(out);
	*out = clean;
	return rc;
}

/* The part's text as UTF-8; *out is initialised here, and the caller's in any case. */
static int decode_part(struct parse *p, const struct part *part, struct buf *out)
{
	const char *charset = content_param(&part->type, "charset");
	struct span bytes = part->body;
	struct buf decoded;
	bool dirty = false;
	int rc = 0;

	buf_init(out, parse_room(bytes.len), p->budget);
	buf_init(&decoded, parse_room(bytes.len), p->budget);
	if (part->transfer != TRANSFER_IDENTITY && part->transfer != TRANSFER_UNKNOWN) {
		rc = transfer_decode(&decoded, bytes, part->transfer, &dirty);
		bytes = span_make(decoded.data, decoded.len);
	}
	if (part->transfer == TRANSFER_UNKNOWN)
		conversion_loss_add(p->m, LOSS_HEADER,
			"Content-Transfer-Encoding %s is not known", part->encoding);
	if (dirty)
		conversion_loss_add(p->m, LOSS_BASE64, "a text part");
	if (rc == 0)
		rc = convert(p, charset, bytes, out);
	buf_free(&decoded);
	if (rc == 0) {
		drop_mark(out);
		rc = drop_nul(p, out);
	}
	return rc < 0 ? refusal_no_room(p->why, errno) : 0;
}

/* --- items ---------------------------------------------------------------------- */

/* The outermost alternative that the part is in, and by which of its children. */
static size_t find_alternative(const struct parse *p, size_t index, size_t *branch)
{
	const struct part *parts = p->parts.items;
	size_t found = NOWHERE;

	*branch = 0;
	for (size_t i = index; parts[i].parent != i; i = parts[i].parent)
		if (str_ieq(parts[parts[i].parent].type.value, "multipart/alternative")) {
			found = parts[i].parent;
			*branch = parts[i].ordinal;
		}
	return found;
}

static struct body_item *find_item(struct parse *p, size_t alternative)
{
	struct body_item *item;

	for (size_t i = 0; i < p->n_items && alternative != NOWHERE; i++)
		if (p->items[i].alternative == alternative)
			return &p->items[i];
	mem_grow(&p->items, &p->items_cap, p->n_items + 1, sizeof(*p->items));
	item = &p->items[p->n_items++];
	*item = (struct body_item){.alternative = alternative};
	buf_init(&item->text, 0, p->budget);
	buf_init(&item->html, 0, p->budget);
	return item;
}

/* Appends more on a line of its own; more is empty afterwards. */
static int join(struct buf *to, struct buf *more)
{
	int rc = 0;

	if (to->len == 0) {
		buf_free(to);
		*to = *more;
		buf_init(more, 0, NULL);
		return 0;
	}
	to->max += more->len + 2;
	if (more->len > 0 && to->data[to->len - 1] != '\n')
		rc = buf_append(to, "\r\n", 2);
	if (rc == 0)
		rc = buf_append(to, more->data, more->len);
	buf_free(more);
	return rc;
}

int body_add_part(struct parse *p, size_t index, bool html)
{
	size_t branch;
	struct body_item *item = find_item(p, find_alternative(p, index, &branch));
	bool *has = html ? &item->has_html : &item->has_text;
	size_t *from = html ? &item->html_branch : &item->text_branch;
	struct buf text;
	int rc;

	/* A second version of the same kind repeats the first. */
	if (*has && item->alternative != NOWHERE && *from != branch) {
		conversion_loss_add(p->m, LOSS_ALTERNATIVE, "a second %s",
			p->parts.items[index].type.value);
		return 0;
	}
	*has = true;
	*from = branch;
	rc = decode_part(p, &p->parts.items[index], &text);
	if (rc < 0) {
		buf_free(&text);
		return -1;
	}
	rc = join(html ? &item->html : &item->text, &text);
	return rc < 0 ? refusal_no_room(p->why, errno) : 0;
}

bool body_has(const struct parse *p, bool html)
{
	for (size_t i = 0; i < p->n_items; i++)
		if (html ? p->items[i].has_html : p->items[i].has_text)
			return true;
	return false;
}

/* --- the whole ------------------------------------------------------------------ */

static const char *html_escape(char c)
{
	return c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;";
}

/* Plain text among HTML parts: readers of the HTML must see it too. */
static int text_to_html(struct parse *p, const struct buf *text, struct buf *html)
{
	static const char open[] = "<pre style=\"white-space: pre-wrap\">";
	int rc;

	buf_init(html, parse_room(text->len), p->budget);
	rc = buf_append_str(html, open);
	for (size_t i = 0, n; i < text->len && rc == 0; i += n + 1) {
		n = strcspn(text->data + i, "&<>"); /* holds no NUL: drop_nul() */
		rc = buf_append(html, text->data + i, n);
		if (rc == 0 && i + n < text->len)
			rc = buf_append_str(html, html_escape(text->data[i + n]));
	}
	return rc == 0 ? buf_append_str(html, "</pre>\r\n") : rc;
}

/* Before the texts are joined, because it needs each of them. */
static int finish_html(struct parse *p)
{
	struct buf made;

	p->m->has_html = body_has(p, true);
	for (size_t i = 0; i < p->n_items && p->m->has_html; i++) {
		struct body_item *item = &p->items[i];
		int rc = 0;

		if (item->has_html)
			rc = join(&p->m->html, &item->html);
		else if (item->text.len > 0) {
			rc = text_to_html(p, &item->text, &made);
			if (rc == 0)
				rc = join(&p->m->html, &made);
			else
				buf_free(&made);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int finish_text(struct parse *p)
{
	p->m->has_text = body_has(p, false);
	for (size_t i = 0; i < p->n_items && p->m->has_text; i++)
		if (p->items[i].has_text && join(&p->m->text, &p->items[i].text) < 0)
			return -1;
	return 0;
}

/*
 * A text without the beginning of the HTML is no alternative to it: if the first item is HTML
 * only and a later one text only (a footer), the text would hide the message.
 */
static bool text_is_partial(const struct parse *p)
{
	return p->n_items > 1 && p->items[0].has_html && !p->items[0].has_text;
}

int body_finish(struct parse *p)
{
	if (finish_html(p) < 0)
		return refusal_no_room(p->why, errno);
	if (!text_is_partial(p) && finish_text(p) < 0)
		return refusal_no_room(p->why, errno);
	body_clear(p);
	return 0;
}

void body_clear(struct parse *p)
{
	for (size_t i = 0; i < p->n_items; i++) {
		buf_free(&p->items[i].text);
		buf_free(&p->items[i].html);
	}
	free(p->items);
	p->items = NULL;
	p->n_items = p->items_cap = 0;
}
