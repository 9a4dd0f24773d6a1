/* SPDX-License-Identifier: MIT */
/* A backend under test, with its configuration made by hand. */
#include "backend_fixture.h"

#include "core/mem.h"
#include "ses/request.h"
#include "ses/sign.h"

#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Literals where the configuration owns its strings; nobody writes to them. */
static char *literal(const char *s)
{
	return (char *)s;
}

void fixture_give_keys(struct fixture *f)
{
	for (int64_t day = 0; day < 2; day++) {
		char date[CLOCK_DATE_LEN];
		struct sign_key key;

		clock_utc_date(loop_wall_s(f->loop) + day * 86400, date);
		assert_int_equal(
			sign_derive(FIXTURE_KEY, strlen(FIXTURE_KEY), date, "ses", &key),
			0);
		ses_account_set_key(f->ses, &key, NULL, NULL);
	}
}

/* f->proxy is set, all else is not. */
static void start(struct fixture *f, const char *endpoint, unsigned port,
	const char *ca_file, unsigned connections)
{
	struct err err = {""};

	signal(SIGPIPE, SIG_IGN);
	/* The format is one of the tests' own, and has one %u. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	f->endpoint = mem_sprintf(endpoint, port);
#pragma GCC diagnostic pop
	f->account = (struct conf_account){
		.name = literal("default"),
		.endpoint = f->endpoint,
		.region = literal("ap-guangzhou"),
		.secret_id = literal(FIXTURE_ID),
		.token = literal(""),
		.ca_file = literal(ca_file),
		.proxy = f->proxy,
		.connections = connections,
	};
	f->conf.accounts = &f->account;
	f->conf.n_accounts = 1;
	f->conf.limits.connect_timeout = 2000;
	f->loop = loop_new();
	assert_non_null(f->loop);
	if (backend_new(f->loop, &f->conf, &f->backend, &err) < 0)
		fail_msg("%s", err.text);
	f->ses = backend_account(f->backend, "default");
	assert_non_null(f->ses);
	assert_ptr_equal(f->ses, backend_account_at(f->backend, 0));
	fixture_give_keys(f);
}

void fixture_init_with(struct fixture *f, const char *endpoint, unsigned port,
	const char *ca_file, unsigned connections)
{
	*f = (struct fixture){.proxy = mem_strdup("")};
	start(f, endpoint, port, ca_file, connections);
}

void fixture_init_proxied(struct fixture *f, const char *endpoint, unsigned port,
	const char *ca_file, unsigned proxy_port)
{
	*f = (struct fixture){.proxy = mem_strdup("")};
	if (proxy_port != 0) {
		free(f->proxy);
		f->proxy = mem_sprintf("http://127.0.0.1:%u", proxy_port);
	}
	start(f, endpoint, port, ca_file, 1);
}

void fixture_init(struct fixture *f, const char *endpoint, unsigned port)
{
	fixture_init_with(f, endpoint, port, "", 4);
}

void fixture_clear(struct fixture *f)
{
	backend_free(&f->backend);
	assert_null(f->backend);
	loop_free(&f->loop);
	free(f->endpoint);
	free(f->proxy);
}

static void on_done(void *arg, const struct ses_result *result)
{
	struct attempt *a = arg;

	assert_false(a->fixture->in_backend);
	a->result = *result;
	a->done++;
	a->call = NULL;
	if (--a->fixture->left == 0)
		loop_stop(a->fixture->loop);
}

static struct ses_request *make_request(size_t size)
{
	static const char *const to[] = {"user@example.org"};
	const struct ses_recipients r = {.to = to, .n_to = 1};
	char *text = mem_new(size, 1);
	const struct ses_fields fields = {
		.from = "noreply@mail.example.com",
		.subject = "hello",
		.has_text = true,
		.text = span_make(text, size / 4 * 3),
	};
	struct ses_content *c =
		ses_request_content_new(&fields, (size_t)16 * 1024 * 1024, NULL);
	struct ses_request *q = ses_request_new(c, &r);

	assert_non_null(q);
	ses_request_content_unref(&c);
	free(text);
	return q;
}

void attempt_begin(struct attempt *a, struct fixture *f, size_t size, uint64_t timeout_ms)
{
	*a = (struct attempt){.fixture = f, .request = make_request(size)};
	f->left++;
	f->in_backend = true;
	a->call = backend_send(f->ses, a->request, timeout_ms, on_done, a);
	f->in_backend = false;
	assert_non_null(a->call);
	assert_int_equal(a->done, 0);
}

void attempt_clear(struct attempt *a)
{
	ses_request_free(&a->request);
}

void fixture_wait(struct fixture *f)
{
	if (f->left > 0)
		loop_run(f->loop);
	assert_int_equal(f->left, 0);
}

struct ses_result fixture_call(struct fixture *f, size_t size, uint64_t timeout_ms)
{
	struct attempt a;

	attempt_begin(&a, f, size, timeout_ms);
	fixture_wait(f);
	assert_int_equal(a.done, 1);
	attempt_clear(&a);
	return a.result;
}
