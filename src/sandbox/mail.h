/* SPDX-License-Identifier: MIT */
/*
 * A mail as SendEmail's parameters describe it, decoded.
 */
#ifndef SANDBOX_MAIL_H
#define SANDBOX_MAIL_H

#include "sandbox/api_error.h"
#include "sandbox/digest.h"
#include "sandbox/mem.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct mail_part {
	char *bytes; /* owned, NUL-terminated; NULL: the mail has no such part */
	size_t len;
};

struct mail_attachment {
	char *name; /* owned */
	struct mail_part content;
	char sha256[DIGEST_HEX_LEN];
};

struct mail {
	TAILQ_ENTRY(mail) link;
	/* Given when it is accepted. */
	char message_id[80];
	char request_id[DIGEST_UUID_LEN];
	uint64_t seq;     /* 1, 2, ... in order of acceptance */
	int64_t time;     /* unix seconds, the sandbox's clock */
	unsigned fault;   /* id of the fault that hid its answer, 0: none */
	bool answer_lost; /* accepted, but the caller was not told so */
	/* As sent; NULL where the parameter was absent. All owned. */
	char *from;
	char *subject;
	struct strings to, cc, bcc;
	char *reply_to;
	char *header_from;
	char *unsubscribe;
	char *smtp_message_id;
	char *smtp_headers; /* text of a JSON object */
	int64_t trigger_type;
	bool has_simple, has_template;
	struct mail_part text,
		html; /* Simple's, decoded, or the template's with its variables */
	int64_t template_id;
	char *template_data; /* text of a JSON object */
	struct mail_attachment *attachments;
	size_t n_attachments;
	char body_sha256[DIGEST_HEX_LEN]; /* of the request's body */
	size_t body_size;
	size_t memory; /* about what it holds */
};

/*
 * Makes a mail of the parameters, whose names and types were checked. *mail is the
 * caller's. -1: some base64 is not base64.
 */
int mail_from_params(
	const json_t *params, struct mail **mail, struct api_error *err) MUST_CHECK;

void mail_free(struct mail **mail);

/* "a@b" out of "a@b" or "Alias <a@b>"; the caller owns it. */
char *mail_bare_address(const char *mailbox) MUST_CHECK;

/* One line of a list: who, what, when; new reference. */
json_t *mail_summary_json(const struct mail *m) MUST_CHECK;

/* Everything but the attachments' bytes; new reference. */
json_t *mail_json(const struct mail *m) MUST_CHECK;

#endif
