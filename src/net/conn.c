/* SPDX-License-Identifier: MIT */
/* Sockets on one side, sessions on the other. */
#include "net/conn.h"

#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "net/ack.h"
#include "net/tls.h"
#include "smtp/session.h"

#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of one read; what the session does not take of it is kept. */
#define IO_CHUNK (64 * 1024)

/*
 * After its last reply a connection is half closed and read for a moment: if it were closed
 * with bytes unread, the kernel would send a reset, which may overtake the reply.
 */
#define LINGER_MS    1000
#define LINGER_BYTES (1024 * 1024)

/* How long the last reply may take to be acknowledged, if somebody asks. The first look is
 * after ACK_FIRST_MS, the next after twice that, and so on. */
#define ACK_MS       10000
#define ACK_FIRST_MS 5

/* What is waited for. */
enum watch {
	WATCH_READ,
	WATCH_WRITE,
	/* The end of the client, while BUSY, once there was activity of it: edge-triggered,
	 * for unread bytes lie in the socket. EV_READ is part of it, as libevent reports a
	 * reset as that alone. */
	WATCH_END,
	WATCH_COUNT
};

struct conn {
	struct listener_shared *shared; /* borrowed */
	int fd;
	size_t share;                     /* of the sessions: the listener's */
	struct event *event[WATCH_COUNT]; /* NULL before it was wanted */
	bool watched[WATCH_COUNT];
	struct loop_timer *timer;
	uint64_t alarm;                  /* when the timer fires; 0: it is off */
	struct session *session;         /* NULL while lingering */
	struct tls_context *tls_context; /* NULL if the listener has no TLS */
	struct tls *tls;                 /* NULL while all is clear text */
	bool tls_done;                   /* the handshake is complete */
	bool want_write; /* TLS has to write before it can read on (a change of keys) */
	struct buf pending_input; /* bytes that the session, paused, did not take */
	size_t lingered;
	uint64_t linger_end;         /* what still comes is read until then */
	struct smtp_receipt receipt; /* while lingering, of the last reply */
	uint64_t ack_end, ack_pause;
	bool peer_activity; /* the client sent something, or left, while BUSY */
	bool peer_gone;
	bool ended; /* only release() follows */
	LIST_ENTRY(conn) entry;
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* --- the end of a connection ----------------------------------------------------------- */

static void release(void *arg)
{
	struct conn *c = arg;
	struct listener_shared *shared = c->shared;
	size_t share = c->share;

	buf_free(&c->pending_input);
	free(c);
	shared->sessions--;
	shares_drop(&shared->shares, share);
	if (shared->sessions == 0 && shared->idle != NULL)
		shared->idle(shared->idle_arg);
}

static void settle(struct conn *c, bool acknowledged)
{
	struct smtp_receipt r = c->receipt;

	c->receipt = (struct smtp_receipt){0};
	if (r.settle != NULL)
		r.settle(r.arg, acknowledged);
}

/* The one way in which a connection dies; freed later, for it may be on the stack. */
static void end(struct conn *c)
{
	if (c->ended)
		return;
	c->ended = true;
	if (c->receipt.settle != NULL)
		settle(c, ack_is_complete(c->fd));
	session_free(&c->session);
	tls_free(&c->tls);
	tls_context_unref(&c->tls_context);
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (c->event[i] != NULL)
			event_free(c->event[i]);
	loop_timer_free(&c->timer);
	close(c->fd);
	LIST_REMOVE(c, entry);
	loop_defer(c->shared->loop, release, c);
}

/* --- waiting ---------------------------------------------------------------------------- */

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void on_end(evutil_socket_t fd, short what, void *arg);

static const struct {
	short what;
	event_callback_fn wake;
} watches[WATCH_COUNT] = {
	[WATCH_READ] = {EV_READ | EV_PERSIST, on_read},
	[WATCH_WRITE] = {EV_WRITE | EV_PERSIST, on_write},
	[WATCH_END] = {EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_end},
};

/* Most connections never want the last two. */
static bool begin_watch(struct conn *c, enum watch w)
{
	if (c->event[w] == NULL)
		c->event[w] = event_new(loop_base(c->shared->loop), c->fd,
			watches[w].what, watches[w].wake, c);
	return c->event[w] != NULL && event_add(c->event[w], NULL) == 0;
}

/* Those that are no longer wanted go first: the kernel knows one mode a descriptor. */
static void watch(struct conn *c, const bool want[WATCH_COUNT])
{
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (c->watched[i] && !want[i]) {
			(void)event_del(c->event[i]);
			c->watched[i] = false;
		}
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (want[i] && !c->watched[i]) {
			if (!begin_watch(c, i)) {
				log_event(LOG_ERROR, NULL, "event_add_failed");
				end(c);
				return;
			}
			c->watched[i] = true;
		}
}

/* An alarm that is early is left alone: it finds nothing due and sets the next one. */
static void set_alarm(struct conn *c, uint64_t due)
{
	uint64_t now = loop_now_ms(c->shared->loop);

	if (due == 0 || (c->alarm != 0 && c->alarm <= due))
		return;
	c->alarm = due;
	loop_timer_set(c->timer, due > now ? due - now : 0);
}

/* Broken while lingering: what is not acknowledged yet never will be. */
static void lose(struct conn *c)
{
	settle(c, false);
	end(c);
}

static void look_again(struct conn *c, uint64_t now)
{
	set_alarm(c, now + c->ack_pause);
	c->ack_pause = c->ack_pause < ACK_MS ? c->ack_pause * 2 : ACK_MS;
}

/* Whether the last reply has to be waited for still; the alarm is set then. */
static bool awaits_ack(struct conn *c, uint64_t now)
{
	if (c->receipt.settle == NULL || now >= c->ack_end)
		return false;
	if (ack_is_complete(c->fd)) {
		settle(c, true);
		return false;
	}
	look_again(c, now);
	return true;
}

/* Until neither the client's bytes nor its acknowledgement is waited for. */
static void linger_on(struct conn *c)
{
	uint64_t now = loop_now_ms(c->shared->loop);
	bool reads = c->lingered < LINGER_BYTES && now < c->linger_end;
	bool waits = awaits_ack(c, now);

	if (!reads && !waits) {
		end(c);
		return;
	}
	if (reads)
		set_alarm(c, c->linger_end);
	watch(c, (const bool[WATCH_COUNT]){[WATCH_READ] = reads, [WATCH_END] = !reads});
}

/* What comes meanwhile is dropped unread, encrypted or not. */
static void linger(struct conn *c)
{
	uint64_t now = loop_now_ms(c->shared->loop);

	c->receipt = session_take_receipt(c->session);
	session_free(&c->session);
	if (c->tls != NULL)
		tls_close(c->tls);
	tls_free(&c->tls);
	if (c->peer_gone || shutdown(c->fd, SHUT_WR) < 0) {
		end(c);
		return;
	}
	buf_free(&c->pending_input);
	c->alarm = 0;
	c->linger_end = now + LINGER_MS;
	c->ack_end = now + ACK_MS;
	c->ack_pause = ACK_FIRST_MS;
	linger_on(c);
}

/* --- moving bytes ----------------------------------------------------------------------- */

static ssize_t receive(struct conn *c, void *bytes, size_t len)
{
	return c->tls != NULL ? tls_read(c->tls, bytes, len) : recv(c->fd, bytes, len, 0);
}

static ssize_t transmit(struct conn *c, const void *bytes, size_t len)
{
	return c->tls != NULL ? tls_write(c->tls, bytes, len)
	                      : send(c->fd, bytes, len, MSG_NOSIGNAL);
}

static void feed(struct conn *c, const char *bytes, size_t len)
{
	size_t used = session_input(c->session, bytes, len);

	if (used == len || session_closing(c->session))
		return;
	if (buf_append(&c->pending_input, bytes + used, len - used) < 0) {
		log_event(LOG_ERROR, session_peer(c->session)->session_id, "no_memory");
		session_gone(c->session);
	}
}

static void feed_pending(struct conn *c)
{
	size_t used =
		session_input(c->session, c->pending_input.data, c->pending_input.len);

	if (used == c->pending_input.len || session_closing(c->session))
		buf_free(&c->pending_input);
	else
		buf_consume(&c->pending_input, used);
}

/* Sends what the socket takes; if the client is gone the session ends. */
static void send_output(struct conn *c)
{
	struct buf *out = session_output(c->session);

	while (out->len > 0) {
		ssize_t n = transmit(c, out->data, out->len);

		if (n > 0) {
			buf_consume(out, (size_t)n);
			continue;
		}
		if (n < 0 && would_block())
			return;
		session_lose_reply(c->session);
		c->peer_gone = true;
		session_gone(c->session);
		buf_free(out);
		return;
	}
	buf_free(out);
}

/* Looked at whenever anything happens, and before a read, which takes the socket's error
 * away. */
static void note_ack(struct conn *c)
{
	struct session *s = c->session;

	if (s == NULL && c->receipt.settle != NULL && ack_is_complete(c->fd))
		settle(c, true);
	else if (s != NULL && session_awaits_ack(s) && session_output(s)->len == 0 &&
		 ack_is_complete(c->fd))
		session_acknowledged(s);
}

static void follow_ack(struct conn *c)
{
	note_ack(c);
	if (!session_awaits_ack(c->session))
		c->ack_pause = ACK_FIRST_MS;
	else
		look_again(c, loop_now_ms(c->shared->loop));
}

/*
 * A BUSY session is not read. Most clients keep quiet then: the watch for bytes stays, which
 * spares four system calls a mail, and gives way to that for the end when it fires.
 */
static void watch_session(struct conn *c)
{
	struct session *s = c->session;
	bool busy = session_busy(s), sent = session_output(s)->len == 0;
	bool quiet = c->pending_input.len == 0 && !c->peer_activity;
	bool wants =
		c->pending_input.len == 0 && !c->want_write && session_wants_input(s);

	if (!busy)
		c->peer_activity = false;
	watch(c, (const bool[WATCH_COUNT]){
			 [WATCH_READ] = busy ? quiet : wants,
			 [WATCH_WRITE] = !sent || c->want_write,
			 [WATCH_END] = busy && sent && !quiet,
		 });
}

/* --- TLS -------------------------------------------------------------------------------- */

static void watch_handshake(struct conn *c)
{
	bool write = tls_wants_write(c->tls);

	watch(c, (const bool[WATCH_COUNT]){
			 [WATCH_READ] = !write,
			 [WATCH_WRITE] = write,
		 });
}

/* A session that wants TLS has taken every byte that was read, or else there was clear text
 * after STARTTLS. */
static void begin_tls(struct conn *c)
{
	if (c->pending_input.len > 0)
		session_not_secured(c->session, "clear text after STARTTLS");
	else if (c->tls_context == NULL)
		session_not_secured(c->session, "no certificate");
	else if ((c->tls = tls_new(c->tls_context, c->fd)) == NULL)
		session_not_secured(c->session, "no memory");
}

static void handshake(struct conn *c)
{
	struct tls_info info;

	switch (tls_handshake(c->tls)) {
	case TLS_HANDSHAKE: return;
	case TLS_DONE:
		c->tls_done = true;
		tls_get_info(c->tls, &info);
		session_secured(c->session, &info);
		return;
	case TLS_FAILED: session_not_secured(c->session, tls_error(c->tls)); return;
	}
}

/* Goes as far as the socket allows; true while it has to be waited for. */
static bool is_in_handshake(struct conn *c)
{
	if (c->tls == NULL && session_wants_tls(c->session))
		begin_tls(c);
	if (c->tls == NULL || c->tls_done || session_closing(c->session))
		return false;
	handshake(c);
	return !c->tls_done && !session_closing(c->session);
}

/* After anything happened: moves what can be moved, then waits for what is needed. */
static void step(struct conn *c)
{
	struct session *s = c->session;

	send_output(c);
	while (c->pending_input.len > 0 && session_wants_input(s)) {
		feed_pending(c);
		send_output(c);
	}
	if (is_in_handshake(c)) {
		set_alarm(c, session_deadline(s));
		watch_handshake(c);
		return;
	}
	send_output(c);
	if (session_closing(s) && session_output(s)->len == 0) {
		linger(c);
		return;
	}
	follow_ack(c);
	set_alarm(c, session_deadline(s));
	watch_session(c);
}

/* --- what wakes it ---------------------------------------------------------------------- */

static void note_want_write(struct conn *c)
{
	if (c->tls == NULL || !tls_wants_write(c->tls))
		return;
	c->want_write = true;
	watch_session(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	char chunk[IO_CHUNK];
	struct conn *c = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	if (c->session != NULL && session_busy(c->session)) {
		c->peer_activity = true;
		watch_session(c);
		return;
	}
	if (c->tls != NULL && !c->tls_done) {
		step(c);
		return;
	}
	note_ack(c);
	n = receive(c, chunk, sizeof(chunk));
	if (n < 0 && would_block()) {
		note_want_write(c);
		return;
	}
	if (c->session == NULL) {
		c->lingered += n > 0 ? (size_t)n : LINGER_BYTES;
		if (n < 0)
			lose(c);
		else
			linger_on(c);
		return;
	}
	if (n > 0) {
		feed(c, chunk, (size_t)n);
		/* If the read was full, more is there already, and nobody waits. */
		if (n < IO_CHUNK && session_awaits_rest(c->session))
			ack_now(c->fd);
	} else {
		c->peer_gone = n < 0;
		if (n < 0)
			session_lose_reply(c->session);
		session_gone(c->session);
	}
	step(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (c->want_write) {
		c->want_write = false;
		on_read(fd, what, c);
		return;
	}
	step(c);
}

/* A client that has closed its sending side only may wait for the reply, which the kernel
 * tells from one whose connection is broken (both sides are over). */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	struct conn *c = arg;

	(void)what;
	(void)poll(&p, 1, 0);
	if (c->session == NULL) {
		if ((p.revents & POLLERR) != 0)
			end(c);
		else
			linger_on(c);
		return;
	}
	if ((p.revents & (POLLHUP | POLLERR)) != 0) {
		c->peer_gone = true;
		session_gone(c->session);
	} else if ((p.revents & POLLRDHUP) != 0) {
		session_eof(c->session);
	} else {
		return;
	}
	step(c);
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	c->alarm = 0;
	if (c->session == NULL) {
		linger_on(c);
		return;
	}
	session_expire(c->session);
	step(c);
}

/* A reply came while other code was on the stack. */
static void wake(void *arg)
{
	struct conn *c = arg;

	if (c->session != NULL)
		step(c);
}

static void on_output_ready(void *arg)
{
	struct conn *c = arg;

	loop_defer(c->shared->loop, wake, c);
}

/* --- from outside ----------------------------------------------------------------------- */

void conn_open(struct listener_shared *shared, const struct conn_policy *policy, int fd,
	const struct peer *peer)
{
	struct conn *c = mem_new(1, sizeof(*c));

	c->shared = shared;
	c->fd = fd;
	c->share = policy->share;
	shares_take(&shared->shares, c->share);
	buf_init(&c->pending_input, IO_CHUNK, NULL);
	LIST_INSERT_HEAD(&shared->conns, c, entry);
	shared->sessions++;
	c->timer = loop_timer_new(shared->loop, on_timer, c);
	if (policy->tls != NULL)
		c->tls_context = tls_context_ref(policy->tls);
	c->session = session_new(shared->session, policy->conf, peer, on_output_ready, c);
	session_start(c->session);
	step(c);
}

struct conn *conn_next(const struct conn *c)
{
	return LIST_NEXT(c, entry);
}

bool conn_is_idle(const struct conn *c)
{
	return c->session != NULL && !session_closing(c->session) &&
	       !session_in_transaction(c->session);
}

void conn_shutdown(struct conn *c, bool cut)
{
	if (c->session == NULL)
		return;
	(cut ? session_cut : session_shutdown)(c->session);
	step(c);
}

void conn_abort(struct conn *c)
{
	end(c);
}
