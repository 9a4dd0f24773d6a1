/* SPDX-License-Identifier: MIT */
/* Counts the raw bytes before anything is built from them. */
#include "mail/guard.h"

#include "core/mem.h"
#include "mail/field.h"
#include "mail/refusal.h"
#include "mail/walk.h"

#include <stdint.h>
#include <stdlib.h>

/* Comparisons of lines with boundaries: a message that needs more is made to be slow. */
#define WORK_MAX ((size_t)1 << 25)

#define NOWHERE SIZE_MAX

struct boundary {
	char *text; /* owned */
	size_t len;
	bool closed;
};

/* The header block that is being read. */
struct block {
	bool top; /* the message's own */
	size_t fields;
	size_t lines;
	size_t bytes;
	struct span field;   /* the field being read; p NULL: none */
	size_t last_type;    /* offset of its last Content-Type, or NOWHERE: found only */
	bool looked;         /* once a line that is no field has asked for it */
	bool typed;          /* it has a Content-Type */
	size_t n_boundaries; /* that its Content-Type declared */
};

struct scan {
	struct span raw;
	const struct conf_limits *limits;
	struct guard_report *report;
	struct message_refusal *why;
	struct block block;
	bool in_header;
	struct boundary *bounds; /* all that were ever declared */
	size_t n_bounds, cap;
	size_t *open; /* those that may still go on, outermost first */
	size_t n_open, open_cap;
	size_t lines, bytes, parts, tokens, hops, froms, work;
};

static int refuse_count(struct scan *s, const char *what, size_t limit)
{
	return refusal_set(s->why, 554, "5.6.0",
		"Message too complex: more than %zu %s; send a simpler message", limit,
		what);
}

/* --- fields --------------------------------------------------------------------- */

static bool is_address_field(struct span name)
{
	static const char *const names[] = {
		"From",
		"Sender",
		"Reply-To",
		"To",
		"Cc",
		"Bcc",
		"Return-Path",
		"Disposition-Notification-To",
		"Mail-Followup-To",
	};

	if (span_istarts(name, "Resent-"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_ieq_str(name, names[i]))
			return true;
	return false;
}

static int count_tokens(struct scan *s, struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (memchr(",:;<(", value.p[i], 5) != NULL)
			s->tokens++;
	if (s->tokens > s->limits->address_tokens)
		return refuse_count(
			s, "tokens in address fields", s->limits->address_tokens);
	return 0;
}

/* GMime unfolds by leaving the line ends out; this must see what GMime will see. */
static char *unfold(struct span value)
{
	struct span line;
	char *out = mem_new(1, value.len + 1);
	size_t n = 0;

	while (field_next_line(&value, &line)) {
		memcpy(out + n, line.p, line.len);
		n += line.len;
	}
	return out;
}

static int declare_boundary(struct scan *s, struct span value)
{
	char *type = unfold(value);
	char *text = walk_boundary(type);
	size_t len;

	free(type);
	if (text == NULL)
		return 0;
	/* A line is compared without the white space at its end. */
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	mem_grow(&s->bounds, &s->cap, s->n_bounds + 1, sizeof(*s->bounds));
	s->bounds[s->n_bounds++] = (struct boundary){.text = text, .len = len};
	s->block.n_boundaries++;
	if (s->n_bounds > s->limits->parts)
		return refuse_count(s, "parts", s->limits->parts);
	return 0;
}

static int top_field(struct scan *s, struct span name, struct span value)
{
	if (span_ieq_str(name, "From") && ++s->froms > 1)
		return refusal_set(s->why, 554, "5.6.0",
			"Message has more than one From field; RFC 5322 wants one");
	if (span_ieq_str(name, "Received") && ++s->hops > s->limits->hops)
		return refusal_set(s->why, 554, "5.4.6",
			"Routing loop: more than %u Received fields", s->limits->hops);
	return is_address_field(name) ? count_tokens(s, value) : 0;
}

static void add_edit(struct scan *s, struct guard_edit edit)
{
	struct guard_report *r = s->report;

	mem_grow(&r->edits, &r->cap, r->n_edits + 1, sizeof(*r->edits));
	r->edits[r->n_edits++] = edit;
}

/* Of several Content-Types the first counts; GMime would take the last. */
static int type_field(struct scan *s, struct field f, size_t end)
{
	size_t start = (size_t)(f.name.p - s->raw.p);

	if (s->block.typed) {
		add_edit(s, (struct guard_edit){.off = start, .cut = end - start});
		return 0;
	}
	s->block.typed = true;
	return declare_boundary(s, f.value);
}

/* The field that was being read is complete; the next line starts at offset end. */
static int end_field(struct scan *s, size_t end)
{
	struct span lines = s->block.field;
	struct field f;

	if (lines.p == NULL)
		return 0;
	s->block.field.p = NULL;
	if (memchr(lines.p, '\0', lines.len) != NULL)
		return refusal_set(s->why, 554, "5.6.0",
			"NUL byte in a header field; it can hold text only");
	if (!field_next(&lines, &f))
		return 0;
	if (s->block.top && top_field(s, f.name, f.value) < 0)
		return -1;
	if (span_ieq_str(f.name, "Content-Type"))
		return type_field(s, f, end);
	return 0;
}

/* --- boundaries ----------------------------------------------------------------- */

enum match { MATCH_NONE, MATCH_PART, MATCH_END };

static enum match compare(const struct boundary *b, struct span text)
{
	if (text.len < b->len || memcmp(text.p, b->text, b->len) != 0)
		return MATCH_NONE;
	if (text.len == b->len)
		return MATCH_PART;
	return text.len == b->len + 2 && memcmp(text.p + b->len, "--", 2) == 0
	               ? MATCH_END
	               : MATCH_NONE;
}

/* The multipart that the boundary belongs to is the innermost open one now. */
static void close_inner(struct scan *s, const struct boundary *b, enum match match)
{
	for (size_t i = s->n_open; i > 0; i--) {
		struct boundary *o = &s->bounds[s->open[i - 1]];

		if (o->len != b->len || memcmp(o->text, b->text, b->len) != 0)
			continue;
		s->n_open = i;
		if (match == MATCH_END) {
			o->closed = true;
			s->n_open--;
		}
		return;
	}
}

static enum match match_boundary(struct scan *s, struct span line)
{
	enum match match;

	if (line.len < 2 || line.p[0] != '-' || line.p[1] != '-')
		return MATCH_NONE;
	line.p += 2;
	line.len -= 2;
	while (line.len > 0 && ascii_isspace(line.p[line.len - 1]))
		line.len--;
	s->work += s->n_bounds;
	/* A boundary stays known: nothing that GMime takes for open may be missed. */
	for (size_t i = s->n_bounds; i > 0; i--) {
		match = compare(&s->bounds[i - 1], line);
		if (match != MATCH_NONE) {
			close_inner(s, &s->bounds[i - 1], match);
			return match;
		}
	}
	return MATCH_NONE;
}

/* --- header blocks -------------------------------------------------------------- */

static void begin_block(struct scan *s, bool top)
{
	s->block = (struct block){.top = top, .last_type = NOWHERE};
	s->in_header = true;
}

/* The block ends before offset end; the body starts at offset body. */
static int end_block(struct scan *s, size_t end, size_t body)
{
	if (end_field(s, end) < 0)
		return -1;
	s->in_header = false;
	if (s->block.top) {
		s->report->header_end = end;
		s->report->body = body;
	}
	for (size_t i = s->block.n_boundaries; i > 0; i--) {
		mem_grow(&s->open, &s->open_cap, s->n_open + 1, sizeof(*s->open));
		s->open[s->n_open++] = s->n_bounds - i;
	}
	if (s->n_open > s->limits->nesting)
		return refuse_count(s, "multiparts in each other", s->limits->nesting);
	return 0;
}

/* Offset of the last Content-Type before the blank line, the next part or the limit. */
static size_t find_last_type(const struct scan *s, size_t from)
{
	size_t last = NOWHERE;
	struct span rest = span_make(s->raw.p + from, s->raw.len - from);
	struct span line, name;

	if (rest.len > s->limits->header_bytes)
		rest.len = s->limits->header_bytes;
	while (field_next_line(&rest, &line) && line.len > 0) {
		if (line.len > 1 && line.p[0] == '-' && line.p[1] == '-')
			break;
		if (field_starts(line, &name) && span_ieq_str(name, "Content-Type"))
			last = (size_t)(line.p - s->raw.p);
	}
	return last;
}

/*
 * A line that neither starts a field nor continues one. If a Content-Type still follows, it is
 * a broken header line (and left out); otherwise the blank line is missing and the body starts
 * here, so that none of it is lost.
 */
static int stray_line(struct scan *s, size_t off)
{
	if (s->block.top && s->block.fields == 0)
		return refusal_set(s->why, 554, "5.6.0",
			"Message has no header: its first line is no field like "
			"\"From: a@example.com\"");
	if (end_field(s, off) < 0)
		return -1;
	if (!s->block.looked) {
		s->block.looked = true;
		s->block.last_type = find_last_type(s, off);
	}
	if (s->block.last_type != NOWHERE && s->block.last_type > off)
		return 0;
	add_edit(s, (struct guard_edit){.off = off, .blank = true});
	return end_block(s, off, off);
}

static int count_header_line(struct scan *s, size_t len)
{
	const struct conf_limits *l = s->limits;

	s->lines++;
	s->bytes += len;
	s->block.lines++;
	s->block.bytes += len;
	if (s->block.lines > l->header_lines)
		return refuse_count(s, "header lines", l->header_lines);
	if (s->block.bytes > l->header_bytes)
		return refuse_count(s, "header bytes", l->header_bytes);
	if (s->lines > (size_t)GUARD_TOTAL_FACTOR * l->header_lines)
		return refuse_count(s, "header lines in all parts",
			(size_t)GUARD_TOTAL_FACTOR * l->header_lines);
	if (s->bytes > GUARD_TOTAL_FACTOR * l->header_bytes)
		return refuse_count(s, "header bytes in all parts",
			GUARD_TOTAL_FACTOR * l->header_bytes);
	return 0;
}

static int header_line(struct scan *s, struct span line, size_t off, size_t next)
{
	struct block *b = &s->block;

	if (line.len == 0)
		return end_block(s, off, next);
	if (count_header_line(s, next - off) < 0)
		return -1;
	if (field_continues(line) && b->field.p != NULL) {
		b->field.len = (size_t)(line.p + line.len - b->field.p);
		return 0;
	}
	if (!field_starts(line, NULL))
		return stray_line(s, off);
	if (end_field(s, off) < 0)
		return -1;
	b->fields++;
	b->field = line;
	return 0;
}

/* --- lines ---------------------------------------------------------------------- */

static int scan_line(struct scan *s, struct span line, size_t off, size_t next)
{
	enum match match = MATCH_NONE;

	if (!s->in_header || !s->block.top)
		match = match_boundary(s, line);
	if (s->work > WORK_MAX)
		return refusal_set(s->why, 554, "5.6.0",
			"Message too complex: too many lines that look like boundaries");
	if (match == MATCH_NONE)
		return s->in_header ? header_line(s, line, off, next) : 0;
	if (s->in_header && end_block(s, off, off) < 0)
		return -1;
	if (++s->parts > s->limits->parts)
		return refuse_count(s, "parts", s->limits->parts);
	if (match == MATCH_PART)
		begin_block(s, false);
	return 0;
}

/* Leading blank lines, a byte order mark and an mbox "From " line are not the message's. */
static size_t find_start(struct span raw)
{
	struct span rest = raw, line = {raw.p, 0};
	size_t start = 0;

	if (raw.len >= 3 && memcmp(raw.p, "\xef\xbb\xbf", 3) == 0) {
		rest.p += 3;
		rest.len -= 3;
		start = 3;
	}
	while (field_next_line(&rest, &line)) {
		bool mbox = line.len >= 5 && memcmp(line.p, "From ", 5) == 0;

		if (span_trim(line).len > 0 && !mbox)
			break;
		start = raw.len - rest.len;
		if (mbox) /* only one such line */
			break;
	}
	return start;
}

static int scan_lines(struct scan *s)
{
	struct span rest = s->raw, line;
	size_t off;

	rest.p += s->report->start;
	rest.len -= s->report->start;
	begin_block(s, true);
	for (;;) {
		off = s->raw.len - rest.len;
		if (!field_next_line(&rest, &line))
			break;
		if (scan_line(s, line, off, s->raw.len - rest.len) < 0)
			return -1;
	}
	if (s->in_header && end_block(s, s->raw.len, s->raw.len) < 0)
		return -1;
	if (s->report->header_end == s->report->start)
		return refusal_set(s->why, 554, "5.6.0",
			"Message has no header; it needs at least a From field");
	return 0;
}

int guard_scan(struct guard_report *report, struct span raw,
	const struct conf_limits *limits, struct message_refusal *why)
{
	struct scan s = {.raw = raw, .limits = limits, .report = report, .why = why};
	int rc;

	*report = (struct guard_report){.start = find_start(raw)};
	rc = scan_lines(&s);
	for (size_t i = 0; i < s.n_bounds; i++) {
		report->unclosed += !s.bounds[i].closed;
		free(s.bounds[i].text);
	}
	free(s.bounds);
	free(s.open);
	if (rc < 0)
		guard_report_clear(report);
	return rc;
}

void guard_report_clear(struct guard_report *report)
{
	free(report->edits);
	*report = (struct guard_report){0};
}
