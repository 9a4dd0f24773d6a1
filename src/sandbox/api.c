/* SPDX-License-Identifier: MIT */
/* One call of the API, from its signature to its answer. */
#include "sandbox/api.h"

#include "sandbox/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VERSION      "2020-10-02"
#define SHOWN_STRING 256
#define FILLER_LEN   65536

static const struct api_action actions[SANDBOX_ACTIONS] = {
	{"SendEmail", action_send_params, action_send_run},
	{"GetSendEmailStatus", action_status_params, action_status_run},
	{"ListEmailIdentities", action_identities_params, action_identities_run},
	{"ListEmailAddress", action_addresses_params, action_addresses_run},
	{"ListEmailTemplates", action_templates_params, action_templates_run},
	{"GetEmailTemplate", action_template_params, action_template_run},
};

static const char *const regions[] = {"ap-guangzhou", "ap-hongkong", "ap-singapore"};

/* What the API demands of a header field that names something. */
static const char *need_header(
	struct api_call *call, const char *field, const char *param)
{
	const char *value = http_head_get(call->req->head, field);

	if (value != NULL && value[0] != '\0')
		return value;
	(void)api_refuse(&call->err, "MissingParameter",
		"The request is missing a required parameter `%s`.", param);
	return NULL;
}

static int check_protocol(struct sandbox *sb, struct api_call *call)
{
	const char *type = http_head_get(call->req->head, "Content-Type");

	(void)sb;
	if (strcmp(call->req->head->method, "POST") != 0)
		return api_refuse(&call->err, "UnsupportedProtocol",
			"The sandbox takes POST only.");
	if (call->req->too_large)
		return api_refuse(&call->err, "RequestSizeLimitExceeded",
			"The size of the request is %zu bytes, more than 10 MB.",
			call->req->body_len);
	if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
		return api_refuse(&call->err, "UnsupportedProtocol",
			"The Content-Type must be application/json.");
	return 0;
}

static int check_signature(struct sandbox *sb, struct api_call *call)
{
	const struct tc3_key key = {.secret_id = sb->opt->secret_id,
		.secret_key = sb->opt->secret_key,
		.token = sb->opt->token,
		.service = "ses"};

	return tc3_verify(call->req->head, call->req->body, call->req->body_len, &key,
		sandbox_now(sb), &call->trace, &call->err);
}

static int check_action(struct sandbox *sb, struct api_call *call)
{
	const char *name = need_header(call, "X-TC-Action", "Action");
	const char *version;

	(void)sb;
	if (name == NULL)
		return -1;
	version = need_header(call, "X-TC-Version", "Version");
	if (version == NULL)
		return -1;
	if (strcmp(version, VERSION) != 0)
		return api_refuse(&call->err, "NoSuchVersion",
			"The version `%s` does not exist; the current one is " VERSION
			".",
			version);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			call->action = &actions[i];
	}
	if (call->action == NULL)
		return api_refuse(&call->err, "InvalidAction",
			"The request action=`%s` is invalid or does not match the "
			"version `%s`.",
			name, version);
	return 0;
}

static int check_region(struct sandbox *sb, struct api_call *call)
{
	const char *region = need_header(call, "X-TC-Region", "Region");

	if (region == NULL)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
		if (strcmp(regions[i], region) == 0)
			return 0;
	}
	if (sb->opt->any_region)
		return 0;
	return api_refuse(&call->err, "UnsupportedRegion",
		"The region `%s` is not supported by this interface.", region);
}

static int check_rate(struct sandbox *sb, struct api_call *call)
{
	struct rate *r = &sb->rates[call->action - actions];
	int64_t now = sandbox_now(sb);

	if (r->second != now)
		*r = (struct rate){.second = now};
	r->calls++;
	if (sb->opt->rate == 0 || r->calls <= sb->opt->rate)
		return 0;
	return api_refuse(&call->err, "RequestLimitExceeded",
		"Your current request times equals to `%lld` in a second, which exceeds "
		"the "
		"frequency limit `%lld` for a second. Please reduce the frequency of "
		"calls.",
		(long long)r->calls, (long long)sb->opt->rate);
}

static int check_params(struct sandbox *sb, struct api_call *call)
{
	(void)sb;
	if (call->params == NULL)
		return api_refuse(&call->err, "InvalidParameter",
			"The content of the request is not a JSON object in UTF-8.");
	return params_check(call->params, call->action->params, &call->err);
}

/* In this order; the first that fails is the answer. */
static int (*const checks[])(struct sandbox *, struct api_call *) = {
	check_protocol,
	check_signature,
	check_action,
	check_region,
	check_rate,
	check_params,
};

static int run_call(struct sandbox *sb, struct api_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (checks[i](sb, call) != 0)
			return -1;
	}
	return call->action->run(sb, call);
}

/* {"Response":{..., "RequestId":...}}; new reference. */
static json_t *response_json(const struct api_call *call)
{
	json_t *response = call->response, *error;

	if (call->err.code[0] != '\0') {
		response = json_object();
		error = json_object();
		json_object_set_new(error, "Code", json_text(call->err.code));
		json_object_set_new(error, "Message", json_text(call->err.message));
		json_object_set_new(response, "Error", error);
	} else {
		json_incref(response);
	}
	json_object_set_new(response, "RequestId", json_text(call->request_id));
	return json_pack("{s:o}", "Response", response);
}

/* A JSON answer of exactly so many bytes, without a MessageId and without their memory. */
static void fill_huge(struct evbuffer *out, size_t size, const char *request_id)
{
	static const char filler[FILLER_LEN] = {[0 ... FILLER_LEN - 1] = 'A'};
	static const char tail[] = "\"}}";
	size_t left;

	evbuffer_add_printf(
		out, "{\"Response\":{\"RequestId\":\"%s\",\"Filler\":\"", request_id);
	left = evbuffer_get_length(out) + strlen(tail);
	left = size > left ? size - left : 0;
	while (left > 0) {
		size_t n = left < FILLER_LEN ? left : FILLER_LEN;

		evbuffer_add_reference(out, filler, n, NULL, NULL);
		left -= n;
	}
	evbuffer_add(out, tail, strlen(tail));
}

static void write_response(const struct api_call *call, struct http_answer *answer)
{
	json_t *o = response_json(call);
	char *text = json_line(o);

	evbuffer_add(answer->body, text, strlen(text));
	free(text);
	json_decref(o);
}

/* What the effect does to an answer that stands already. */
static void spoil(struct http_answer *answer, const struct fault_effect *e,
	const struct api_call *call)
{
	if (e->body != NULL || e->huge > 0)
		evbuffer_drain(answer->body, SIZE_MAX);
	if (e->body != NULL)
		evbuffer_add(answer->body, e->body, strlen(e->body));
	if (e->huge > 0)
		fill_huge(answer->body, e->huge, call->request_id);
	if (e->http_status != 0)
		answer->status = e->http_status;
	if (e->content_type != NULL)
		answer->type = answer->owned_type = mem_strdup(e->content_type);
	answer->delay_ms = e->delay_ms;
	answer->drip_ms = e->drip_ms;
	answer->truncate_at = e->truncate_at;
	answer->cut = e->cut;
	if (e->cut.point == HTTP_POINT_MID_ANSWER && !e->has_after)
		answer->cut.after = HTTP_HALF;
}

/* Decides what a request that would succeed meets: a magic recipient's or a script's
 * effect. True where there is one; it is the caller's to clear. */
static bool meet_fault(struct sandbox *sb, const struct api_call *call,
	struct fault_effect *effect, unsigned *id)
{
	const struct fault *f =
		faults_pick(&sb->faults, HTTP_POINT_NONE, call->action->name, call->mail);

	*id = 0;
	if (f != NULL) {
		*id = f->id;
		fault_effect_copy(effect, &f->effect);
		return true;
	}
	return call->mail != NULL && fault_magic(call->mail, effect);
}

static void succeed(struct sandbox *sb, struct api_call *call,
	const struct fault_effect *e, unsigned fault_id)
{
	if (call->mail != NULL && fault_effect_records(e)) {
		call->mail->fault = fault_id;
		call->mail->answer_lost = fault_effect_hides_answer(e);
		if (action_send_accept(sb, call) != 0)
			return;
	}
	if (e->code != NULL && e->message != NULL)
		(void)api_refuse(&call->err, e->code, "%s", e->message);
	else if (e->code != NULL)
		(void)api_refuse(&call->err, e->code, NULL);
}

static void count(struct sandbox *sb, const struct api_call *call)
{
	const char *code = call->err.code;
	json_t *n;

	if (code[0] == '\0')
		return;
	sb->counters.refused++;
	n = json_object_get(sb->by_code, code);
	if (n == NULL && json_object_size(sb->by_code) < 500)
		json_object_set_new(sb->by_code, code, json_integer(1));
	else if (n != NULL)
		json_integer_set(n, json_integer_value(n) + 1);
}

static json_t *headers_json(const struct http_head *head)
{
	json_t *list = json_array();

	for (size_t i = 0; i < head->n_headers; i++) {
		json_t *pair = json_array();

		json_array_append_new(pair, json_text(head->headers[i].name));
		json_array_append_new(pair, json_text(head->headers[i].value));
		json_array_append_new(list, pair);
	}
	return list;
}

static json_t *trace_json(const struct tc3_trace *t)
{
	json_t *o;

	if (t->canonical_request == NULL)
		return json_null();
	o = json_object();
	json_object_set_new(o, "canonical_request", json_text(t->canonical_request));
	json_object_set_new(o, "string_to_sign", json_text(t->string_to_sign));
	json_object_set_new(o, "signature", json_text(t->expected));
	return o;
}

static void remember(struct sandbox *sb, const struct api_call *call,
	const struct http_answer *answer, unsigned fault_id)
{
	const struct http_request *req = call->req;
	json_t *o = json_object();
	bool ok = call->err.code[0] == '\0';

	json_object_set_new(o, "time", json_integer(sandbox_now(sb)));
	json_object_set_new(o, "client", json_text(req->client));
	json_object_set_new(o, "tls", json_boolean(req->tls));
	json_object_set_new(o, "method", json_text(req->head->method));
	json_object_set_new(o, "path", json_text(req->head->path));
	json_object_set_new(o, "headers", headers_json(req->head));
	json_object_set_new(
		o, "action", json_text(http_head_get(req->head, "X-TC-Action")));
	json_object_set_new(o, "request_id", json_text(call->request_id));
	json_object_set_new(o, "result", json_text(ok ? "ok" : call->err.code));
	json_object_set_new(
		o, "message", ok ? json_null() : json_text(call->err.message));
	json_object_set_new(o, "http_status", json_integer(answer->status));
	json_object_set_new(o, "fault",
		fault_id != 0 ? json_integer((json_int_t)fault_id) : json_null());
	json_object_set_new(o, "body_size", json_integer((json_int_t)req->body_len));
	json_object_set_new(o, "body",
		call->params != NULL ? json_shortened(call->params, SHOWN_STRING)
				     : json_text_n(req->body, strnlen(req->body, 1024)));
	json_object_set_new(o, "checked", trace_json(&call->trace));
	reqlog_add(&sb->log, o);
}

static void report(const struct sandbox *sb, const struct api_call *call)
{
	const char *action = call->action != NULL ? call->action->name : "-";

	if (sb->opt->quiet)
		return;
	if (call->err.code[0] != '\0')
		fprintf(stderr, "sandbox: %s %s refused %s: %s\n", call->request_id,
			action, call->err.code, call->err.message);
	else
		fprintf(stderr, "sandbox: %s %s ok\n", call->request_id, action);
}

void api_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer)
{
	struct api_call call = {.req = req};
	struct fault_effect effect;
	unsigned fault_id = 0;

	fault_effect_init(&effect);
	digest_uuid(call.request_id);
	call.response = json_object();
	call.params = json_loadb(req->body, req->too_large ? 0 : req->body_len,
		JSON_REJECT_DUPLICATES, NULL);
	if (call.params != NULL && !json_is_object(call.params)) {
		json_decref(call.params);
		call.params = NULL;
	}
	sb->counters.requests++;
	if (run_call(sb, &call) == 0) {
		if (meet_fault(sb, &call, &effect, &fault_id))
			sb->counters.faults++;
		succeed(sb, &call, &effect, fault_id);
	}
	write_response(&call, answer);
	spoil(answer, &effect, &call);
	count(sb, &call);
	remember(sb, &call, answer, fault_id);
	report(sb, &call);
	fault_effect_clear(&effect);
	json_decref(call.params);
	json_decref(call.response);
	mail_free(&call.mail);
	tc3_trace_clear(&call.trace);
}
