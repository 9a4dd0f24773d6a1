/* SPDX-License-Identifier: MIT */
/*
 * The list of what the API cannot carry of a message.
 */
#ifndef MAIL_CONVERSION_LOSS_H
#define MAIL_CONVERSION_LOSS_H

#include "core/attr.h"
#include "mail/message.h"

/* Notes a loss. The formatted detail is cleaned to one line of UTF-8. Past
 * MESSAGE_LOSSES_MAX only the count goes on. */
void conversion_loss_add(struct message *m, enum loss_kind kind, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Whether one of that kind was noted. */
bool conversion_loss_has(const struct message *m, enum loss_kind kind);

#endif
