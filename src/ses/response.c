/* SPDX-License-Identifier: MIT */
/*
 * Reads the API's answer and decides what it proves.
 *
 * Two mistakes are possible, and both are dear: to take for accepted what was not (the mail
 * is lost), and to take for refused what was accepted (the client tries again, and it is
 * sent twice). So there are two proofs only: a MessageId, and a refusal that says that the
 * request was not carried out. All else is uncertain.
 */
#include "ses/response.h"

#include <jansson.h>
#include <string.h>

#define BAD_RESPONSE "Transport.BadResponse"

/* A member that is absent or null; the API has nullable fields in other answers. */
static bool is_absent(const json_t *v)
{
	return v == NULL || json_is_null(v);
}

/* Copies a string as one line of printable ASCII; false if it is none or is empty. */
static bool read_line(const json_t *v, char *out, size_t cap)
{
	out[0] = '\0';
	if (!json_is_string(v))
		return false;
	str_ascii_line(out, cap, span_make(json_string_value(v), json_string_length(v)));
	return out[0] != '\0';
}

/* Response.Error: {"Code": "...", "Message": "..."}. */
static bool read_error(const json_t *error, struct ses_result *r)
{
	char code[sizeof(r->code)];

	if (!read_line(json_object_get(error, "Code"), code, sizeof(code)))
		return false;
	read_line(json_object_get(error, "Message"), r->message, sizeof(r->message));
	/* The request may have been carried out: only its answer was too large. */
	if (strcmp(code, "ResponseSizeLimitExceeded") == 0)
		outcome_set_result(r, OUTCOME_UNCERTAIN, code);
	else
		outcome_set_result(r, OUTCOME_REFUSED, code);
	return true;
}

/* The one object "Response"; true if it proves something. */
static bool read_response(const json_t *response, bool need_message_id, bool may_accept,
	struct ses_result *r)
{
	const json_t *error = json_object_get(response, "Error");
	const json_t *id = json_object_get(response, "MessageId");
	bool traced = read_line(json_object_get(response, "RequestId"), r->request_id,
		sizeof(r->request_id));

	if (!is_absent(error))
		return is_absent(id) && read_error(error, r);
	if (!may_accept)
		return false;
	if (need_message_id ? !read_line(id, r->message_id, sizeof(r->message_id))
			    : !traced)
		return false;
	outcome_set_result(r, OUTCOME_ACCEPTED, "");
	return true;
}

/* jansson refuses invalid UTF-8, NUL, more than 2048 levels, and text after the object by
 * itself; doubled keys would let two readers see two answers. */
static bool read_body(
	struct span body, bool need_message_id, bool may_accept, struct ses_result *r)
{
	json_t *root;
	bool proved = false;

	if (body.len == 0 || body.len > RESPONSE_MAX)
		return false;
	root = json_loadb(body.p, body.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(root))
		proved = read_response(json_object_get(root, "Response"), need_message_id,
			may_accept, r);
	json_decref(root);
	return proved;
}

/*
 * What a status other than 200 proves by itself. The API answers 200 whenever it has seen
 * the request, errors included, so these come from something on the way.
 *
 *	429, other 4xx  the request was not passed on (RFC 9110 §15.5)
 *	3xx             neither did it, and we follow no redirect; but 303 says "done, see
 *	                there" (§15.4.4)
 *	5xx             a proxy says 502, 503 or 504 as well when its own connection broke
 *	                after the request had gone through: uncertain
 *	1xx, 2xx        no answer that this API gives: uncertain
 */
static void conclude_status(unsigned status, struct ses_result *r)
{
	if (status == 413)
		outcome_set_result(r, OUTCOME_REFUSED, "Transport.Http413");
	else if (status == 429)
		outcome_set_result(r, OUTCOME_REFUSED, "Transport.Http429");
	else if (status >= 300 && status <= 499 && status != 303)
		outcome_set_result(r, OUTCOME_REFUSED, "Transport.Http4xx");
	else if (status >= 500 && status <= 599)
		outcome_set_result(r, OUTCOME_UNCERTAIN, "Transport.Http5xx");
	else
		outcome_set_result(r, OUTCOME_UNCERTAIN, BAD_RESPONSE);
}

void response_parse(unsigned http_status, struct span body, bool need_message_id,
	struct ses_result *r)
{
	bool ok = http_status == 200;

	r->http_status = http_status;
	r->code[0] = r->message[0] = r->message_id[0] = r->request_id[0] = '\0';
	/* A refusal in the API's own form counts with any error status; acceptance with
	 * 200 only. */
	if ((ok || http_status >= 400) && read_body(body, need_message_id, ok, r))
		return;
	r->message[0] = r->message_id[0] = '\0';
	conclude_status(http_status, r);
}
