/* SPDX-License-Identifier: MIT */
/* Accounts that fail, and the queries that find them working again. */
#include "ses/account_health.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/str.h"
#include "ses/request.h"

#include <stdlib.h>
#include <string.h>

/* One template at most: its answer is small, whatever the account has. */
#define QUERY_ACTION "ListEmailTemplates"
#define QUERY_BODY   "{\"Limit\":1,\"Offset\":0}"

struct checked_account {
	struct account_health *health;
	struct ses_account *account; /* borrowed */
	const char *name;            /* borrowed */
	bool failing;
	uint64_t pause_ms;           /* before the next query */
	struct loop_timer *timer;    /* owned */
	struct ses_request *request; /* owned; while a query is under way */
	struct backend_call *query;  /* the same */
};

struct account_health {
	const struct conf *conf;
	struct backend *backend;
	const struct outcome_table *outcomes;
	struct checked_account *accounts; /* one for each account */
};

static void count_failing(const struct account_health *h)
{
	int64_t count = 0;

	for (size_t i = 0; i < h->conf->n_accounts; i++)
		count += h->accounts[i].failing;
	metrics_set(METRIC_AUTH_FAILING, 0, count);
}

static void wait_for_query(struct checked_account *c)
{
	loop_timer_set(c->timer, c->pause_ms);
	c->pause_ms = c->pause_ms * 2 < ACCOUNT_HEALTH_PAUSE_MAX_MS
	                      ? c->pause_ms * 2
	                      : ACCOUNT_HEALTH_PAUSE_MAX_MS;
}

/* Without permission for the query our credentials are still good: the signature was right.
 * Neither this nor success proves a permission to send; the next mail does. */
static bool lacks_permission(const char *code)
{
	return span_istarts(span_of(code), "UnauthorizedOperation") ||
	       strcmp(code, "AuthFailure.UnauthorizedOperation") == 0;
}

static bool proves_credentials(
	const struct checked_account *c, const struct ses_result *r)
{
	if (r->class == OUTCOME_ACCEPTED)
		return true;
	/* A proxy on the way does not know them. */
	if (r->class != OUTCOME_REFUSED || span_istarts(span_of(r->code), "Transport."))
		return false;
	return lacks_permission(r->code) ||
	       !outcome_find(c->health->outcomes, r->code)->unhealthy;
}

static void on_answer(void *arg, const struct ses_result *r)
{
	struct checked_account *c = arg;
	bool good = proves_credentials(c, r);

	c->query = NULL;
	ses_request_free(&c->request);
	if (!c->failing) /* a mail has proved it meanwhile */
		return;
	log_event(LOG_INFO, NULL, good ? "credentials_good" : "credentials_failing",
		LOG_S("account", c->name), LOG_S("action", QUERY_ACTION),
		LOG_S("code", r->code), LOG_S("request_id", r->request_id),
		LOG_S("reason", r->reason));
	if (outcome_of(c->health->outcomes, r)->recovery == RECOVERY_RESIGN)
		ses_account_learn_skew(c->account, r->date);
	if (good)
		c->failing = false;
	else
		wait_for_query(c);
	count_failing(c->health);
}

static void on_timer(void *arg)
{
	struct checked_account *c = arg;

	if (!c->failing || c->query != NULL)
		return;
	c->request = ses_request_new_query(QUERY_ACTION, QUERY_BODY);
	c->query = backend_send(c->account, c->request,
		c->health->conf->limits.call_timeout, on_answer, c);
}

struct account_health *account_health_new(struct loop *loop, const struct conf *conf,
	struct backend *backend, const struct outcome_table *outcomes)
{
	struct account_health *h = mem_new(1, sizeof(*h));

	*h = (struct account_health){
		.conf = conf, .backend = backend, .outcomes = outcomes};
	h->accounts = mem_new(conf->n_accounts, sizeof(*h->accounts));
	for (size_t i = 0; i < conf->n_accounts; i++) {
		struct checked_account *c = &h->accounts[i];

		c->health = h;
		c->name = conf->accounts[i].name;
		c->account = backend_account(backend, c->name);
		c->pause_ms = ACCOUNT_HEALTH_PAUSE_MIN_MS;
		c->timer = loop_timer_new(loop, on_timer, c);
	}
	return h;
}

void account_health_free(struct account_health **health)
{
	struct account_health *h = *health;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->conf->n_accounts; i++) {
		struct checked_account *c = &h->accounts[i];

		if (c->query != NULL)
			backend_call_drop(&c->query);
		ses_request_free(&c->request);
		loop_timer_free(&c->timer);
	}
	free(h->accounts);
	free(h);
	*health = NULL;
}

static void set_failing(struct checked_account *c, bool failing)
{
	if (failing && !c->failing && c->query == NULL)
		wait_for_query(c);
	if (!failing) {
		c->pause_ms = ACCOUNT_HEALTH_PAUSE_MIN_MS;
		loop_timer_stop(c->timer);
	}
	c->failing = failing;
}

/* Only an answer says anything about our credentials, or that there is no key. */
void account_health_note(struct account_health *h, const char *account,
	const struct ses_result *r, const struct outcome *o)
{
	const struct conf_account *a = conf_account(h->conf, account);
	bool answered = r->class == OUTCOME_ACCEPTED || r->class == OUTCOME_REFUSED;
	bool failing = o->unhealthy;

	if (a == NULL || (!answered && !failing))
		return;
	set_failing(&h->accounts[a - h->conf->accounts], failing);
	count_failing(h);
}
