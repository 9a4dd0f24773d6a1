/* SPDX-License-Identifier: MIT */
/*
 * Which Host a request may name. A page of a stranger can make a browser reach any address
 * under a name of the stranger's own (DNS rebinding); the name then stands in Host.
 */
#ifndef ADMIN_HOST_H
#define ADMIN_HOST_H

#include "config/conf.h"

#include <stdbool.h>

struct sockaddr;

/*
 * host is the Host field: a name or an address, and perhaps a port, which may be any. True
 * for localhost, loopback addresses, the address that the connection came to (local), and
 * what matches one of the names. NULL, no Host at all, is true as well: every browser sends
 * one.
 */
bool host_is_served(
	const char *host, const struct sockaddr *local, const struct conf_list *names);

#endif
