/* SPDX-License-Identifier: MIT */
/*
 * One call as a libcurl "easy" handle: what is sent, what is received, and what its end
 * proves.
 *
 * All this is to know whether the API can have accepted the request. libcurl sends a POST
 * again by itself if a kept connection dies before the first byte of the answer, and reports
 * success. Four things prevent that:
 *   - libcurl gets no second connection once a byte of the body was handed out
 *     (`open_socket`): the end of that one would hide the end of the first;
 *   - the body comes from a read function that cannot be rewound, so the second try ends
 *     in CURLE_SEND_FAIL_REWIND;
 *   - before every request that goes out libcurl asks `may_begin`, which says no once a byte
 *     of the body was handed out;
 *   - HTTP/1.1 only: HTTP/2 has retries of its own.
 *
 * Before a second try libcurl resets its counters, so the bytes sent are counted here.
 */
#include "config.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "ses/backend_private.h"
#include "ses/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define API_VERSION      "2020-10-02"
#define HEADER_MAX       (32 * 1024) /* bytes of all header lines of an answer */
#define IDLE_SECONDS     30L         /* a connection idle for longer is not used again */
#define UPLOAD_CHUNK     (64L * 1024)
#define UPLOAD_CHUNK_MAX (512L * 1024)

/* --- what libcurl asks while it runs -------------------------------------------------- */

/* The kept connection is closed at the end of this try, and the call begins again: no byte of
 * its body was sent. */
static void give_up(struct backend_call *call)
{
	call->stale = true;
	curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* Whether something arrived on a kept connection since its last answer. A new connection has
 * had no answer before; TLS may have sent its tickets. */
static bool is_stale(struct backend_call *call)
{
	if (call->opened ||
		idle_is_quiet(&call->pool->idle, call->easy, call->local_port))
		return false;
	give_up(call);
	return true;
}

/* Checks once more before the body: what was sent to us late may have waited for our header,
 * which acknowledged what came before. */
static size_t hand_out(char *out, size_t size, size_t n, void *arg)
{
	struct backend_call *call = arg;
	size_t got;

	if (call->handed == 0 && is_stale(call))
		return CURL_READFUNC_ABORT;
	got = ses_request_read(call->request, call->handed, out, size * n);
	call->handed += got;
	return got;
}

static int may_begin(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct backend_call *call = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	call->second_try |= call->handed > 0;
	call->local_port = local_port;
	return call->second_try || is_stale(call) ? CURL_PREREQFUNC_ABORT
	                                          : CURL_PREREQFUNC_OK;
}

static curl_socket_t open_socket(
	void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct backend_call *call = arg;
	curl_socket_t fd;

	(void)purpose;
	call->second_try |= call->handed > 0;
	if (call->second_try)
		return CURL_SOCKET_BAD;
	call->opened = true;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	idle_opened(&call->pool->idle, fd);
	return fd;
}

/* libcurl calls this after each write to the connection, and before it tries again. */
static int watch_progress(void *arg, curl_off_t to_take, curl_off_t taken,
	curl_off_t to_send, curl_off_t sent)
{
	struct backend_call *call = arg;

	(void)to_take;
	(void)taken;
	(void)to_send;
	if (sent > call->sent)
		call->sent = sent;
	return 0;
}

/* Only a refusal may need it, so it is parsed then: that takes longer than the rest of an
 * answer. */
static int64_t read_date(const struct backend_call *call)
{
	int64_t date =
		call->date[0] != '\0' ? (int64_t)curl_getdate(call->date, NULL) : 0;

	return date > 0 ? date : 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	static const char date[] = "Date:";
	struct backend_call *call = arg;
	struct span s = span_make(line, size * n);

	/* An answer before the request: it is another call's. */
	if (call->handed == 0 && !call->opened) {
		give_up(call);
		return 0;
	}
	call->header_bytes += s.len;
	if (call->header_bytes > HEADER_MAX)
		return 0;
	if (span_istarts(s, "HTTP/"))
		call->date[0] = '\0'; /* what came before was a 1xx */
	if (span_istarts(s, date) &&
		!span_copy(call->date, sizeof(call->date),
			span_trim(span_make(s.p + strlen(date), s.len - strlen(date)))))
		call->date[0] = '\0';
	return s.len;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct backend_call *call = arg;

	return buf_append(&call->body, bytes, size * n) == 0 ? size * n : 0;
}

/* --- how a handle is set up ----------------------------------------------------------- */

/* Each setter stops at the first option that libcurl does not take. */
#define SET(option, value)                                                               \
	(rc = rc == CURLE_OK ? curl_easy_setopt(easy, (option), (value)) : rc)

static CURLcode set_callbacks(CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_READFUNCTION, hand_out);
	SET(CURLOPT_PREREQFUNCTION, may_begin);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_XFERINFOFUNCTION, watch_progress);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	return rc;
}

/* Larger bodies go in larger steps, one a turn of the loop. */
static long upload_chunk(size_t size)
{
	if (size <= (size_t)UPLOAD_CHUNK)
		return UPLOAD_CHUNK;
	return size < (size_t)UPLOAD_CHUNK_MAX ? (long)size : UPLOAD_CHUNK_MAX;
}

static CURLcode set_method(CURL *easy)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	return rc;
}

static CURLcode set_tls(CURL *easy, const struct conf_account *conf)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (conf->ca_file[0] != '\0') {
		SET(CURLOPT_CAINFO, conf->ca_file);
		/* Otherwise the system's directory would be trusted as well. */
		SET(CURLOPT_CAPATH, (char *)NULL);
	}
	return rc;
}

static CURLcode set_transport(CURL *easy, struct conn_pool *pool)
{
	const struct ses_account *a = &pool->account;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, a->url);
	SET(CURLOPT_PROTOCOLS_STR, a->plain ? "http" : "https");
	/* Both, or libcurl would read the environment for the one that is not set. */
	SET(CURLOPT_PROXY, a->conf->proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)pool->backend->conf->limits.connect_timeout);
	SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SHARE, transport_share(pool->transport));
	SET(CURLOPT_CLOSESOCKETFUNCTION, idle_close);
	SET(CURLOPT_CLOSESOCKETDATA, &pool->idle);
	/* Do not wait in the loop for a resolver's thread that is stuck. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	return rc;
}

/* libcurl keeps a copy; a connection that was made with other CAs is not used again. */
static CURLcode set_ca(CURL *easy, const struct conn_pool *pool)
{
	struct curl_blob ca = {
		.data = pool->ca, .len = pool->ca_len, .flags = CURL_BLOB_COPY};
	CURLcode rc = CURLE_OK;

	if (pool->ca != NULL)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	return rc;
}

/* All that differs from call to call. */
static CURLcode set_call(CURL *easy, struct backend_call *call, uint64_t left_ms)
{
	CURLcode rc = set_ca(easy, call->pool);

	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_READDATA, call);
	SET(CURLOPT_PREREQDATA, call);
	SET(CURLOPT_OPENSOCKETDATA, call);
	SET(CURLOPT_XFERINFODATA, call);
	SET(CURLOPT_ERRORBUFFER, call->error_text);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->size);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, upload_chunk(call->size));
	SET(CURLOPT_HTTPHEADER, call->headers);
	SET(CURLOPT_TIMEOUT_MS, (long)left_ms);
	SET(CURLOPT_FRESH_CONNECT, 0L);
	SET(CURLOPT_FORBID_REUSE, 0L);
	return rc;
}

static CURLcode set_fresh(CURL *easy, uint64_t left_ms)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 0L);
	SET(CURLOPT_TIMEOUT_MS, (long)left_ms);
	return rc;
}

#undef SET

/* libcurl keeps a copy. */
static void add_header(struct backend_call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (longer == NULL)
		abort(); /* small memory: see core/mem.h */
	call->headers = longer;
}

static void add_field(struct backend_call *call, const char *name, const char *value)
{
	char *line = mem_sprintf("%s: %s", name, value);

	add_header(call, line);
	free(line);
}

static int make_headers(struct backend_call *call)
{
	const struct ses_account *a = &call->pool->account;
	const char *action = ses_request_action(call->request);
	char authorization[SIGN_AUTHORIZATION_MAX], seconds[24];
	int64_t timestamp;

	if (ses_account_sign(a, action, ses_request_sha256(call->request), &timestamp,
		    authorization) < 0)
		return -1;
	snprintf(seconds, sizeof(seconds), "%lld", (long long)timestamp);
	add_header(call, "Content-Type: " ACCOUNT_CONTENT_TYPE);
	add_field(call, "Host", a->host);
	add_field(call, "Authorization", authorization);
	add_field(call, "X-TC-Action", action);
	add_header(call, "X-TC-Version: " API_VERSION);
	add_field(call, "X-TC-Timestamp", seconds);
	add_field(call, "X-TC-Region", a->conf->region);
	add_header(call, "X-TC-Language: en-US");
	add_header(call, "X-TC-RequestClient: sesrelay_" PACKAGE_VERSION);
	if (a->token[0] != '\0')
		add_field(call, "X-TC-Token", a->token);
	/* Without this a body over 1 MB waits for "100 Continue", up to a second. */
	add_header(call, "Expect:");
	return 0;
}

static int fail(struct backend_call *call, const char *code)
{
	outcome_set_result(&call->result, OUTCOME_NOT_SENT, code);
	return -1;
}

/* A handle with all that is the same for every call of the account. */
static CURL *easy_new(struct conn_pool *pool)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL || set_callbacks(easy) != CURLE_OK ||
		set_method(easy) != CURLE_OK ||
		set_tls(easy, pool->account.conf) != CURLE_OK ||
		set_transport(easy, pool) != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

int easy_prepare(struct backend_call *call, uint64_t left_ms)
{
	struct conn_pool *pool = call->pool;

	if (make_headers(call) < 0)
		return fail(call, "Transport.NoKey");
	if (pool->n_spare > 0)
		call->easy = pool->spare[--pool->n_spare];
	else
		call->easy = easy_new(pool);
	if (call->easy == NULL || set_call(call->easy, call, left_ms) != CURLE_OK)
		return fail(call, "Transport.NotSent");
	return 0;
}

int easy_prepare_anew(struct backend_call *call, uint64_t left_ms)
{
	if (!call->stale || call->handed > 0)
		return -1;
	call->stale = false;
	log_event(LOG_DEBUG, NULL, "connection_not_quiet",
		LOG_S("account", ses_account_name(&call->pool->account)));
	return set_fresh(call->easy, left_ms) == CURLE_OK ? 0 : -1;
}

/* A handle keeps its upload buffer, so those of large bodies are not kept. Nor is one whose
 * call failed: libcurl remembers that it wanted to rewind, and would refuse the next call.
 * All pointers to the call are set again before the handle is used again. */
static bool is_worth_keeping(const struct backend_call *call)
{
	return call->easy != NULL && call->went_well &&
	       call->pool->n_spare < POOL_SPARE_MAX && call->size <= (size_t)UPLOAD_CHUNK;
}

void easy_free(struct backend_call *call)
{
	struct conn_pool *pool = call->pool;

	if (is_worth_keeping(call)) {
		curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, NULL);
		pool->spare[pool->n_spare++] = call->easy;
	} else {
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	call->easy = NULL;
	call->headers = NULL;
}

void easy_clear_spare(struct conn_pool *pool)
{
	while (pool->n_spare > 0)
		curl_easy_cleanup(pool->spare[--pool->n_spare]);
}

/* --- what its end proves -------------------------------------------------------------- */

/*
 * Whether the whole body may have gone out. libcurl must have asked for all of it and have
 * written all of it to the socket: with a byte less, Content-Length tells the server that the
 * request is incomplete. If libcurl wanted to try again, its counter is of the new try, so
 * the bytes handed out decide, which errs on the safe side.
 */
static bool sent_whole(const struct backend_call *call, CURLcode rc)
{
	curl_off_t uploaded = 0;

	if (call->handed < call->size)
		return false;
	if (call->second_try || rc == CURLE_SEND_FAIL_REWIND ||
		rc == CURLE_ABORTED_BY_CALLBACK)
		return true;
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	return uploaded >= (curl_off_t)call->size || call->sent >= (curl_off_t)call->size;
}

/* How far a call came that timed out before its request began. (CONNECT_TIME stays 0 until
 * the handshake is complete too; the port is known once TCP is connected.) */
static const char *timeout_code(const struct backend_call *call)
{
	curl_off_t resolved = 0, greeted = 0;
	long port = 0;

	curl_easy_getinfo(call->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(call->easy, CURLINFO_LOCAL_PORT, &port);
	curl_easy_getinfo(call->easy, CURLINFO_APPCONNECT_TIME_T, &greeted);
	if (resolved == 0)
		return "Transport.Dns";
	if (port == 0)
		return "Transport.Connect";
	if (!call->pool->account.plain && greeted == 0)
		return "Transport.Tls";
	return "Transport.NotSent";
}

static const char *not_sent_code(const struct backend_call *call, CURLcode rc)
{
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return "Transport.Dns";
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY: return "Transport.Connect";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS: return "Transport.Tls";
	case CURLE_OPERATION_TIMEDOUT: return timeout_code(call);
	default: return "Transport.NotSent";
	}
}

static const char *uncertain_code(CURLcode rc)
{
	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT: return "Transport.Timeout";
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
	case CURLE_WRITE_ERROR:          /* more header or body than we take */
	case CURLE_BAD_CONTENT_ENCODING: return "Transport.BadResponse";
	default: return "Transport.Reset";
	}
}

/* libcurl's text includes OpenSSL's, but not the kernel's. It may hold bytes of the peer. If
 * libcurl wanted to try again the text is about that, and hides the first failure. */
static void set_reason(struct backend_call *call, CURLcode rc)
{
	const char *words =
		call->error_text[0] != '\0' ? call->error_text : curl_easy_strerror(rc);
	struct ses_result *r = &call->result;
	char text[CURL_ERROR_SIZE + 80];
	long os = 0;

	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os);
	if (call->second_try)
		str_copy(text, sizeof(text), "the connection died under the request");
	else if (rc == CURLE_COULDNT_CONNECT && os != 0)
		snprintf(text, sizeof(text), "%s: %s", words, strerror((int)os));
	else
		str_copy(text, sizeof(text), words);
	str_ascii_line(r->reason, sizeof(r->reason), span_of(text));
}

/* There was no whole answer. */
static void conclude_failure(struct backend_call *call, CURLcode rc, unsigned status)
{
	struct ses_result *r = &call->result;

	/* The status line alone is a refusal; the missing rest adds nothing. */
	if (status >= 300) {
		response_parse(status, span_make("", 0), false, r);
		return;
	}
	r->http_status = status;
	set_reason(call, rc);
	if (sent_whole(call, rc)) {
		outcome_set_result(r, OUTCOME_UNCERTAIN, uncertain_code(rc));
	} else {
		outcome_set_result(r, OUTCOME_NOT_SENT, not_sent_code(call, rc));
	}
}

/* A MessageId counts only if it must be this call's: not one that another call was answered
 * with, nor one that arrived before the request was complete. */
static void check_acceptance(struct backend_call *call, CURLcode rc)
{
	struct ses_result *r = &call->result;
	const char *why = NULL;

	if (r->class != OUTCOME_ACCEPTED || r->message_id[0] == '\0')
		return;
	if (!seen_note(&call->pool->seen, r->message_id))
		why = "the MessageId is another call's";
	else if (!sent_whole(call, rc))
		why = "the answer came before the request was whole";
	if (why == NULL)
		return;
	outcome_set_result(r, OUTCOME_UNCERTAIN, "Transport.BadResponse");
	str_copy(r->reason, sizeof(r->reason), why);
	r->message_id[0] = '\0';
}

void easy_conclude(struct backend_call *call, CURLcode rc)
{
	struct ses_result *r = &call->result;
	long status = 0;

	call->went_well = rc == CURLE_OK;
	if (!call->stale) /* otherwise it is another call's */
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_OK)
		response_parse((unsigned)status,
			span_make(call->body.data, call->body.len),
			ses_request_is_mail(call->request), r);
	else
		conclude_failure(call, rc, (unsigned)status);
	/* The answer arrived before the request was complete. */
	if (r->class == OUTCOME_UNCERTAIN && !sent_whole(call, rc))
		r->class = OUTCOME_NOT_SENT;
	check_acceptance(call, rc);
	if (r->class == OUTCOME_REFUSED)
		r->date = read_date(call);
}
