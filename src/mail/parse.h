/* SPDX-License-Identifier: MIT */
/*
 * The state of parsing a message, which the files of this room share.
 */
#ifndef MAIL_PARSE_H
#define MAIL_PARSE_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/budget.h"
#include "core/str.h"
#include "mail/guard.h"
#include "mail/message.h"
#include "mail/rfc2047.h"
#include "mail/walk.h"

#include <stddef.h>

struct body_item;

struct parse {
	struct message *m;
	struct span raw;
	const struct conf_limits *limits;
	const struct conf_mail *policy;
	struct budget *budget; /* may be NULL */
	struct message_refusal *why;
	struct guard_report guard;
	struct part_list parts;
	struct body_item *items; /* see body.c */
	size_t n_items, items_cap;
};

/* The maximum of a buffer for what is made of len raw bytes: UTF-8 of the worst charset.
 */
static inline size_t parse_room(size_t len)
{
	return 6 * len + 1024;
}

#endif
