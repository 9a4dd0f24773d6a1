/* SPDX-License-Identifier: MIT */
/* `sesrelay replies`: which SMTP reply each code of the API becomes. */
#ifndef CLI_REPLIES_H
#define CLI_REPLIES_H

#include "config/conf.h"
#include "core/attr.h"

#include <stdio.h>

/* The table of the configuration; of a code, if it is not NULL, the one row that it meets. */
int replies_print(
	const struct conf *conf, const char *code, FILE *out, struct err *err) MUST_CHECK;

#endif
