/* SPDX-License-Identifier: MIT */
/*
 * AUTH (RFC 4954).
 *
 *	auth = "AUTH" SP mechanism [SP initial-response] *(CRLF [base64]) [CRLF "*"] CRLF
 *
 * Nothing that the client sends here is ever logged.
 */
#include "auth/sasl.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/secret.h"
#include "smtp/access.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

/* --- what a listener says ----------------------------------------------------------------- */

bool cmd_auth_is_offered(const struct session *s)
{
	return access_login(&s->peer) == ACCESS_GRANTED;
}

void cmd_auth_announce(const struct session *s, struct reply *r)
{
	const char *external = access_external(&s->peer) ? " EXTERNAL" : "";

	reply_add_line(r, "AUTH PLAIN LOGIN%s", external);
	/* As servers wrote it before RFC 2554; some devices look for this form only. */
	if (s->peer.listener->lenient)
		reply_add_line(r, "AUTH=PLAIN LOGIN");
}

void cmd_auth_forget(struct session *s)
{
	s->peer.user[0] = '\0';
	s->peer.login = NULL;
	users_unref(&s->users);
}

/* --- the result --------------------------------------------------------------------------- */

static void log_in(struct session *s, struct users *users, const struct user *user)
{
	cmd_auth_forget(s);
	s->start_by = 0;
	s->users = users_ref(users);
	s->peer.login = user;
	(void)str_copy(s->peer.user, sizeof(s->peer.user), user->name);
}

/* The same words for a name that does not exist as for a wrong password. */
static struct reply refuse_login(struct session *s)
{
	struct reply r = reply_make(535, "5.7.8", "authentication failed");

	if (++s->auth_failures < s->cfg->limits->auth_tries)
		return r;
	s->reason = "auth";
	r.close = true;
	return r;
}

static struct reply conclude(struct session *s, enum login_result result,
	struct users *users, const struct user *user)
{
	switch (result) {
	case LOGIN_OK: log_in(s, users, user); return reply_make(235, "2.7.0", "welcome");
	case LOGIN_WRONG: return refuse_login(s);
	case LOGIN_LATER:
	case LOGIN_RESULTS: break;
	}
	return reply_make(454, "4.7.0", "too many logins, try again later");
}

static void on_checked(
	void *arg, enum login_result result, struct users *users, const struct user *user)
{
	static const char *const names[] = {
		[LOGIN_OK] = "ok", [LOGIN_WRONG] = "wrong", [LOGIN_LATER] = "later"};
	struct session *s = arg;
	struct reply reply = conclude(s, result, users, user);

	/* A name that no user has is not logged: people type passwords into the wrong field. */
	log_event(LOG_INFO, s->peer.session_id, "auth",
		LOG_S("mechanism", s->sasl->credentials.mechanism),
		LOG_S("result", names[result]),
		LOG_S("user", user != NULL ? user->name : ""),
		LOG_S("client", s->peer.address));
	metrics_add(METRIC_LOGINS, result, 1);
	s->job = NULL;
	sasl_free(&s->sasl);
	session_set_state(s, SESSION_READY);
	session_answer(s, span_of("AUTH"), &reply);
	session_say_goodbye(s);
	s->output_ready(s->output_ready_arg);
}

/* --- the dialogue ------------------------------------------------------------------------- */

static struct reply challenge(struct session *s)
{
	session_set_state(s, SESSION_AUTH);
	return reply_make(334, "", "%s", sasl_challenge(s->sasl));
}

static struct reply refuse_syntax(struct session *s)
{
	sasl_free(&s->sasl);
	session_set_state(s, SESSION_READY);
	return reply_make(501, "5.5.2", "not the base64 that is expected here");
}

/* As cmd_auth(). */
static int respond(struct session *s, struct span base64, struct reply *reply)
{
	const struct authenticator *a = s->cfg->authenticator;
	const struct peer_certificate *c = s->peer.certificate;
	const struct login_request request = {
		.credentials = &s->sasl->credentials,
		.address = s->peer.address,
		.cert_sha256 = c != NULL ? c->sha256 : "",
		.cert_subject = c != NULL ? c->subject : "",
		.done = on_checked,
		.arg = s,
	};

	switch (sasl_parse(s->sasl, base64)) {
	case SASL_BAD: *reply = refuse_syntax(s); return 1;
	case SASL_MORE: *reply = challenge(s); return 1;
	case SASL_DONE: break;
	}
	session_set_state(s, SESSION_VERIFY);
	s->job = a->check(s->cfg->authenticator_ctx, &request);
	return 0;
}

static int begin(
	struct session *s, struct span name, struct span initial, struct reply *reply)
{
	s->sasl = sasl_new(name);
	if (s->sasl == NULL ||
		(sasl_is_external(s->sasl) && !access_external(&s->peer))) {
		sasl_free(&s->sasl);
		*reply = reply_make(504, "5.5.4", "that mechanism is not offered");
		return 1;
	}
	if (initial.len == 0) {
		*reply = challenge(s);
		return 1;
	}
	/* RFC 4954 §4: "=" is an empty response. */
	return respond(s, span_ieq_str(initial, "=") ? span_of("") : initial, reply);
}

int cmd_auth(struct session *s, struct span args, struct reply *reply)
{
	enum access access = access_login(&s->peer);
	struct span name, initial;
	int given = 1;

	s->secrets = true;
	command_split(args, &name, &initial);
	if (access != ACCESS_GRANTED)
		*reply = access_reply(access, "AUTH");
	else if (name.len == 0)
		*reply = reply_make(501, "5.5.4", "AUTH wants a mechanism");
	else
		given = begin(s, name, initial, reply);
	secret_wipe((char *)(uintptr_t)initial.p, initial.len);
	return given;
}

static int answer_line(
	struct session *s, enum line_result result, bool more, struct reply *reply)
{
	struct span line = line_text(&s->line);

	if (more) {
		s->reason = "pipelining";
		*reply = reply_close(503, "5.5.0", "bytes after AUTH before its reply");
		return 1;
	}
	if (result == LINE_READY && !span_ieq_str(line, "*"))
		return respond(s, line, reply);
	*reply = refuse_syntax(s);
	if (result == LINE_TOO_LONG)
		*reply =
			reply_make(500, "5.5.6", "authentication exchange line too long");
	else if (result == LINE_READY)
		*reply = reply_make(501, "5.7.0", "authentication was given up");
	return 1;
}

size_t cmd_auth_input(struct session *s, const char *in, size_t len)
{
	enum line_result result;
	size_t used = line_read(&s->line, in, len, &result);
	struct reply reply;
	int given;

	if (result == LINE_MORE)
		return used;
	given = answer_line(s, result, used < len, &reply);
	secret_wipe(s->line.text.data, s->line.text.len);
	if (given == 1)
		session_answer(s, span_of("AUTH"), &reply);
	return used;
}
