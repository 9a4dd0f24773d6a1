/* SPDX-License-Identifier: MIT */
/* Parses the attributes of a client. */
#include "smtp/xclient.h"

#include "smtp/param.h"

#define VALUE_MAX 256

/* ADDR: IPv6 with "IPV6:" in front, which a peer may leave out. */
static bool parse_address(struct xclient *x, const char *value)
{
	if (span_istarts(span_of(value), "IPV6:"))
		value += strlen("IPV6:");
	return ip_normalize(value, x->address);
}

static bool parse_port(struct xclient *x, const char *value)
{
	uint64_t port;

	if (strlen(value) > 5 || !span_number(span_of(value), UINT16_MAX, &port))
		return false;
	x->port = (unsigned)port;
	return port > 0;
}

static bool parse_protocol(struct xclient *x, const char *value)
{
	return (str_ieq(value, "SMTP") || str_ieq(value, "ESMTP") ||
		       str_ieq(value, "LMTP")) &&
	       str_copy(x->protocol, sizeof(x->protocol), value);
}

static bool parse_source(struct xclient *x, const char *value)
{
	return (str_ieq(value, "LOCAL") || str_ieq(value, "REMOTE")) &&
	       str_copy(x->source, sizeof(x->source), value);
}

static bool parse_name(struct xclient *x, const char *value)
{
	return str_copy(x->name, sizeof(x->name), value);
}

static bool parse_helo(struct xclient *x, const char *value)
{
	return str_copy(x->helo, sizeof(x->helo), value);
}

static bool parse_ident(struct xclient *x, const char *value)
{
	return str_copy(x->ident, sizeof(x->ident), value);
}

static bool parse_login(struct xclient *x, const char *value)
{
	return str_copy(x->login, sizeof(x->login), value);
}

static const struct attribute {
	const char *name;
	bool (*parse)(struct xclient *x, const char *value);
} attributes[] = {
	{"NAME", parse_name},
	{"ADDR", parse_address},
	{"PORT", parse_port},
	{"PROTO", parse_protocol},
	{"HELO", parse_helo},
	{"IDENT", parse_ident},
	{"SOURCE", parse_source},
	{"LOGIN", parse_login},
};

/* Whether it is one of the names, which blanks separate. */
static bool is_among(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name))
		if ((at == names || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static int find(struct span name, const char *names)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (span_ieq_str(name, attributes[i].name) &&
			is_among(names, attributes[i].name))
			return (int)i;
	return -1;
}

static bool parse_value(struct xclient *x, const struct attribute *a, struct span xtext)
{
	char value[VALUE_MAX];

	if (!param_decode_xtext(xtext, value, sizeof(value)))
		return false;
	if (a->parse == parse_address)
		x->has_address = true;
	if (str_ieq(value, "[UNAVAILABLE]") || str_ieq(value, "[TEMPUNAVAIL]"))
		return true;
	return a->parse(x, value);
}

int xclient_parse(
	struct span args, const char *names, struct xclient *x, struct reply *reply)
{
	unsigned seen = 0;
	struct param p;
	int more, i;

	*x = (struct xclient){0};
	while ((more = param_next(&args, &p)) == 1) {
		i = find(p.name, names);
		if (i < 0 || (seen & (1u << i)) != 0 || !p.has_value ||
			!parse_value(x, &attributes[i], p.value)) {
			*reply = reply_make(501, "5.5.4",
				"bad attribute %.*s, each of %s once is expected",
				(int)(p.name.len < 32 ? p.name.len : 32), p.name.p,
				names);
			return -1;
		}
		seen |= 1u << i;
	}
	if (more == 0 && seen != 0)
		return 0;
	*reply = reply_make(501, "5.5.4", "NAME=VALUE is expected, of %s", names);
	return -1;
}
