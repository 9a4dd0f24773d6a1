/* SPDX-License-Identifier: MIT */
/* What of the configuration only somebody who knows mail can check. */
#include "core/mem.h"
#include "core/str.h"
#include "delivery/fields.h"
#include "delivery/handler.h"
#include "delivery/template.h"

#include <stdlib.h>

static int check_route(const struct conf_route *r, struct err *err)
{
	struct err why;
	struct span alias, address;
	char *text;
	int rc;

	for (size_t i = 0; i < r->variables.n; i++)
		if (template_check_variable(r->variables.items[i], &why) < 0)
			return err_set(
				err, "route '%s', variables: %s", r->name, why.text);
	fields_split_sender(r->rewrite_from, &alias, &address);
	text = mem_strndup(alias.p, alias.len);
	rc = template_check(text, &why);
	free(text);
	if (rc < 0)
		return err_set(err, "route '%s', rewrite_from: %s", r->name, why.text);
	return 0;
}

int delivery_check_conf(const struct conf *conf, struct err *err)
{
	for (size_t i = 0; i < conf->n_routes; i++)
		if (check_route(&conf->routes[i], err) < 0)
			return -1;
	return 0;
}
