/* SPDX-License-Identifier: MIT */
/*
 * A web page of what arrived, for people. No script; what came from outside is escaped,
 * and a mail's HTML is shown in a frame that may do nothing.
 */
#ifndef SANDBOX_PAGE_H
#define SANDBOX_PAGE_H

#include "sandbox/sandbox.h"

void page_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer);

#endif
