/* SPDX-License-Identifier: MIT */
/*
 * What each part becomes: a body, an attachment, or, if the API cannot carry it, what the
 * configuration says.
 */
#ifndef MAIL_ROLE_H
#define MAIL_ROLE_H

#include "core/attr.h"
#include "mail/parse.h"

#include <stddef.h>

enum role {
	ROLE_TEXT,
	ROLE_HTML,
	ROLE_ATTACHMENT,
	ROLE_NOTHING, /* left out; a loss says so */
	ROLE_REFUSED, /* *p->why is set */
};

/* The role of a part that is no multipart; notes what is lost by it. Asked once for each
 * part, in their order, with body.c following. */
enum role role_choose(struct parse *p, size_t index);

#endif
