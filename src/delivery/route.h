/* SPDX-License-Identifier: MIT */
/*
 * Which route a recipient of a message takes.
 */
#ifndef DELIVERY_ROUTE_H
#define DELIVERY_ROUTE_H

#include "config/conf.h"
#include "core/attr.h"

#include <stdbool.h>

/* Whether one of the globs matches the text, ASCII case ignored. */
bool route_globs_match(const struct conf_list *globs, const char *text);

/* What the conditions of a route are asked about. */
struct route_query {
	const char *listener; /* its name */
	const char *sender;   /* reverse-path; "" for the null one */
	const char *from; /* address of the From header; NULL: not known yet, fits any */
	const char *recipient; /* envelope recipient */
	const char *client;    /* address; NULL: not known, fits any */
	const char *user; /* who logged in; "" for nobody; NULL: not known, fits any */
	const char *user_route; /* of the user who logged in; NULL: none */
};

/* The route of the user; else the first in the order of the file whose conditions all hold;
 * NULL if there is none. An empty condition holds always. Borrowed from the configuration. */
const struct conf_route *route_find(const struct conf *conf, const struct route_query *q);

#endif
