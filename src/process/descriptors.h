/* SPDX-License-Identifier: MIT */
/*
 * How the descriptors of a worker are shared out. A session needs one and a call to the API
 * some, so a worker that spent them all on sessions could send nothing for any of them.
 */
#ifndef PROCESS_DESCRIPTORS_H
#define PROCESS_DESCRIPTORS_H

#include "config/conf.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a call while it looks up a name and connects: two sockets by two address families, or
 * those of the resolver and its thread. */
#define DESCRIPTORS_PER_CALL 4

/* For logs and files that are opened anew, for a client that is refused, and for what a worker
 * opens after it has counted (loop, pool, libcurl). */
#define DESCRIPTORS_SPARE 16

struct descriptors {
	uint64_t limit;       /* of the process */
	unsigned sessions;    /* of a worker; at least 1 */
	unsigned connections; /* to the API, of all accounts of a worker */
	bool fewer;           /* than the configuration asks for */
};

/* Shares out limit descriptors, of which used are taken. If they are not enough, calls get up
 * to half of what there is and sessions the rest. */
void descriptors_share(
	const struct conf *conf, uint64_t limit, uint64_t used, struct descriptors *d);

/* The same for this process, by its soft limit and what it has open. -1: the system does not
 * say. Afterwards the accounts of conf have no more connections than d. */
int descriptors_take(struct conf *conf, struct descriptors *d) MUST_CHECK;

/* The same for a worker to come, by the hard limit, which the supervisor takes. */
int descriptors_foresee(const struct conf *conf, struct descriptors *d) MUST_CHECK;

#endif
