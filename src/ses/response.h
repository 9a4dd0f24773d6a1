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
 * Fills class, code, message, message_id, request_id of *r from status and body.
 *	HTTP 200 + Response.MessageId, no Error     accepted
 *	HTTP 200 + Response.Error.Code, no MessageId refused, that code
 *	both, neither, other JSON, no JSON          uncertain, "Transport.BadResponse"
 *	HTTP 413                                    refused, "Transport.Http413"
 *	HTTP 429, 5xx, other status                 see doc/replies.md: "Transport.Http429", ...
 * For actions other than SendEmail message_id is not asked for: need_message_id = false.
 */
void response_parse(unsigned http_status, struct span body, bool need_message_id,
	struct ses_result *r);

#endif
