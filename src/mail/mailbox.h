/* SPDX-License-Identifier: MIT */
/*
 * Address lists of header fields (RFC 5322 §3.4, RFC 6854, RFC 6532), read from the raw
 * value: mailboxes, groups, comments, routes, and what programs write instead. One pass,
 * no recursion.
 */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/str.h"
#include "mail/message.h"
#include "mail/rfc2047.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends the mailboxes of the value; the members of groups are among them, without their
 * group. What holds no address of the form local@domain is left out. Names are decoded; a name
 * that only repeats the address is "".
 */
void mailbox_list_parse(struct mailbox_list *list, struct span value,
	const struct conf_list *charsets, struct decode_notes *notes);

/* The name of the first mailbox of a value that holds no address: "Cron Daemon" of
 * `root (Cron Daemon)` and of `Cron Daemon <root>`; "" if none has one. Caller owns. */
char *mailbox_name(struct span value, const struct conf_list *charsets,
	struct decode_notes *notes) MUST_CHECK;

void mailbox_list_clear(struct mailbox_list *list);
void mailbox_clear(struct mailbox *m);

/* Whether it is local@domain without white space, brackets or control characters. */
bool mailbox_is_address(struct span s);

#endif
