/* SPDX-License-Identifier: MIT */
/* The parameters of delivery status notifications. */
#include "smtp/dsn.h"

#include "core/mem.h"
#include "smtp/param.h"

static const struct {
	const char *name;
	unsigned flag;
} notifies[] = {
	{"NEVER", DSN_NEVER},
	{"SUCCESS", DSN_SUCCESS},
	{"FAILURE", DSN_FAILURE},
	{"DELAY", DSN_DELAY},
};

bool dsn_parse_ret(struct span value, enum dsn_ret *ret)
{
	*ret = span_ieq_str(value, "FULL")   ? DSN_RET_FULL
	       : span_ieq_str(value, "HDRS") ? DSN_RET_HDRS
	                                     : DSN_RET_UNSAID;
	return *ret != DSN_RET_UNSAID;
}

bool dsn_parse_envid(struct span value, char **envid)
{
	char decoded[DSN_ENVID_MAX + 1];

	if (value.len == 0 || value.len > DSN_ENVID_MAX ||
		!param_decode_xtext(value, decoded, sizeof(decoded)))
		return false;
	*envid = mem_strndup(value.p, value.len);
	return true;
}

static unsigned find_notify(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(notifies); i++)
		if (span_ieq_str(name, notifies[i].name))
			return notifies[i].flag;
	return 0;
}

bool dsn_parse_notify(struct span value, unsigned *notify)
{
	*notify = 0;
	while (value.len > 0) {
		const char *comma = memchr(value.p, ',', value.len);
		size_t n = comma != NULL ? (size_t)(comma - value.p) : value.len;
		unsigned flag = find_notify(span_make(value.p, n));

		if (flag == 0 || (*notify & (flag | DSN_NEVER)) != 0 ||
			(flag == DSN_NEVER && *notify != 0))
			return false;
		*notify |= flag;
		if (comma == NULL)
			return true;
		value = span_make(comma + 1, value.len - n - 1);
	}
	return false;
}

/* addr-type = atom; in practice "rfc822", "utf-8", "x400". */
static bool is_type(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_isalnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.len > 0;
}

bool dsn_parse_orcpt(struct span value, char **orcpt)
{
	char decoded[DSN_ORCPT_MAX + 1];
	const char *semicolon;
	size_t type;

	if (value.len == 0 || value.len > DSN_ORCPT_MAX)
		return false;
	semicolon = memchr(value.p, ';', value.len);
	if (semicolon == NULL)
		return false;
	type = (size_t)(semicolon - value.p);
	if (!is_type(span_make(value.p, type)) ||
		!param_decode_xtext(span_make(semicolon + 1, value.len - type - 1),
			decoded, sizeof(decoded)) ||
		decoded[0] == '\0')
		return false;
	*orcpt = mem_strndup(value.p, value.len);
	return true;
}

void dsn_format_notify(unsigned notify, char out[DSN_NOTIFY_LEN])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(notifies); i++) {
		size_t len = strlen(notifies[i].name);

		if ((notify & notifies[i].flag) == 0 || n + len + 2 > DSN_NOTIFY_LEN)
			continue;
		if (n > 0)
			out[n++] = ',';
		memcpy(out + n, notifies[i].name, len + 1);
		n += len;
	}
}
