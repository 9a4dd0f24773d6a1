/* SPDX-License-Identifier: MIT */
/* Logins on their way through the pool. */
#include "auth/login.h"

#include "auth/password.h"
#include "core/mem.h"
#include "core/pool.h"
#include "core/rate.h"
#include "core/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

_Static_assert(PASSWORD_MAX == sizeof(((struct credentials *)NULL)->password),
	"a password of a client fits");

struct attempt {
	struct pool_job job; /* first: the pool's functions get it */
	struct login *login;
	login_done *done; /* NULL once it was cancelled */
	void *arg;
	char address[48];
	uint64_t client; /* rate_client() of it */
	bool in_pool;
	struct credentials credentials;
	char hash[PASSWORD_HASH_MAX]; /* a copy: threads touch nothing else */
	struct users *users;          /* a reference */
	const struct user *user;      /* NULL: no user of that name */
	bool matches;                 /* by the thread */
	enum login_result result;
	struct loop_timer *timer; /* to the reply */
	LIST_ENTRY(attempt) next;
};

struct login {
	struct loop *loop; /* borrowed */
	struct pool *pool;
	struct rate *failures; /* borrowed */
	struct rate_limit limit;
	struct users *users; /* a reference; NULL: no users yet */
	LIST_HEAD(, attempt) attempts;
	bool ending;
};

static void attempt_free(struct attempt *a)
{
	LIST_REMOVE(a, next);
	loop_timer_free(&a->timer);
	users_unref(&a->users);
	secret_wipe(a, sizeof(*a));
	free(a);
}

/* Called by the timer, so that no reply comes from inside check(). */
static void answer(void *arg)
{
	struct attempt *a = arg;

	if (a->done != NULL)
		a->done(a->arg, a->result, a->users, a->user);
	attempt_free(a);
}

static void conclude(struct attempt *a, enum login_result result)
{
	struct login *l = a->login;
	bool wrong = result == LOGIN_WRONG;

	a->result = result;
	secret_wipe(&a->credentials.password, sizeof(a->credentials.password));
	if (wrong)
		(void)rate_take(l->failures, l->limit, a->address, loop_now_ms(l->loop));
	loop_timer_set(a->timer, wrong ? LOGIN_DELAY : 0);
}

static bool is_throttled(const struct attempt *a)
{
	const struct login *l = a->login;

	return rate_is_spent(l->failures, l->limit, a->address, loop_now_ms(l->loop));
}

/* Guesses that were sent together all began before the limit was reached. The result of those
 * beyond the limit is not told, or a client would have as many guesses as the queue is long. */
static void conclude_with(struct attempt *a, bool good)
{
	if (is_throttled(a))
		conclude(a, LOGIN_LATER);
	else
		conclude(a, good && a->user != NULL ? LOGIN_OK : LOGIN_WRONG);
}

/* --- in the pool -------------------------------------------------------------------------- */

static void work(struct pool_job *job)
{
	struct attempt *a = (struct attempt *)job;

	a->matches = password_matches(a->credentials.password, a->hash);
}

static void done(struct pool_job *job, bool ran)
{
	struct attempt *a = (struct attempt *)job;

	a->in_pool = false;
	if (a->login->ending || !ran)
		attempt_free(a);
	else
		conclude_with(a, a->matches);
}

/* --- checking ----------------------------------------------------------------------------- */

/* The handshake has verified the certificate; a name beside it must be its user's. */
static void check_certificate(struct attempt *a, const struct login_request *r)
{
	const char *name = a->credentials.user;

	a->user = users_find_certificate(a->users, r->cert_sha256, r->cert_subject);
	conclude_with(a,
		name[0] == '\0' || (a->user != NULL && strcmp(a->user->name, name) == 0));
}

/* The list is short: the pool is bounded, and a result waits a second at most. */
static bool has_too_many(const struct attempt *a)
{
	const struct attempt *other;
	unsigned n = 0;

	LIST_FOREACH (other, &a->login->attempts, next)
		n += other->in_pool && other->client == a->client;
	return n >= LOGIN_WAITING_CLIENT;
}

static void check_password(struct attempt *a)
{
	const char *name = a->credentials.user;

	(void)str_copy(a->hash, sizeof(a->hash), users_hash(a->users, name));
	a->user = users_find(a->users, name);
	if (a->credentials.for_another || (a->user != NULL && a->user->hash[0] != '$'))
		a->user = NULL;
	a->in_pool = !has_too_many(a) && pool_submit(a->login->pool, &a->job) == 0;
	if (!a->in_pool)
		conclude(a, LOGIN_LATER);
}

static void *login_check(void *ctx, const struct login_request *r)
{
	struct login *l = ctx;
	struct attempt *a = mem_new(1, sizeof(*a));

	a->job = (struct pool_job){.work = work, .done = done};
	a->login = l;
	a->done = r->done;
	a->arg = r->arg;
	a->credentials = *r->credentials;
	a->timer = loop_timer_new(l->loop, answer, a);
	(void)str_copy(a->address, sizeof(a->address), r->address);
	a->client = rate_client(r->address);
	LIST_INSERT_HEAD(&l->attempts, a, next);
	if (l->users != NULL)
		a->users = users_ref(l->users);
	if (a->users == NULL || is_throttled(a))
		conclude(a, LOGIN_LATER);
	else if (a->credentials.external)
		check_certificate(a, r);
	else
		check_password(a);
	return a;
}

static void login_cancel(void *ctx, void *job)
{
	struct attempt *a = job;

	(void)ctx;
	a->done = NULL;
}

static const struct user *login_find(void *ctx, const char *name, struct users **users)
{
	struct login *l = ctx;
	const struct user *u = l->users != NULL ? users_find(l->users, name) : NULL;

	if (u != NULL)
		*users = users_ref(l->users);
	return u;
}

const struct authenticator login_authenticator = {
	.check = login_check,
	.cancel = login_cancel,
	.find = login_find,
};

/* --- from outside ------------------------------------------------------------------------- */

struct login *login_new(
	struct loop *loop, struct rate *rate, unsigned failures, struct err *err)
{
	struct login *l = mem_new(1, sizeof(*l));

	l->loop = loop;
	LIST_INIT(&l->attempts);
	l->failures = rate;
	l->limit.times = failures;
	l->pool = pool_new(loop, LOGIN_THREADS, LOGIN_WAITING, LOGIN_NICE, err);
	if (l->pool == NULL)
		login_free(&l);
	return l;
}

void login_free(struct login **lp)
{
	struct login *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	l->ending = true;
	pool_free(&l->pool);
	while (!LIST_EMPTY(&l->attempts))
		attempt_free(LIST_FIRST(&l->attempts));
	users_unref(&l->users);
	free(l);
}

void login_use(struct login *l, struct users *users)
{
	users_unref(&l->users);
	l->users = users_ref(users);
}
