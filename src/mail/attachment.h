/* SPDX-License-Identifier: MIT */
/*
 * Parts that become attachments.
 */
#ifndef MAIL_ATTACHMENT_H
#define MAIL_ATTACHMENT_H

#include "core/attr.h"
#include "mail/parse.h"

#include <stddef.h>

/* Adds the part to p->m->attachments: clean base64 is borrowed from the raw bytes, all
 * else is decoded. 0, or -1 and *p->why (452). */
int attachment_add(struct parse *p, size_t index) MUST_CHECK;

/* The name that the mail gives the part: Content-Disposition's filename, else
 * Content-Type's name; "" if it has none. Borrowed. */
const char *attachment_given_name(const struct part *part);

void attachment_clear(struct attachment *a);

#endif
