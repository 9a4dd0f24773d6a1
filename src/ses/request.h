/* SPDX-License-Identifier: MIT */
/*
 * The body of a SendEmail call (API 2020-10-02).
 *
 * All calls that one message needs share everything but the recipients. So the JSON object
 * is written in two pieces: a large one that is built and hashed once (`ses_content`), and
 * a small tail with the recipients for each call. SHA-256 of a call continues from the
 * state after the large piece.
 */
#ifndef SES_REQUEST_H
#define SES_REQUEST_H

#include "core/attr.h"
#include "core/budget.h"
#include "core/buf.h"
#include "core/digest.h"
#include "core/str.h"
#include "ses/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct ses_attachment {
	const char *filename;
	bool is_base64;      /* data is clean base64 with white space, copied as it is; */
	struct span data;    /* otherwise raw bytes, encoded here */
	size_t base64_chars; /* of clean base64, its white space left out; 0: counted here */
};

/* Everything but the recipients; all borrowed during ses_request_content_new(). Strings are valid
 * UTF-8 without control characters; NULL or "" leaves an optional field out. */
struct ses_fields {
	const char *from; /* "a@b" or "Alias <a@b>" */
	const char *subject;
	const char *reply_to;
	const char *message_id;
	const char *headers; /* a JSON object in a string */
	bool has_text, has_html;
	struct span text, html; /* UTF-8, not yet base64 */
	const struct ses_attachment *attachments;
	size_t n_attachments;
	unsigned long template_id; /* 0: Simple is sent */
	const char *template_data; /* a JSON object in a string; NULL: "{}" */
	unsigned unsubscribe;
	unsigned trigger;
};

struct ses_recipients {
	const char *const *to;
	size_t n_to;
	const char *const *cc;
	size_t n_cc;
	const char *const *bcc;
	size_t n_bcc;
};

/* The shared piece; reference-counted. */
struct ses_content;

/* max: bytes of a whole request. NULL with errno EMSGSIZE or ENOMEM (see buf.h), or EINVAL
 * if a string is not UTF-8. */
struct ses_content *ses_request_content_new(
	const struct ses_fields *f, size_t max, struct budget *budget) MUST_CHECK;
void ses_request_content_unref(struct ses_content **c);

/* One call's body; holds a reference to its content. */
struct ses_request;

/* NULL with errno as above, or EINVAL if a list is longer than the API takes or all are empty.
 * A list without addresses is left out. */
struct ses_request *ses_request_new(
	struct ses_content *c, const struct ses_recipients *r) MUST_CHECK;
/* A call of another action than SendEmail: action is a constant, borrowed; json is the whole
 * body, copied. */
struct ses_request *ses_request_new_query(
	const char *action, const char *json) MUST_CHECK;
void ses_request_free(struct ses_request **r);

const char *ses_request_action(const struct ses_request *r); /* "SendEmail" */
/* Whether it sends mail, so that its answer must hold a MessageId. */
bool ses_request_is_mail(const struct ses_request *r);
size_t ses_request_size(const struct ses_request *r);
const char *ses_request_sha256(const struct ses_request *r); /* lower-case hex */
/* Copies up to len bytes from offset into out; returns how many. */
size_t ses_request_read(
	const struct ses_request *r, size_t offset, void *out, size_t len);

#endif
