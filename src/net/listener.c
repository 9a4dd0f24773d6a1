/* SPDX-License-Identifier: MIT */
/* Accepts connections, and decides which of them become sessions. */
#include "net/listener.h"

#include "core/digest.h"
#include "core/ip.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "net/conn.h"
#include "net/proxy_wait.h"
#include "net/tls_context.h"
#include "smtp/access.h"

#include <event2/event.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn, so that those that are open get theirs. */
#define ACCEPT_BATCH 32

/* When descriptors or memory have run out, the kernel would report the waiting connection
 * again at once: the listener rests instead. */
#define REST_MS 500

struct listener {
	struct listener_shared *shared;   /* borrowed */
	const struct conf_listener *conf; /* borrowed */
	size_t share;
	struct tls_context *tls; /* a reference; NULL without TLS */
	struct event *event;
	struct loop_timer *rest;
	struct proxy_wait_list proxy_waits; /* whose PROXY header is still to come */
};

/* --- refusing --------------------------------------------------------------------------- */

/* A client that is refused costs one write and no memory. What it has sent is read, so that
 * closing sends no reset over the reply. */
static void say_and_close(int fd, const struct reply *reply)
{
	char sink[4096];
	struct buf out;

	buf_init(&out, 2 * REPLY_TEXT_MAX, NULL);
	if (reply_format(reply, &out) == 0)
		(void)send(fd, out.data, out.len, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, sink, sizeof(sink), 0);
	buf_free(&out);
	close(fd);
}

static bool is_early_talker(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) > 0;
}

/* By a unix socket: the mode of its file says who may send. */
static bool is_local(const struct sockaddr *addr)
{
	return addr->sa_family == AF_UNIX;
}

/* Why a connection does not become a session. */
struct refusal {
	const char *reason; /* constant text, for the log */
	struct reply reply;
};

/* How many there may be of all clients: 1, or -1 with *why. */
static int check_room(const struct listener *l, struct refusal *why)
{
	const struct listener_shared *sh = l->shared;

	why->reason = sh->draining ? "draining" : shares_refuse(&sh->shares, l->share);
	if (why->reason == NULL)
		return 1;
	if (sh->draining)
		why->reply =
			reply_close(421, "4.3.2", "%s goes down", sh->session->hostname);
	else
		why->reply = reply_close(421, "4.3.2", "too many connections, try later");
	return -1;
}

/* The same for what access has answered. */
static int check_access(enum access a, const struct peer *peer, struct refusal *why)
{
	if (a == ACCESS_GRANTED)
		return 1;
	why->reason = access_reason(a);
	why->reply = access_reply(a, peer->address);
	return -1;
}

/* Clients speak first on a listener that is all TLS. */
static int check_silence(const struct listener *l, int fd, struct refusal *why)
{
	if (l->conf->tls == CONF_TLS_IMPLICIT || !is_early_talker(fd))
		return 1;
	why->reason = "early talker";
	why->reply = reply_close(554, "5.5.0", "you spoke before the greeting");
	return -1;
}

/* Counts the session if the limits of a client hold for it. */
static int enter(const struct listener *l, struct peer *peer, struct refusal *why)
{
	struct listener_shared *sh = l->shared;

	if (!access_is_one_client(peer))
		return 1;
	if (check_access(access_enter(peer, &sh->clients, loop_now_ms(sh->loop)), peer,
		    why) < 0)
		return -1;
	peer->counted = true;
	return 1;
}

/* Whether the connection becomes a session: 1, or -1 with *why. */
static int admit(const struct listener *l, int fd, struct peer *peer, struct refusal *why)
{
	if (check_access(access_connect(peer), peer, why) < 0 || check_room(l, why) < 0 ||
		enter(l, peer, why) < 0)
		return -1;
	if (check_silence(l, fd, why) > 0)
		return 1;
	if (peer->counted)
		conn_limit_drop(&l->shared->clients, l->conf, peer->address);
	return -1;
}

/* --- a new client ----------------------------------------------------------------------- */

static void name_session(char id[24])
{
	unsigned char random[8];

	digest_random(random, sizeof(random));
	str_hex(id, random, sizeof(random));
}

static void refuse(const struct listener *l, const struct peer *peer, int fd,
	const struct refusal *why)
{
	metrics_add(METRIC_CONNECTIONS_REFUSED, 0, 1);
	log_event(LOG_INFO, peer->session_id, "connection_refused",
		LOG_S("client", peer->address), LOG_S("listener", l->conf->name),
		LOG_S("reason", why->reason), LOG_U("code", why->reply.code));
	/* A client that waits for TLS cannot read clear text. */
	if (l->conf->tls == CONF_TLS_IMPLICIT)
		close(fd);
	else
		say_and_close(fd, &why->reply);
}

static void name_client(struct peer *peer, int fd, const struct sockaddr *addr)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	ip_format(addr, peer->address, &peer->port);
	if (!is_local(addr))
		return;
	peer->local = true;
	(void)str_copy(peer->address, sizeof(peer->address), "unix");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		log_event(LOG_INFO, peer->session_id, "local_client",
			LOG_U("uid", who.uid), LOG_I("pid", who.pid));
}

/* What the proxy says of the client's TLS. */
static void note_tls(struct peer *peer, const struct proxy_header *h)
{
	if (h == NULL || !h->tls)
		return;
	peer->tls_in_front = true;
	log_event(LOG_INFO, peer->session_id, "tls_in_front",
		LOG_S("version", h->tls_version), LOG_S("cipher", h->tls_cipher),
		LOG_S("name", h->tls_name));
}

/* A client whose address is known; header: NULL if none came. */
static void open_client(struct listener *l, int fd, const struct sockaddr *addr,
	const struct proxy_header *header)
{
	const struct conn_policy policy = {
		.conf = l->conf, .share = l->share, .tls = l->tls};
	struct peer peer = {.listener = l->conf};
	struct refusal why;
	int on = 1;

	name_session(peer.session_id);
	name_client(&peer, fd, addr);
	if (admit(l, fd, &peer, &why) < 0) {
		refuse(l, &peer, fd, &why);
		return;
	}
	note_tls(&peer, header);
	metrics_add(METRIC_CONNECTIONS, 0, 1);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn_open(l->shared, &policy, fd, &peer);
}

/* --- with a proxy -------------------------------------------------------------------------- */

static void stop_waiting(struct listener_shared *sh)
{
	if (--sh->waiting == 0 && sh->sessions == 0 && sh->idle != NULL)
		sh->idle(sh->idle_arg);
}

/* Those that wait count as sessions, or a proxy could hold any number open; what becomes a
 * session is counted anew. */
static void on_header(
	void *arg, int fd, const struct sockaddr *proxy, const struct proxy_header *h)
{
	struct listener *l = arg;

	shares_drop(&l->shared->shares, l->share);
	open_client(
		l, fd, h->has_source ? (const struct sockaddr *)&h->source : proxy, h);
	stop_waiting(l->shared);
}

static void refuse_proxy(
	const struct listener *l, const struct sockaddr *proxy, const char *why)
{
	char address[NET_TEXT_LEN];

	ip_format(proxy, address, NULL);
	metrics_add(METRIC_CONNECTIONS_REFUSED, 0, 1);
	log_event(LOG_INFO, NULL, "connection_refused", LOG_S("client", address),
		LOG_S("listener", l->conf->name), LOG_S("reason", why));
}

static void on_no_header(void *arg, const struct sockaddr *proxy, const char *why)
{
	struct listener *l = arg;

	shares_drop(&l->shared->shares, l->share);
	refuse_proxy(l, proxy, why);
	stop_waiting(l->shared);
}

static void await_header(struct listener *l, int fd, const struct sockaddr_storage *proxy)
{
	const struct sockaddr *addr = (const struct sockaddr *)proxy;
	const char *why = shares_refuse(&l->shared->shares, l->share);

	if (why != NULL) {
		refuse_proxy(l, addr, why);
		close(fd);
	} else if (proxy_wait_open(&l->proxy_waits, fd, proxy) < 0) {
		refuse_proxy(l, addr, "no memory");
	} else {
		shares_take(&l->shared->shares, l->share);
		l->shared->waiting++;
	}
}

static void accept_one(struct listener *l, int fd, const struct sockaddr_storage *addr)
{
	struct peer peer = {.listener = l->conf};

	ip_format((const struct sockaddr *)addr, peer.address, NULL);
	if (access_proxy(&peer))
		await_header(l, fd, addr);
	else
		open_client(l, fd, (const struct sockaddr *)addr, NULL);
}

/* --- accepting -------------------------------------------------------------------------- */

static void rest(struct listener *l)
{
	log_event(LOG_WARN, NULL, "accept_failed", LOG_S("listener", l->conf->name),
		LOG_S("error", strerror(errno)), LOG_U("rest_ms", REST_MS));
	(void)event_del(l->event);
	loop_timer_set(l->rest, REST_MS);
}

/* accept(2): these belong to the connection that was to be taken, not to the listener. */
static bool is_of_connection(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EINTR:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH: return true;
	default: return false;
	}
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	/* Of a socket that is shared a worker that is no longer ours can take that away, and
	 * whoever accepts last would wait in it; so could the successor of its own. */
	(void)evutil_make_socket_nonblocking(fd);
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage addr = {0};
		socklen_t len = sizeof(addr);
		int conn = accept4(
			fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn >= 0) {
			accept_one(l, conn, &addr);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (!is_of_connection(errno)) {
			rest(l);
			return;
		}
	}
}

static void on_rested(void *arg)
{
	struct listener *l = arg;

	if (event_add(l->event, NULL) < 0)
		loop_timer_set(l->rest, REST_MS);
}

/* --- from outside ----------------------------------------------------------------------- */

struct listener *listener_new(struct listener_shared *shared,
	const struct conn_policy *policy, int fd, struct err *err)
{
	const struct conf_listener *conf = policy->conf;
	struct listener *l = mem_new(1, sizeof(*l));

	l->shared = shared;
	l->conf = conf;
	l->share = policy->share;
	listener_use_tls(l, policy->tls);
	l->proxy_waits = (struct proxy_wait_list){.loop = shared->loop,
		.ready = on_header,
		.failed = on_no_header,
		.arg = l};
	l->rest = loop_timer_new(shared->loop, on_rested, l);
	l->event = event_new(
		loop_base(shared->loop), fd, EV_READ | EV_PERSIST, on_accept, l);
	if (l->event == NULL || event_add(l->event, NULL) < 0) {
		(void)err_set(
			err, "listener %s: libevent cannot watch its socket", conf->name);
		listener_free(&l);
	}
	return l;
}

void listener_use_tls(struct listener *l, struct tls_context *tls)
{
	tls_context_unref(&l->tls);
	l->tls = tls != NULL ? tls_context_ref(tls) : NULL;
}

bool listener_accepts(const struct listener *l)
{
	return l->event != NULL;
}

void listener_accept(struct listener *l)
{
	on_accept(event_get_fd(l->event), EV_READ, l);
}

void listener_stop(struct listener *l)
{
	if (l->event == NULL)
		return;
	loop_timer_stop(l->rest);
	event_free(l->event);
	l->event = NULL;
}

void listener_free(struct listener **lp)
{
	struct listener *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	listener_stop(l);
	l->shared->waiting -= l->proxy_waits.n;
	for (unsigned i = l->proxy_waits.n; i > 0; i--)
		shares_drop(&l->shared->shares, l->share);
	proxy_wait_abort(&l->proxy_waits);
	loop_timer_free(&l->rest);
	tls_context_unref(&l->tls);
	free(l);
}

void listener_abort(struct listener_shared *shared)
{
	while (!LIST_EMPTY(&shared->conns))
		conn_abort(LIST_FIRST(&shared->conns));
}
