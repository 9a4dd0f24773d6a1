/* SPDX-License-Identifier: MIT */
/* Decodes bodies, as leniently as mail readers do. */
#include "mail/transfer.h"

#include "core/base64.h"
#include "mail/field.h"

#include <string.h>

enum transfer transfer_parse(struct span value)
{
	static const struct {
		const char *name;
		enum transfer how;
	} names[] = {
		{"7bit", TRANSFER_IDENTITY},
		{"8bit", TRANSFER_IDENTITY},
		{"7-bit", TRANSFER_IDENTITY},
		{"8-bit", TRANSFER_IDENTITY},
		{"binary", TRANSFER_IDENTITY},
		{"base64", TRANSFER_BASE64},
		{"base-64", TRANSFER_BASE64},
		{"quoted-printable", TRANSFER_QUOTED},
		{"x-uuencode", TRANSFER_UUENCODE},
		{"uuencode", TRANSFER_UUENCODE},
		{"x-uue", TRANSFER_UUENCODE},
		{"x-uu", TRANSFER_UUENCODE},
	};
	struct span token;
	size_t n = 0;

	value = span_trim(value);
	if (value.len > 0 && (value.p[0] == '"' || value.p[0] == '\'')) {
		value.p++;
		value.len--;
	}
	while (n < value.len && (ascii_isalnum(value.p[n]) || value.p[n] == '-'))
		n++;
	token = span_make(value.p, n);
	if (n == 0)
		return TRANSFER_IDENTITY;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_ieq_str(token, names[i].name))
			return names[i].how;
	return TRANSFER_UNKNOWN;
}

/* White space at the end of an encoded line was added on the way (RFC 2045 §6.7 (3)). */
static struct span strip_line(struct span line)
{
	while (line.len > 0 && ascii_isspace(line.p[line.len - 1]))
		line.len--;
	return line;
}

/* One line without its end; *soft: the line continues. What is no escape stays. */
static int quoted_line(struct buf *out, struct span s, bool *soft)
{
	const char *eq;
	size_t n;
	char c;

	*soft = s.len > 0 && s.p[s.len - 1] == '=';
	s.len -= *soft;
	while (s.len > 0) {
		eq = memchr(s.p, '=', s.len);
		n = eq != NULL ? (size_t)(eq - s.p) : s.len;
		if (buf_append(out, s.p, n) < 0)
			return -1;
		s.p += n;
		s.len -= n;
		if (s.len == 0)
			break;
		c = '=';
		n = span_hex_byte(span_make(s.p + 1, s.len - 1), &c) ? 3 : 1;
		if (buf_append_byte(out, c) < 0)
			return -1;
		s.p += n;
		s.len -= n;
	}
	return 0;
}

static int decode_quoted(struct buf *out, struct span in)
{
	struct span line, end;
	const char *start;
	bool soft = false;

	while (in.len > 0) {
		start = in.p;
		(void)field_next_line(&in, &line);
		/* The line end as written, CRLF or LF; none after the last line. */
		end = span_make(line.p + line.len, (size_t)(in.p - start) - line.len);
		if (quoted_line(out, strip_line(line), &soft) < 0)
			return -1;
		if (!soft && buf_append(out, end.p, end.len) < 0)
			return -1;
	}
	return 0;
}

static int uu_value(struct span s, size_t i)
{
	return i < s.len ? (s.p[i] - ' ') & 0x3f : 0;
}

static int uu_line(struct buf *out, struct span s)
{
	size_t n = s.len > 0 ? (size_t)uu_value(s, 0) : 0;

	for (size_t i = 1; n > 0; i += 4) {
		unsigned v = (unsigned)uu_value(s, i) << 18 |
		             (unsigned)uu_value(s, i + 1) << 12 |
		             (unsigned)uu_value(s, i + 2) << 6 |
		             (unsigned)uu_value(s, i + 3);
		char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
		size_t k = n < 3 ? n : 3;

		if (i >= s.len)
			return 0;
		if (buf_append(out, three, k) < 0)
			return -1;
		n -= k;
	}
	return 0;
}

/* From "begin 644 name" to "end"; all of it if there is no such line. */
static int decode_uu(struct buf *out, struct span in)
{
	struct span line, rest = in;
	bool begun = false;

	while (!begun && field_next_line(&rest, &line))
		begun = span_istarts(line, "begin ");
	if (begun)
		in = rest;
	while (field_next_line(&in, &line)) {
		if (span_ieq_str(span_trim(line), "end"))
			break;
		if (uu_line(out, line) < 0)
			return -1;
	}
	return 0;
}

int transfer_decode(struct buf *out, struct span in, enum transfer how, bool *dirty)
{
	size_t skipped = 0;
	int rc;

	*dirty = false;
	switch (how) {
	case TRANSFER_BASE64:
		rc = base64_decode(out, in, &skipped);
		*dirty = skipped > 0;
		return rc;
	case TRANSFER_QUOTED: return decode_quoted(out, in);
	case TRANSFER_UUENCODE: return decode_uu(out, in);
	default: return buf_append(out, in.p, in.len);
	}
}
