/* SPDX-License-Identifier: MIT */
/*
 * Email addresses as the API takes them (RFC 5321 section 4.1.2, dot-strings only).
 */
#ifndef SANDBOX_ADDRESS_H
#define SANDBOX_ADDRESS_H

#include <stdbool.h>

/* local@domain: dot-atoms, letters beyond ASCII allowed, 64 and 254 bytes at most. */
bool address_is_valid(const char *address);

enum address_form {
	ADDRESS_OK,
	ADDRESS_BAD_ADDRESS, /* what stands for the address is none */
	ADDRESS_BAD_ALIAS, /* a colon, angle bracket or control character in the alias */
	ADDRESS_BAD_FORM,  /* not `a@b` and not `Alias <a@b>` with exactly one space */
};

/* What is wrong with a FromEmailAddress, if anything. */
enum address_form address_check_mailbox(const char *mailbox);

#endif
