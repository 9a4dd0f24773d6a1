/* SPDX-License-Identifier: MIT */
/* The bytes that come in: command lines to the verbs, and what follows them to its reader. */
#include "smtp/command.h"
#include "smtp/session_private.h"

/* Bytes of a refused command that the log shows. */
#define LOGGED_MAX 200

/* The line up to an AUTH that a person would read in it, wherever it stands: after a blank,
 * or after a line end that was none. The whole line where there is none. */
static struct span up_to_auth(struct span line)
{
	static const char word[] = "AUTH";
	const size_t len = sizeof(word) - 1;
	bool first = true; /* nothing but blanks is in front */

	for (size_t i = 0; i + len <= line.len; i++) {
		struct span rest = span_make(line.p + i, line.len - i);

		if (span_istarts(rest, word) &&
			(first || rest.len == len || ascii_isspace(rest.p[len])))
			return span_make(line.p, i + len);
		first = first && ascii_isspace(rest.p[0]);
	}
	return line;
}

/* What of a refused command may be logged: its beginning, and nothing that can be a
 * password. After a refused AUTH, what looks like no command may be one. */
static struct span loggable(struct session *s, struct span line)
{
	struct span name, args, shown = up_to_auth(line);
	const struct verb *v;

	command_split(line, &name, &args);
	v = command_find(name);
	if (shown.len < line.len || (v != NULL && (v->flags & VERB_SECRET) != 0))
		s->secrets = true;
	else if (v == NULL && s->secrets)
		return span_of("***");
	return span_make(shown.p, shown.len < LOGGED_MAX ? shown.len : LOGGED_MAX);
}

/* 1: *reply is set; 0: it comes later. */
static int answer_line(
	struct session *s, enum line_result result, bool more, struct reply *reply)
{
	if (result == LINE_READY)
		return command_run(s, line_text(&s->line), more, reply);
	if (result == LINE_BARE)
		*reply = reply_make(500, "5.5.2",
			"bare <LF> or <CR> in a command, lines end with <CR><LF>");
	else
		*reply = reply_make(500, "5.5.2", "command line too long");
	return 1;
}

/* Bytes follow, and it is not known how many: to go on would be to obey them. */
static void close_before_payload(struct session *s, struct reply *reply)
{
	if (reply_is_success(reply) ||
		!command_has_payload(span_trim(line_text(&s->line))))
		return;
	if (s->reason == NULL)
		s->reason = "payload";
	reply->close = true;
}

static size_t take_command(struct session *s, const char *in, size_t len)
{
	enum line_result result;
	size_t used = line_read(&s->line, in, len, &result);
	struct reply reply;
	int given;

	if (result == LINE_MORE)
		return used;
	s->advances = false;
	given = answer_line(s, result, used < len, &reply);
	s->commands += !s->advances;
	if (given > 0) {
		close_before_payload(s, &reply);
		session_answer(s, loggable(s, line_text(&s->line)), &reply);
	} else if (s->state == SESSION_CHUNK) {
		cmd_bdat_begun(s);
	}
	return used;
}

/* Bytes of a message. */
static size_t take_body(struct session *s, const char *in, size_t len)
{
	return s->state == SESSION_DATA ? cmd_data_input(s, in, len)
	                                : cmd_bdat_input(s, in, len);
}

size_t session_input(struct session *s, const void *bytes, size_t len)
{
	const char *in = bytes;
	size_t used = 0;

	while (used < len && session_wants_input(s)) {
		if (s->state == SESSION_DATA || s->state == SESSION_CHUNK)
			used += take_body(s, in + used, len - used);
		else if (s->state == SESSION_AUTH)
			used += cmd_auth_input(s, in + used, len - used);
		else
			used += take_command(s, in + used, len - used);
		session_say_goodbye(s);
	}
	s->bytes += used;
	return used;
}
