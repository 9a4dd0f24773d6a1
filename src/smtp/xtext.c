/* SPDX-License-Identifier: MIT */
/* Values in printable ASCII. */
#include "smtp/xtext.h"

#include "core/utf8.h"

static int hex_value(char c)
{
	if (ascii_isdigit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte, or -1; *in moves past it. */
static int take(struct span *in)
{
	unsigned char c = (unsigned char)in->p[0];
	size_t n = 1;
	int value = c;

	if (c <= ' ' || c >= 0x7f || c == '=')
		return -1;
	if (c == '+') {
		int high = in->len > 2 ? hex_value(in->p[1]) : -1;
		int low = in->len > 2 ? hex_value(in->p[2]) : -1;

		if (high < 0 || low < 0)
			return -1;
		value = high * 16 + low;
		n = 3;
	}
	*in = span_make(in->p + n, in->len - n);
	return value;
}

bool xtext_decode(struct span in, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	while (in.len > 0) {
		int c = take(&in);

		if (c < ' ' || c == 0x7f || n + 1 >= cap)
			return false;
		out[n++] = (char)c;
		out[n] = '\0';
	}
	return utf8_valid(span_make(out, n));
}
