/* SPDX-License-Identifier: MIT */
/*
 * The command line of the sandbox.
 */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include "sandbox/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct options {
	struct strings listen; /* ADDR:PORT, http */
	struct strings https;  /* ADDR:PORT, https */
	struct strings hosts;  /* names that Host may have, beside those of host.h */
	char *cert, *key, *self_signed;
	char *secret_id, *secret_key, *token;
	char *journal;
	bool fsync;
	int64_t clock_offset; /* seconds */
	bool simple_allowed, any_region, other_types;
	int64_t rate;  /* calls per second and action; 0: no limit */
	int64_t quota; /* mails a day; 0: no limit */
	int64_t subject_max;
	int64_t max_mails, max_memory, max_requests;
	struct strings senders; /* addresses and @domains; none: any */
	char *templates;
	char *port_file;
	int64_t ready_fd; /* -1: none */
	int64_t seed;
	bool quiet, help, version;
};

/* Reads argv over the defaults and the environment. -1: *why, which is the caller's, says
 * what is wrong. options_free() in any case. */
int options_read(struct options *o, int argc, char **argv, char **why) MUST_CHECK;
void options_free(struct options *o);

/* --help: every option with its default. */
void options_print_help(FILE *out);

#endif
