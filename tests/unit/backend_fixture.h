/* SPDX-License-Identifier: MIT */
/* A backend with one account, and the calls that a test makes of it. */
#ifndef TESTS_UNIT_BACKEND_FIXTURE_H
#define TESTS_UNIT_BACKEND_FIXTURE_H

#include "config/conf.h"
#include "core/loop.h"
#include "ses/backend.h"

#include <stdbool.h>

/* For the signatures; nobody's. */
#define FIXTURE_ID  "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
#define FIXTURE_KEY "SKEXAMPLEexampleSKEXAMPLEexample"

struct fixture {
	struct conf conf;
	struct conf_account account;
	char *endpoint, *proxy;
	struct loop *loop;
	struct backend *backend;
	struct ses_account *ses;
	unsigned left;   /* calls whose done() is awaited */
	bool in_backend; /* backend_send() is on the stack */
};

struct attempt {
	struct fixture *fixture;
	struct ses_request *request;
	struct backend_call *call;
	struct ses_result result;
	unsigned done; /* times */
};

/* endpoint: a format with one %u for the port. */
void fixture_init(struct fixture *f, const char *endpoint, unsigned port);
/* The same with a CA file and so many connections. */
void fixture_init_with(struct fixture *f, const char *endpoint, unsigned port,
	const char *ca_file, unsigned connections);
/* The same by way of an HTTP proxy on a loopback port (0: none). */
void fixture_init_proxied(struct fixture *f, const char *endpoint, unsigned port,
	const char *ca_file, unsigned proxy_port);
void fixture_clear(struct fixture *f);

/* Keys for today and tomorrow. */
void fixture_give_keys(struct fixture *f);

/* Starts a SendEmail call with a body of about size bytes. */
void attempt_begin(
	struct attempt *a, struct fixture *f, size_t size, uint64_t timeout_ms);
/* Runs the loop until no call is left. */
void fixture_wait(struct fixture *f);
void attempt_clear(struct attempt *a);

/* One call from begin to end; the attempt is cleared, its result stays. */
struct ses_result fixture_call(struct fixture *f, size_t size, uint64_t timeout_ms);

#endif
