/* SPDX-License-Identifier: MIT */
/*
 * Calls to the API. Each account has a connection pool: a number of kept connections, and a
 * queue for the calls that find them all busy.
 */
#include "ses/backend.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/str.h"
#include "ses/backend_private.h"
#include "ses/response.h"
#include "ses/trust.h"

#include <stdlib.h>
#include <string.h>

/* So long after libcurl's own timeout we end a call ourselves, if libcurl has not. */
#define GRACE_MS 1000

static void start_waiting(struct conn_pool *pool);

/* --- time ------------------------------------------------------------------------------- */

static uint64_t left_ms(const struct backend_call *call)
{
	uint64_t spent = loop_now_ms(call->pool->backend->loop) - call->asked_ms;

	return call->timeout_ms > spent ? call->timeout_ms - spent : 0;
}

/* A call that goes out with less time than this may be cut off before its answer, and its
 * outcome is then uncertain. If the configured timeout is short, half of it is enough. */
static uint64_t least_ms(const struct backend *b)
{
	uint64_t half = b->conf->limits.call_timeout / 2;

	return half < BACKEND_CALL_MIN_MS ? half : BACKEND_CALL_MIN_MS;
}

/* --- the end of a call ---------------------------------------------------------------- */

static void call_free(struct backend_call *call)
{
	loop_timer_free(&call->deadline);
	easy_free(call);
	buf_free(&call->body);
	free(call);
}

/* The list of the calls in a state; NULL if they are on none. */
static struct call_list *list_of(struct conn_pool *pool, enum backend_call_state state)
{
	switch (state) {
	case CALL_WAITING: return &pool->waiting;
	case CALL_RUNNING: return &pool->running;
	case CALL_FAILED: return &pool->failed;
	default: return NULL;
	}
}

static void join(struct backend_call *call, enum backend_call_state state)
{
	struct call_list *list = list_of(call->pool, state);

	call->state = state;
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, call, next);
	if (state == CALL_RUNNING)
		call->pool->n_running++;
}

static void call_move(struct backend_call *call, enum backend_call_state state)
{
	struct call_list *list = list_of(call->pool, call->state);

	if (list != NULL)
		TAILQ_REMOVE(list, call, next);
	if (call->state == CALL_RUNNING)
		call->pool->n_running--;
	join(call, state);
}

/* The time of the call itself, and the wait for a connection before it. */
static void record_times(struct backend_call *call)
{
	struct ses_result *r = &call->result;
	uint64_t now = loop_now_ms(call->pool->backend->loop);

	r->waited_ms = (call->has_begun ? call->begun_ms : now) - call->asked_ms;
	metrics_observe(METRIC_CALL_WAIT_SECONDS, (double)r->waited_ms / 1000.0);
	if (!call->has_begun)
		return;
	r->took_ms = now - call->begun_ms;
	metrics_observe(METRIC_CALL_SECONDS, (double)r->took_ms / 1000.0);
}

/* Gives the result to the caller; the call is off every list and out of libcurl. */
static void finish(struct backend_call *call)
{
	struct ses_result *r = &call->result;

	record_times(call);
	log_event(LOG_DEBUG, NULL, "api_call",
		LOG_S("account", ses_account_name(&call->pool->account)),
		LOG_S("action", ses_request_action(call->request)),
		LOG_S("outcome", outcome_class_name(r->class)), LOG_S("code", r->code),
		LOG_U("status", r->http_status), LOG_S("request_id", r->request_id),
		LOG_S("reason", r->reason), LOG_U("bytes", call->size),
		LOG_U("ms", r->took_ms));
	call->done(call->arg, r);
	call_free(call);
}

static void finish_failed(void *arg)
{
	struct backend_call *call = arg;

	if (call->state == CALL_ENDED) { /* dropped; its pool may be freed */
		call_free(call);
		return;
	}
	call_move(call, CALL_ENDED);
	finish(call);
}

static void set_too_late(struct backend_call *call)
{
	outcome_set_result(&call->result, OUTCOME_NOT_SENT, "Transport.NotSent");
	str_copy(call->result.reason, sizeof(call->result.reason),
		"no connection became free in time");
}

/* The result is set; done() must not be called from in here. */
static void fail_later(struct backend_call *call)
{
	loop_timer_stop(call->deadline);
	call_move(call, CALL_FAILED);
	call->deferred = true;
	loop_defer(call->pool->backend->loop, finish_failed, call);
}

static void conclude(struct backend_call *call, CURLcode rc)
{
	struct conn_pool *pool = call->pool;

	call_move(call, CALL_ENDED);
	easy_conclude(call, rc);
	finish(call);
	start_waiting(pool);
}

/* A call that met a connection which cannot be used goes back to libcurl. Nothing of it went
 * out. */
static bool begin_anew(struct backend_call *call)
{
	uint64_t left = left_ms(call);

	return left > 0 && left >= least_ms(call->pool->backend) &&
	       easy_prepare_anew(call, left) == 0 &&
	       transport_add(call->pool->transport, call->easy) == 0;
}

static void on_ended(void *arg, CURL *easy, CURLcode rc)
{
	char *private = NULL;
	struct backend_call *call;

	(void)arg;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	call = (struct backend_call *)private;
	if (!begin_anew(call))
		conclude(call, rc);
}

/* The call waited too long for a connection, or libcurl did not keep the time. */
static void on_deadline(void *arg)
{
	struct backend_call *call = arg;

	if (call->state == CALL_RUNNING) {
		transport_remove(call->pool->transport, call->easy);
		conclude(call, CURLE_OPERATION_TIMEDOUT);
		return;
	}
	call_move(call, CALL_ENDED);
	set_too_late(call);
	finish(call);
}

/* --- its start ------------------------------------------------------------------------ */

/* To libcurl; -1 if it did not get there, and the result says why. */
static int send_off(struct backend_call *call, uint64_t left)
{
	call->has_begun = true;
	call->begun_ms = loop_now_ms(call->pool->backend->loop);
	metrics_add(METRIC_CALLS, 0, 1);
	loop_timer_set(call->deadline, left + GRACE_MS);
	if (easy_prepare(call, left) < 0)
		return -1;
	if (transport_add(call->pool->transport, call->easy) < 0) {
		outcome_set_result(&call->result, OUTCOME_NOT_SENT, "Transport.NotSent");
		return -1;
	}
	return 0;
}

/* A waiting call goes out, if there is time for it. */
static void start(struct backend_call *call)
{
	uint64_t left = left_ms(call);

	if (left == 0 || left < least_ms(call->pool->backend)) {
		set_too_late(call);
		fail_later(call);
	} else if (send_off(call, left) < 0) {
		fail_later(call);
	} else {
		call_move(call, CALL_RUNNING);
	}
}

static bool has_room(const struct conn_pool *pool)
{
	return pool->n_running < pool->account.conf->connections;
}

static void start_waiting(struct conn_pool *pool)
{
	struct backend_call *call;

	while (has_room(pool) && (call = TAILQ_FIRST(&pool->waiting)) != NULL)
		start(call);
}

static struct conn_pool *conn_pool_of(struct ses_account *a)
{
	return (struct conn_pool *)((char *)a - offsetof(struct conn_pool, account));
}

struct backend_call *backend_send(struct ses_account *a, struct ses_request *request,
	uint64_t timeout_ms, backend_done *done, void *arg)
{
	struct backend_call *call = mem_new(1, sizeof(*call));
	struct backend *b = conn_pool_of(a)->backend;

	call->pool = conn_pool_of(a);
	call->request = request;
	call->size = ses_request_size(request);
	call->done = done;
	call->arg = arg;
	call->timeout_ms = timeout_ms;
	call->asked_ms = loop_now_ms(b->loop);
	call->deadline = loop_timer_new(b->loop, on_deadline, call);
	buf_init(&call->body, RESPONSE_MAX, NULL);
	loop_timer_set(
		call->deadline, timeout_ms > least_ms(b) ? timeout_ms - least_ms(b) : 0);
	join(call, CALL_WAITING);
	start_waiting(call->pool);
	return call;
}

void backend_call_drop(struct backend_call **slot)
{
	struct backend_call *call = *slot;

	*slot = NULL;
	if (call == NULL || call->state == CALL_ENDED)
		return;
	if (call->state == CALL_RUNNING)
		transport_remove(call->pool->transport, call->easy);
	call_move(call, CALL_ENDED);
	if (call->deferred)
		easy_free(call); /* while its pool exists */
	else
		call_free(call);
}

/* --- the backend ---------------------------------------------------------------------- */

struct ses_account *backend_account_at(struct backend *b, size_t index)
{
	return index < b->n_pools ? &b->pools[index].account : NULL;
}

struct ses_account *backend_account(struct backend *b, const char *name)
{
	for (size_t i = 0; i < b->n_pools; i++)
		if (strcmp(ses_account_name(&b->pools[i].account), name) == 0)
			return &b->pools[i].account;
	return NULL;
}

/* Those of ca_file come by backend_use_ca(). */
static int check_trust(const struct ses_account *a, struct err *err)
{
	const char *file = curl_version_info(CURLVERSION_NOW)->cainfo;

	if (a->plain || a->conf->ca_file[0] != '\0' || file == NULL)
		return 0;
	return trust_check(a->conf->name, file, err);
}

int backend_use_ca(struct backend *b, size_t index, struct span pem, struct err *err)
{
	struct conn_pool *pool = &b->pools[index];
	const struct conf_account *conf = pool->account.conf;

	if (trust_check_pem(conf->name, conf->ca_file, pem, err) < 0)
		return -1;
	free(pool->ca);
	pool->ca = mem_strndup(pem.p, pem.len);
	pool->ca_len = pem.len;
	return 0;
}

static int conn_pool_init(struct conn_pool *pool, struct backend *b,
	const struct conf_account *conf, struct err *err)
{
	pool->backend = b;
	TAILQ_INIT(&pool->waiting);
	TAILQ_INIT(&pool->running);
	TAILQ_INIT(&pool->failed);
	if (ses_account_init(&pool->account, conf, b->loop, err) < 0 ||
		check_trust(&pool->account, err) < 0)
		return -1;
	idle_init(&pool->idle, conf->connections);
	pool->transport = transport_new(b->loop, conf->connections, on_ended, pool);
	if (pool->transport == NULL)
		return err_set(err, "account \"%s\": libcurl does not start", conf->name);
	return 0;
}

static void conn_pool_clear(struct conn_pool *pool)
{
	struct backend_call *call;

	while ((call = TAILQ_FIRST(&pool->running)) != NULL ||
		(call = TAILQ_FIRST(&pool->waiting)) != NULL ||
		(call = TAILQ_FIRST(&pool->failed)) != NULL)
		backend_call_drop(&call);
	easy_clear_spare(pool);
	transport_free(&pool->transport);
	idle_clear(&pool->idle);
	free(pool->ca);
	ses_account_clear(&pool->account);
}

int backend_new(
	struct loop *loop, const struct conf *conf, struct backend **b, struct err *err)
{
	*b = NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, "libcurl does not start");
	*b = mem_new(1, sizeof(**b));
	(*b)->loop = loop;
	(*b)->conf = conf;
	(*b)->pools = mem_new(conf->n_accounts, sizeof(*(*b)->pools));
	for (size_t i = 0; i < conf->n_accounts; i++) {
		/* Counted first, so that one that fails half-way is cleared. */
		(*b)->n_pools++;
		if (conn_pool_init(&(*b)->pools[i], *b, &conf->accounts[i], err) < 0) {
			backend_free(b);
			return -1;
		}
	}
	return 0;
}

void backend_free(struct backend **backend)
{
	struct backend *b = *backend;

	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n_pools; i++)
		conn_pool_clear(&b->pools[i]);
	free(b->pools);
	free(b);
	curl_global_cleanup();
	*backend = NULL;
}
