/* SPDX-License-Identifier: MIT */
/*
 * Why a message is refused, as the text of the SMTP reply.
 */
#ifndef MAIL_REFUSAL_H
#define MAIL_REFUSAL_H

#include "core/attr.h"
#include "mail/message.h"

/* Fills *why (the text is cut at its size) and returns -1, so that callers can
 * `return refusal_set(...)`. */
int refusal_set(struct message_refusal *why, unsigned code, const char *enhanced,
	const char *fmt, ...) PRINTF_LIKE(4, 5);

/* 452 4.3.1: the worker's memory budget is exhausted. Returns -1. */
int refusal_no_memory(struct message_refusal *why);

/* The same for an error of buf.h: 452 4.3.1 of ENOMEM; 552 5.3.4 of EMSGSIZE, because the
 * message will be as large next time. Returns -1. */
int refusal_no_room(struct message_refusal *why, int error);

#endif
