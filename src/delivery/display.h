/* SPDX-License-Identifier: MIT */
/*
 * Text that readers see as the mail's own: the name of the sender, and the subject. It is
 * decoded already, and must not mean anything but itself in the header that the API writes.
 */
#ifndef DELIVERY_DISPLAY_H
#define DELIVERY_DISPLAY_H

#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>

#define DISPLAY_ALIAS_MAX 256 /* bytes of a sender's name */

/*
 * A sender's name that needs no quotes (RFC 5322 §3.2.3, §3.2.5), for how the API quotes one
 * is not documented: each of ( ) < > [ ] : ; @ \ , " becomes a space, and so do the other
 * forms of '@' (U+FF20, U+FE6B): a reader must not take the name for an address. Runs of white
 * space become one space; what looks like an encoded word is broken as in display_subject();
 * what is longer than DISPLAY_ALIAS_MAX is cut. A '.' stays: every reader has to take it
 * (RFC 5322 §4.1). *changed is set, and never cleared, where more than white space was
 * altered. Caller owns the result, which may be "".
 */
char *display_alias(struct span name, bool *changed) MUST_CHECK;

/*
 * A subject in which nothing looks like an encoded word (RFC 2047) any more: readers would
 * decode it a second time. A space is put between its "=" and its "?". Caller owns the result.
 */
char *display_subject(const char *subject, bool *changed) MUST_CHECK;

#endif
