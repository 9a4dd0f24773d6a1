/* SPDX-License-Identifier: MIT */
/*
 * Envelope addresses, strictly parsed and written in one form.
 *
 *	Path           = "<" [ A-d-l ":" ] Mailbox ">"
 *	A-d-l          = At-domain *( "," At-domain )       ; accepted and dropped
 *	Mailbox        = Local-part "@" ( Domain / address-literal )
 *	Local-part     = Dot-string / Quoted-string
 */
#include "smtp/address.h"

#include "core/utf8.h"

#include <arpa/inet.h>

/* What is left to read. */
struct parser {
	struct span in;
	struct smtp_address *out;
	size_t len; /* of out->text */
};

static bool peek(const struct parser *p, char c)
{
	return p->in.len > 0 && p->in.p[0] == c;
}

static void skip(struct parser *p, size_t n)
{
	p->in.p += n;
	p->in.len -= n;
}

static bool eat(struct parser *p, char c)
{
	if (!peek(p, c))
		return false;
	skip(p, 1);
	return true;
}

static enum address_result put(struct parser *p, struct span s)
{
	if (s.len > ADDRESS_MAX - p->len)
		return ADDRESS_TOO_LONG;
	memcpy(p->out->text + p->len, s.p, s.len);
	p->len += s.len;
	p->out->text[p->len] = '\0';
	return ADDRESS_OK;
}

static bool is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/* All of s, before its bytes are looked at one by one. */
static enum address_result check_bytes(struct span s)
{
	while (s.len > 0) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n == 0)
			return ADDRESS_BAD_UTF8;
		if (utf8_unfit_for_line(cp))
			return ADDRESS_SYNTAX;
		s.p += n;
		s.len -= n;
	}
	return ADDRESS_OK;
}

/* RFC 5322 §3.2.3 atext, and RFC 6531's UTF-8. */
static bool is_atext(char c)
{
	return !is_ascii(c) || ascii_isalnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_dot_string(struct span s)
{
	char before = '.';

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '.' ? before == '.' : !is_atext(s.p[i]))
			return false;
		before = s.p[i];
	}
	return before != '.';
}

/* Letters, digits, UTF-8; '-' inside; '_' wherever. */
static bool is_label(struct span s)
{
	if (s.len == 0 || s.len > 63 || s.p[0] == '-' || s.p[s.len - 1] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (is_ascii(s.p[i]) && !ascii_isalnum(s.p[i]) && s.p[i] != '-' &&
			s.p[i] != '_')
			return false;
	return true;
}

bool address_is_domain(struct span s)
{
	if (s.len > ADDRESS_DOMAIN_MAX)
		return false;
	for (;;) {
		const char *dot = s.len > 0 ? memchr(s.p, '.', s.len) : NULL;
		size_t n = dot != NULL ? (size_t)(dot - s.p) : s.len;

		if (!is_label(span_make(s.p, n)))
			return false;
		if (dot == NULL)
			return true;
		s.p += n + 1;
		s.len -= n + 1;
	}
}

/* RFC 5321 §4.1.3, without the brackets: "192.0.2.1" or "IPv6:2001:db8::1". */
static bool is_literal(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	int family = AF_INET;

	if (span_istarts(s, "IPv6:")) {
		family = AF_INET6;
		s = span_make(s.p + 5, s.len - 5);
	}
	return span_copy(text, sizeof(text), s) && inet_pton(family, text, bytes) == 1;
}

/* The content of a quoted string, without quotes and backslashes, into raw. */
static enum address_result unquote(struct parser *p, char *raw, size_t cap, size_t *len)
{
	*len = 0;
	while (p->in.len > 0 && !peek(p, '"')) {
		if (eat(p, '\\') && p->in.len == 0)
			return ADDRESS_SYNTAX;
		if (*len == cap)
			return ADDRESS_TOO_LONG;
		raw[(*len)++] = p->in.p[0];
		skip(p, 1);
	}
	return eat(p, '"') ? ADDRESS_OK : ADDRESS_SYNTAX;
}

static enum address_result put_quoted(struct parser *p, struct span raw)
{
	enum address_result r = put(p, span_of("\""));

	for (size_t i = 0; i < raw.len && r == ADDRESS_OK; i++) {
		if (raw.p[i] == '"' || raw.p[i] == '\\')
			r = put(p, span_of("\\"));
		if (r == ADDRESS_OK)
			r = put(p, span_make(raw.p + i, 1));
	}
	return r == ADDRESS_OK ? put(p, span_of("\"")) : r;
}

static enum address_result parse_quoted(struct parser *p)
{
	char raw[ADDRESS_LOCAL_MAX];
	enum address_result r;
	struct span s;
	size_t len;

	skip(p, 1);
	r = unquote(p, raw, sizeof(raw), &len);
	if (r != ADDRESS_OK)
		return r;
	s = span_make(raw, len);
	return is_dot_string(s) ? put(p, s) : put_quoted(p, s);
}

static enum address_result parse_local(struct parser *p)
{
	enum address_result r;
	size_t n = 0;

	if (peek(p, '"')) {
		r = parse_quoted(p);
	} else {
		while (n < p->in.len && (is_atext(p->in.p[n]) || p->in.p[n] == '.'))
			n++;
		if (!is_dot_string(span_make(p->in.p, n)))
			return ADDRESS_SYNTAX;
		r = put(p, span_make(p->in.p, n));
		skip(p, n);
	}
	return r == ADDRESS_OK && p->len > ADDRESS_LOCAL_MAX ? ADDRESS_TOO_LONG : r;
}

/* How many of the next bytes can belong to a domain or a literal. */
static size_t domain_len(const struct parser *p)
{
	size_t n = 0;

	while (n < p->in.len && strchr(",:>", p->in.p[n]) == NULL)
		n++;
	return n;
}

static enum address_result parse_literal(struct parser *p)
{
	const char *end = memchr(p->in.p, ']', p->in.len);
	size_t n;

	if (end == NULL)
		return ADDRESS_SYNTAX;
	n = (size_t)(end - p->in.p);
	if (!is_literal(span_make(p->in.p + 1, n - 1)))
		return ADDRESS_SYNTAX;
	if (put(p, span_make(p->in.p, n + 1)) != ADDRESS_OK)
		return ADDRESS_TOO_LONG;
	skip(p, n + 1);
	return ADDRESS_OK;
}

static enum address_result parse_domain(struct parser *p)
{
	size_t n;

	if (peek(p, '['))
		return parse_literal(p);
	n = domain_len(p);
	if (n > ADDRESS_DOMAIN_MAX)
		return ADDRESS_TOO_LONG;
	if (!address_is_domain(span_make(p->in.p, n)))
		return ADDRESS_SYNTAX;
	if (put(p, span_make(p->in.p, n)) != ADDRESS_OK)
		return ADDRESS_TOO_LONG;
	skip(p, n);
	return ADDRESS_OK;
}

/* RFC 5321 §4.1.1.3: source routes are accepted and ignored. */
static enum address_result skip_route(struct parser *p)
{
	do {
		size_t n;

		if (!eat(p, '@'))
			return ADDRESS_SYNTAX;
		n = domain_len(p);
		if (!address_is_domain(span_make(p->in.p, n)))
			return ADDRESS_SYNTAX;
		skip(p, n);
	} while (eat(p, ','));
	return eat(p, ':') ? ADDRESS_OK : ADDRESS_SYNTAX;
}

static enum address_result parse_mailbox(struct parser *p)
{
	enum address_result r = peek(p, '@') ? skip_route(p) : ADDRESS_OK;

	if (r == ADDRESS_OK)
		r = parse_local(p);
	if (r != ADDRESS_OK)
		return r;
	if (peek(p, '>'))
		return ADDRESS_NO_DOMAIN;
	p->out->at = p->len;
	if (!eat(p, '@'))
		return ADDRESS_SYNTAX;
	if (put(p, span_of("@")) != ADDRESS_OK)
		return ADDRESS_TOO_LONG;
	r = parse_domain(p);
	if (r == ADDRESS_OK && p->len + 2 > ADDRESS_PATH_MAX)
		return ADDRESS_TOO_LONG;
	str_lower(p->out->text + p->out->at);
	return r;
}

/* How many bytes the path has, brackets included; 0 where it does not end. A '>' may stand
 * in a quoted local part. */
static size_t path_len(struct span in)
{
	bool quoted = false;

	for (size_t i = 0; i < in.len; i++) {
		if (quoted && in.p[i] == '\\')
			i++;
		else if (in.p[i] == '"')
			quoted = !quoted;
		else if (in.p[i] == '>' && !quoted)
			return i + 1;
	}
	return 0;
}

static bool has_non_ascii(const char *text)
{
	while (*text != '\0' && is_ascii(*text))
		text++;
	return *text != '\0';
}

enum address_result address_parse_path(
	struct span *in, bool null_ok, struct smtp_address *out)
{
	struct parser p = {.out = out};
	size_t n = path_len(*in);
	enum address_result r;

	*out = (struct smtp_address){0};
	if (n == 0 || in->p[0] != '<')
		return ADDRESS_SYNTAX;
	p.in = span_make(in->p + 1, n - 1);
	r = check_bytes(p.in);
	if (r != ADDRESS_OK)
		return r;
	if (p.in.len > 1 || !null_ok)
		r = parse_mailbox(&p);
	if (r == ADDRESS_OK && !(eat(&p, '>') && p.in.len == 0))
		r = ADDRESS_SYNTAX;
	if (r != ADDRESS_OK)
		return r;
	out->non_ascii = has_non_ascii(out->text);
	*in = span_make(in->p + n, in->len - n);
	return ADDRESS_OK;
}
