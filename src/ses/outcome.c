/* SPDX-License-Identifier: MIT */
/* Finds the SMTP reply for the result of a call: the built-in rows, and the operator's over
 * them. */
#include "ses/outcome.h"

#include "core/mem.h"
#include "core/metrics.h"
#include "core/str.h"
#include "ses/outcome_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_MAX (OUTCOME_CODE_LEN - 1) /* as ses_result.code holds */
#define TEXT_MAX 160

struct outcome_table {
	struct outcome *entries; /* owned; sorted by code */
	size_t n;
	char **owned; /* copies of the configuration's strings */
	size_t n_owned, cap_owned;
};

const char *outcome_class_name(enum outcome_class c)
{
	static const char *const names[] = {
		[OUTCOME_ACCEPTED] = "accepted",
		[OUTCOME_NOT_SENT] = "not-sent",
		[OUTCOME_UNCERTAIN] = "uncertain",
		[OUTCOME_REFUSED] = "refused",
	};

	return (size_t)c < ARRAY_LEN(names) ? names[c] : "unknown";
}

const char *outcome_scope_name(enum outcome_scope s)
{
	static const char *const names[] = {
		[SCOPE_MESSAGE] = "message",
		[SCOPE_RECIPIENT] = "recipient",
		[SCOPE_SENDER] = "sender",
		[SCOPE_ACCOUNT] = "account",
	};

	return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

const struct outcome *outcome_builtin(size_t i)
{
	return i < outcome_rows_n ? &outcome_rows[i].outcome : NULL;
}

/* --- the operator's rows; the configuration has checked their form ---------------------- */

static bool is_pattern(const char *code)
{
	size_t len = strlen(code);

	return len > 0 && code[len - 1] == '*';
}

/* How many bytes of code the pattern "Prefix*" matches; -1 if it is of other codes. */
static int prefix_match(const char *pattern, const char *code)
{
	size_t len = strlen(pattern) - 1;

	return strncmp(pattern, code, len) == 0 ? (int)len : -1;
}

static int check_code(const char *code, struct err *err)
{
	if (code[0] == '\0' || strlen(code) - is_pattern(code) > CODE_MAX)
		return err_set(err, "reply \"%s\": an API code has 1 to %d characters",
			code, CODE_MAX);
	return 0;
}

static int check_smtp(const struct conf_reply *r, struct err *err)
{
	if (r->smtp < 400 || r->smtp > 559 || r->smtp % 100 > 59)
		return err_set(err,
			"reply \"%s\": %u is no reply for a message that was not "
			"accepted; use 4yz to have it tried again, 5yz to have it "
			"bounced",
			r->code, r->smtp);
	return 0;
}

static int check_text(const struct conf_reply *r, struct err *err)
{
	size_t len = strlen(r->text);

	if (!span_is_all(span_of(r->text), ascii_isprint))
		return err_set(
			err, "reply \"%s\": text must be printable ASCII", r->code);
	if (len > TEXT_MAX)
		return err_set(err, "reply \"%s\": text is longer than %d characters",
			r->code, TEXT_MAX);
	return 0;
}

/* Whether the operator's row, a code or a pattern, may be of that code. */
static bool covers(const struct conf_reply *r, const char *code)
{
	if (strcmp(r->code, "*") == 0)
		return false; /* only for codes that no row names */
	return is_pattern(r->code) ? prefix_match(r->code, code) > 0
	                           : strcmp(r->code, code) == 0;
}

/* Also if a longer row of the operator covers the code: that one may be deleted one day. */
static int check_undecided(const struct conf_reply *r, struct err *err)
{
	for (size_t i = 0; i < outcome_rows_n; i++) {
		const struct outcome *row = &outcome_rows[i].outcome;

		if (!outcome_rows[i].undecided || r->smtp < 500 || !covers(r, row->code))
			continue;
		if (!is_pattern(r->code))
			return err_set(err,
				"reply \"%s\": the API has not refused these mails, and "
				"may have sent them, so %u cannot be the reply; write "
				"4yz, "
				"like %u",
				r->code, r->smtp, row->smtp);
		return err_set(err,
			"reply \"%s\": it covers %s, where the API has not refused the "
			"mail, so %u cannot be the reply; write 4yz, like %u, or a row "
			"for each code that may be 5yz%s",
			r->code, row->code, r->smtp, row->smtp,
			covers(r, "Transport.Http413")
				? " (Transport.Http413, Transport.Http429, "
				  "Transport.Http4xx)"
				: "");
	}
	return 0;
}

static int check_reply(const struct conf_reply *replies, size_t i, struct err *err)
{
	const struct conf_reply *r = &replies[i];

	if (check_code(r->code, err) < 0 || check_smtp(r, err) < 0 ||
		check_text(r, err) < 0 || check_undecided(r, err) < 0)
		return -1;
	for (size_t j = 0; j < i; j++)
		if (strcmp(replies[j].code, r->code) == 0)
			return err_set(err, "reply \"%s\" stands twice", r->code);
	return 0;
}

static int check_replies(const struct conf *conf, struct err *err)
{
	struct err why;

	for (size_t i = 0; i < conf->n_replies; i++)
		if (check_reply(conf->replies, i, &why) < 0) {
			(void)conf_blame(conf, "reply", i, "smtp", &why);
			return err_set(err, "%s", why.text);
		}
	return 0;
}

/* The operator's row for a code: its own, else the longest "Prefix*". The bare "*" is only for
 * codes that no other row names: it must not turn an uncertain outcome into a bounce. */
static const struct conf_reply *reply_for(
	const struct conf_reply *replies, size_t n, const char *code)
{
	const struct conf_reply *best = NULL;
	int longest = 0;

	for (size_t i = 0; i < n; i++) {
		int len;

		if (strcmp(replies[i].code, code) == 0)
			return &replies[i];
		if (!is_pattern(replies[i].code))
			continue;
		len = prefix_match(replies[i].code, code);
		if (len > longest) {
			longest = len;
			best = &replies[i];
		}
	}
	return best;
}

/* --- the table ------------------------------------------------------------------------ */

static const char *keep_string(struct outcome_table *t, char *s)
{
	mem_grow(&t->owned, &t->cap_owned, t->n_owned + 1, sizeof(*t->owned));
	t->owned[t->n_owned++] = s;
	return s;
}

static void lay_over(
	struct outcome_table *t, struct outcome *row, const struct conf_reply *r)
{
	row->smtp = r->smtp;
	row->enhanced = keep_string(t, mem_strdup(r->enhanced));
	if (r->text[0] != '\0')
		row->text = keep_string(t, mem_strdup(r->text));
}

/* The series of a built-in row never changes: counters outlive a reload, and workers of two
 * configurations write the same ones. */
static size_t series_of(size_t builtin)
{
	return OUTCOME_SERIES_ACCEPTED + 1 + builtin;
}

static struct outcome *add_entry(struct outcome_table *t, size_t builtin)
{
	struct outcome *e = &t->entries[t->n++];

	*e = outcome_rows[builtin].outcome;
	e->series = series_of(builtin);
	return e;
}

/* The built-in row that a code meets without the operator's rows. */
static size_t builtin_for(const char *code)
{
	size_t best = 0;
	int longest = -1;

	for (size_t i = 0; i < outcome_rows_n; i++) {
		const char *builtin = outcome_rows[i].outcome.code;
		int len;

		if (strcmp(builtin, code) == 0)
			return i;
		if (!is_pattern(builtin))
			continue;
		len = prefix_match(builtin, code);
		if (len > longest) {
			longest = len;
			best = i;
		}
	}
	return best;
}

/* The client keeps the mail until the operator has repaired the gateway. */
static void defer(struct outcome_table *t, struct outcome *row)
{
	if (row->smtp < 500)
		return;
	row->smtp = 451;
	row->enhanced = keep_string(t, mem_sprintf("4%s", row->enhanced + 1));
}

static void add_builtin(struct outcome_table *t, const struct conf *conf)
{
	for (size_t i = 0; i < outcome_rows_n; i++) {
		struct outcome *e = add_entry(t, i);
		const struct conf_reply *r =
			reply_for(conf->replies, conf->n_replies, e->code);

		if (r != NULL)
			lay_over(t, e, r);
		else if (outcome_rows[i].own_fault &&
			 conf->own_faults == CONF_OWN_FAULTS_DEFER)
			defer(t, e);
	}
}

/* Rows of the operator for codes or prefixes that the built-in table does not hold. */
static void add_new(struct outcome_table *t, const struct conf_reply *replies, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t base = builtin_for(replies[i].code);
		struct outcome *e;

		if (strcmp(outcome_rows[base].outcome.code, replies[i].code) == 0)
			continue;
		e = add_entry(t, base);
		e->code = keep_string(t, mem_strdup(replies[i].code));
		lay_over(t, e, &replies[i]);
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct outcome *x = a, *y = b;

	return strcmp(x->code, y->code);
}

int outcome_table_new(
	const struct conf *conf, struct outcome_table **table, struct err *err)
{
	size_t n = conf->n_replies;
	struct outcome_table *t;

	*table = NULL;
	if (check_replies(conf, err) < 0)
		return -1;
	t = mem_new(1, sizeof(*t));
	t->entries = mem_new(outcome_rows_n + n, sizeof(*t->entries));
	add_builtin(t, conf);
	add_new(t, conf->replies, n);
	qsort(t->entries, t->n, sizeof(*t->entries), compare_entries);
	*table = t;
	return 0;
}

void outcome_table_free(struct outcome_table **table)
{
	struct outcome_table *t = *table;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_owned; i++)
		free(t->owned[i]);
	free(t->owned);
	free(t->entries);
	free(t);
	*table = NULL;
}

static int compare_code(const void *code, const void *entry)
{
	return strcmp(code, ((const struct outcome *)entry)->code);
}

/* For codes that were not documented when the table was written. */
static const struct outcome *find_prefix(const struct outcome_table *t, const char *code)
{
	const struct outcome *best = NULL;
	int longest = -1;

	for (size_t i = 0; i < t->n; i++) {
		const struct outcome *e = &t->entries[i];
		int len = is_pattern(e->code) ? prefix_match(e->code, code) : -1;

		if (len > longest) {
			longest = len;
			best = e;
		}
	}
	return best;
}

const struct outcome *outcome_find(const struct outcome_table *t, const char *code)
{
	const struct outcome *e;

	e = bsearch(code, t->entries, t->n, sizeof(*t->entries), compare_code);
	return e != NULL ? e : find_prefix(t, code);
}

const struct outcome *outcome_of(
	const struct outcome_table *t, const struct ses_result *r)
{
	static const struct outcome accepted = {
		"", 250, "2.0.0", SCOPE_MESSAGE, "Ok", .series = OUTCOME_SERIES_ACCEPTED};
	static const struct outcome no_id = {"", 451, "4.3.0", SCOPE_MESSAGE,
		"answer of the API without a MessageId",
		.series = OUTCOME_SERIES_ACCEPTED};

	if (r->class != OUTCOME_ACCEPTED)
		return outcome_find(t, r->code);
	return r->message_id[0] != '\0' ? &accepted : &no_id;
}

void outcome_set_result(struct ses_result *r, enum outcome_class class, const char *code)
{
	r->class = class;
	str_copy(r->code, sizeof(r->code), code);
}

struct ses_result outcome_past_deadline(void)
{
	struct ses_result r = {.http_status = 0};

	outcome_set_result(&r, OUTCOME_NOT_SENT, "Transport.Deadline");
	return r;
}

void outcome_labels(const char *labels[METRIC_OUTCOMES_MAX], size_t *n)
{
	labels[OUTCOME_SERIES_ACCEPTED] = "accepted";
	*n = OUTCOME_SERIES_ACCEPTED + 1 + outcome_rows_n;
	for (size_t i = 0; i < outcome_rows_n; i++)
		labels[series_of(i)] = outcome_rows[i].label;
}

/* --- similar codes -------------------------------------------------------------------- */

/* "FailedOperation" of "FailedOperation.EmailAddrInBlacklist" and of "FailedOperation*". */
static struct span family_of(const char *code)
{
	return span_make(code, strcspn(code, ".*"));
}

static void find_code(const char *code, char meant[OUTCOME_CODE_LEN])
{
	size_t distance = strlen(code) / 3 + 1;
	const char *best = NULL;

	for (size_t i = 0; i < outcome_rows_n; i++)
		if (!is_pattern(outcome_rows[i].outcome.code))
			str_nearer(code, outcome_rows[i].outcome.code, &distance, &best);
	if (best != NULL)
		(void)str_copy(meant, OUTCOME_CODE_LEN, best);
}

/* A pattern is like a family of codes, "FailedOperation.*". */
static void find_family(const char *code, char meant[OUTCOME_CODE_LEN])
{
	char *given = mem_strndup(code, family_of(code).len);
	size_t distance = strlen(given) / 3 + 1, before;

	for (size_t i = 0; i < outcome_rows_n; i++) {
		struct span s = family_of(outcome_rows[i].outcome.code);
		char *family = mem_strndup(s.p, s.len);
		const char *best = NULL;

		before = distance;
		if (outcome_rows[i].outcome.code[s.len] == '.')
			str_nearer(given, family, &distance, &best);
		if (distance < before)
			(void)snprintf(meant, OUTCOME_CODE_LEN, "%s.*", family);
		free(family);
	}
	free(given);
}

bool outcome_is_known(const char *code, char meant[OUTCOME_CODE_LEN])
{
	meant[0] = '\0';
	for (size_t i = 0; i < outcome_rows_n; i++) {
		const char *builtin = outcome_rows[i].outcome.code;

		if (is_pattern(code) ? prefix_match(code, builtin) >= 0
				     : strcmp(builtin, code) == 0)
			return true;
	}
	if (is_pattern(code))
		find_family(code, meant);
	else
		find_code(code, meant);
	return false;
}
