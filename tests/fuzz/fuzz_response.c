/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: an answer of the API. The first byte chooses the HTTP status and whether a
 * MessageId is asked for; the rest is the body.
 */
#include "ses/response.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* One clean line that ends within its array. */
static void must_be_line(const char *s, size_t cap)
{
	size_t len = strnlen(s, cap);

	must(len < cap);
	for (size_t i = 0; i < len; i++)
		must(s[i] >= ' ' && s[i] <= '~');
}

static void check(const struct ses_result *r, unsigned status, bool need_message_id)
{
	must_be_line(r->code, sizeof(r->code));
	must_be_line(r->message, sizeof(r->message));
	must_be_line(r->message_id, sizeof(r->message_id));
	must_be_line(r->request_id, sizeof(r->request_id));
	must(r->http_status == status);
	must(r->class != OUTCOME_NOT_SENT); /* that is not for an answer to say */
	if (r->class == OUTCOME_ACCEPTED) {
		must(status == 200 && r->code[0] == '\0');
		must((need_message_id ? r->message_id : r->request_id)[0] != '\0');
	} else {
		must(r->code[0] != '\0' && r->message_id[0] == '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[16] = {200, 200, 200, 200, 400, 403, 413, 429, 500,
		502, 503, 302, 303, 204, 101, 0};
	struct ses_result r;
	bool need_message_id;
	unsigned status;

	if (size == 0)
		return 0;
	status = statuses[data[0] & 15];
	need_message_id = (data[0] & 16) != 0;
	memset(&r, 'x', sizeof(r));
	response_parse(
		status, span_make((const char *)data + 1, size - 1), need_message_id, &r);
	check(&r, status, need_message_id);
	return 0;
}
