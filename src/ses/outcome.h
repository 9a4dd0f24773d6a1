/* SPDX-License-Identifier: MIT */
/*
 * What came of an API call, and the table that turns every code of the API, and every way
 * in which a call can fail, into an SMTP reply.
 */
#ifndef SES_OUTCOME_H
#define SES_OUTCOME_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome_class {
	OUTCOME_ACCEPTED,  /* MessageId seen */
	OUTCOME_NOT_SENT,  /* the request cannot have been accepted: may be tried again */
	OUTCOME_UNCERTAIN, /* sent whole, no answer that can be trusted: never again */
	OUTCOME_REFUSED,   /* Response.Error */
};

enum outcome_scope { SCOPE_MESSAGE, SCOPE_RECIPIENT, SCOPE_SENDER, SCOPE_ACCOUNT };

const char *outcome_class_name(enum outcome_class c);
const char *outcome_scope_name(enum outcome_scope s);

enum outcome_remedy {
	REMEDY_NONE,
	REMEDY_RESIGN,  /* learn the clock skew, sign again, once */
	REMEDY_REFRESH, /* fetch new temporary credentials, once */
};

/* A row of the table. code is the API's, "Prefix*" for a fall-back, or one of ours,
 * "Transport.*", for a call that got no answer. */
struct outcome_row {
	const char *code;
	unsigned smtp;
	const char *enhanced; /* "4.4.5" */
	enum outcome_scope scope;
	const char *label; /* of the metric */
	const char *text;  /* of the reply: few words, lower case */
	enum outcome_remedy remedy;
	bool unhealthy; /* our credentials or account are at fault: /readyz fails */
	bool own_fault; /* of the gateway's credentials, region or permission */
	/* The API has not refused: the call was never made, or may have been accepted. The
	 * reply is always 4yz, or mail would bounce that was sent, or could still be. */
	bool undecided;
};

/* The built-in rows, for `sesrelay replies` and tests. */
const struct outcome_row *outcome_rows(size_t *n);

/*
 * The built-in table with the configuration's rows over it. Owned: outcome_table_free().
 *
 * A row of the configuration changes the reply of its code; one for "Prefix.*" (or
 * "Prefix*") that of every code which begins so, the built-in rows of such codes included;
 * an exact one goes before a prefix, a longer prefix before a shorter. The bare "*" is for
 * codes that no other row names. Scope, label and remedy stay the built-in row's.
 *
 * With own_faults = "defer" the built-in rows with own_fault that are 5yz become 451 with
 * the same enhanced code in class 4; rows of the configuration go before that.
 */
struct outcome_table;
/* Reads conf->replies and conf->own_faults. -1 where a reply row is not one, or would make
 * 5yz of a code that is undecided: the error names it, with file and line. */
int outcome_table_new(
	const struct conf *conf, struct outcome_table **t, struct err *err) MUST_CHECK;
void outcome_table_free(struct outcome_table **t);

#define OUTCOME_CODE_LEN 96 /* of a code, with its NUL: as in ses_result */

/* Whether a built-in row is of that code, or of one that the pattern "Prefix.*" fits. Where
 * none is, meant is the code or pattern that was meant, perhaps; else "". */
bool outcome_is_known(const char *code, char meant[OUTCOME_CODE_LEN]);

/* The row of a code: itself, its longest "Prefix*", else "*" (451 4.3.0). Never NULL;
 * borrowed from the table. series (may be NULL) is its index for METRIC_OUTCOMES. An
 * accepted call has no row: its series is OUTCOME_SERIES_ACCEPTED. */
#define OUTCOME_SERIES_ACCEPTED 0
const struct outcome_row *outcome_find(
	const struct outcome_table *t, const char *code, size_t *series);
/* Labels by series, for metrics_labels(): the same for every table, for a row of the
 * configuration counts as the built-in row that it stands over. */
void outcome_labels(const char *labels[METRIC_OUTCOMES_MAX], size_t *n);

/* What one call ended with; a value. Strings are printable ASCII, cut at their length. */
struct ses_result {
	enum outcome_class class;
	char code[96];        /* "" where accepted */
	char message[200];    /* the API's words; for the log, never parsed */
	char message_id[128]; /* where accepted */
	char request_id[64];  /* "" where there was none */
	char reason[200]; /* why there was no answer, as the libraries say; for the log */
	unsigned http_status; /* 0 where none came */
	int64_t date;         /* of a refusal: its Date header, seconds; 0 where none */
	uint64_t took_ms;     /* since it went out; 0 where it did not */
	uint64_t waited_ms;   /* for a connection, before */
};

#endif
