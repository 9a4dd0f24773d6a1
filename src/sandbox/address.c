/* SPDX-License-Identifier: MIT */
/* Email addresses as the API takes them. */
#include "sandbox/address.h"

#include "sandbox/json.h"
#include "sandbox/mem.h"

#include <stdlib.h>
#include <string.h>

#define LOCAL_MAX   64
#define ADDRESS_MAX 254
#define LABEL_MAX   63

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* Dot-string: atoms of atext (RFC 5322 section 3.2.3) or letters beyond ASCII. */
static bool local_is_valid(const char *s, size_t len)
{
	if (len == 0 || len > LOCAL_MAX || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' ? s[i + 1] == '.'
				: !is_alnum((unsigned char)s[i]) &&
					  strchr("!#$%&'*+-/=?^_`{|}~", s[i]) == NULL)
			return false;
	}
	return true;
}

static bool label_is_valid(const char *s, size_t len)
{
	if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum((unsigned char)s[i]) && s[i] != '-')
			return false;
	}
	return true;
}

static bool domain_is_valid(const char *s)
{
	size_t labels = 0;

	for (;;) {
		size_t len = strcspn(s, ".");

		if (!label_is_valid(s, len))
			return false;
		labels++;
		if (s[len] == '\0')
			return labels >= 2;
		s += len + 1;
	}
}

bool address_is_valid(const char *address)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || strlen(address) > ADDRESS_MAX ||
		!utf8_is_valid(address, strlen(address)))
		return false;
	return local_is_valid(address, (size_t)(at - address)) && domain_is_valid(at + 1);
}

static bool alias_is_valid(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f || c == ':' || c == '<' || c == '>')
			return false;
	}
	return true;
}

enum address_form address_check_mailbox(const char *mailbox)
{
	const char *open = strrchr(mailbox, '<');
	size_t len = strlen(mailbox), alias_len;
	char *address;
	bool ok;

	if (open == NULL)
		return address_is_valid(mailbox) ? ADDRESS_OK : ADDRESS_BAD_ADDRESS;
	if (open < mailbox + 2 || open[-1] != ' ' || open[-2] == ' ' ||
		mailbox[0] == ' ' || mailbox[len - 1] != '>')
		return ADDRESS_BAD_FORM;
	alias_len = (size_t)(open - mailbox) - 1;
	if (!alias_is_valid(mailbox, alias_len))
		return ADDRESS_BAD_ALIAS;
	address = mem_strndup(open + 1, strlen(open + 1) - 1);
	ok = address_is_valid(address);
	free(address);
	return ok ? ADDRESS_OK : ADDRESS_BAD_ADDRESS;
}
