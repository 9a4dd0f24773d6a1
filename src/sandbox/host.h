/* SPDX-License-Identifier: MIT */
/*
 * Which Host a request may name. A page of a stranger can make a browser reach any address
 * under a name of the stranger's own (DNS rebinding); the name then stands in Host.
 */
#ifndef SANDBOX_HOST_H
#define SANDBOX_HOST_H

#include "sandbox/mem.h"

#include <stdbool.h>

/* host: the field, with any port or none; NULL is true, for every browser sends one. local:
 * the address that the connection came to. True for localhost, loopback addresses, local,
 * the names, and the service's own (*.tencentcloudapi.com), which clients ask for that reach
 * the sandbox in its place. */
bool host_is_served(const char *host, const char *local, const struct strings *names);

#endif
