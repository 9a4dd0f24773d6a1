/* SPDX-License-Identifier: MIT */
/*
 * The recipients that the readers of a mail must not learn of, and the search for their
 * addresses in a text that all of them see.
 */
#ifndef DELIVERY_HIDDEN_H
#define DELIVERY_HIDDEN_H

#include "config/conf.h"
#include "core/attr.h"
#include "delivery/batch.h"
#include "smtp/envelope.h"

#include <stdbool.h>

struct hidden;

/*
 * All calls of a route share the header fields that they carry. So an envelope recipient is
 * hidden unless each of the route's calls shows it in To or Cc. Copies what it needs; the
 * result is never NULL and is freed with hidden_free().
 */
struct hidden *hidden_new(const struct batches *batches, const struct conf_route *route,
	const struct envelope *envelope) MUST_CHECK;
void hidden_free(struct hidden **hidden);

/*
 * Whether the text holds the address of a hidden recipient, at any place: in either case of
 * ASCII, with white space or quotes in it, percent-encoded, quoted-printable, escaped for
 * JSON or HTML, within encoded words, or as a return path writes it (local=domain,
 * local%domain, domain=local). A longer address that ends or begins with a hidden one counts
 * as that one. Text in a base64 of its own is not looked into. False where hidden is NULL.
 */
bool hidden_is_named(const struct hidden *hidden, const char *text);

#endif
