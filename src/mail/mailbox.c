/* SPDX-License-Identifier: MIT */
/* Cuts address lists into mailboxes. */
#include "mail/mailbox.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "mail/field.h"

#include <stdlib.h>

/* RFC 5321 §4.5.3.1: 64 + 1 + 255 octets; some room for what others allow. */
#define ADDRESS_LEN_MAX 320

/* Longer quoted strings and literals are none, so that a field of opening quotes only does not
 * take quadratic time. */
#define QUOTED_MAX  2048
#define LITERAL_MAX 64

/* A word of a mailbox that is being read. */
struct word {
	struct span raw; /* with quotes */
	bool quoted;
	bool glued; /* no white space before it */
};

struct parser {
	struct span in; /* what is left */
	struct mailbox_list *list;
	const struct conf_list *charsets;
	struct decode_notes *notes;
	/* The mailbox being read. */
	struct word *words;
	size_t n, cap;
	struct span angle;   /* between < and >; p NULL: none */
	size_t n_ahead;      /* words before it */
	struct span comment; /* the last one, without its parentheses */
	bool spaced;
	bool wants_name; /* of a mailbox without an address */
	char *name;      /* that; owned; NULL: none yet */
};

/* --- words ---------------------------------------------------------------------- */

static void skip(struct parser *p, size_t n)
{
	p->in.p += n;
	p->in.len -= n;
}

/* Length of the quoted string at the start, quotes included; 0 if it never ends. */
static size_t quoted_len(struct span s)
{
	for (size_t i = 1; i < s.len && i < QUOTED_MAX; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Length of "[IPv6:2001:db8::1]" at the start, or 0. */
static size_t literal_len(struct span s)
{
	const char *end;

	if (s.p[0] != '[')
		return 0;
	end = memchr(s.p, ']', s.len < LITERAL_MAX ? s.len : LITERAL_MAX);
	return end != NULL ? (size_t)(end - s.p) + 1 : 0;
}

/* An encoded word is one word even if it holds specials that it should not. */
static size_t atom_len(struct span s)
{
	size_t i = rfc2047_word_len(s), literal;

	if (i > 0)
		return i;
	while (i < s.len && !ascii_isspace(s.p[i]) &&
		memchr("\"(<>,;:", s.p[i], 7) == NULL) {
		literal = literal_len(span_make(s.p + i, s.len - i));
		i += literal > 0 ? literal : 1;
	}
	return i > 0 ? i : 1;
}

static void add_word(struct parser *p, size_t len, bool quoted)
{
	mem_grow(&p->words, &p->cap, p->n + 1, sizeof(*p->words));
	p->words[p->n++] = (struct word){
		.raw = span_make(p->in.p, len),
		.quoted = quoted,
		.glued = !p->spaced,
	};
	p->spaced = false;
	skip(p, len);
}

static void parse_comment(struct parser *p)
{
	size_t len = field_comment_len(p->in);
	bool closed = len > 1 && p->in.p[len - 1] == ')';

	p->comment = span_make(p->in.p + 1, len - 1 - closed);
	p->spaced = true;
	skip(p, len);
}

/* To ">"; if that is missing, to the next comma. Quoted local parts may hold both. */
static void parse_angle(struct parser *p)
{
	size_t i = 1, quoted;

	while (i < p->in.len && p->in.p[i] != '>' && p->in.p[i] != '<') {
		quoted = p->in.p[i] == '"'
		                 ? quoted_len(span_make(p->in.p + i, p->in.len - i))
		                 : 0;
		i += quoted > 0 ? quoted : 1;
	}
	if (i == p->in.len || p->in.p[i] != '>')
		for (i = 1; i < p->in.len && p->in.p[i] != ',' && p->in.p[i] != ';';)
			i++;
	p->angle = span_make(p->in.p + 1, i - 1);
	p->n_ahead = p->n;
	skip(p, i + (i < p->in.len && p->in.p[i] == '>'));
}

/* --- names ---------------------------------------------------------------------- */

static void put(struct buf *out, struct span s)
{
	/* The buffer has room for the whole value twice. */
	if (buf_append(out, s.p, s.len) < 0)
		return;
}

static void put_unquoted(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		put(out, span_make(s.p + i, 1));
	}
}

/* The words but those from..to, joined and decoded; caller owns. */
static char *decode_name(const struct parser *p, size_t from, size_t to)
{
	size_t total = 0;
	struct buf raw;
	char *name;

	for (size_t i = 0; i < p->n; i++)
		total += p->words[i].raw.len + 1;
	buf_init(&raw, total, NULL);
	for (size_t i = 0; i < p->n; i++) {
		const struct word *w = &p->words[i];

		if (i >= from && i < to)
			continue;
		if (raw.len > 0 && !w->glued)
			put(&raw, span_of(" "));
		if (w->quoted)
			put_unquoted(&raw, span_make(w->raw.p + 1, w->raw.len - 2));
		else
			put(&raw, w->raw);
	}
	name = rfc2047_string(span_make(raw.data, raw.len), p->charsets, p->notes);
	buf_free(&raw);
	return name;
}

static char *decode_comment(const struct parser *p)
{
	struct buf raw;
	char *name;

	buf_init(&raw, p->comment.len, NULL);
	put_unquoted(&raw, p->comment);
	name = rfc2047_string(span_make(raw.data, raw.len), p->charsets, p->notes);
	buf_free(&raw);
	return name;
}

/* --- addresses ------------------------------------------------------------------ */

static const char *find_at(struct span s)
{
	return memrchr(s.p, '@', s.len);
}

bool mailbox_is_address(struct span s)
{
	const char *at = s.len > 0 ? find_at(s) : NULL;
	bool quoted = s.len > 0 && s.p[0] == '"';

	if (at == NULL || at == s.p || at + 1 == s.p + s.len || s.len > ADDRESS_LEN_MAX)
		return false;
	for (const char *c = s.p; c < s.p + s.len; c++) {
		if (ascii_iscntrl(*c))
			return false;
		if (quoted && c < at)
			continue;
		if (memchr(" <>()\",;\\", *c, 9) != NULL)
			return false;
		if (*c == '@' && c != at)
			return false;
	}
	return utf8_valid(s);
}

/* Without white space (obsolete, RFC 5322 §4.4), comments and route; domain lower case.
 */
static char *clean_address(struct span s)
{
	struct buf out;
	const char *colon;
	char *address, *at;

	s = span_trim(s);
	colon = s.len > 0 && s.p[0] == '@' ? memchr(s.p, ':', s.len) : NULL;
	if (colon != NULL)
		s = span_make(colon + 1, (size_t)(s.p + s.len - colon - 1));
	if (span_istarts(s, "mailto:"))
		s = span_make(s.p + 7, s.len - 7);
	buf_init(&out, s.len, NULL);
	while (s.len > 0) {
		size_t n = 1, quoted = s.p[0] == '"' ? quoted_len(s) : 0;

		if (s.p[0] == '(')
			n = field_comment_len(s);
		else if (quoted > 0)
			put(&out, span_make(s.p, n = quoted));
		else if (!ascii_isspace(s.p[0]))
			put(&out, span_make(s.p, 1));
		s.p += n;
		s.len -= n;
	}
	address = buf_take(&out);
	at = strrchr(address, '@');
	if (at != NULL)
		(void)str_lower(at);
	return address;
}

static bool starts_with(const struct word *w, char c)
{
	return w->raw.p[0] == c;
}

static bool ends_with(const struct word *w, char c)
{
	return w->raw.p[w->raw.len - 1] == c;
}

static bool is_dot(const struct word *w)
{
	return w->raw.len == 1 && w->raw.p[0] == '.';
}

/* `john . doe @ example . com`, `"john doe"@example.com`: two words of one address. */
static bool belongs(const struct word *a, const struct word *b)
{
	return starts_with(b, '@') || ends_with(a, '@') || is_dot(a) || is_dot(b);
}

/* Bare words: the ones that make up local@domain are words[*from..*to). */
static char *find_bare(const struct parser *p, size_t *from, size_t *to)
{
	const struct word *w = p->words;
	size_t i = 0;

	while (i < p->n && (w[i].quoted || find_at(w[i].raw) == NULL))
		i++;
	if (i == p->n)
		return mem_strdup("");
	for (*from = i; *from > 0 && belongs(&w[*from - 1], &w[*from]); (*from)--)
		;
	for (*to = i + 1; *to < p->n && belongs(&w[*to - 1], &w[*to]); (*to)++)
		;
	return clean_address(span_make(w[*from].raw.p,
		(size_t)(w[*to - 1].raw.p + w[*to - 1].raw.len - w[*from].raw.p)));
}

/* --- a list --------------------------------------------------------------------- */

static void begin_mailbox(struct parser *p)
{
	p->n = 0;
	p->angle = span_make(NULL, 0);
	p->comment = span_make(NULL, 0);
	p->spaced = true;
}

static void add_mailbox(struct parser *p, char *name, char *address)
{
	struct mailbox_list *l = p->list;

	if (str_ieq(name, address))
		name[0] = '\0';
	mem_grow(&l->items, &l->cap, l->n + 1, sizeof(*l->items));
	l->items[l->n++] = (struct mailbox){.name = name, .address = address};
}

/* Without brackets around an address, words with an @ are a broken address. */
static char *name_without_address(const struct parser *p)
{
	bool broken = false;
	char *name;

	for (size_t i = 0; i < p->n; i++)
		broken |= find_at(p->words[i].raw) != NULL;
	if (p->angle.p == NULL && (broken || p->comment.len > 0))
		return decode_comment(p);
	name = decode_name(p, 0, 0);
	if (name[0] != '\0')
		return name;
	free(name);
	return decode_comment(p);
}

static void skip_mailbox(struct parser *p)
{
	if (!p->wants_name || (p->name != NULL && p->name[0] != '\0'))
		return;
	free(p->name);
	p->name = name_without_address(p);
}

static void end_mailbox(struct parser *p)
{
	size_t from = 0, to = 0;
	char *address, *name;

	if (p->n == 0 && p->angle.p == NULL) {
		begin_mailbox(p);
		return;
	}
	if (p->angle.p != NULL)
		address = clean_address(p->angle);
	else
		address = find_bare(p, &from, &to);
	if (!mailbox_is_address(span_of(address))) {
		skip_mailbox(p);
		free(address);
		begin_mailbox(p);
		return;
	}
	name = decode_name(p, from, to);
	if (name[0] == '\0' && p->comment.len > 0) {
		free(name);
		name = decode_comment(p);
	}
	add_mailbox(p, name, address);
	begin_mailbox(p);
}

/* A second "<" because a comma is missing: the words since the first belong to it. */
static void split_mailbox(struct parser *p)
{
	size_t n = p->n, ahead = p->n_ahead;

	p->n = ahead;
	end_mailbox(p);
	if (n > ahead)
		memmove(p->words, p->words + ahead, (n - ahead) * sizeof(*p->words));
	p->n = n - ahead;
}

/* "Group:" opens a group, and its name is no mailbox; but "mailto:" belongs to one. */
static void parse_colon(struct parser *p)
{
	skip(p, 1);
	begin_mailbox(p);
}

static void parse_any(struct parser *p)
{
	size_t quoted;

	switch (p->in.p[0]) {
	case '(': parse_comment(p); break;
	case '<':
		if (p->angle.p != NULL)
			split_mailbox(p);
		parse_angle(p);
		break;
	case ',':
	case ';':
		skip(p, 1);
		end_mailbox(p);
		break;
	case ':': parse_colon(p); break;
	case '>': skip(p, 1); break;
	case '"':
		quoted = quoted_len(p->in);
		if (quoted == 0)
			skip(p, 1); /* it never ends: ignored */
		else
			add_word(p, quoted, true);
		break;
	default: add_word(p, atom_len(p->in), false);
	}
}

static void parse(struct parser *p)
{
	begin_mailbox(p);
	while (p->in.len > 0) {
		if (ascii_isspace(p->in.p[0])) {
			p->spaced = true;
			skip(p, 1);
		} else {
			parse_any(p);
		}
	}
	end_mailbox(p);
	free(p->words);
}

char *mailbox_name(
	struct span value, const struct conf_list *charsets, struct decode_notes *notes)
{
	struct mailbox_list list = {0};
	struct parser p = {.in = value,
		.list = &list,
		.charsets = charsets,
		.notes = notes,
		.wants_name = true};

	parse(&p);
	mailbox_list_clear(&list);
	return p.name != NULL ? p.name : mem_strdup("");
}

void mailbox_list_parse(struct mailbox_list *list, struct span value,
	const struct conf_list *charsets, struct decode_notes *notes)
{
	struct parser p = {
		.in = value, .list = list, .charsets = charsets, .notes = notes};

	parse(&p);
}

void mailbox_clear(struct mailbox *m)
{
	free(m->name);
	free(m->address);
	*m = (struct mailbox){0};
}

void mailbox_list_clear(struct mailbox_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		mailbox_clear(&list->items[i]);
	free(list->items);
	*list = (struct mailbox_list){0};
}
