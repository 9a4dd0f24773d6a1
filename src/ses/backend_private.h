/* SPDX-License-Identifier: MIT */
/* What the three files of the backend share. */
#ifndef SES_BACKEND_PRIVATE_H
#define SES_BACKEND_PRIVATE_H

#include "core/buf.h"
#include "ses/account.h"
#include "ses/backend.h"
#include "ses/seen.h"

#include <curl/curl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

TAILQ_HEAD(call_list, backend_call);

struct wire;

#define LANE_SPARE_MAX 64

/* The sockets of an account's connections. */
struct idle {
	struct idle_socket {
		curl_socket_t fd; /* libcurl's */
		int port;         /* its local one; 0 until it was asked for */
	} * sockets;              /* owned */
	size_t n, max;
};

/* One account's calls: so many run, the rest wait in turn. libcurl has a limit of its own,
 * but what waits for it there meets no timeout. */
struct lane {
	struct backend *backend; /* borrowed */
	struct ses_account account;
	struct wire *wire; /* owned */
	struct idle idle;
	struct seen seen;
	struct call_list waiting, running, failed;
	size_t n_running;
	/* Handles of earlier calls, set up but for what differs from call to call. */
	CURL *spare[LANE_SPARE_MAX]; /* owned */
	size_t n_spare;
	char *ca; /* owned; PEM of the account's ca_file, where backend_use_ca() gave it */
	size_t ca_len;
};

struct backend {
	struct loop *loop;       /* borrowed */
	const struct conf *conf; /* borrowed */
	struct lane *lanes; /* owned; one an account, in the order of conf->accounts */
	size_t n_lanes;
};

enum call_state {
	CALL_WAITING, /* for a connection */
	CALL_RUNNING, /* its handle is libcurl's */
	CALL_FAILED,  /* result is set, done() comes from the loop */
	CALL_ENDED,   /* done() runs, or the caller has dropped it: on no list */
};

struct backend_call {
	struct lane *lane; /* borrowed */
	TAILQ_ENTRY(backend_call) next;
	enum call_state state; /* changed by call_move() only: says which list it is on */
	bool deferred;         /* the loop will come back for it, and free it then */
	const char *action;    /* borrowed: a constant */
	struct ses_request *request; /* borrowed from the caller, until done() */
	size_t size;                 /* bytes of the request */
	backend_done *done;
	void *arg;
	uint64_t asked_ms, timeout_ms;
	bool has_begun;              /* was given to libcurl, or would have been */
	uint64_t begun_ms;           /* when */
	struct loop_timer *deadline; /* owned */
	CURL *easy;                  /* owned; NULL while waiting */
	struct curl_slist *headers;  /* owned */
	size_t handed;               /* body bytes that libcurl asked for and got */
	curl_off_t sent;             /* of these, written to a connection */
	bool again;                  /* libcurl wanted to begin anew after that */
	bool opened;                 /* a connection of its own */
	int local_port;              /* of its connection */
	bool stale;                  /* the kept connection was not silent */
	bool went_well;              /* libcurl says that it did */
	size_t header_bytes;         /* of all answers, 1xx included */
	char date[64];               /* the last answer's header field; "": none */
	struct buf body;             /* the answer */
	char says[CURL_ERROR_SIZE];  /* why it failed, in libcurl's words */
	struct ses_result result;
};

/* --- backend_easy.c: one call as a libcurl handle ------------------------------------- */

/* Makes call->easy ready to run for at most left_ms; the signature is of now. On -1
 * call->result says why. */
int easy_prepare(struct backend_call *call, uint64_t left_ms) MUST_CHECK;
/* Where the call ended because its kept connection was not silent: makes it ready for a
 * fresh one. -1 where it ended for another reason. Once a call. */
int easy_prepare_anew(struct backend_call *call, uint64_t left_ms) MUST_CHECK;
/* Fills call->result from what libcurl ended with. */
void easy_conclude(struct backend_call *call, CURLcode rc);
/* Keeps the handle for a later call where it is worth it. */
void easy_free(struct backend_call *call);
void easy_clear_spare(struct lane *lane);

/* --- backend_idle.c: what comes on kept connections ------------------------------------ */

void idle_init(struct idle *idle, unsigned connections);
void idle_clear(struct idle *idle); /* when libcurl has closed all */
/* Writes a socket down. One too many is not, and is not used again (see below). */
void idle_opened(struct idle *idle, curl_socket_t fd);
/* For CURLOPT_CLOSESOCKETFUNCTION, with the struct idle. */
int idle_close(void *arg, curl_socket_t fd);
/* Whether nothing has come on the connection with that local port since its last answer;
 * false where it is not known. easy is about to use it. */
bool idle_is_quiet(struct idle *idle, CURL *easy, int local_port);

/* --- backend_wire.c: a libcurl multi handle on the loop --------------------------------- */

/* Tells that a handle ended; it is out of the multi already. */
typedef void wire_ended(void *arg, CURL *easy, CURLcode rc);

/* NULL where libcurl fails. connections: how many idle ones are kept. */
struct wire *wire_new(
	struct loop *loop, unsigned connections, wire_ended *ended, void *arg) MUST_CHECK;
void wire_free(struct wire **w);
/* Borrows easy until it ended or was taken out. -1 where libcurl fails. */
int wire_add(struct wire *w, CURL *easy) MUST_CHECK;
/* Takes out a handle that has not ended; its connection is closed. */
void wire_remove(struct wire *w, CURL *easy);
/* TLS sessions that the handles share. */
CURLSH *wire_share(struct wire *w);

#endif
