/* SPDX-License-Identifier: MIT */
/*
 * The list of what the API cannot carry of a message.
 */
#ifndef MAIL_CONVERSION_LOSS_H
#define MAIL_CONVERSION_LOSS_H

#include "core/attr.h"
#include "core/str.h"
#include "mail/message.h"
#include "mail/rfc2047.h"

/* Notes a loss. The formatted detail is cleaned to one line of UTF-8. Past
 * MESSAGE_LOSSES_MAX only the count goes on. */
void conversion_loss_add(struct message *m, enum conversion_loss_kind kind,
	const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Notes what decoding the thing named had to change or leave out, if anything. */
void conversion_loss_note(
	struct message *m, struct span what, const struct decode_notes *notes);

/* Whether one of that kind was noted. */
bool conversion_loss_has(const struct message *m, enum conversion_loss_kind kind);

#endif
