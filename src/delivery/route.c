/* SPDX-License-Identifier: MIT */
/* The first route that fits. */
#include "delivery/route.h"

#include "core/str.h"

#include <string.h>

bool route_globs_match(const struct conf_list *globs, const char *text)
{
	for (size_t i = 0; i < globs->n; i++)
		if (str_glob(globs->items[i], text))
			return true;
	return false;
}

static bool holds(const struct conf_list *condition, const char *text)
{
	return condition->n == 0 || text == NULL || route_globs_match(condition, text);
}

static const char *or_nobody(const char *text)
{
	return text != NULL && text[0] == '\0' ? "<>" : text;
}

static bool holds_client(const struct conf_route *r, const char *client)
{
	return r->client.n == 0 || client == NULL ||
	       ip_match_text(r->client.nets, r->client.n, client);
}

static bool holds_all(const struct conf_route *r, const struct route_query *q)
{
	return holds(&r->listener, q->listener) && holds_client(r, q->client) &&
	       holds(&r->user, or_nobody(q->user)) &&
	       holds(&r->sender, or_nobody(q->sender)) && holds(&r->from, q->from) &&
	       holds(&r->recipient, q->recipient);
}

const struct conf_route *route_find(const struct conf *conf, const struct route_query *q)
{
	for (size_t i = 0; i < conf->n_routes; i++) {
		const struct conf_route *r = &conf->routes[i];

		if (q->user_route != NULL ? strcmp(r->name, q->user_route) == 0
					  : holds_all(r, q))
			return r;
	}
	return NULL;
}
