/* SPDX-License-Identifier: MIT */
/*
 * Whether a client's side of a connection has every byte that was written to it: as far as
 * the kernel knows.
 */
#ifndef NET_ACK_H
#define NET_ACK_H

#include "core/attr.h"

#include <stdbool.h>

/*
 * TCP: its side acknowledged all of it, and may have ended since. Unix sockets: it read all of
 * it. False where that is not so, or not known.
 */
bool ack_is_complete(int fd);

#endif
