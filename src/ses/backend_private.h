/* SPDX-License-Identifier: MIT */
/* What the files of the backend share. */
#ifndef SES_BACKEND_PRIVATE_H
#define SES_BACKEND_PRIVATE_H

#include "core/buf.h"
#include "ses/account_private.h"
#include "ses/backend.h"
#include "ses/seen.h"

#include <curl/curl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

TAILQ_HEAD(call_list, backend_call);

struct transport;

#define POOL_SPARE_MAX 64

/* The sockets of an account's connections. */
struct idle {
	struct idle_socket {
		curl_socket_t fd; /* libcurl's */
		int port;         /* the local one; 0: not asked for yet */
	} * sockets;              /* owned */
	size_t n, max;
};

/* The connections of one account, and the calls that run on them or wait for one. libcurl
 * has a limit of its own, but has no timeout for what waits for it. */
struct conn_pool {
	struct backend *backend; /* borrowed */
	struct ses_account account;
	struct transport *transport; /* owned */
	struct idle idle;
	struct seen seen;
	struct call_list waiting, running, failed;
	size_t n_running;
	/* Handles of earlier calls, set up except for what differs from call to call. */
	CURL *spare[POOL_SPARE_MAX]; /* owned */
	size_t n_spare;
	char *ca; /* owned; PEM of the account's ca_file, if backend_use_ca() gave it */
	size_t ca_len;
};

struct backend {
	struct loop *loop;       /* borrowed */
	const struct conf *conf; /* borrowed */
	struct conn_pool
		*pools; /* owned; one an account, in the order of conf->accounts */
	size_t n_pools;
};

enum backend_call_state {
	CALL_WAITING, /* for a connection */
	CALL_RUNNING, /* its handle is libcurl's */
	CALL_FAILED,  /* result is set, done() comes from the loop */
	CALL_ENDED,   /* done() runs, or the caller has dropped it: on no list */
};

struct backend_call {
	struct conn_pool *pool; /* borrowed */
	TAILQ_ENTRY(backend_call) next;
	enum backend_call_state
		state; /* changed by call_move() only: says which list it is on */
	bool deferred; /* the loop will come back for it, and free it then */
	struct ses_request *request; /* borrowed from the caller, until done() */
	size_t size;                 /* bytes of the request */
	backend_done *done;
	void *arg;
	uint64_t asked_ms, timeout_ms;
	bool has_begun;                   /* was to be given to libcurl */
	uint64_t begun_ms;                /* when */
	struct loop_timer *deadline;      /* owned */
	CURL *easy;                       /* owned; NULL while waiting */
	struct curl_slist *headers;       /* owned */
	size_t handed;                    /* body bytes that libcurl asked for and got */
	curl_off_t sent;                  /* of these, written to a connection */
	bool second_try;                  /* libcurl wanted to send it again after that */
	bool opened;                      /* a connection of its own */
	int local_port;                   /* of its connection */
	bool stale;                       /* the kept connection was not silent */
	bool went_well;                   /* libcurl reported no error */
	size_t header_bytes;              /* of all answers, 1xx included */
	char date[64];                    /* the last answer's Date field; "": none */
	struct buf body;                  /* the answer */
	char error_text[CURL_ERROR_SIZE]; /* libcurl's */
	struct ses_result result;
};

/* --- backend_easy.c: one call as a libcurl handle ------------------------------------- */

/* Makes call->easy ready to run for at most left_ms; the signature is of now. On -1
 * call->result says why. */
int easy_prepare(struct backend_call *call, uint64_t left_ms) MUST_CHECK;
/* If the call ended because its kept connection was not silent: makes it ready for a fresh
 * one. -1 if it ended for another reason. Once a call. */
int easy_prepare_anew(struct backend_call *call, uint64_t left_ms) MUST_CHECK;
/* Fills call->result from what libcurl ended with. */
void easy_conclude(struct backend_call *call, CURLcode rc);
/* Keeps the handle for a later call if it can be used again. */
void easy_free(struct backend_call *call);
void easy_clear_spare(struct conn_pool *pool);

/* --- backend_idle.c: what arrives on idle connections ----------------------------------- */

void idle_init(struct idle *idle, unsigned connections);
void idle_clear(struct idle *idle); /* when libcurl has closed all */
/* Notes a socket. One past the maximum is not noted, so its connection is used once only
 * (idle_is_quiet() is false). */
void idle_opened(struct idle *idle, curl_socket_t fd);
/* For CURLOPT_CLOSESOCKETFUNCTION, with the struct idle. */
int idle_close(void *arg, curl_socket_t fd);
/* Whether nothing has arrived on the connection with that local port since its last answer;
 * false if the connection is not known. easy is about to use it. */
bool idle_is_quiet(struct idle *idle, CURL *easy, int local_port);

/* --- backend_transport.c: a libcurl multi handle on the loop ---------------------------- */

/* A handle ended; it is out of the multi already. */
typedef void transport_ended(void *arg, CURL *easy, CURLcode rc);

/* NULL if libcurl fails. connections: how many idle ones are kept. */
struct transport *transport_new(struct loop *loop, unsigned connections,
	transport_ended *ended, void *arg) MUST_CHECK;
void transport_free(struct transport **t);
/* Borrows easy until it ended or was taken out. -1 if libcurl fails. */
int transport_add(struct transport *t, CURL *easy) MUST_CHECK;
/* Takes out a handle that has not ended; its connection is closed. */
void transport_remove(struct transport *t, CURL *easy);
/* TLS sessions that the handles share. */
CURLSH *transport_share(struct transport *t);

#endif
