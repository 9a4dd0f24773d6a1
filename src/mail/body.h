/* SPDX-License-Identifier: MIT */
/*
 * The one text and the one HTML body, put together from the text parts of a message.
 */
#ifndef MAIL_BODY_H
#define MAIL_BODY_H

#include "core/attr.h"
#include "mail/parse.h"

#include <stdbool.h>
#include <stddef.h>

/* Adds a text/plain (or text/html) part of p->parts. 0, or -1 and *p->why (452). */
int body_add_part(struct parse *p, size_t index, bool html) MUST_CHECK;

/* Whether there is a body of that kind yet. */
bool body_has(const struct parse *p, bool html);

/* Puts what was added into p->m->text and p->m->html. 0, or -1 and *p->why (452). */
int body_finish(struct parse *p) MUST_CHECK;

/* Frees what was added and not finished. */
void body_clear(struct parse *p);

#endif
