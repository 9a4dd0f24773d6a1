/* SPDX-License-Identifier: MIT */
/* GetSendEmailStatus: https://www.tencentcloud.com/document/api/1084/39502 */
#include "sandbox/api.h"

#include "sandbox/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define UTC_PLUS_8   28800
#define DAY          86400
#define DAYS_BACK    30
#define LIMIT_MAX    100
#define DELIVERED_IN 2 /* seconds after which a mail counts as delivered */

const struct param action_status_params[] = {
	{"RequestDate", PARAM_STRING, true, NULL},
	{"Offset", PARAM_INTEGER, true, NULL},
	{"Limit", PARAM_INTEGER, true, NULL},
	{"MessageId", PARAM_STRING, false, NULL},
	{"ToEmailAddress", PARAM_STRING, false, NULL},
	{0},
};

struct query {
	int64_t day; /* days since 1970, UTC+8 */
	int64_t offset, limit;
	const char *message_id; /* NULL: any */
	const char *to;         /* NULL: any */
	int64_t now;
	int64_t seen; /* rows that match so far */
	json_t *rows;
};

/* "2026-01-02" to its number of days since 1970; -1 where it is no date. */
static int parse_date(const char *s, int64_t *day)
{
	struct tm tm = {0}, back;
	char again[16];
	const char *end = strptime(s, "%Y-%m-%d", &tm);
	time_t t;

	if (strlen(s) != 10 || end == NULL || *end != '\0')
		return -1;
	t = timegm(&tm);
	gmtime_r(&t, &back);
	strftime(again, sizeof(again), "%Y-%m-%d", &back);
	*day = (int64_t)t / DAY;
	return strcmp(again, s) == 0 ? 0 : -1;
}

static const char *non_empty(const json_t *params, const char *name)
{
	const char *s = json_string_value(json_object_get(params, name));

	return s != NULL && *s != '\0' ? s : NULL;
}

static int read_query(struct query *q, const struct api_call *call, struct api_error *err)
{
	const json_t *p = call->params;

	q->offset = json_integer_value(json_object_get(p, "Offset"));
	q->limit = json_integer_value(json_object_get(p, "Limit"));
	q->message_id = non_empty(p, "MessageId");
	q->to = non_empty(p, "ToEmailAddress");
	if (parse_date(json_string_value(json_object_get(p, "RequestDate")), &q->day) !=
		0)
		return api_refuse(err, "InvalidParameterValue.WrongDate",
			"RequestDate must be a date such as 2026-01-02.");
	if (q->day > (q->now + UTC_PLUS_8) / DAY + 1 ||
		q->day < (q->now + UTC_PLUS_8) / DAY - DAYS_BACK)
		return api_refuse(err, "FailedOperation.NotSupportDate", NULL);
	if (q->limit > LIMIT_MAX)
		return api_refuse(err, "FailedOperation.InvalidLimit", NULL);
	if (q->limit < 1 || q->offset < 0)
		return api_refuse(err, "InvalidParameterValue",
			"Limit must be from 1 to 100, and Offset not negative.");
	return 0;
}

static json_t *row_json(const struct query *q, const struct mail *m, const char *to)
{
	bool delivered = q->now >= m->time + DELIVERED_IN;
	char *from = mail_bare_address(m->from);
	json_t *o = json_object();

	json_object_set_new(o, "MessageId", json_text(m->message_id));
	json_object_set_new(o, "ToEmailAddress", json_text(to));
	json_object_set_new(o, "FromEmailAddress", json_text(from));
	json_object_set_new(o, "SendStatus", json_integer(0));
	json_object_set_new(o, "DeliverStatus", json_integer(delivered ? 1 : 0));
	json_object_set_new(
		o, "DeliverMessage", json_text(delivered ? "250 2.0.0 Ok" : ""));
	json_object_set_new(o, "RequestTime", json_integer(m->time));
	json_object_set_new(
		o, "DeliverTime", json_integer(delivered ? m->time + DELIVERED_IN : 0));
	json_object_set_new(o, "UserOpened", json_false());
	json_object_set_new(o, "UserClicked", json_false());
	json_object_set_new(o, "UserUnsubscribed", json_false());
	json_object_set_new(o, "UserComplainted", json_false());
	json_object_set_new(o, "UserComplained", json_false());
	free(from);
	return o;
}

static void add_rows(struct query *q, const struct mail *m, const struct strings *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (q->to != NULL && strcasecmp(q->to, l->items[i]) != 0)
			continue;
		if (q->seen >= q->offset && q->seen < q->offset + q->limit)
			json_array_append_new(q->rows, row_json(q, m, l->items[i]));
		q->seen++;
	}
}

int action_status_run(struct sandbox *sb, struct api_call *call)
{
	struct query q = {.now = sandbox_now(sb)};
	const struct mail *m;

	if (read_query(&q, call, &call->err) != 0)
		return -1;
	q.rows = json_array();
	TAILQ_FOREACH (m, &sb->store.mails, link) {
		if ((m->time + UTC_PLUS_8) / DAY != q.day)
			continue;
		if (q.message_id != NULL && strcmp(q.message_id, m->message_id) != 0)
			continue;
		add_rows(&q, m, &m->to);
		add_rows(&q, m, &m->cc);
		add_rows(&q, m, &m->bcc);
	}
	json_object_set_new(call->response, "EmailStatusList", q.rows);
	return 0;
}
