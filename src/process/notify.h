/* SPDX-License-Identifier: MIT */
/*
 * The service manager's notification protocol, sd_notify(3), without its library: one
 * datagram to the socket that $NOTIFY_SOCKET names; nothing where it names none.
 */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

#include <stdbool.h>

/* state: "READY=1", "STOPPING=1", "STATUS=...", several parted by line ends. A failure is
 * of no consequence to the mail and is not told. */
void notify_send(const char *state);

/* Whether the service manager wants a "WATCHDOG=1" from this process at times
 * ($WATCHDOG_USEC, $WATCHDOG_PID; sd_watchdog_enabled(3)). */
bool notify_watchdog_is_on(void);

/* "RELOADING=1" with the monotonic time that Type=notify-reload asks for. */
void notify_reloading(void);

#endif
