/* SPDX-License-Identifier: MIT */
/* The built-in rows; only ses/outcome.c reads them. */
#ifndef SES_OUTCOME_TABLE_H
#define SES_OUTCOME_TABLE_H

#include "ses/outcome.h"

#include <stddef.h>

struct outcome_row {
	struct outcome outcome; /* its series is not set: it follows from the index */
	const char *label;      /* of the metric */
	bool own_fault;         /* of the gateway's credentials, region or permission */
	/* The API has not refused: the call was never made, or may have been accepted. The
	 * reply is always 4yz, or mail would bounce that was sent, or could still be. */
	bool undecided;
};

extern const struct outcome_row outcome_rows[];
extern const size_t outcome_rows_n;

#endif
