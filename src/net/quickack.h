/* SPDX-License-Identifier: MIT */
/*
 * Acknowledges what a client has sent at once. A client that writes a message or a command in
 * pieces, without TCP_NODELAY, keeps the next piece back until this one is acknowledged (RFC 896),
 * which the kernel does after 40 ms if no reply goes out (RFC 1122 §4.2.3.2).
 */
#ifndef NET_QUICKACK_H
#define NET_QUICKACK_H

/* For the bytes that were read of the TCP connection fd; it has to be said again after the next
 * ones. Does nothing for other sockets. */
void quickack(int fd);

#endif
