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

const struct conf_route *route_find(const struct conf *conf, const struct route_query *q)
{
	const char *sender = q->sender[0] != '\0' ? q->sender : "<>";

	for (size_t i = 0; i < conf->n_routes; i++) {
		const struct conf_route *r = &conf->routes[i];

		if (q->user_route != NULL) {
			if (strcmp(r->name, q->user_route) == 0)
				return r;
			continue;
		}
		if (holds(&r->listener, q->listener) && holds(&r->sender, sender) &&
			holds(&r->from, q->from) && holds(&r->recipient, q->recipient))
			return r;
	}
	return NULL;
}
