/* SPDX-License-Identifier: MIT */
/* Accounts that fail, and the queries by which they are found to be well again. */
#include "delivery/health.h"

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

struct patient {
	struct health *health;
	struct ses_account *account; /* borrowed */
	const char *name;            /* borrowed */
	bool failing;
	uint64_t pause_ms;           /* before the next query */
	struct loop_timer *timer;    /* owned */
	struct ses_request *request; /* owned; while a query is under way */
	struct backend_call *query;  /* the same */
};

struct health {
	const struct conf *conf;
	struct backend *backend;
	const struct outcome_table *outcomes;
	struct patient *patients; /* one an account */
};

static void show(const struct health *h)
{
	int64_t count = 0;

	for (size_t i = 0; i < h->conf->n_accounts; i++)
		count += h->patients[i].failing;
	metrics_set(METRIC_AUTH_FAILING, 0, count);
}

static void wait_for_query(struct patient *p)
{
	loop_timer_set(p->timer, p->pause_ms);
	p->pause_ms = p->pause_ms * 2 < HEALTH_PAUSE_MAX_MS ? p->pause_ms * 2
	                                                    : HEALTH_PAUSE_MAX_MS;
}

/* Without permission for the query we are known all the same: its signature was right. It
 * says as little of the permission to send as success would; the next mail tells. */
static bool lacks_permission(const char *code)
{
	return span_istarts(span_of(code), "UnauthorizedOperation") ||
	       strcmp(code, "AuthFailure.UnauthorizedOperation") == 0;
}

static bool proves_credentials(const struct patient *p, const struct ses_result *r)
{
	if (r->class == OUTCOME_ACCEPTED)
		return true;
	/* Whoever is on the way knows nothing of them. */
	if (r->class != OUTCOME_REFUSED || span_istarts(span_of(r->code), "Transport."))
		return false;
	return lacks_permission(r->code) ||
	       !outcome_find(p->health->outcomes, r->code)->unhealthy;
}

static void on_answer(void *arg, const struct ses_result *r)
{
	struct patient *p = arg;
	bool good = proves_credentials(p, r);

	p->query = NULL;
	ses_request_free(&p->request);
	if (!p->failing) /* a mail has shown it meanwhile */
		return;
	log_event(LOG_INFO, NULL, good ? "credentials_good" : "credentials_failing",
		LOG_S("account", p->name), LOG_S("action", QUERY_ACTION),
		LOG_S("code", r->code), LOG_S("request_id", r->request_id),
		LOG_S("reason", r->reason));
	if (strcmp(r->code, "AuthFailure.SignatureExpire") == 0)
		ses_account_learn_skew(p->account, r->date);
	if (good)
		p->failing = false;
	else
		wait_for_query(p);
	show(p->health);
}

static void on_timer(void *arg)
{
	struct patient *p = arg;

	if (!p->failing || p->query != NULL)
		return;
	p->request = ses_request_new_query(QUERY_ACTION, QUERY_BODY);
	p->query = backend_send(p->account, p->request,
		p->health->conf->limits.call_timeout, on_answer, p);
}

struct health *health_new(struct loop *loop, const struct conf *conf,
	struct backend *backend, const struct outcome_table *outcomes)
{
	struct health *h = mem_new(1, sizeof(*h));

	*h = (struct health){.conf = conf, .backend = backend, .outcomes = outcomes};
	h->patients = mem_new(conf->n_accounts, sizeof(*h->patients));
	for (size_t i = 0; i < conf->n_accounts; i++) {
		struct patient *p = &h->patients[i];

		p->health = h;
		p->name = conf->accounts[i].name;
		p->account = backend_account(backend, p->name);
		p->pause_ms = HEALTH_PAUSE_MIN_MS;
		p->timer = loop_timer_new(loop, on_timer, p);
	}
	return h;
}

void health_free(struct health **health)
{
	struct health *h = *health;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->conf->n_accounts; i++) {
		struct patient *p = &h->patients[i];

		if (p->query != NULL)
			backend_call_drop(&p->query);
		ses_request_free(&p->request);
		loop_timer_free(&p->timer);
	}
	free(h->patients);
	free(h);
	*health = NULL;
}

static void become(struct patient *p, bool failing)
{
	if (failing && !p->failing && p->query == NULL)
		wait_for_query(p);
	if (!failing) {
		p->pause_ms = HEALTH_PAUSE_MIN_MS;
		loop_timer_stop(p->timer);
	}
	p->failing = failing;
}

/* Only an answer says anything of our credentials; so does having none to send. */
void health_note(struct health *h, const char *account, const struct ses_result *r,
	const struct outcome *o)
{
	const struct conf_account *a = conf_account(h->conf, account);
	bool answered = r->class == OUTCOME_ACCEPTED || r->class == OUTCOME_REFUSED;
	bool failing = o->unhealthy;

	if (a == NULL || (!answered && !failing))
		return;
	become(&h->patients[a - h->conf->accounts], failing);
	show(h);
}
