/* SPDX-License-Identifier: MIT */
/*
 * `sesrelay explain FILE.eml`: the API requests that the configuration would make of a
 * message, and what the API cannot carry.
 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "config/conf.h"
#include "core/attr.h"

#include <stdio.h>

struct explain_options {
	const char *file;        /* "-": standard input */
	const char *listener;    /* NULL: the first */
	const char *sender;      /* NULL: the address of From, where it has one */
	const char **recipients; /* NULL: To, Cc and Bcc of the header */
	size_t n_recipients;
	bool full; /* print base64 whole, not shortened */
	bool raw;  /* print the requests alone, each as it is sent, one a line */
};

/* 0; 1 where the message would be refused (the reply is printed); -1 and *err where it
 * cannot be read. */
int explain(const struct conf *conf, const struct explain_options *o, FILE *out,
	struct err *err) MUST_CHECK;

#endif
