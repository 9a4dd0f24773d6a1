/* SPDX-License-Identifier: MIT */
/*
 * Envelope addresses: Path and Mailbox of RFC 5321 §4.1.2, with RFC 6531's UTF-8.
 */
#ifndef SMTP_ADDRESS_H
#define SMTP_ADDRESS_H

#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_LOCAL_MAX  64
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_MAX        (ADDRESS_LOCAL_MAX + 1 + ADDRESS_DOMAIN_MAX)
/* A path, brackets included, may not be longer (RFC 5321 §4.5.3.1.3). */
#define ADDRESS_PATH_MAX 256

struct smtp_address {
	/* Without brackets and source route; domain in lower case; quotes of the local part
	 * removed where it needs none. "" is the null reverse-path. */
	char text[ADDRESS_MAX + 1];
	size_t at;      /* index of the '@' that parts local part and domain; 0 in "" */
	bool non_ascii; /* needs SMTPUTF8 */
};

enum address_result {
	ADDRESS_OK,
	ADDRESS_SYNTAX,
	ADDRESS_TOO_LONG, /* local part, domain or path over its length */
	ADDRESS_BAD_UTF8,
	ADDRESS_NO_DOMAIN, /* `<postmaster>` and other bare local parts */
};

/* Parses "<...>" at the start of *in and moves *in past it. null_ok: "<>" is allowed.
 * Control characters, also those of Unicode, and its bidirectional ones are refused. An
 * underscore may stand in a domain, as half the world's machine names have one. */
enum address_result address_parse_path(
	struct span *in, bool null_ok, struct smtp_address *out) MUST_CHECK;

/* Whether s is a domain as in an address: labels of letters, digits, '-', '_', and UTF-8. */
bool address_is_domain(struct span s);

#endif
