/* SPDX-License-Identifier: MIT */
/*
 * The fields of the message's own header.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "core/attr.h"
#include "mail/parse.h"

/* Fills addresses, subject, Message-ID and headers of p->m from the header that the guard
 * found. */
void header_read(struct parse *p);

#endif
