/* SPDX-License-Identifier: MIT */
/*
 * BDAT (RFC 3030): a message in counted chunks.
 *
 *	bdat = "BDAT" SP chunk-size [ SP "LAST" ] CRLF
 *
 * The bytes of a chunk follow whatever the reply will be, and a client may have sent them
 * already: so a chunk that is refused is read and dropped, and never taken for commands.
 * Where its size cannot be known, or is far more than anybody would read, the session ends
 * (session_input.c, close_before_payload()).
 */
#include "core/mem.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

#include <errno.h>
#include <stdlib.h>

/* Chunks up to so many times the message size are read to be dropped. */
#define DROP_FACTOR 2

/* RFC 3030 §2: 1 to 20 digits. -1 where it is none, or does not fit into 64 bits. */
static int parse_size(struct span text, uint64_t *size)
{
	return text.len <= 20 && span_number(text, UINT64_MAX, size) ? 0 : -1;
}

static int parse(struct span args, uint64_t *size, bool *last)
{
	struct span number, rest;

	command_split(args, &number, &rest);
	*last = rest.len > 0;
	if (*last && !span_ieq_str(rest, "LAST"))
		return -1;
	return parse_size(number, size);
}

/* Few chunks are refused: only theirs have a reply that waits. */
static void refuse(struct chunk *c, const struct reply *reply)
{
	if (c->reply == NULL)
		c->reply = mem_new(1, sizeof(*c->reply));
	*c->reply = *reply;
	c->drop = true;
}

/* 1 if the chunk may be part of a message; else -1 and *reply. The rest of a message that was
 * refused keeps its reply: a client may go by any of them, and what is temporary must stay so. */
static int check_sequence(const struct session *s, struct reply *reply)
{
	const struct chunk *c = &s->transaction->chunk;

	if (c->failed)
		*reply = *c->reply;
	else if (s->state == SESSION_MAIL)
		*reply = reply_make(554, "5.5.1", "no valid recipients");
	else if (s->state != SESSION_RCPT)
		*reply = reply_make(503, "5.5.1", "BDAT has to wait for MAIL and RCPT");
	return !c->failed && s->state == SESSION_RCPT ? 1 : -1;
}

static uint64_t message_deadline(const struct session *s)
{
	return clock_mono_ms(s->cfg->clock) + s->cfg->limits->data_timeout;
}

/* The first chunk of a message. */
static int begin_message(struct session *s, struct reply *reply)
{
	struct transaction *t = s->transaction;

	t->chunk.deadline = message_deadline(s);
	t->chunk.binary = t->envelope.binary;
	if (transaction_open_body(
		    t, s->cfg->limits->message_size, s->cfg->budget, reply) < 0)
		return -1;
	dot_init_chunked(&t->dot);
	t->chunk.begun = true;
	return 0;
}

/* What can be said before the bytes have come: 1 if they are wanted, or -1 and *reply. */
static int check_chunk(struct session *s, uint64_t size, struct reply *reply)
{
	struct transaction *t = s->transaction;
	size_t max = s->cfg->limits->message_size;

	if (check_sequence(s, reply) < 0)
		return -1;
	if (size > max - t->body.len)
		*reply = transaction_refuse_body(max, EMSGSIZE);
	else if (t->chunk.begun || begin_message(s, reply) == 0)
		return 1;
	t->chunk.failed = true;
	buf_free(&t->body);
	return -1;
}

int cmd_bdat(struct session *s, struct span args, struct reply *reply)
{
	struct chunk *c;
	uint64_t size;
	bool last;

	if (parse(args, &size, &last) < 0) {
		*reply =
			reply_make(501, "5.5.4", "BDAT SIZE [LAST] is expected, closing");
		return 1;
	}
	if (size / DROP_FACTOR > s->cfg->limits->message_size) {
		*reply = reply_make(552, "5.3.4",
			"at most %zu bytes are accepted, closing",
			s->cfg->limits->message_size);
		return 1;
	}
	/* Its bytes are held to the size and the time of a message; no bytes are idle. */
	s->advances = size > 0 && s->state != SESSION_READY;
	s->chunk_from = s->state;
	c = &session_transaction(s)->chunk;
	c->left = size;
	c->last = last;
	c->drop = false;
	if (check_chunk(s, size, reply) < 0)
		refuse(c, reply);
	if (c->deadline == 0)
		c->deadline = message_deadline(s);
	session_set_state(s, SESSION_CHUNK);
	return 0;
}

/* The message could not be kept. */
static void fail(struct session *s)
{
	struct transaction *t = s->transaction;
	struct reply reply =
		transaction_refuse_body(s->cfg->limits->message_size, t->dot.error);

	refuse(&t->chunk, &reply);
	t->chunk.failed = true;
	buf_free(&t->body);
}

/* The last chunk ends the transaction, as the end of data does. */
static void end_refused(struct session *s)
{
	bool last = s->transaction->chunk.last;
	struct reply reply = *s->transaction->chunk.reply; /* the reset frees it */

	if (last && s->chunk_from == SESSION_RCPT) {
		transaction_refuse(s->transaction, &reply);
		return;
	}
	if (last || s->chunk_from == SESSION_READY)
		session_reset(s);
	else
		session_set_state(s, s->chunk_from);
	session_answer(s, span_of("BDAT"), &reply);
}

static void end_chunk(struct session *s)
{
	struct transaction *t = s->transaction;
	struct chunk *c = &t->chunk;
	struct reply ok = reply_make(250, "2.0.0", "%zu bytes so far", t->body.len);

	/* A CR at the very end is a line end like any other bare one. */
	if (!c->drop && c->last) {
		dot_end_chunks(&t->dot, &t->body);
		if (t->dot.error != 0)
			fail(s);
	}
	if (c->drop) {
		end_refused(s);
	} else if (c->last) {
		cmd_data_submit(s);
	} else {
		session_set_state(s, s->chunk_from);
		session_answer(s, span_of("BDAT"), &ok);
	}
}

void cmd_bdat_begun(struct session *s)
{
	if (s->transaction->chunk.left == 0)
		end_chunk(s);
}

static void store(struct session *s, const char *in, size_t len)
{
	struct transaction *t = s->transaction;

	if (!t->chunk.binary)
		len -= dot_read(&t->dot, in, len, &t->body); /* all: no dot ends it */
	else if (buf_append(&t->body, in, len) < 0)
		t->dot.error = errno;
	if (t->dot.error != 0)
		fail(s);
}

size_t cmd_bdat_input(struct session *s, const char *in, size_t len)
{
	struct transaction *t = s->transaction;
	size_t n = len < t->chunk.left ? len : (size_t)t->chunk.left;

	t->pace.bytes += n;
	if (!t->chunk.drop)
		store(s, in, n);
	t->chunk.left -= n;
	if (t->chunk.left == 0)
		end_chunk(s);
	return n;
}
