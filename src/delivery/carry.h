/* SPDX-License-Identifier: MIT */
/*
 * Which header fields of a mail go along in SmtpHeaders.
 */
#ifndef DELIVERY_CARRY_H
#define DELIVERY_CARRY_H

#include "core/attr.h"
#include "delivery/fields.h"

#include <stdbool.h>

/* Whether a field is never carried, whatever the route says: it has a field of the API of
 * its own, it is a trace or a signature of the original, it is an instruction to another
 * service, or it could tell one recipient of another. */
bool carry_is_barred(const char *name);

/*
 * Writes f->headers: {"X-Tencentcloudses-Cb-Sesrelay":id, ...} with the fields that match
 * one of the route's globs, in their order, until SES_HEADERS_MAX is reached. One that
 * names a hidden recipient is never carried. What matches and is not carried is noted.
 * -1 with errno as in buf.h.
 */
int carry_collect(struct fields *f, const struct fields_input *in) MUST_CHECK;

#endif
