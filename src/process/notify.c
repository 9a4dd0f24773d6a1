/* SPDX-License-Identifier: MIT */
/* Messages to systemd (sd_notify(3)). */
#include "process/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (len == 0 || len >= sizeof(addr.sun_path) ||
		(path[0] != '/' && path[0] != '@'))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0'; /* the abstract namespace */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		(const struct sockaddr *)&addr,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)sent;
	close(fd);
}

bool notify_watchdog_is_on(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	return usec != NULL && strtoull(usec, NULL, 10) > 0 &&
	       (pid == NULL || strtol(pid, NULL, 10) == (long)getpid());
}

void notify_reloading(void)
{
	struct timespec now;
	char state[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)now.tv_sec * 1000000ULL +
			(unsigned long long)now.tv_nsec / 1000ULL);
	notify_send(state);
}
