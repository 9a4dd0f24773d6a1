/* SPDX-License-Identifier: MIT */
/*
 * Which Host a request may name. A hostile page can make a browser reach any address under a
 * name of its own (DNS rebinding); the Host field then holds that name.
 */
#ifndef ADMIN_HOST_H
#define ADMIN_HOST_H

#include "config/conf.h"

#include <stdbool.h>

struct sockaddr;

/*
 * host is the Host field: a name or an address, with or without a port, which is ignored.
 * True for localhost, loopback addresses, the local address of the connection, and what
 * matches one of the names; and for NULL, no Host at all, because every browser sends one.
 */
bool host_is_served(
	const char *host, const struct sockaddr *local, const struct conf_list *names);

#endif
