/* SPDX-License-Identifier: MIT */
/*
 * xtext: values of parameters in printable ASCII (RFC 3461 §4).
 *
 *	xtext = *( xchar / hexchar )
 *	xchar = any ASCII from "!" (33) to "~" (126) but "+" and "="
 *	hexchar = "+" followed by two hexadecimal digits, capitals
 */
#ifndef SMTP_XTEXT_H
#define SMTP_XTEXT_H

#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Decodes into a string of at most cap - 1 bytes. False where the syntax is wrong (small
 * hexadecimal digits are let pass), where it does not fit, or where what comes out is no
 * UTF-8 or has a control character. out holds no more than what was good then. */
bool xtext_decode(struct span in, char *out, size_t cap) MUST_CHECK;

#endif
