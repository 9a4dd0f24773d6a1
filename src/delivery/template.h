/* SPDX-License-Identifier: MIT */
/*
 * Text with %{...} in it, as the options `variables` and `rewrite_from` hold it, filled
 * from a message.
 *
 *	%{subject} %{text} %{from.name} %{from.address} %{to} %{cc} %{message_id} %{date}
 *	%{header:Name}        "" where the mail has none; the first of several
 *	%%                    a percent sign; one that no { follows needs no doubling
 *
 * %{to} and %{cc} are addresses, parted with ", ". %{text} is the text body without the
 * line ends after it; there is no variable for the HTML body, for the API refuses HTML in
 * a template's values.
 */
#ifndef DELIVERY_TEMPLATE_H
#define DELIVERY_TEMPLATE_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "mail/message.h"

#include <stdbool.h>

/* -1 and *err where the text names a variable that there is not, or does not close one. */
int template_check(const char *text, struct err *err) MUST_CHECK;

/* The same for an item of `variables`: "name=text". */
int template_check_variable(const char *item, struct err *err) MUST_CHECK;

/* Appends the text filled from the message. -1 with errno as in buf.h. For a text that
 * template_check() let pass. */
int template_expand(
	const char *text, const struct message *m, struct buf *out) MUST_CHECK;

/* Whether the text holds %{name}. */
bool template_uses(const char *text, const char *name);

/* The value of the first header field of that name; NULL where there is none. */
const char *template_header(const struct message *m, struct span name);

#endif
