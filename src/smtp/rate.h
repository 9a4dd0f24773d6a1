/* SPDX-License-Identifier: MIT */
/*
 * How often clients did something: a bucket for each address, in a table of fixed size.
 *
 * IPv6 counts by /64, which is what one customer has. The table forgets: when a set of it is
 * full, a new client takes the place of the one who is nearest to having all of his share
 * again. So it is as large as it was made whatever strangers do, and who has many
 * addresses can at most make it forgive the others.
 */
#ifndef SMTP_RATE_H
#define SMTP_RATE_H

#include "core/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

/* Equal for addresses that count as one client; never 0. */
uint64_t rate_client(const char *address);

/* Times in a period (ms), all of which may come at once. NULL for 0 times: no limit, and fine
 * for all below. */
struct rate *rate_new(unsigned times, uint64_t period) MUST_CHECK;
void rate_free(struct rate **rate);

/* Counts one; false, and not counted, where the client has used up his share. address as in
 * struct smtp_peer: whoever has none counts as one client. now: of the loop's clock. */
bool rate_take(struct rate *r, const char *address, uint64_t now);

/* Whether rate_take() would say false. */
bool rate_is_spent(const struct rate *r, const char *address, uint64_t now);

#endif
