/* SPDX-License-Identifier: MIT */
/* The actions that tell what the account has: identities, senders, templates. */
#include "sandbox/api.h"

#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIMIT_MAX    100
#define DAILY_QUOTA  500
#define CREATED_TIME 1600000000

static const struct param tag_params[] = {
	{"TagKey", PARAM_STRING, true, NULL},
	{"TagValue", PARAM_STRING, true, NULL},
	{0},
};

const struct param action_identities_params[] = {
	{"TagList", PARAM_OBJECTS, false, tag_params},
	{"Limit", PARAM_INTEGER, false, NULL},
	{"Offset", PARAM_INTEGER, false, NULL},
	{0},
};

const struct param action_addresses_params[] = {
	{0},
};

const struct param action_templates_params[] = {
	{"Limit", PARAM_INTEGER, true, NULL},
	{"Offset", PARAM_INTEGER, true, NULL},
	{0},
};

const struct param action_template_params[] = {
	{"TemplateID", PARAM_INTEGER, true, NULL},
	{0},
};

/* Cuts a list to Offset and Limit; steals it, new reference. */
static json_t *page(json_t *all, const json_t *params)
{
	const json_t *limit = json_object_get(params, "Limit");
	int64_t from = json_integer_value(json_object_get(params, "Offset"));
	int64_t n = json_is_integer(limit) ? json_integer_value(limit) : LIMIT_MAX;
	json_t *out = json_array();

	for (int64_t i = from; i < from + n && i < (int64_t)json_array_size(all); i++)
		json_array_append(out, json_array_get(all, (size_t)i));
	json_decref(all);
	return out;
}

static int check_page(const json_t *params, struct api_error *err)
{
	const json_t *limit = json_object_get(params, "Limit");
	int64_t from = json_integer_value(json_object_get(params, "Offset"));

	if (json_is_integer(limit) && json_integer_value(limit) > LIMIT_MAX)
		return api_refuse(err, "FailedOperation.InvalidLimit", NULL);
	if ((json_is_integer(limit) && json_integer_value(limit) < 0) || from < 0 ||
		from > INT32_MAX)
		return api_refuse(err, "InvalidParameterValue",
			"Limit and Offset must not be negative.");
	return 0;
}

static json_t *identity_json(const struct sandbox *sb, const char *domain)
{
	int64_t quota = sb->opt->quota > 0 ? sb->opt->quota : DAILY_QUOTA;
	json_t *o = json_object();

	json_object_set_new(o, "IdentityName", json_text(domain));
	json_object_set_new(o, "IdentityType", json_text("DOMAIN"));
	json_object_set_new(o, "SendingEnabled", json_true());
	json_object_set_new(o, "CurrentReputationLevel", json_integer(1));
	json_object_set_new(o, "DailyQuota", json_integer(quota));
	json_object_set_new(o, "SendIp", json_array());
	return o;
}

static bool has_identity(const json_t *list, const char *domain)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (strcasecmp(json_string_value(json_object_get(v, "IdentityName")),
			    domain) == 0)
			return true;
	}
	return false;
}

int action_identities_run(struct sandbox *sb, struct api_call *call)
{
	json_t *list, *r = call->response;
	size_t total;

	if (check_page(call->params, &call->err) != 0)
		return -1;
	list = json_array();
	for (size_t i = 0; i < sb->opt->senders.n; i++) {
		const char *at = strrchr(sb->opt->senders.items[i], '@');

		if (at != NULL && !has_identity(list, at + 1))
			json_array_append_new(list, identity_json(sb, at + 1));
	}
	total = json_array_size(list);
	json_object_set_new(r, "EmailIdentities", page(list, call->params));
	json_object_set_new(r, "MaxReputationLevel", json_integer(20));
	json_object_set_new(r, "MaxDailyQuota", json_integer(1000000));
	json_object_set_new(r, "Total", json_integer((json_int_t)total));
	return 0;
}

int action_addresses_run(struct sandbox *sb, struct api_call *call)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sb->opt->senders.n; i++) {
		const char *address = sb->opt->senders.items[i];
		json_t *o;

		if (address[0] == '@')
			continue;
		o = json_object();
		json_object_set_new(o, "EmailAddress", json_text(address));
		json_object_set_new(o, "EmailSenderName", json_text(""));
		json_object_set_new(o, "CreatedTimestamp", json_integer(CREATED_TIME));
		json_object_set_new(o, "SmtpPwdType", json_integer(0));
		json_array_append_new(list, o);
	}
	json_object_set_new(call->response, "EmailSenders", list);
	return 0;
}

static json_t *template_json(const json_t *t)
{
	const json_t *status = json_object_get(t, "TemplateStatus");
	json_t *name = json_object_get(t, "TemplateName"), *o = json_object();

	json_object_set(o, "TemplateID", json_object_get(t, "TemplateID"));
	json_object_set_new(o, "TemplateName",
		json_is_string(name) ? json_incref(name) : json_text(""));
	json_object_set_new(
		o, "TemplateStatus", json_integer(json_integer_value(status)));
	json_object_set_new(o, "CreatedTimestamp", json_integer(CREATED_TIME));
	json_object_set_new(o, "ReviewReason", json_text(""));
	return o;
}

int action_templates_run(struct sandbox *sb, struct api_call *call)
{
	json_t *list;
	const json_t *t;
	size_t i;

	if (check_page(call->params, &call->err) != 0)
		return -1;
	list = json_array();
	json_array_foreach (templates_list(sb->templates), i, t)
		json_array_append_new(list, template_json(t));
	json_object_set_new(call->response, "TotalCount",
		json_integer((json_int_t)json_array_size(list)));
	json_object_set_new(
		call->response, "TemplatesMetadata", page(list, call->params));
	return 0;
}

static json_t *content_base64(const json_t *t, const char *part)
{
	const json_t *v = json_object_get(t, part);
	char *base64 = digest_base64_encode(
		json_is_string(v) ? json_string_value(v) : "", json_string_length(v));
	json_t *o = json_text(base64);

	free(base64);
	return o;
}

int action_template_run(struct sandbox *sb, struct api_call *call)
{
	const json_t *id = json_object_get(call->params, "TemplateID");
	const json_t *t = templates_find(sb->templates, json_integer_value(id));
	json_t *content;

	if (t == NULL)
		return api_refuse(
			&call->err, "InvalidParameterValue.TemplateNotExist", NULL);
	content = json_object();
	json_object_set_new(content, "Html", content_base64(t, "Html"));
	json_object_set_new(content, "Text", content_base64(t, "Text"));
	json_decref(call->response);
	call->response = template_json(t);
	json_object_set_new(call->response, "TemplateContent", content);
	return 0;
}
