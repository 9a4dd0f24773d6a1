/* SPDX-License-Identifier: MIT */
/* Finds, joins and converts encoded words. */
#include "mail/rfc2047.h"

#include "core/base64.h"
#include "core/utf8.h"
#include "mail/charset.h"

#include <errno.h>

#define CHARSET_MAX 40
/* UTF-8 for one byte of a header: no converter makes more of it. */
#define GROWTH 8
#define ROOM   256

struct word {
	char charset[CHARSET_MAX + 1];
	char encoding; /* 'b' or 'q' */
	struct span text;
	size_t len; /* of the whole word */
};

/* The state of decoding: bytes of words that wait for the next in the same charset. */
struct decoding {
	struct buf *out; /* UTF-8, not yet cleaned */
	struct buf pending;
	char charset[CHARSET_MAX + 1];
	struct span raw; /* the encoded words, for an unknown charset */
	const struct conf_list *charsets;
	struct decode_notes *notes;
};

/* --- one word ------------------------------------------------------------------- */

/* The text ends at "?="; in a folded value it may go over line ends. */
static bool find_text(struct span s, size_t start, struct word *w)
{
	for (size_t i = start; i + 1 < s.len; i++) {
		if (s.p[i] == '?' && s.p[i + 1] == '=') {
			w->text = span_make(s.p + start, i - start);
			w->len = i + 2;
			return true;
		}
		/* Another word opens before this one is closed, so this is no word.
		 * (Padding before the end looks much the same.) */
		if (s.p[i] == '=' && s.p[i + 1] == '?' && i > start &&
			(i + 2 == s.len || s.p[i + 2] != '='))
			return false;
	}
	return false;
}

static bool parse_word(struct span s, struct word *w)
{
	size_t i = 2, n = 0;

	if (s.len < 8 || s.p[0] != '=' || s.p[1] != '?')
		return false;
	for (; i < s.len && s.p[i] != '?'; i++) {
		if (n == CHARSET_MAX || s.p[i] == ' ' || ascii_iscntrl(s.p[i]))
			return false;
		w->charset[n++] = s.p[i];
	}
	w->charset[n] = '\0';
	if (n == 0 || i + 3 >= s.len || s.p[i + 2] != '?')
		return false;
	w->charset[strcspn(w->charset, "*")] = '\0';
	w->encoding = ascii_lower(s.p[i + 1]);
	if (w->encoding != 'b' && w->encoding != 'q')
		return false;
	return find_text(s, i + 3, w);
}

size_t rfc2047_word_len(struct span s)
{
	struct word w;

	return parse_word(s, &w) ? w.len : 0;
}

static int decode_q(struct buf *out, struct span in)
{
	char c;

	for (size_t i = 0; i < in.len; i++) {
		c = in.p[i];
		if (c == '_')
			c = ' ';
		else if (c == '\r' || c == '\n')
			continue;
		else if (c == '=' &&
			 span_hex_byte(span_make(in.p + i + 1, in.len - i - 1), &c))
			i += 2;
		if (buf_append_byte(out, c) < 0)
			return -1;
	}
	return 0;
}

/* --- a value -------------------------------------------------------------------- */

/* Raw text: line ends of folds are removed, the charset is guessed. */
static int append_raw(struct decoding *d, struct span text)
{
	struct buf unfolded;
	size_t bad = 0;
	int rc = 0;

	buf_init(&unfolded, text.len, NULL);
	for (size_t i = 0; i < text.len && rc == 0; i++)
		if (text.p[i] != '\r' && text.p[i] != '\n')
			rc = buf_append_byte(&unfolded, text.p[i]);
	if (rc == 0)
		rc = charset_guess(d->out, span_make(unfolded.data, unfolded.len),
			d->charsets, &bad);
	if (bad > 0)
		d->notes->characters = true;
	buf_free(&unfolded);
	return rc;
}

static int convert_pending(struct decoding *d)
{
	struct span bytes = span_make(d->pending.data, d->pending.len);
	size_t bad = 0;
	int rc;

	if (charset_is_ascii(d->charset) && !utf8_is_ascii(bytes))
		rc = charset_guess(d->out, bytes, d->charsets, &bad);
	else
		rc = charset_convert(d->out, bytes, d->charset, &bad);
	if (rc < 0 && errno == EINVAL && utf8_is_ascii(bytes))
		return buf_append(d->out, bytes.p, bytes.len);
	if (rc < 0 && errno == EINVAL) {
		d->notes->characters = true;
		rc = append_raw(d, d->raw);
	}
	if (bad > 0)
		d->notes->characters = true;
	return rc;
}

/* No further word belongs to those that wait. */
static int flush(struct decoding *d)
{
	int rc = 0;

	if (d->raw.p != NULL)
		rc = convert_pending(d);
	buf_clear(&d->pending);
	d->raw = span_make(NULL, 0);
	return rc;
}

static int append_word(struct decoding *d, const struct word *w, const char *at)
{
	if (d->raw.p != NULL &&
		(!str_ieq(d->charset, w->charset) || charset_is_stateful(d->charset)) &&
		flush(d) < 0)
		return -1;
	if (d->raw.p == NULL) {
		(void)str_copy(d->charset, sizeof(d->charset), w->charset);
		d->raw.p = at;
	}
	d->raw.len = (size_t)(at + w->len - d->raw.p);
	if (w->encoding == 'q')
		return decode_q(&d->pending, w->text);
	return base64_decode(&d->pending, w->text, NULL);
}

/* White space between two words only separates them (RFC 2047 §6.2). */
static bool is_gap(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_isspace(s.p[i]))
			return false;
	return true;
}

static int append_text(struct decoding *d, struct span text)
{
	if (text.len == 0)
		return 0;
	return flush(d) < 0 ? -1 : append_raw(d, text);
}

static int decode_value(struct decoding *d, struct span v)
{
	struct word w;
	size_t text = 0, i = 0;
	struct span gap;

	while (i < v.len) {
		if (v.p[i] != '=' || !parse_word(span_make(v.p + i, v.len - i), &w)) {
			i++;
			continue;
		}
		gap = span_make(v.p + text, i - text);
		if ((d->raw.p == NULL || !is_gap(gap)) && append_text(d, gap) < 0)
			return -1;
		if (append_word(d, &w, v.p + i) < 0)
			return -1;
		i += w.len;
		text = i;
	}
	return append_text(d, span_make(v.p + text, v.len - text));
}

static void trim_end(struct buf *out, size_t start)
{
	size_t len = out->len;

	while (len > start && out->data[len - 1] == ' ')
		len--;
	if (len < out->len)
		buf_set_len(out, len);
}

static int decode(struct buf *out, struct span value, const struct conf_list *charsets,
	struct decode_notes *notes)
{
	struct buf text;
	struct decoding d = {.out = &text, .charsets = charsets, .notes = notes};
	size_t start = out->len;
	bool changed = false;
	int rc;

	value = span_trim(value);
	buf_init(&text, GROWTH * value.len + ROOM, NULL);
	buf_init(&d.pending, value.len, NULL);
	rc = decode_value(&d, value);
	if (rc == 0)
		rc = flush(&d);
	if (rc == 0)
		rc = utf8_clean_line(
			out, span_trim(span_make(text.data, text.len)), &changed);
	if (changed)
		notes->controls = true;
	if (rc == 0)
		trim_end(out, start);
	buf_free(&d.pending);
	buf_free(&text);
	return rc;
}

char *rfc2047_string(
	struct span value, const struct conf_list *charsets, struct decode_notes *notes)
{
	struct buf out;

	buf_init(&out, 4 * GROWTH * value.len + ROOM, NULL);
	if (decode(&out, value, charsets, notes) < 0)
		buf_clear(&out);
	return buf_take(&out);
}
