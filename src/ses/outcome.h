/* SPDX-License-Identifier: MIT */
/*
 * The outcome of an API call, and the table that turns every code of the API, and every way
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
	OUTCOME_ACCEPTED,  /* there is a MessageId */
	OUTCOME_NOT_SENT,  /* the request cannot have been accepted: may be tried again */
	OUTCOME_UNCERTAIN, /* all of it sent, no answer that can be trusted: never again */
	OUTCOME_REFUSED,   /* Response.Error */
};

enum outcome_scope { SCOPE_MESSAGE, SCOPE_RECIPIENT, SCOPE_SENDER, SCOPE_ACCOUNT };

const char *outcome_class_name(enum outcome_class c);
const char *outcome_scope_name(enum outcome_scope s);

enum outcome_recovery {
	RECOVERY_NONE,
	RECOVERY_RESIGN,  /* learn the clock skew, sign again, once */
	RECOVERY_REFRESH, /* fetch new temporary credentials, once */
};

/* What a result means: the reply, and what is done next. Strings live as long as the table
 * that it was found in. */
struct outcome {
	/* Of the row that was met: an API code, "Prefix*" for a fall-back, or one of ours,
	 * "Transport.*", for a call that got no answer. "" if accepted. */
	const char *code;
	unsigned smtp;            /* 4yz or 5yz; 250 if accepted */
	const char *enhanced;     /* "4.4.5" */
	enum outcome_scope scope; /* what else the same refusal would meet */
	const char *text;         /* of the reply: few words, lower case */
	enum outcome_recovery recovery;
	bool unhealthy; /* our credentials or account are at fault: /readyz fails */
	size_t series;  /* index for METRIC_OUTCOMES */
};

/* The i-th built-in outcome, for `sesrelay replies` and tests; NULL past the last. Its series
 * is not set. */
const struct outcome *outcome_builtin(size_t i);

/*
 * The built-in table with the configuration's rows over it. Owned: outcome_table_free().
 *
 * A row of the configuration changes the reply of its code; one for "Prefix.*" (or
 * "Prefix*") that of every code which begins so, the built-in rows of such codes included;
 * an exact one goes before a prefix, a longer prefix before a shorter. The bare "*" is for
 * codes that no other row names. Scope, label and recovery stay the built-in row's.
 *
 * With own_faults = "defer" the built-in rows with own_fault that are 5yz become 451 with
 * the same enhanced code in class 4; rows of the configuration go before that.
 */
struct outcome_table;
/* Reads conf->replies and conf->own_faults. -1 if a reply row is not valid, or would make 5yz
 * of a code that is undecided: the error names it, with file and line. */
int outcome_table_new(
	const struct conf *conf, struct outcome_table **t, struct err *err) MUST_CHECK;
void outcome_table_free(struct outcome_table **t);

#define OUTCOME_CODE_LEN 96 /* of a code, with its NUL: as in ses_result */

/* Whether a built-in row is of that code, or of one that the pattern "Prefix.*" matches. If
 * none is, meant is the most similar code or pattern, or "". */
bool outcome_is_known(const char *code, char meant[OUTCOME_CODE_LEN]);

/* The outcome of a code: its own row's, that of its longest "Prefix*", else that of "*"
 * (451 4.3.0). Never NULL; borrowed from the table. */
const struct outcome *outcome_find(const struct outcome_table *t, const char *code);
#define OUTCOME_SERIES_ACCEPTED 0
/* Labels by series, for metrics_labels(): the same for every table, for a row of the
 * configuration counts as the built-in row that it stands over. */
void outcome_labels(const char *labels[METRIC_OUTCOMES_MAX], size_t *n);

/* What one call ended with: a value. Strings are printable ASCII, cut at their length. */
struct ses_result {
	enum outcome_class class;
	char code[OUTCOME_CODE_LEN]; /* "" if accepted */
	char message[200];           /* the API's text; for the log, never parsed */
	char message_id[128];        /* if accepted */
	char request_id[64];         /* "" if there was none */
	char reason[200]; /* why there was no answer, from the libraries; for the log */
	unsigned http_status; /* 0 if none came */
	int64_t date;         /* of a refusal: its Date header, seconds; 0 if none */
	uint64_t took_ms;     /* since it went out; 0 if it did not */
	uint64_t waited_ms;   /* for a connection, before that */
};

/* Never NULL: the reply is 250 only for an accepted result with its MessageId. Borrowed from
 * the table. */
const struct outcome *outcome_of(
	const struct outcome_table *t, const struct ses_result *r);

/* Sets class and code. */
void outcome_set_result(struct ses_result *r, enum outcome_class class, const char *code);
/* Of a call for which no time was left: "not sent". */
struct ses_result outcome_past_deadline(void);

#endif
