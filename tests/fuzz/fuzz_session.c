/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a whole session, from a client that sends anything.
 *
 * The first byte says how the handler behaves, the second how the bytes are cut, and what the
 * listener says; the rest is what the client sends. It is sent twice, cut and byte by byte: both must give the same
 * replies and the same messages, unless bytes behind EHLO, DATA and the like were seen (which
 * is what a cut may hide, and closes the session).
 */
#include "auth/users.h"
#include "smtp/session.h"

#include "core/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum behaviour {
	LATE = 1,
	REFUSES = 2,
	MAIL_REFUSED = 4,
	RCPT_REFUSED = 8,
	LEAVES = 16,
	LMTP = 32,
	TRUSTED = 64, /* may say XCLIENT */
	LOGIN = 128,  /* has to log in */
};

/* The second byte: six bits are the size of the pieces, 0 for one. */
enum policy { PIECE = 63, LENIENT = 64, REJECT_BARE = 128 };

struct run {
	unsigned behaviour;
	struct clock clock;
	struct budget budget;
	struct conf_limits limits;
	struct session_config cfg;
	struct conf_listener policy;
	struct ip_prefix net;
	struct session *session;
	struct transaction *transaction; /* NULL: no message waits */
	login_done *login;               /* NULL: no login waits */
	void *login_arg;
	struct users *users;
	struct buf replies;
	/* Messages and logins: where replies to a group stand among them is the cut's. */
	struct buf handled;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void note(struct run *r, const void *bytes, size_t len)
{
	must(buf_append(&r->handled, bytes, len) == 0);
}

static int on_mail(
	void *ctx, const struct peer *peer, const struct envelope *e, struct reply *reply)
{
	(void)peer;
	(void)e;
	*reply = reply_make(550, "5.7.1", "not this sender");
	return (((struct run *)ctx)->behaviour & MAIL_REFUSED) != 0 ? -1 : 1;
}

static int on_rcpt(void *ctx, const struct peer *peer, const struct envelope *e,
	const char *recipient, struct reply *reply)
{
	(void)peer;
	(void)e;
	*reply = reply_make(550, "5.7.1", "not %s", recipient);
	return (((struct run *)ctx)->behaviour & RCPT_REFUSED) != 0 ? -1 : 1;
}

static struct reply verdict(const struct run *r)
{
	if ((r->behaviour & REFUSES) != 0)
		return reply_make(451, "4.3.0", "later");
	return reply_make(250, "2.0.0", "accepted");
}

static int on_message(void *ctx, struct transaction *t, struct reply *reply)
{
	struct run *r = ctx;

	must(r->transaction == NULL && t->envelope.n_recipients > 0);
	must(t->body.len <= r->limits.message_size);
	must(t->per_recipient == (t->peer->lmtp || t->envelope.prdr));
	note(r, t->envelope.reverse_path, strlen(t->envelope.reverse_path) + 1);
	for (size_t i = 0; i < t->envelope.n_recipients; i++)
		note(r, t->envelope.recipients[i], strlen(t->envelope.recipients[i]) + 1);
	note(r, t->body.data, t->body.len);
	*reply = verdict(r);
	if ((r->behaviour & LATE) == 0)
		return (r->behaviour & REFUSES) != 0 ? -1 : 1;
	r->transaction = t;
	return 0;
}

static void on_aborted(void *ctx, struct transaction *t)
{
	struct run *r = ctx;

	must(t == r->transaction && t != NULL);
	r->transaction = NULL;
}

static const struct smtp_handler handler = {
	.mail = on_mail, .rcpt = on_rcpt, .message = on_message, .aborted = on_aborted};

/* Whoever has a name of one letter is let in. */
static void *on_check(void *ctx, const struct login_request *request)
{
	const struct credentials *c = request->credentials;
	struct run *r = ctx;

	must(r->transaction == NULL && r->login == NULL);
	must(session_peer(r->session)->user[0] == 0);
	must(strlen(c->user) < sizeof(c->user));
	note(r, c->user, strlen(c->user) + 1);
	note(r, c->password, strlen(c->password) + 1);
	r->login = request->done;
	r->login_arg = request->arg;
	return r;
}

static void on_login_gone(void *ctx, void *job)
{
	struct run *r = ctx;

	must(job == ctx && r->login != NULL);
	r->login = NULL;
}

static const struct user *on_find(void *ctx, const char *name, struct users **users)
{
	struct run *r = ctx;
	const struct user *u = users_find(r->users, name);

	if (u != NULL)
		*users = users_ref(r->users);
	return u;
}

static const struct authenticator authenticator = {
	.check = on_check, .cancel = on_login_gone, .find = on_find};

static void on_output_ready(void *arg)
{
	(void)arg;
}

static void run_init(struct run *r, unsigned behaviour, unsigned policy)
{
	static const char users[] = "a:*\nb:*:senders=b@example.com\n";
	static const struct peer peer = {
		.session_id = "0123456789abcdef", .address = "192.0.2.1"};

	*r = (struct run){.behaviour = behaviour, .budget.limit = 1 << 20};
	r->net = (struct ip_prefix){.bytes = {192, 0, 2}, .bits = 24};
	r->policy = (struct conf_listener){
		.protocol =
			(behaviour & LMTP) != 0 ? CONF_PROTOCOL_LMTP : CONF_PROTOCOL_SMTP,
		.allow.nets = &r->net,
		.allow.n = 1,
		.xclient.nets = &r->net,
		.xclient.n = (behaviour & TRUSTED) != 0,
		.name = (char *)"test",
		.lenient = (policy & LENIENT) != 0,
		.bare_newline = (policy & REJECT_BARE) != 0 ? CONF_NEWLINE_REJECT
	                                                    : CONF_NEWLINE_NORMALIZE,
		.tls = CONF_TLS_STARTTLS,
		.auth = (behaviour & LOGIN) != 0 ? CONF_AUTH_REQUIRED : CONF_AUTH_OFF,
		.auth_plaintext = true,
	};
	must(users_parse(span_of(users), "users", &r->users, NULL) == 0);
	clock_freeze(&r->clock, 1000, 1767312000);
	r->limits = (struct conf_limits){
		.message_size = 2000,
		.recipients = 4,
		.command_length = 300,
		.errors = 8,
		.commands = 1000,
		.messages = 4,
		.command_timeout = 60000,
		.data_timeout = 300000,
		.auth_tries = 3,
	};
	r->cfg = (struct session_config){
		.hostname = "mx.example.com",
		.limits = &r->limits,
		.clock = &r->clock,
		.budget = &r->budget,
		.handler = &handler,
		.handler_ctx = r,
		.authenticator = &authenticator,
		.authenticator_ctx = r,
	};
	buf_init(&r->replies, 64 << 20, NULL);
	buf_init(&r->handled, 64 << 20, NULL);
	r->session = session_new(&r->cfg, &r->policy, &peer, on_output_ready, NULL);
	session_start(r->session);
}

/* Every line has a code, and nothing but printable ASCII behind it. */
static void check_replies(const struct buf *out)
{
	const char *line = out->data, *end;

	for (; line < out->data + out->len; line = end + 2) {
		end = strstr(line, "\r\n");
		must(end != NULL && end - line >= 4 && end - line <= 510);
		must(line[0] >= '2' && line[0] <= '5');
		must(line[3] == ' ' || line[3] == '-');
		for (const char *p = line; p < end; p++)
			must(*p >= ' ' && *p < 0x7f);
	}
}

static void take_output(struct run *r)
{
	struct buf *out = session_output(r->session);

	check_replies(out);
	must(buf_append(&r->replies, out->data, out->len) == 0);
	buf_consume(out, out->len);
}

static void answer_login(struct run *r)
{
	login_done *done = r->login;
	const struct user *u = NULL;

	r->login = NULL;
	if ((r->behaviour & REFUSES) == 0)
		u = users_find(r->users, "b");
	done(r->login_arg, u != NULL ? LOGIN_OK : LOGIN_WRONG, r->users, u);
}

/* Where each recipient is told, every other fares worse. */
static void alternate(void *arg, size_t recipient, struct reply *reply)
{
	(void)arg;
	if (recipient % 2 == 1)
		*reply = reply_make(451, "4.4.5", "not now");
}

static void answer(struct run *r)
{
	struct reply reply = verdict(r);
	struct transaction *t = r->transaction;

	r->transaction = NULL;
	if (t != NULL)
		transaction_finish(t, &reply, alternate, NULL);
	else
		answer_login(r);
	take_output(r);
}

/* Hands are shaken at once. */
static void secure(struct run *r)
{
	static const struct tls_info facts = {.version = "TLSv1.3"};

	if (!session_wants_tls(r->session))
		return;
	must(!session_wants_input(r->session));
	session_secured(r->session, &facts);
	take_output(r);
}

/* In memory of its own, so that a read past its end is seen. */
static size_t input_copy(struct session *s, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);
	size_t used;

	must(copy != NULL);
	memcpy(copy, bytes, len);
	used = session_input(s, copy, len);
	free(copy);
	return used;
}

/* Sends all bytes in pieces of the given size, as long as they are wanted. */
static void run_send(struct run *r, const uint8_t *bytes, size_t len, size_t piece)
{
	size_t at = 0;

	take_output(r);
	while (at < len && !session_closing(r->session)) {
		size_t n = len - at < piece ? len - at : piece;
		size_t used = n == 1 ? session_input(r->session, bytes + at, 1)
		                     : input_copy(r->session, bytes + at, n);

		must(used <= n);
		at += used;
		take_output(r);
		secure(r);
		must(used == n || session_busy(r->session) ||
			session_closing(r->session) || session_wants_input(r->session));
		if (session_busy(r->session) && (r->behaviour & LEAVES) != 0)
			session_gone(r->session);
		else if (session_busy(r->session))
			answer(r);
	}
}

static bool was_out_of_step(const struct run *r)
{
	return strcmp(session_reason(r->session), "pipelining") == 0;
}

static void must_equal(const struct buf *a, const struct buf *b)
{
	must(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void run_free(struct run *r)
{
	session_free(&r->session);
	must(r->transaction == NULL && r->login == NULL);
	users_unref(&r->users);
	must(r->budget.used == 0);
	buf_free(&r->replies);
	buf_free(&r->handled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool quiet;
	size_t piece;
	struct run cut, bytewise;

	if (!quiet)
		log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_INFO);
	quiet = true;
	if (size < 2)
		return 0;
	piece = (data[1] & PIECE) == 0 ? SIZE_MAX : data[1] & PIECE;
	run_init(&cut, data[0], data[1]);
	run_init(&bytewise, data[0], data[1]);
	run_send(&cut, data + 2, size - 2, piece);
	run_send(&bytewise, data + 2, size - 2, 1);
	if (!was_out_of_step(&cut)) {
		must_equal(&cut.replies, &bytewise.replies);
		must_equal(&cut.handled, &bytewise.handled);
	}
	run_free(&cut);
	run_free(&bytewise);
	return 0;
}
