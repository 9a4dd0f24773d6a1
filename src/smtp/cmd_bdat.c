/* SPDX-License-Identifier: MIT */
/*
 * BDAT (RFC 3030): a message in counted chunks.
 *
 *	bdat = "BDAT" SP chunk-size [ SP "LAST" ] CRLF
 *
 * The bytes of a chunk follow whatever the reply will be, and a client may have sent them
 * already: so a chunk that is refused is read and dropped, and never taken for commands.
 * Where its size cannot be known, or is far more than anybody would read, the session ends
 * (session.c, close_before_payload()).
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

void session_forget_chunks(struct session *s)
{
	free(s->chunk.reply);
	s->chunk = (struct chunk){0};
}

/* Few chunks are refused: only theirs have a reply that waits. */
static void refuse(struct chunk *c, const struct reply *reply)
{
	if (c->reply == NULL)
		c->reply = mem_new(1, sizeof(*c->reply));
	*c->reply = *reply;
	c->drop = true;
}

/* Whether the chunk may be part of a message; else *reply. The rest of one that was refused
 * keeps its reply: a client may go by any of them, and what is temporary must stay so. */
static bool is_wanted(const struct session *s, struct reply *reply)
{
	if (s->chunk.failed) {
		*reply = *s->chunk.reply;
		return false;
	}
	if (s->state == SESSION_MAIL)
		*reply = reply_make(554, "5.5.1", "no valid recipients");
	else if (s->state != SESSION_RCPT)
		*reply = reply_make(503, "5.5.1", "BDAT has to wait for MAIL and RCPT");
	return s->state == SESSION_RCPT;
}

/* The first chunk of a message. */
static int begin_message(struct session *s, struct reply *reply)
{
	s->chunk.deadline = clock_mono_ms(s->cfg->clock) + s->cfg->limits->data_timeout;
	s->chunk.binary = s->envelope.binary;
	if (session_open_body(s, reply) < 0)
		return -1;
	dot_init_chunked(&s->dot);
	s->chunk.begun = true;
	return 0;
}

/* What can be said before the bytes have come. */
static bool is_refused(struct session *s, uint64_t size, struct reply *reply)
{
	if (!is_wanted(s, reply))
		return true;
	if (size > s->cfg->limits->message_size - s->body.len)
		*reply = session_refuse_body(s, EMSGSIZE);
	else if (s->chunk.begun || begin_message(s, reply) == 0)
		return false;
	s->chunk.failed = true;
	buf_free(&s->body);
	return true;
}

struct reply cmd_bdat(struct session *s, struct span args)
{
	struct chunk *c = &s->chunk;
	struct reply reply;
	uint64_t size;
	bool last;

	if (parse(args, &size, &last) < 0)
		return reply_make(501, "5.5.4", "BDAT SIZE [LAST] is expected, closing");
	if (size / DROP_FACTOR > s->cfg->limits->message_size)
		return reply_make(552, "5.3.4", "at most %zu bytes are accepted, closing",
			s->cfg->limits->message_size);
	/* Its bytes are held to the size and the time of a message; no bytes are idle. */
	s->advances = size > 0 && s->state != SESSION_READY;
	c->from = s->state;
	c->left = size;
	c->last = last;
	c->drop = false;
	if (is_refused(s, size, &reply))
		refuse(c, &reply);
	if (c->deadline == 0)
		c->deadline = clock_mono_ms(s->cfg->clock) + s->cfg->limits->data_timeout;
	session_set_state(s, SESSION_CHUNK);
	return reply_make(250, "2.0.0", "ok");
}

/* The message could not be kept. */
static void fail(struct session *s, int error)
{
	struct reply reply = session_refuse_body(s, error);

	refuse(&s->chunk, &reply);
	s->chunk.failed = true;
	buf_free(&s->body);
}

/* A CR at the very end is a line end like any other bare one. */
static int close_body(struct session *s)
{
	dot_end_chunks(&s->dot, &s->body);
	return s->dot.error;
}

/* The last chunk ends the transaction, as the end of data does. */
static void end_refused(struct session *s)
{
	struct chunk c = s->chunk;
	struct reply reply = *c.reply; /* the reset forgets it */

	if (c.last && c.from == SESSION_RCPT) {
		session_finish(s, &reply);
		return;
	}
	if (c.last || c.from == SESSION_READY)
		session_reset(s);
	else
		session_set_state(s, c.from);
	session_answer(s, span_of("BDAT"), &reply);
}

static void end_chunk(struct session *s)
{
	struct chunk *c = &s->chunk;
	struct reply ok = reply_make(250, "2.0.0", "%zu bytes so far", s->body.len);

	if (!c->drop && c->last && close_body(s) != 0)
		fail(s, s->dot.error);
	if (c->drop) {
		end_refused(s);
	} else if (c->last) {
		session_deliver(s);
	} else {
		session_set_state(s, c->from);
		session_answer(s, span_of("BDAT"), &ok);
	}
}

void session_chunk_begun(struct session *s)
{
	if (s->chunk.left == 0)
		end_chunk(s);
}

static void store(struct session *s, const char *in, size_t len)
{
	if (!s->chunk.binary)
		len -= dot_read(&s->dot, in, len, &s->body); /* all: no dot ends it */
	else if (buf_append(&s->body, in, len) < 0)
		s->dot.error = errno;
	if (s->dot.error != 0)
		fail(s, s->dot.error);
}

size_t session_chunk(struct session *s, const char *in, size_t len)
{
	size_t n = len < s->chunk.left ? len : (size_t)s->chunk.left;

	if (!s->chunk.drop)
		store(s, in, n);
	s->chunk.left -= n;
	if (s->chunk.left == 0)
		end_chunk(s);
	return n;
}
