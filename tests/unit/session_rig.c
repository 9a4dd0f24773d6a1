/* SPDX-License-Identifier: MIT */
/* The session that tests speak with. */
#include "session_rig.h"

#include "core/log.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* --- a handler that does as it is told ------------------------------------------------ */

static int fake_mail(
	void *ctx, const struct peer *peer, const struct envelope *e, struct reply *reply)
{
	struct fake *f = ctx;

	assert_non_null(peer->helo);
	assert_non_null(e->reverse_path);
	if (!f->refuse_mail)
		return 1;
	*reply = reply_make(550, "5.7.1", "not this sender");
	return -1;
}

static int fake_rcpt(void *ctx, const struct peer *peer, const struct envelope *e,
	const char *recipient, struct reply *reply)
{
	struct fake *f = ctx;

	(void)peer;
	assert_non_null(e->reverse_path);
	if (!f->refuse_rcpt)
		return 1;
	*reply = reply_make(550, "5.7.1", "not %s", recipient);
	return -1;
}

static int fake_message(void *ctx, struct transaction *t, struct reply *reply)
{
	struct fake *f = ctx;

	f->messages++;
	f->transaction = t;
	f->per_recipient = t->per_recipient;
	t->handler_data = f;
	envelope_move(&f->envelope, &t->envelope);
	buf_free(&f->body);
	f->body = t->body;
	buf_init(&t->body, 0, NULL);
	*reply = f->reply;
	return f->verdict;
}

static void fake_aborted(void *ctx, struct transaction *t)
{
	struct fake *f = ctx;

	assert_ptr_equal(f->transaction, t);
	assert_ptr_equal(ctx, t->handler_data);
	f->aborted++;
	f->transaction = NULL;
}

static void fake_half_closed(void *ctx, struct transaction *t)
{
	struct fake *f = ctx;

	assert_ptr_equal(f->transaction, t);
	f->half_closed++;
}

static const struct smtp_handler fake_handler = {
	.mail = fake_mail,
	.rcpt = fake_rcpt,
	.message = fake_message,
	.aborted = fake_aborted,
	.half_closed = fake_half_closed,
};

/* --- an authenticator that waits to be told ------------------------------------------------ */

static void *fake_check(void *ctx, const struct login_request *r)
{
	struct fake_auth *a = ctx;

	a->checks++;
	a->credentials = *r->credentials;
	(void)str_copy(a->address, sizeof(a->address), r->address);
	(void)str_copy(a->cert_sha256, sizeof(a->cert_sha256), r->cert_sha256);
	a->done = r->done;
	a->arg = r->arg;
	return a;
}

static void fake_cancel(void *ctx, void *job)
{
	struct fake_auth *a = ctx;

	assert_ptr_equal(ctx, job);
	a->gone++;
	a->done = NULL;
}

static const struct user *fake_find(void *ctx, const char *name, struct users **users)
{
	struct fake_auth *a = ctx;
	const struct user *u = a->users != NULL ? users_find(a->users, name) : NULL;

	if (u != NULL)
		*users = users_ref(a->users);
	return u;
}

static const struct authenticator fake_authenticator = {
	.check = fake_check,
	.cancel = fake_cancel,
	.find = fake_find,
};

void rig_users(struct rig *r, const char *text)
{
	struct err err;

	assert_int_equal(users_parse(span_of(text), "users", &r->auth.users, &err), 0);
}

void rig_authenticate(struct rig *r, enum login_result result, const char *user)
{
	login_done *done = r->auth.done;

	assert_non_null(done);
	r->auth.done = NULL;
	done(r->auth.arg, result, r->auth.users,
		user != NULL ? users_find(r->auth.users, user) : NULL);
}

/* --- a session on a frozen clock ------------------------------------------------------ */

static void count_output_ready(void *arg)
{
	((struct rig *)arg)->output_ready++;
}

static void rig_open(struct rig *r)
{
	struct peer peer = {
		.session_id = "0123456789abcdef",
		.address = "192.0.2.1",
		.port = 2525,
	};

	if (r->address[0] != '\0')
		(void)str_copy(peer.address, sizeof(peer.address), r->address);
	peer.tls_in_front = r->tls_in_front;
	r->session = session_new(&r->cfg, &r->policy, &peer, count_output_ready, r);
}

void rig_init(struct rig *r)
{
	static const struct conf_listener plain = {0};

	rig_init_with(r, &plain);
}

void rig_init_with(struct rig *r, const struct conf_listener *policy)
{
	*r = (struct rig){.budget.limit = 1 << 20, .policy = *policy};
	if (r->policy.name == NULL)
		r->policy.name = (char *)"test";
	clock_freeze(&r->clock, 1000, 1767312000);
	r->limits = (struct conf_limits){
		.message_size = 1000,
		.recipients = 3,
		.command_length = 200,
		.errors = 5,
		.commands = 100000,
		.messages = 3,
		.command_timeout = 60000,
		.data_timeout = 300000,
		.auth_tries = 3,
	};
	r->cfg = (struct session_config){
		.hostname = "mx.example.com",
		.limits = &r->limits,
		.clock = &r->clock,
		.budget = &r->budget,
		.handler = &fake_handler,
		.handler_ctx = &r->fake,
		.authenticator = &fake_authenticator,
		.authenticator_ctx = &r->auth,
	};
	r->fake.verdict = 1;
	r->fake.reply = reply_make(250, "2.0.0", "accepted");
	envelope_init(&r->fake.envelope);
	buf_init(&r->fake.body, 0, NULL);
	rig_open(r);
	session_start(r->session);
}

void rig_open_again(struct rig *r)
{
	session_free(&r->session);
	rig_open(r);
	session_start(r->session);
}

void rig_free(struct rig *r)
{
	session_free(&r->session);
	assert_null(r->session);
	envelope_clear(&r->fake.envelope);
	buf_free(&r->fake.body);
	users_unref(&r->auth.users);
	assert_int_equal(r->budget.used, 0);
}

void rig_replies(struct rig *r, char *text, size_t cap)
{
	struct buf *out = session_output(r->session);
	const char *line = out->data;
	size_t n = 0;

	text[0] = '\0';
	while (*line != '\0') {
		const char *end = strstr(line, "\r\n");
		unsigned a, b, c;

		assert_non_null(end);
		if (line[3] == ' ') {
			n += (size_t)snprintf(
				text + n, cap - n, "%s%.3s", n > 0 ? ", " : "", line);
			if (sscanf(line + 4, "%u.%u.%u", &a, &b, &c) == 3)
				n += (size_t)snprintf(
					text + n, cap - n, " %u.%u.%u", a, b, c);
		}
		line = end + 2;
	}
	buf_consume(out, out->len);
	if (session_closing(r->session))
		snprintf(text + n, cap - n, "%sCLOSED", n > 0 ? " " : "");
}

size_t rig_give(struct rig *r, struct span in, size_t piece)
{
	size_t at = 0, used;

	do {
		size_t n = in.len - at < piece ? in.len - at : piece;

		used = session_input(r->session, in.p + at, n);
		at += used;
	} while (at < in.len && used > 0);
	return at;
}

void rig_expect(struct rig *r, const char *in, const char *want)
{
	char got[2000];

	rig_give(r, span_of(in), SIZE_MAX);
	rig_replies(r, got, sizeof(got));
	assert_string_equal(got, want);
}

void rig_quiet(void)
{
	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
}
