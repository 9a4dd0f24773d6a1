/* SPDX-License-Identifier: MIT */
/*
 * What a peer may do. Nothing else decides that.
 */
#ifndef SMTP_ACCESS_H
#define SMTP_ACCESS_H

#include "smtp/peer.h"

#include <stdbool.h>

/* Whether the peer may send as that address, as its line of the users file says: as the
 * reverse-path, and in the From header. "" is the null sender, which every peer may use. A
 * quoted local part fits no pattern. */
bool access_from(const struct peer *peer, const char *address);

/* The name of the route that all mail of the peer takes, as its line of the users file says;
 * NULL: the first that fits. */
const char *access_route(const struct peer *peer);

#endif
