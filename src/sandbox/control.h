/* SPDX-License-Identifier: MIT */
/*
 * The control API below /sandbox/v1/: what arrived, what was asked, what shall go wrong.
 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include "sandbox/sandbox.h"

void control_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer);

#endif
