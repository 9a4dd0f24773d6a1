/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements of TCP: whether the client has what was sent, and that we have what it sent.
 */
#ifndef NET_ACK_H
#define NET_ACK_H

#include "core/attr.h"

#include <stdbool.h>

/* Whether the client's side has every byte that was written to the connection, as far as the
 * kernel knows. TCP: it acknowledged all of it, and may have ended since. Unix sockets: the
 * client read all of it. False if that is not so, or not known. */
bool ack_is_complete(int fd);

/* Acknowledges at once what was read of the TCP connection; to be called again after the next
 * read. A client that writes a message or a command in pieces, without TCP_NODELAY, sends the
 * next piece when this one is acknowledged (RFC 896), which the kernel does after 40 ms if no
 * reply goes out (RFC 1122 §4.2.3.2). Does nothing for other sockets. */
void ack_now(int fd);

#endif
