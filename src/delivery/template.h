/* SPDX-License-Identifier: MIT */
/*
 * Fills the %{...} of the options `variables` and `rewrite_from` (config/conf_piece.h) from
 * a message.
 *
 * A field that the mail does not have is "", of several with a name the first one counts.
 * %{to} and %{cc} are addresses, parted with ", ". %{text} is the text body without the
 * line ends after it; there is no variable for the HTML body, for the API refuses HTML in
 * a template's values.
 */
#ifndef DELIVERY_TEMPLATE_H
#define DELIVERY_TEMPLATE_H

#include "config/conf_piece.h"
#include "core/attr.h"
#include "core/buf.h"
#include "mail/message.h"

#include <stdbool.h>

/* Appends the text, of a configuration that was loaded, filled from the message. -1 with
 * errno as in buf.h. */
int template_expand(
	const char *text, const struct message *m, struct buf *out) MUST_CHECK;

/* Whether the text holds a %{...} of that type. */
bool template_uses(const char *text, enum conf_piece_type type);

/* The value of the first header field of that name; NULL where there is none. */
const char *template_header(const struct message *m, struct span name);

#endif
