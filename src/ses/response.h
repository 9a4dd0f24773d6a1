/* SPDX-License-Identifier: MIT */
/*
 * The API's answer, which is not trusted: bounded, and only a JSON object of exactly the
 * documented form counts. Everything else, once the request was sent, is "uncertain".
 */
#ifndef SES_RESPONSE_H
#define SES_RESPONSE_H

#include "core/attr.h"
#include "core/str.h"
#include "ses/outcome.h"

#define RESPONSE_MAX (64 * 1024)

/*
 * Fills class, code, message, message_id, request_id and http_status of *r.
 *	200, Response.MessageId, no Error       accepted
 *	200, 4xx, 5xx with Response.Error.Code
 *	  and no MessageId                      refused, that code
 *	  (ResponseSizeLimitExceeded: uncertain, for only the answer was too large)
 *	413 / 429 / 3xx but 303, other 4xx      refused, "Transport.Http413" / "...Http429" /
 *	                                        "...Http4xx"
 *	5xx                                     uncertain, "Transport.Http5xx"
 *	everything else                         uncertain, "Transport.BadResponse"
 * A caller that knows that the request was not sent whole turns uncertain into not sent.
 * Other actions than SendEmail have no MessageId: with need_message_id = false, 200 with a
 * RequestId and no Error is accepted. body may be empty; one over RESPONSE_MAX counts as no
 * JSON.
 */
void response_parse(unsigned http_status, struct span body, bool need_message_id,
	struct ses_result *r);

#endif
