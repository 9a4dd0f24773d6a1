/* SPDX-License-Identifier: MIT */
/* Addresses and texts are brought to one plain spelling here, and compared. */
#include "delivery/hidden.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/utf8.h"
#include "mail/rfc2047.h"

#include <stdlib.h>
#include <string.h>

/* Escapes within escapes ("%2540"), and encoded words within encoded words. */
#define DEPTH_MAX 4

struct hidden {
	char **keys; /* sorted, none the beginning of another; owned */
	size_t n, cap;
};

/* --- one plain spelling ----------------------------------------------------------------- */

/* "%40" and "=40" are escapes for some writers and "local%domain", "local=domain" for
 * others: a text is read in all ways. */
enum reading {
	READ_PLAIN = 0,
	READ_PERCENT = 1,
	READ_EQUALS = 2,
	READINGS = 4,
};

/* The number in digits hex digits at p, or -1. p ends with NUL, which is no digit. */
static int hex_number(const char *p, int digits)
{
	int n = 0;

	for (int i = 0; i < digits; i++) {
		if (ascii_hex(p[i]) < 0)
			return -1;
		n = n * 16 + ascii_hex(p[i]);
	}
	return n;
}

/* "&#64;", "&#x40;": of ASCII. Returns its length, or 0. */
static size_t html_escape(const char *p, int *c)
{
	bool hex = p[1] == '#' && ascii_lower(p[2]) == 'x';
	const char *digits = p + (hex ? 3 : 2);
	char *end;
	unsigned long n;

	if (p[1] != '#' || ascii_hex(*digits) < 0)
		return 0;
	n = strtoul(digits, &end, hex ? 16 : 10);
	if (n == 0 || n > 0x7f)
		return 0;
	*c = (int)n;
	return (size_t)(end - p) + (*end == ';');
}

/* The escape at p: its length, and the byte that it stands for in *c; 0 where there is
 * none. */
static size_t escape_at(const char *p, unsigned reading, int *c)
{
	if ((*p == '%' && (reading & READ_PERCENT) != 0) ||
		(*p == '=' && (reading & READ_EQUALS) != 0)) {
		*c = hex_number(p + 1, 2);
		return *c > 0 ? 3 : 0;
	}
	if (*p == '\\' && ascii_lower(p[1]) == 'u') {
		*c = hex_number(p + 2, 4);
		return *c > 0 && *c < 0x80 ? 6 : 0;
	}
	return *p == '&' ? html_escape(p, c) : 0;
}

/* Replaces escapes in place; whether there were any. */
static bool unescape(char *s, unsigned reading)
{
	char *to = s;
	bool any = false;

	while (*s != '\0') {
		int c = 0;
		size_t n = escape_at(s, reading, &c);

		*to++ = n > 0 ? (char)c : *s;
		any |= n > 0;
		s += n > 0 ? n : 1;
	}
	*to = '\0';
	return any;
}

/* The ASCII character that readers take cp for; 0 where they see nothing of it; cp else. */
static uint32_t look_of(uint32_t cp)
{
	if (cp >= 0xff01 && cp <= 0xff5e)
		return cp - 0xff01 + '!'; /* full width */
	if (cp == 0xfe6b)
		return '@';
	if (cp == 0x3002 || cp == 0xff61)
		return '.';
	if (cp <= ' ' || cp == '"' || cp == '\\' || (cp >= 0x80 && utf8_is_unseen(cp)))
		return 0;
	return cp;
}

static bool is_separator(uint32_t c)
{
	return c < 0x80 && memchr("@=%#!", (int)c, 5) != NULL;
}

/* In place: without white space, quotes and what nobody sees, in lower case, and every
 * character that may stand between the halves of an address as '@'. */
static void squeeze(char *s)
{
	struct span in = span_of(s);
	char *to = s;

	while (in.len > 0) {
		uint32_t cp = 0;
		size_t n = utf8_next(in, &cp);
		uint32_t c = n > 0 ? look_of(cp) : (unsigned char)in.p[0];

		n = n > 0 ? n : 1;
		if (c != 0 && c == cp && n > 1) {
			memmove(to, in.p, n);
			to += n;
		} else if (c != 0) {
			*to++ = is_separator(c) ? '@' : ascii_lower((char)c);
		}
		in = span_make(in.p + n, in.len - n);
	}
	*to = '\0';
}

/* --- the hidden ones ---------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *make_key(const char *address)
{
	char *key = mem_strdup(address);

	squeeze(key);
	return key;
}

static bool is_shown(char **shown, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(shown[i], key) == 0)
			return true;
	return false;
}

/* As it is written, and turned round, as SRS does it. */
static void add_keys(struct hidden *h, const char *address)
{
	const char *at = strrchr(address, '@');
	char *turned;

	if (at == NULL || at == address || at[1] == '\0')
		return;
	turned = mem_sprintf("%s@%.*s", at + 1, (int)(at - address), address);
	mem_grow(&h->keys, &h->cap, h->n + 2, sizeof(*h->keys));
	h->keys[h->n++] = make_key(address);
	h->keys[h->n++] = make_key(turned);
	free(turned);
}

/* Sorts them, and drops those that begin with another: what names them names it as well. */
static void order_keys(struct hidden *h)
{
	size_t n = 0;

	if (h->n > 0)
		qsort(h->keys, h->n, sizeof(*h->keys), compare_keys);
	for (size_t i = 0; i < h->n; i++) {
		char *key = h->keys[i];

		if (n > 0 && strncmp(h->keys[n - 1], key, strlen(h->keys[n - 1])) == 0)
			free(key);
		else
			h->keys[n++] = key;
	}
	h->n = n;
}

/* The only batch of the route; NULL if it has several: no two show the same recipient. */
static const struct batch *only_batch(
	const struct batches *batches, const struct conf_route *route)
{
	const struct batch *found = NULL;

	for (size_t i = 0; i < batches->n; i++) {
		if (batches->items[i].route != route)
			continue;
		if (found != NULL)
			return NULL;
		found = &batches->items[i];
	}
	return found;
}

struct hidden *hidden_new(const struct batches *batches, const struct conf_route *route,
	const struct envelope *envelope)
{
	const struct batch *batch = only_batch(batches, route);
	struct hidden *h = mem_new(1, sizeof(*h));
	char *shown[SES_TO_MAX + SES_CC_MAX];
	size_t n = 0;

	for (size_t i = 0; batch != NULL && i < batch->n_to + batch->n_cc; i++)
		shown[n++] = make_key(batch_recipient(batch, i));
	for (size_t i = 0; i < envelope->n_recipients; i++) {
		char *key = make_key(envelope->recipients[i]);

		if (!is_shown(shown, n, key))
			add_keys(h, envelope->recipients[i]);
		free(key);
	}
	while (n > 0)
		free(shown[--n]);
	order_keys(h);
	return h;
}

void hidden_free(struct hidden **hp)
{
	struct hidden *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		free(h->keys[i]);
	free(h->keys);
	free(h);
}

/* --- the search ----------------------------------------------------------------------------- */

/* Whether a key stands at the start of text. The greatest key that is not greater than the
 * text is the only one that can, for none is the beginning of another. */
static bool starts_with_key(const struct hidden *h, const char *text)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(h->keys[middle], text) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && strncmp(h->keys[low - 1], text, strlen(h->keys[low - 1])) == 0;
}

static bool is_named_by_reading(
	const struct hidden *h, const char *text, unsigned reading)
{
	char *s = mem_strdup(text);
	bool found = false;

	for (int i = 0; i < DEPTH_MAX && unescape(s, reading); i++)
		;
	squeeze(s);
	if (strchr(s, '@') != NULL)
		for (const char *p = s; *p != '\0' && !found; p++)
			found = starts_with_key(h, p);
	free(s);
	return found;
}

static bool is_named_as_it_stands(const struct hidden *h, const char *text)
{
	for (unsigned r = READ_PLAIN; r < READINGS; r++) {
		if (((r & READ_PERCENT) != 0 && strchr(text, '%') == NULL) ||
			((r & READ_EQUALS) != 0 && strchr(text, '=') == NULL))
			continue;
		if (is_named_by_reading(h, text, r))
			return true;
	}
	return false;
}

bool hidden_is_named(const struct hidden *h, const char *text)
{
	struct decode_notes notes = {0};
	char *decoded = NULL, *more;
	bool found;

	if (h == NULL || h->n == 0)
		return false;
	found = is_named_as_it_stands(h, text);
	for (int i = 0; i < DEPTH_MAX && !found && strstr(text, "=?") != NULL; i++) {
		more = rfc2047_string(span_of(text), NULL, &notes);
		free(decoded);
		text = decoded = more;
		found = is_named_as_it_stands(h, text);
	}
	free(decoded);
	return found;
}
