/* SPDX-License-Identifier: MIT */
/* The rules: listener, users file and limits. */
#include "smtp/access.h"

#include "auth/users.h"
#include "core/str.h"

#include <string.h>

bool access_from(const struct peer *peer, const char *address)
{
	const struct user *u = peer->login;

	if (u == NULL || u->senders.n == 0 || address[0] == '\0')
		return true;
	/* "x <a@example.net>, "@example.org is of example.org; the API may read it less well
	 * than we do, and see another one. */
	if (strchr(address, '"') != NULL)
		return false;
	for (size_t i = 0; i < u->senders.n; i++)
		if (str_glob(u->senders.items[i], address))
			return true;
	return false;
}

const char *access_route(const struct peer *peer)
{
	return peer->login != NULL ? peer->login->route : NULL;
}
