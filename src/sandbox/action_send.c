/* SPDX-License-Identifier: MIT */
/* SendEmail: https://www.tencentcloud.com/document/api/1084/39408 */
#include "sandbox/api.h"

#include "sandbox/json.h"
#include "sandbox/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define APP_ID     "1250000000" /* a made-up account */
#define UTC_PLUS_8 28800        /* the dates in MessageIds, and when a day begins */
#define DAY        86400

static const struct param template_params[] = {
	{"TemplateID", PARAM_INTEGER, true, NULL},
	{"TemplateData", PARAM_STRING, false, NULL},
	{0},
};

static const struct param simple_params[] = {
	{"Html", PARAM_STRING, false, NULL},
	{"Text", PARAM_STRING, false, NULL},
	{0},
};

static const struct param attachment_params[] = {
	{"FileName", PARAM_STRING, true, NULL},
	{"Content", PARAM_STRING, false, NULL},
	{"FileURL", PARAM_STRING, false, NULL},
	{0},
};

const struct param action_send_params[] = {
	{"FromEmailAddress", PARAM_STRING, true, NULL},
	{"Subject", PARAM_STRING, true, NULL},
	{"Destination", PARAM_STRINGS, false, NULL},
	{"Cc", PARAM_STRINGS, false, NULL},
	{"Bcc", PARAM_STRINGS, false, NULL},
	{"ReplyToAddresses", PARAM_STRING, false, NULL},
	{"Template", PARAM_OBJECT, false, template_params},
	{"Simple", PARAM_OBJECT, false, simple_params},
	{"Attachments", PARAM_OBJECTS, false, attachment_params},
	{"Unsubscribe", PARAM_STRING, false, NULL},
	{"TriggerType", PARAM_INTEGER, false, NULL},
	{"SmtpMessageId", PARAM_STRING, false, NULL},
	{"SmtpHeaders", PARAM_STRING, false, NULL},
	{"HeaderFrom", PARAM_STRING, false, NULL},
	{0},
};

/* --quota: mails of this day, which begins at midnight in UTC+8. */
static int check_quota(struct sandbox *sb, struct api_error *err)
{
	int64_t day = (sandbox_now(sb) + UTC_PLUS_8) / DAY;

	if (sb->quota_day != day) {
		sb->quota_day = day;
		sb->quota_used = 0;
	}
	if (sb->opt->quota > 0 && sb->quota_used >= sb->opt->quota)
		return api_refuse(err, "FailedOperation.ExceedSendLimit", NULL);
	return 0;
}

int action_send_run(struct sandbox *sb, struct api_call *call)
{
	struct mail *m;

	if (mail_from_params(call->params, &m, &call->err) != 0)
		return -1;
	call->mail = m;
	m->body_size = call->req->body_len;
	digest_sha256_hex(call->req->body, call->req->body_len, m->body_sha256);
	if (rules_check(m, sb->opt, sb->templates, &call->err) != 0)
		return -1;
	return check_quota(sb, &call->err);
}

/* qcloudses-30-<appid>-date-<yyyymmddHHMMSS>-<random> */
static void name_message(struct mail *m)
{
	time_t at = (time_t)(m->time + UTC_PLUS_8);
	struct tm tm;
	char date[16], name[17];

	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%Y%m%d%H%M%S", &tm);
	digest_random_name(name, sizeof(name) - 1);
	snprintf(m->message_id, sizeof(m->message_id),
		"qcloudses-30-" APP_ID "-date-%s-%s", date, name);
}

int action_send_accept(struct sandbox *sb, struct api_call *call)
{
	struct mail *m = call->mail;

	m->seq = sb->store.last_seq + 1;
	m->time = sandbox_now(sb);
	text_copy(m->request_id, sizeof(m->request_id), call->request_id);
	name_message(m);
	if (journal_append(&sb->journal, m) != 0) {
		fprintf(stderr, "sandbox: journal: %s\n", strerror(errno));
		return api_refuse(
			&call->err, "InternalError", "The journal cannot be written.");
	}
	json_object_set_new(call->response, "MessageId", json_text(m->message_id));
	sb->store.last_seq = m->seq;
	sb->quota_used++;
	sb->counters.accepted++;
	mailstore_add(&sb->store, &call->mail);
	return 0;
}
