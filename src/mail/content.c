/* SPDX-License-Identifier: MIT */
/* Cuts a field into pieces of parameters, joins and decodes them. */
#include "mail/content.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "mail/charset.h"
#include "mail/field.h"

#include <errno.h>
#include <stdlib.h>

/* A higher number is no continuation (RFC 2231 §3 sets no limit). */
#define CONTINUATION_MAX 9999

#define WHOLE (-1)

/* One piece of a parameter: "name*12*=text". */
struct piece {
	struct span name;
	int number; /* WHOLE: no continuation */
	bool extended;
	struct buf text; /* unquoted */
	size_t order;
};

struct pieces {
	struct piece *items;
	size_t n, cap;
};

/* --- cutting -------------------------------------------------------------------- */

/* Passes over white space and comments (RFC 5322 §3.2.2), however deep. */
static void skip_space(struct span *s)
{
	size_t i = 0;

	while (i < s->len && (s->p[i] == '(' || ascii_isspace(s->p[i])))
		i += s->p[i] == '(' ? field_comment_len(span_make(s->p + i, s->len - i))
		                    : 1;
	s->p += i;
	s->len -= i;
}

static void put(struct buf *out, char c)
{
	/* The buffer was given the length of the whole field. */
	if (buf_append_byte(out, c) < 0)
		return;
}

/* A backslash quotes a quote and itself; before any other character it is part of a path, as
 * Windows programs write it. */
static void parse_quoted(struct span *s, struct buf *out)
{
	size_t i = 1;

	for (; i < s->len && s->p[i] != '"'; i++) {
		if (s->p[i] == '\\' && i + 1 < s->len &&
			(s->p[i + 1] == '"' || s->p[i + 1] == '\\'))
			i++;
		if (s->p[i] != '\r' && s->p[i] != '\n')
			put(out, s->p[i]);
	}
	i += i < s->len;
	s->p += i;
	s->len -= i;
}

/* Unquoted values end at the semicolon and may hold spaces: "filename=my file.pdf". */
static void parse_bare(struct span *s, struct buf *out)
{
	const char *end = memchr(s->p, ';', s->len);
	size_t n = end != NULL ? (size_t)(end - s->p) : s->len;
	struct span text = span_trim(span_make(s->p, n));

	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] != '\r' && text.p[i] != '\n')
			put(out, text.p[i]);
	s->p += n;
	s->len -= n;
}

/* name, name*, name*3, name*3* */
static void read_name(struct piece *p, struct span name)
{
	size_t star, i;
	int number = 0;

	p->number = WHOLE;
	if (name.len > 1 && name.p[name.len - 1] == '*') {
		p->extended = true;
		name.len--;
	}
	p->name = name;
	for (star = name.len; star > 0 && name.p[star - 1] != '*'; star--)
		;
	if (star < 2 || star == name.len)
		return;
	for (i = star; i < name.len && ascii_isdigit(name.p[i]); i++)
		if (number <= CONTINUATION_MAX)
			number = number * 10 + (name.p[i] - '0');
	if (i < name.len || number > CONTINUATION_MAX)
		return;
	p->number = number;
	p->name.len = star - 1;
}

static void cut_piece(struct pieces *list, struct span *s)
{
	size_t n = 0;
	struct piece *p;

	while (n < s->len && s->p[n] != '=' && s->p[n] != ';' && !ascii_isspace(s->p[n]))
		n++;
	mem_grow(&list->items, &list->cap, list->n + 1, sizeof(*list->items));
	p = &list->items[list->n];
	*p = (struct piece){.order = list->n};
	buf_init(&p->text, s->len, NULL);
	read_name(p, span_make(s->p, n));
	s->p += n;
	s->len -= n;
	skip_space(s);
	if (s->len == 0 || s->p[0] != '=') {
		buf_free(&p->text);
		return;
	}
	s->p++;
	s->len--;
	skip_space(s);
	if (s->len > 0 && s->p[0] == '"')
		parse_quoted(s, &p->text);
	else
		parse_bare(s, &p->text);
	list->n++;
}

static void cut_pieces(struct pieces *list, struct span s)
{
	const char *semicolon;

	while (s.len > 0) {
		semicolon = memchr(s.p, ';', s.len);
		if (semicolon == NULL)
			break;
		s.len -= (size_t)(semicolon + 1 - s.p);
		s.p = semicolon + 1;
		skip_space(&s);
		if (s.len > 0 && s.p[0] != ';')
			cut_piece(list, &s);
	}
}

/* --- joining -------------------------------------------------------------------- */

static int compare_names(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return (unsigned char)ascii_lower(a.p[i]) <
			                       (unsigned char)ascii_lower(b.p[i])
			               ? -1
			               : 1;
	return (a.len > b.len) - (a.len < b.len);
}

/* By name; forms of RFC 2231 before the plain one, which is for old readers. */
static int compare_pieces(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;
	int c = compare_names(a->name, b->name);
	int ranka = a->number != WHOLE ? 1 : a->extended ? 0 : 2;
	int rankb = b->number != WHOLE ? 1 : b->extended ? 0 : 2;

	if (c != 0)
		return c;
	if (ranka != rankb)
		return ranka - rankb;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void put_percent(struct buf *out, struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (c == '%' &&
			span_hex_byte(span_make(in.p + i + 1, in.len - i - 1), &c))
			i += 2;
		put(out, c);
	}
}

/* "charset'language'" at the start of the first piece; in moves past it. */
static bool take_charset(struct span *in, struct span *charset)
{
	const char *first = memchr(in->p, '\'', in->len), *second;

	if (first == NULL)
		return false;
	second = memchr(first + 1, '\'', (size_t)(in->p + in->len - first - 1));
	if (second == NULL)
		return false;
	*charset = span_make(in->p, (size_t)(first - in->p));
	in->len -= (size_t)(second + 1 - in->p);
	in->p = second + 1;
	return true;
}

/* The bytes of an extended value to one clean line. */
static char *convert(struct buf *bytes, struct span charset,
	const struct conf_list *guess, struct decode_notes *notes)
{
	struct span in = span_make(bytes->data, bytes->len);
	char *name = mem_strndup(charset.p != NULL ? charset.p : "", charset.len);
	struct buf text, line;
	size_t bad = 0;
	bool changed = false;
	int rc = -1;

	buf_init(&text, 8 * in.len + 256, NULL);
	buf_init(&line, 32 * in.len + 256, NULL);
	errno = EINVAL;
	if (!charset_is_ascii(name))
		rc = charset_convert(&text, in, name, &bad);
	if (rc < 0 && errno == EINVAL)
		rc = charset_guess(&text, in, guess, &bad);
	if (rc == 0)
		rc = utf8_clean_line(
			&line, span_trim(span_make(text.data, text.len)), &changed);
	if (rc < 0)
		buf_clear(&line);
	notes->characters |= bad > 0;
	notes->controls |= changed;
	free(name);
	buf_free(&text);
	return buf_take(&line);
}

/* How many pieces from i on belong together. A missing number ends them. */
static size_t count_run(const struct pieces *list, size_t i)
{
	size_t n = 1;

	if (list->items[i].number == WHOLE)
		return 1;
	while (i + n < list->n &&
		compare_names(list->items[i + n].name, list->items[i].name) == 0 &&
		list->items[i + n].number == list->items[i + n - 1].number + 1)
		n++;
	return n;
}

static char *join_run(const struct piece *p, size_t n, const struct conf_list *charsets,
	struct decode_notes *notes)
{
	struct span charset = {NULL, 0};
	bool extended = false;
	struct buf bytes;
	size_t total = 0;
	char *value;

	for (size_t i = 0; i < n; i++)
		total += p[i].text.len;
	buf_init(&bytes, total, NULL);
	for (size_t i = 0; i < n; i++) {
		struct span in = span_make(p[i].text.data, p[i].text.len);

		extended |= p[i].extended;
		if (i == 0 && p[i].extended)
			(void)take_charset(&in, &charset);
		if (p[i].extended)
			put_percent(&bytes, in);
		else
			for (size_t k = 0; k < in.len; k++)
				put(&bytes, in.p[k]);
	}
	if (extended)
		value = convert(&bytes, charset, charsets, notes);
	else
		value = rfc2047_string(span_make(bytes.data, bytes.len), charsets, notes);
	buf_free(&bytes);
	return value;
}

static void add_param(struct content_field *f, struct span name, char *value)
{
	mem_grow(&f->params, &f->cap, f->n + 1, sizeof(*f->params));
	f->params[f->n].name = str_lower(mem_strndup(name.p, name.len));
	f->params[f->n].value = value;
	f->n++;
}

/* Of several with the same name the first wins. */
static void join_pieces(struct content_field *f, const struct pieces *list,
	const struct conf_list *charsets, struct decode_notes *notes)
{
	size_t run;

	for (size_t i = 0; i < list->n; i += run) {
		const struct piece *p = &list->items[i];

		run = count_run(list, i);
		if (p->number > 1 ||
			(f->n > 0 && span_ieq_str(p->name, f->params[f->n - 1].name)))
			continue;
		add_param(f, p->name, join_run(p, run, charsets, notes));
	}
}

/* --- a field -------------------------------------------------------------------- */

/* "Text / Plain (comment)" is "text/plain". */
static char *read_value(struct span raw)
{
	const char *end = memchr(raw.p, ';', raw.len);
	struct span s = span_make(raw.p, end != NULL ? (size_t)(end - raw.p) : raw.len);
	struct buf out;

	buf_init(&out, s.len, NULL);
	for (skip_space(&s); s.len > 0; skip_space(&s)) {
		if (ascii_isgraph(s.p[0]) && s.p[0] != '"')
			put(&out, ascii_lower(s.p[0]));
		s.p++;
		s.len--;
	}
	return buf_take(&out);
}

void content_field_parse(struct content_field *f, struct span raw,
	const struct conf_list *charsets, struct decode_notes *notes)
{
	struct pieces list = {0};

	*f = (struct content_field){.value = read_value(raw)};
	cut_pieces(&list, raw);
	if (list.n > 0)
		qsort(list.items, list.n, sizeof(*list.items), compare_pieces);
	join_pieces(f, &list, charsets, notes);
	for (size_t i = 0; i < list.n; i++)
		buf_free(&list.items[i].text);
	free(list.items);
}

void content_field_clear(struct content_field *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->params[i].name);
		free(f->params[i].value);
	}
	free(f->params);
	free(f->value);
	*f = (struct content_field){0};
}

const char *content_param(const struct content_field *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_ieq(f->params[i].name, name))
			return f->params[i].value;
	return "";
}
