/* SPDX-License-Identifier: MIT */
/*
 * The service manager's notification protocol, sd_notify(3), without its library: one
 * datagram to the socket that $NOTIFY_SOCKET names; nothing where it names none.
 */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

/* state: "READY=1", "STOPPING=1", "STATUS=...", several parted by line ends. A failure is
 * of no consequence to the mail and is not told. */
void notify_send(const char *state);

/* "RELOADING=1" with the monotonic time that Type=notify-reload asks for. */
void notify_reloading(void);

#endif
