/* SPDX-License-Identifier: MIT */
/*
 * What a delivery is made of; shared by delivery.c, schedule.c, prepare_job.c, dedup.c and
 * delivery_log.c, and by nobody else.
 */
#ifndef DELIVERY_DELIVERY_PRIVATE_H
#define DELIVERY_DELIVERY_PRIVATE_H

#include "core/buf.h"
#include "core/loop.h"
#include "delivery/batch.h"
#include "delivery/delivery.h"
#include "delivery/schedule.h"
#include "ledger/ledger.h"
#include "ses/backend.h"
#include "ses/outcome.h"
#include "ses/request.h"
#include "smtp/envelope.h"

#include <stdint.h>
#include <sys/queue.h>

struct delivery_call {
	struct delivery *delivery;
	const struct batch *batch;   /* borrowed from delivery->batches */
	struct ses_account *account; /* borrowed from the backend */
	struct ses_request *request; /* owned */
	struct backend_call *flight; /* while CALL_IN_FLIGHT */
	enum call_state state;
	unsigned begun;    /* times */
	bool recorded;     /* what came of it stands in the log, for each recipient */
	bool signed_again; /* because our clock was wrong */
	struct ses_result result;
	const struct outcome
		*outcome; /* what the result means; NULL until there is one */
};

/* How a recipient got the mail by an earlier attempt. */
struct earlier {
	const struct conf_route *route; /* borrowed */
	struct ses_result result;
};

#define DELIVERY_ID_LEN 17

struct delivery {
	struct delivery_context *ctx;
	char id[DELIVERY_ID_LEN]; /* first in every log line */
	char session_id[24];
	enum delivery_state state;
	struct transaction *client; /* NULL once it is gone */
	bool per_recipient;         /* each gets a reply of its own (LMTP, PRDR) */
	bool half_closed; /* the client closed its side: it may not receive the reply */
	struct envelope envelope;
	struct buf body;
	char *message_id;        /* of the header; "" if it has none; owned */
	struct prepare_job *job; /* while it is prepared; owned */
	struct batches batches;
	struct delivery_call *calls; /* one for each batch */
	size_t n_calls;
	size_t in_flight; /* of them */
	bool answered;    /* the last call that ended was: several at a time are safe */
	unsigned pauses;  /* before a retry, that are over */
	uint64_t started, deadline;
	struct loop_timer *timer;
	struct batch
		duplicates; /* recipients who have the mail by an earlier attempt: its `to` */
	struct earlier *earlier;             /* of each of them; owned */
	bool in_ledger;                      /* it has an entry of this message */
	bool digested;                       /* content is made */
	uint8_t content[LEDGER_CONTENT_LEN]; /* of the ledger's keys */
	LIST_ENTRY(delivery) next;           /* in ctx->deliveries */
};

/* prepare_job.c: from the raw message to calls that can be begun. 1 done, 0 later by
 * delivery_prepared(), -1 with *why and nothing sent. peer: its client; borrowed while
 * d->client is there. */
int prepare_job_begin(
	struct delivery *d, const struct peer *peer, struct reply *why) MUST_CHECK;
void prepare_job_free(struct prepare_job **p);

/* A message above that is prepared beside the loop; one below costs some 6 ms at the worst. */
#define PREPARE_INLINE_MAX ((size_t)256 * 1024)
#define PREPARE_THREADS    1
#define PREPARE_WAITING    100000 /* each of a session of its own, and within the budget */
#define PREPARE_NICE       5

/* delivery.c: the preparation is over, with 0, or -1 and *why. */
void delivery_prepared(struct delivery *d, int rc, const struct reply *why);

/* dedup.c: duplicate suppression. No other file of the room asks the ledger or tells it
 * anything. */

/* Makes the content digest, if it is not made yet: of a large message that takes a while. May
 * run in a thread before dedup_filter(). */
void dedup_digest(struct delivery *d);
/* Moves those of the *n recipients that have the mail already to d->duplicates. 1 go on with the
 * others; -1 and *why: an earlier attempt is still under way. 0 is kept for a ledger that answers
 * later. */
int dedup_filter(struct delivery *d, struct routed_recipient *recipients, size_t *n,
	struct reply *why) MUST_CHECK;
/* The API has accepted a call. */
void dedup_accepted(struct delivery *d, const struct delivery_call *c);
/* The client may not receive the reply. */
void dedup_detached(struct delivery *d);
/* All calls are over. says_accepted: the reply that follows tells the client of each recipient
 * that has the mail. Whether the client receives it is another matter. */
void dedup_finished(struct delivery *d, bool says_accepted);

/* delivery_log.c: log lines and counters. */
void delivery_log_refused(const struct delivery *d, const struct reply *reply);
void delivery_log_call(struct delivery *d, struct delivery_call *c);
/* Of a call that is signed again at once: it says nothing of the mail or of our credentials. */
void delivery_log_signed_again(const struct delivery_call *c);
void delivery_log_duplicate(
	const struct delivery *d, const char *recipient, const char *message_id);
void delivery_log_dropped(const struct delivery *d); /* at the end of a worker */
void delivery_log_reply(const struct delivery *d, const struct reply *reply);

#endif
