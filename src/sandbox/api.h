/* SPDX-License-Identifier: MIT */
/*
 * One call of the API: who may, what it wants, what comes of it.
 */
#ifndef SANDBOX_API_H
#define SANDBOX_API_H

#include "sandbox/api_error.h"
#include "sandbox/params.h"
#include "sandbox/sandbox.h"
#include "sandbox/tc3.h"

/* A call while it is being answered. */
struct api_call {
	const struct http_request *req; /* borrowed */
	char request_id[DIGEST_UUID_LEN];
	const struct api_action *action; /* NULL until it is known */
	json_t *params;                  /* owned; NULL: no JSON object came */
	json_t *response;       /* owned: the members of "Response" but RequestId */
	struct mail *mail;      /* owned: SendEmail's, not accepted yet */
	struct tc3_trace trace; /* owned */
	struct api_error err;   /* code "": success */
};

struct api_action {
	const char *name;
	const struct param *params;
	/* Fills call->response (and ->mail); 0, or -1 and call->err. */
	int (*run)(struct sandbox *sb, struct api_call *call);
};

void api_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer);

/* action_send.c: makes and checks the mail. */
extern const struct param action_send_params[];
int action_send_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;
/* Journals and keeps the mail, and puts its MessageId into the response. -1: call->err. */
int action_send_accept(struct sandbox *sb, struct api_call *call) MUST_CHECK;

/* action_status.c */
extern const struct param action_status_params[];
int action_status_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;

/* action_list.c */
extern const struct param action_identities_params[];
extern const struct param action_addresses_params[];
extern const struct param action_templates_params[];
extern const struct param action_template_params[];
int action_identities_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;
int action_addresses_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;
int action_templates_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;
int action_template_run(struct sandbox *sb, struct api_call *call) MUST_CHECK;

#endif
