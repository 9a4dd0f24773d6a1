/* SPDX-License-Identifier: MIT */
/* Paths and parameters of MAIL and RCPT. */
#include "smtp/param.h"

#include "core/utf8.h"

#include <stdio.h>

static struct reply bad_sender(enum address_result r)
{
	switch (r) {
	case ADDRESS_TOO_LONG: return reply_make(501, "5.1.7", "sender address too long");
	case ADDRESS_BAD_UTF8:
		return reply_make(501, "5.5.2", "sender address is not valid UTF-8");
	case ADDRESS_NO_DOMAIN:
		return reply_make(501, "5.1.7", "sender address has no domain");
	case ADDRESS_OK:
	case ADDRESS_SYNTAX: break;
	}
	return reply_make(
		501, "5.1.7", "bad sender address, <local@domain> or <> is expected");
}

static struct reply bad_recipient(enum address_result r)
{
	switch (r) {
	case ADDRESS_TOO_LONG:
		return reply_make(501, "5.1.3", "recipient address too long");
	case ADDRESS_BAD_UTF8:
		return reply_make(501, "5.5.2", "recipient address is not valid UTF-8");
	case ADDRESS_NO_DOMAIN:
		return reply_make(550, "5.1.3",
			"recipient address has no domain, and this relay has no "
			"mailboxes");
	case ADDRESS_OK:
	case ADDRESS_SYNTAX: break;
	}
	return reply_make(
		501, "5.1.3", "bad recipient address, <local@domain> is expected");
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct span *s)
{
	while (s->len > 0 && is_blank(s->p[0])) {
		s->p++;
		s->len--;
	}
}

/* A path without its brackets: it ends at a blank. */
static enum address_result parse_bare_path(
	struct span *args, bool sender, struct smtp_address *out)
{
	char path[ADDRESS_PATH_MAX + 1];
	enum address_result r;
	struct span in;
	size_t n = 0;
	int len;

	while (n < args->len && !is_blank(args->p[n]))
		n++;
	if (n + 2 > ADDRESS_PATH_MAX)
		return ADDRESS_TOO_LONG;
	len = snprintf(path, sizeof(path), "<%.*s>", (int)n, args->p);
	in = span_make(path, (size_t)len);
	r = address_parse_path(&in, sender, out);
	*args = span_make(args->p + n, args->len - n);
	return r == ADDRESS_OK && in.len > 0 ? ADDRESS_SYNTAX : r;
}

int param_path(struct span *args, enum param_role role, bool lenient,
	struct smtp_address *out, struct reply *reply)
{
	bool sender = role == PARAM_SENDER;
	const char *keyword = sender ? "FROM:" : "TO:";
	enum address_result r;

	if (!span_istarts(*args, keyword)) {
		*reply = reply_make(501, "5.5.4", "%s<address> is expected", keyword);
		return -1;
	}
	args->p += strlen(keyword);
	args->len -= strlen(keyword);
	skip_blanks(args);
	if (lenient && args->len > 0 && args->p[0] != '<')
		r = parse_bare_path(args, sender, out);
	else
		r = address_parse_path(args, sender, out);
	if (r == ADDRESS_OK && args->len > 0 && !is_blank(args->p[0]))
		r = ADDRESS_SYNTAX;
	if (r == ADDRESS_OK)
		return 0;
	*reply = sender ? bad_sender(r) : bad_recipient(r);
	return -1;
}

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool is_keyword(struct span s)
{
	if (s.len == 0 || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_isalnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

int param_next(struct span *args, struct param *p)
{
	const char *equals;
	size_t n = 0;

	*p = (struct param){0};
	skip_blanks(args);
	if (args->len == 0)
		return 0;
	while (n < args->len && !is_blank(args->p[n]))
		n++;
	p->name = span_make(args->p, n);
	*args = span_make(args->p + n, args->len - n);
	equals = memchr(p->name.p, '=', n);
	if (equals != NULL) {
		p->has_value = true;
		p->name.len = (size_t)(equals - p->name.p);
		p->value = span_make(equals + 1, n - p->name.len - 1);
	}
	return is_keyword(p->name) && p->has_value == (p->value.len > 0) ? 1 : -1;
}

static const struct param_parser *find(
	struct span name, const struct param_parser *parsers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_ieq_str(name, parsers[i].name))
			return &parsers[i];
	return NULL;
}

int param_parse_all(struct span args, const char *verb,
	const struct param_parser *parsers, size_t n, void *out, struct reply *reply)
{
	const struct param_parser *t;
	unsigned seen = 0;
	struct param p;
	int more;

	while ((more = param_next(&args, &p)) == 1) {
		t = find(p.name, parsers, n);
		if (t == NULL) {
			*reply =
				reply_make(555, "5.5.4", "unknown parameter of %s", verb);
			return -1;
		}
		if ((seen & (1u << (t - parsers))) != 0 || !t->parse(&p, out)) {
			*reply = reply_make(501, "5.5.4", "bad %s parameter", t->name);
			return -1;
		}
		seen |= 1u << (t - parsers);
	}
	if (more < 0)
		*reply = reply_make(501, "5.5.4", "bad parameter syntax");
	return more;
}

/* --- xtext ---------------------------------------------------------------------------------- */

/* The next byte; *in moves past it. */
static bool next_xtext(struct span *in, char *c)
{
	size_t n = in->p[0] == '+' ? 3 : 1;

	*c = in->p[0];
	if (!ascii_isgraph(*c) || *c == '=' ||
		(n == 3 && !span_hex_byte(span_make(in->p + 1, in->len - 1), c)))
		return false;
	*in = span_make(in->p + n, in->len - n);
	return true;
}

bool param_decode_xtext(struct span in, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	while (in.len > 0) {
		char c;

		if (!next_xtext(&in, &c) || ascii_iscntrl(c) || n + 1 >= cap)
			return false;
		out[n++] = c;
		out[n] = '\0';
	}
	return utf8_valid(span_make(out, n));
}
