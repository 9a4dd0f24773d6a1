/* SPDX-License-Identifier: MIT */
/*
 * Writes the JSON of a SendEmail call straight into one buffer.
 *
 * The same code runs twice: first it only measures, so that the buffer is allocated once
 * and exactly (a buffer that doubles would hold a message twice, and be charged for it);
 * then it writes. Attachments go in blocks that fit the cache, and each block is hashed
 * while it is still there.
 */
#include "ses/request.h"

#include "core/base64.h"
#include "core/mem.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Input bytes a block: whole base64 quanta, and its output with it in the L2 cache. */
#define BLOCK ((size_t)48 * 1024)

struct ses_content {
	size_t refs;
	size_t max; /* of a whole request */
	struct buf body;
	struct digest *state; /* owned; SHA-256 after body */
};

struct ses_request {
	const char *action;          /* borrowed: a constant */
	struct ses_content *content; /* a reference; NULL if the tail is all */
	struct buf tail;
	char sha256[DIGEST_HEX_LEN];
};

struct writer {
	struct buf *out;       /* NULL: measure only */
	struct digest *digest; /* of what is in out, up to hashed */
	size_t hashed;
	size_t size; /* measured */
	int error;   /* 0, or the first failure's errno; nothing is written afterwards */
};

static void check_put(struct writer *w, int rc)
{
	if (rc < 0)
		w->error = errno;
}

static void put(struct writer *w, const char *bytes, size_t len)
{
	w->size += len;
	if (w->out != NULL && w->error == 0)
		check_put(w, buf_append(w->out, bytes, len));
}

static void put_text(struct writer *w, const char *s)
{
	put(w, s, strlen(s));
}

static void put_number(struct writer *w, unsigned long n)
{
	char text[24];

	put(w, text, (size_t)snprintf(text, sizeof(text), "%lu", n));
}

/* Adds to the digest what was written since the last call. */
static void hash(struct writer *w)
{
	if (w->out == NULL || w->error != 0)
		return;
	digest_update(w->digest, w->out->data + w->hashed, w->out->len - w->hashed);
	w->hashed = w->out->len;
}

/* A character of a JSON string that must be escaped (RFC 8259 §7). */
static bool is_special(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static void put_escaped(struct writer *w, char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
	put_text(w, text);
}

/* A JSON string, in quotes. */
static void put_string(struct writer *w, const char *s)
{
	const char *run = s;

	if (w->out == NULL && !utf8_valid(span_of(s)))
		w->error = EINVAL;
	put(w, "\"", 1);
	for (; *s != '\0'; s++) {
		if (!is_special(*s))
			continue;
		put(w, run, (size_t)(s - run));
		put_escaped(w, *s);
		run = s + 1;
	}
	put(w, run, (size_t)(s - run));
	put(w, "\"", 1);
}

/* ,"name": */
static void put_name(struct writer *w, const char *name)
{
	put(w, ",\"", 2);
	put_text(w, name);
	put(w, "\":", 2);
}

static void put_optional(struct writer *w, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	put_name(w, name);
	put_string(w, value);
}

/* --- bodies and attachments: large ---------------------------------------------------- */

typedef int append(struct buf *out, struct span in);

static int append_encoded(struct buf *out, struct span in)
{
	return base64_encode(out, in.p, in.len);
}

/* Appends in block by block, by fn, and hashes each block. */
static void put_blocks(struct writer *w, struct span in, append *fn)
{
	while (in.len > 0 && w->error == 0) {
		size_t n = in.len < BLOCK ? in.len : BLOCK;

		check_put(w, fn(w->out, span_make(in.p, n)));
		hash(w);
		in.p += n;
		in.len -= n;
	}
}

/* A JSON string of the base64 of raw bytes; no character of base64 needs an escape. */
static void put_base64(struct writer *w, struct span raw)
{
	put(w, "\"", 1);
	if (w->out == NULL)
		w->size += (raw.len + 2) / 3 * 4;
	else
		put_blocks(w, raw, append_encoded);
	put(w, "\"", 1);
}

static size_t count_chars(const struct ses_attachment *a)
{
	size_t chars = a->base64_chars;

	if (chars == 0)
		(void)base64_inspect(a->data, &chars);
	return chars;
}

/* The same for what is base64 already: its white space is left out. */
static void put_clean_base64(struct writer *w, const struct ses_attachment *a)
{
	put(w, "\"", 1);
	if (w->out == NULL)
		w->size += count_chars(a);
	else
		put_blocks(w, a->data, base64_copy_clean);
	put(w, "\"", 1);
}

static void put_attachments(struct writer *w, const struct ses_fields *f)
{
	if (f->n_attachments == 0)
		return;
	put_name(w, "Attachments");
	for (size_t i = 0; i < f->n_attachments; i++) {
		const struct ses_attachment *a = &f->attachments[i];

		put_text(w, i == 0 ? "[{\"FileName\":" : ",{\"FileName\":");
		put_string(w, a->filename);
		put_name(w, "Content");
		if (a->is_base64)
			put_clean_base64(w, a);
		else
			put_base64(w, a->data);
		put_text(w, "}");
	}
	put_text(w, "]");
}

static void put_simple(struct writer *w, const struct ses_fields *f)
{
	put_text(w, ",\"Simple\":{");
	if (f->has_html) {
		put_text(w, "\"Html\":");
		put_base64(w, f->html);
	}
	if (f->has_text) {
		put_text(w, f->has_html ? ",\"Text\":" : "\"Text\":");
		put_base64(w, f->text);
	}
	put_text(w, "}");
}

static void put_template(struct writer *w, const struct ses_fields *f)
{
	put_text(w, ",\"Template\":{\"TemplateID\":");
	put_number(w, f->template_id);
	put_name(w, "TemplateData");
	put_string(w, f->template_data != NULL ? f->template_data : "{}");
	put_text(w, "}");
}

/* The object without its end: the recipients follow. Subject is always sent. */
static void put_content(struct writer *w, const struct ses_fields *f)
{
	put_text(w, "{\"FromEmailAddress\":");
	put_string(w, f->from);
	put_name(w, "Subject");
	put_string(w, f->subject != NULL ? f->subject : "");
	put_optional(w, "ReplyToAddresses", f->reply_to);
	put_optional(w, "SmtpMessageId", f->message_id);
	put_optional(w, "SmtpHeaders", f->headers);
	if (f->unsubscribe != 0) {
		/* A string, says the API; 0 is its default. */
		put_text(w, ",\"Unsubscribe\":\"");
		put_number(w, f->unsubscribe);
		put_text(w, "\"");
	}
	put_name(w, "TriggerType");
	put_number(w, f->trigger);
	if (f->template_id != 0)
		put_template(w, f);
	else
		put_simple(w, f);
	put_attachments(w, f);
	hash(w);
}

/* --- content -------------------------------------------------------------------------- */

static int write_content(struct ses_content *c, const struct ses_fields *f)
{
	struct writer w = {.out = &c->body, .digest = c->state};

	put_content(&w, f);
	errno = w.error;
	return w.error == 0 ? 0 : -1;
}

struct ses_content *ses_request_content_new(
	const struct ses_fields *f, size_t max, struct budget *budget)
{
	struct writer measure = {.out = NULL};
	struct ses_content *c;
	int error;

	put_content(&measure, f);
	if (measure.error == 0 && measure.size > max)
		measure.error = EMSGSIZE;
	if (measure.error != 0) {
		errno = measure.error;
		return NULL;
	}
	c = mem_new(1, sizeof(*c));
	c->refs = 1;
	c->max = max;
	c->state = digest_new();
	buf_init(&c->body, measure.size, budget);
	if (buf_reserve(&c->body, measure.size) < 0 || write_content(c, f) < 0) {
		error = errno;
		ses_request_content_unref(&c);
		errno = error;
	}
	return c;
}

void ses_request_content_unref(struct ses_content **content)
{
	struct ses_content *c = *content;

	*content = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	buf_free(&c->body);
	digest_free(&c->state);
	free(c);
}

/* --- one call ------------------------------------------------------------------------- */

static void put_list(
	struct writer *w, const char *name, const char *const *items, size_t n)
{
	if (n == 0)
		return;
	put_name(w, name);
	for (size_t i = 0; i < n; i++) {
		put_text(w, i == 0 ? "[" : ",");
		put_string(w, items[i]);
	}
	put_text(w, "]");
}

static void put_recipients(struct writer *w, const struct ses_recipients *r)
{
	put_list(w, "Destination", r->to, r->n_to);
	put_list(w, "Cc", r->cc, r->n_cc);
	put_list(w, "Bcc", r->bcc, r->n_bcc);
	put_text(w, "}");
	hash(w);
}

/* 0, or the errno of what is wrong with them. */
static int check_recipients(const struct ses_content *c, const struct ses_recipients *r)
{
	struct writer measure = {.out = NULL};

	if (r->n_to > SES_TO_MAX || r->n_cc > SES_CC_MAX || r->n_bcc > SES_BCC_MAX ||
		r->n_to + r->n_cc + r->n_bcc == 0)
		return EINVAL;
	put_recipients(&measure, r);
	if (measure.error != 0)
		return measure.error;
	return measure.size > c->max - c->body.len ? EMSGSIZE : 0;
}

static void finish_digest(struct ses_request *q, struct digest *d)
{
	uint8_t raw[DIGEST_LEN];

	digest_final(d, raw);
	digest_hex(raw, q->sha256);
}

struct ses_request *ses_request_new(struct ses_content *c, const struct ses_recipients *r)
{
	struct ses_request *q;
	struct writer w;
	int error = check_recipients(c, r);

	if (error != 0) {
		errno = error;
		return NULL;
	}
	q = mem_new(1, sizeof(*q));
	q->action = "SendEmail";
	q->content = c;
	c->refs++;
	buf_init(&q->tail, c->max - c->body.len, c->body.budget);
	w = (struct writer){.out = &q->tail, .digest = digest_clone(c->state)};
	put_recipients(&w, r);
	finish_digest(q, w.digest);
	digest_free(&w.digest);
	if (w.error != 0) {
		ses_request_free(&q);
		errno = w.error;
	}
	return q;
}

struct ses_request *ses_request_new_query(const char *action, const char *json)
{
	struct ses_request *q = mem_new(1, sizeof(*q));
	struct digest *d = digest_new();
	size_t len = strlen(json);

	q->action = action;
	buf_init(&q->tail, len, NULL);
	if (buf_append(&q->tail, json, len) < 0)
		abort(); /* its maximum is its length: only memory can be exhausted */
	digest_update(d, json, len);
	finish_digest(q, d);
	digest_free(&d);
	return q;
}

void ses_request_free(struct ses_request **request)
{
	struct ses_request *q = *request;

	if (q == NULL)
		return;
	ses_request_content_unref(&q->content);
	buf_free(&q->tail);
	free(q);
	*request = NULL;
}

static size_t content_len(const struct ses_request *q)
{
	return q->content != NULL ? q->content->body.len : 0;
}

const char *ses_request_action(const struct ses_request *q)
{
	return q->action;
}

bool ses_request_is_mail(const struct ses_request *q)
{
	return q->content != NULL;
}

size_t ses_request_size(const struct ses_request *q)
{
	return content_len(q) + q->tail.len;
}

const char *ses_request_sha256(const struct ses_request *q)
{
	return q->sha256;
}

/* Copies the bytes of b from *offset on, and moves *offset to the start of the next piece. */
static size_t read_piece(const struct buf *b, size_t *offset, char *out, size_t len)
{
	size_t n;

	if (*offset >= b->len) {
		*offset -= b->len;
		return 0;
	}
	n = b->len - *offset < len ? b->len - *offset : len;
	memcpy(out, b->data + *offset, n);
	*offset = 0;
	return n;
}

size_t ses_request_read(const struct ses_request *q, size_t offset, void *out, size_t len)
{
	size_t n = 0;

	if (q->content != NULL)
		n = read_piece(&q->content->body, &offset, out, len);
	return n + read_piece(&q->tail, &offset, (char *)out + n, len - n);
}
