/* SPDX-License-Identifier: MIT */
/* Sockets on one side, sessions on the other. */
#include "smtp/io.h"

#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "smtp/ack.h"
#include "smtp/quickack.h"
#include "smtp/session.h"

#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of one read; what the session does not take of it is held back. */
#define IO_CHUNK (64 * 1024)

/*
 * Behind its last reply a connection is half closed and read for a moment: closed with
 * bytes unread, the kernel would send a reset, which may overtake the reply.
 */
#define LINGER_MS    1000
#define LINGER_BYTES (1024 * 1024)

/* How long the last reply may take to be acknowledged, where somebody asks; looked at first
 * after ACK_FIRST_MS, then after twice that, and so on. */
#define ACK_MS       10000
#define ACK_FIRST_MS 5

/* What is waited for. */
enum watch {
	WATCH_READ,
	WATCH_WRITE,
	/* The end of the client, while BUSY, once it was noisy: edge-triggered, for unread
	 * bytes lie in the socket. EV_READ is part of it, as libevent reports a reset as
	 * that alone. */
	WATCH_END,
	WATCH_COUNT
};

struct io {
	struct listener_shared *shared; /* borrowed */
	int fd;
	size_t share;                     /* of the sessions: the listener's */
	struct event *event[WATCH_COUNT]; /* NULL before it was wanted */
	bool watched[WATCH_COUNT];
	struct loop_timer *timer;
	uint64_t alarm;                  /* when the timer fires; 0: it is off */
	struct session *session;         /* NULL while lingering */
	struct tls_context *tls_context; /* NULL where the listener has no TLS */
	struct tls *tls;                 /* NULL while all is clear text */
	bool secure;                     /* hands are shaken */
	bool stuck;      /* TLS has to write before it can read on (a change of keys) */
	struct buf held; /* bytes that the session was too deaf to take */
	size_t lingered;
	uint64_t linger_end;         /* what still comes is read until then */
	struct smtp_receipt receipt; /* while lingering, of the last reply */
	uint64_t ack_end, ack_pause;
	bool noisy; /* the client sent something, or left, while BUSY */
	bool peer_gone;
	bool ended; /* only release() follows */
	struct io *prev, *next;
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* --- the end of a connection ----------------------------------------------------------- */

static void unlink_io(struct io *io)
{
	if (io->prev != NULL)
		io->prev->next = io->next;
	else
		io->shared->first = io->next;
	if (io->next != NULL)
		io->next->prev = io->prev;
}

static void release(void *arg)
{
	struct io *io = arg;
	struct listener_shared *shared = io->shared;
	size_t share = io->share;

	buf_free(&io->held);
	free(io);
	shared->sessions--;
	shares_drop(&shared->shares, share);
	if (shared->sessions == 0 && shared->idle != NULL)
		shared->idle(shared->idle_arg);
}

static void settle(struct io *io, bool acknowledged)
{
	struct smtp_receipt r = io->receipt;

	io->receipt = (struct smtp_receipt){0};
	if (r.settle != NULL)
		r.settle(r.arg, acknowledged);
}

/* The one way in which a connection dies; freed later, for it may be on the stack. */
static void end(struct io *io)
{
	if (io->ended)
		return;
	io->ended = true;
	if (io->receipt.settle != NULL)
		settle(io, ack_is_complete(io->fd));
	session_free(&io->session);
	tls_free(&io->tls);
	tls_context_unref(&io->tls_context);
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (io->event[i] != NULL)
			event_free(io->event[i]);
	loop_timer_free(&io->timer);
	close(io->fd);
	unlink_io(io);
	loop_defer(io->shared->loop, release, io);
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
static bool begin_watch(struct io *io, enum watch w)
{
	if (io->event[w] == NULL)
		io->event[w] = event_new(loop_base(io->shared->loop), io->fd,
			watches[w].what, watches[w].wake, io);
	return io->event[w] != NULL && event_add(io->event[w], NULL) == 0;
}

/* Those that are no longer wanted go first: the kernel knows one mode a descriptor. */
static void watch(struct io *io, const bool want[WATCH_COUNT])
{
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (io->watched[i] && !want[i]) {
			(void)event_del(io->event[i]);
			io->watched[i] = false;
		}
	for (size_t i = 0; i < WATCH_COUNT; i++)
		if (want[i] && !io->watched[i]) {
			if (!begin_watch(io, i)) {
				log_event(LOG_ERROR, NULL, "event_add_failed");
				end(io);
				return;
			}
			io->watched[i] = true;
		}
}

/* An alarm that is early is left alone: it finds nothing due and sets the next one. */
static void set_alarm(struct io *io, uint64_t due)
{
	uint64_t now = loop_now_ms(io->shared->loop);

	if (due == 0 || (io->alarm != 0 && io->alarm <= due))
		return;
	io->alarm = due;
	loop_timer_set(io->timer, due > now ? due - now : 0);
}

/* Broken while lingering: what was not acknowledged before never will be. */
static void lose(struct io *io)
{
	settle(io, false);
	end(io);
}

static void look_again(struct io *io, uint64_t now)
{
	set_alarm(io, now + io->ack_pause);
	io->ack_pause = io->ack_pause < ACK_MS ? io->ack_pause * 2 : ACK_MS;
}

/* Whether the last reply has to be waited for still; the alarm is set then. */
static bool awaits_ack(struct io *io, uint64_t now)
{
	if (io->receipt.settle == NULL || now >= io->ack_end)
		return false;
	if (ack_is_complete(io->fd)) {
		settle(io, true);
		return false;
	}
	look_again(io, now);
	return true;
}

/* Until neither the client's bytes nor its acknowledgement is waited for. */
static void linger_on(struct io *io)
{
	uint64_t now = loop_now_ms(io->shared->loop);
	bool reads = io->lingered < LINGER_BYTES && now < io->linger_end;
	bool waits = awaits_ack(io, now);

	if (!reads && !waits) {
		end(io);
		return;
	}
	if (reads)
		set_alarm(io, io->linger_end);
	watch(io, (const bool[WATCH_COUNT]){[WATCH_READ] = reads, [WATCH_END] = !reads});
}

/* What comes meanwhile is dropped unread, encrypted or not. */
static void linger(struct io *io)
{
	uint64_t now = loop_now_ms(io->shared->loop);

	io->receipt = session_take_receipt(io->session);
	session_free(&io->session);
	if (io->tls != NULL)
		tls_close(io->tls);
	tls_free(&io->tls);
	if (io->peer_gone || shutdown(io->fd, SHUT_WR) < 0) {
		end(io);
		return;
	}
	buf_free(&io->held);
	io->alarm = 0;
	io->linger_end = now + LINGER_MS;
	io->ack_end = now + ACK_MS;
	io->ack_pause = ACK_FIRST_MS;
	linger_on(io);
}

/* --- moving bytes ----------------------------------------------------------------------- */

static ssize_t receive(struct io *io, void *bytes, size_t len)
{
	return io->tls != NULL ? tls_read(io->tls, bytes, len)
	                       : recv(io->fd, bytes, len, 0);
}

static ssize_t transmit(struct io *io, const void *bytes, size_t len)
{
	return io->tls != NULL ? tls_write(io->tls, bytes, len)
	                       : send(io->fd, bytes, len, MSG_NOSIGNAL);
}

static void feed(struct io *io, const char *bytes, size_t len)
{
	size_t used = session_input(io->session, bytes, len);

	if (used == len || session_closing(io->session))
		return;
	if (buf_append(&io->held, bytes + used, len - used) < 0) {
		log_event(LOG_ERROR, session_peer(io->session)->session_id, "no_memory");
		session_gone(io->session);
	}
}

static void feed_held(struct io *io)
{
	size_t used = session_input(io->session, io->held.data, io->held.len);

	if (used == io->held.len || session_closing(io->session))
		buf_free(&io->held);
	else
		buf_consume(&io->held, used);
}

/* Sends what the socket takes; a client that is gone makes the session end. */
static void send_output(struct io *io)
{
	struct buf *out = session_output(io->session);

	while (out->len > 0) {
		ssize_t n = transmit(io, out->data, out->len);

		if (n > 0) {
			buf_consume(out, (size_t)n);
			continue;
		}
		if (n < 0 && would_block())
			return;
		session_lose_reply(io->session);
		io->peer_gone = true;
		session_gone(io->session);
		buf_free(out);
		return;
	}
	buf_free(out);
}

/* Looked at whenever anything happens, and before a read, which takes the socket's error
 * away. */
static void note_ack(struct io *io)
{
	struct session *s = io->session;

	if (s == NULL && io->receipt.settle != NULL && ack_is_complete(io->fd))
		settle(io, true);
	else if (s != NULL && session_awaits_ack(s) && session_output(s)->len == 0 &&
		 ack_is_complete(io->fd))
		session_acknowledged(s);
}

static void follow_ack(struct io *io)
{
	note_ack(io);
	if (!session_awaits_ack(io->session))
		io->ack_pause = ACK_FIRST_MS;
	else
		look_again(io, loop_now_ms(io->shared->loop));
}

/*
 * A BUSY session is not read. Most clients keep quiet then: the watch for bytes stays, which
 * spares four system calls a mail, and gives way to that for the end when it fires.
 */
static void watch_session(struct io *io)
{
	struct session *s = io->session;
	bool busy = session_busy(s), sent = session_output(s)->len == 0;
	bool quiet = io->held.len == 0 && !io->noisy;
	bool wants = io->held.len == 0 && !io->stuck && session_wants_input(s);

	if (!busy)
		io->noisy = false;
	watch(io, (const bool[WATCH_COUNT]){
			  [WATCH_READ] = busy ? quiet : wants,
			  [WATCH_WRITE] = !sent || io->stuck,
			  [WATCH_END] = busy && sent && !quiet,
		  });
}

/* --- TLS -------------------------------------------------------------------------------- */

static void watch_handshake(struct io *io)
{
	bool write = tls_wants_write(io->tls);

	watch(io, (const bool[WATCH_COUNT]){
			  [WATCH_READ] = !write,
			  [WATCH_WRITE] = write,
		  });
}

/* A session that wants TLS has taken every byte that was read, or else somebody put clear
 * text behind STARTTLS. */
static void begin_tls(struct io *io)
{
	if (io->held.len > 0)
		session_not_secured(io->session, "clear text behind STARTTLS");
	else if (io->tls_context == NULL)
		session_not_secured(io->session, "no certificate");
	else if ((io->tls = tls_new(io->tls_context, io->fd)) == NULL)
		session_not_secured(io->session, "no memory");
}

static void shake_hands(struct io *io)
{
	struct tls_facts facts;

	switch (tls_handshake(io->tls)) {
	case TLS_SHAKES: return;
	case TLS_SHAKEN:
		io->secure = true;
		tls_facts(io->tls, &facts);
		session_secured(io->session, &facts);
		return;
	case TLS_FAILED: session_not_secured(io->session, tls_error(io->tls)); return;
	}
}

/* Goes as far as the socket allows; true while it has to be waited for. */
static bool securing(struct io *io)
{
	if (io->tls == NULL && session_wants_tls(io->session))
		begin_tls(io);
	if (io->tls == NULL || io->secure || session_closing(io->session))
		return false;
	shake_hands(io);
	return !io->secure && !session_closing(io->session);
}

/* After anything happened: moves what can be moved, then waits for what is needed. */
static void step(struct io *io)
{
	struct session *s = io->session;

	send_output(io);
	while (io->held.len > 0 && session_wants_input(s)) {
		feed_held(io);
		send_output(io);
	}
	if (securing(io)) {
		set_alarm(io, session_deadline(s));
		watch_handshake(io);
		return;
	}
	send_output(io);
	if (session_closing(s) && session_output(s)->len == 0) {
		linger(io);
		return;
	}
	follow_ack(io);
	set_alarm(io, session_deadline(s));
	watch_session(io);
}

/* --- what wakes it ---------------------------------------------------------------------- */

static void note_stuck(struct io *io)
{
	if (io->tls == NULL || !tls_wants_write(io->tls))
		return;
	io->stuck = true;
	watch_session(io);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	char chunk[IO_CHUNK];
	struct io *io = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	if (io->session != NULL && session_busy(io->session)) {
		io->noisy = true;
		watch_session(io);
		return;
	}
	if (io->tls != NULL && !io->secure) {
		step(io);
		return;
	}
	note_ack(io);
	n = receive(io, chunk, sizeof(chunk));
	if (n < 0 && would_block()) {
		note_stuck(io);
		return;
	}
	if (io->session == NULL) {
		io->lingered += n > 0 ? (size_t)n : LINGER_BYTES;
		if (n < 0)
			lose(io);
		else
			linger_on(io);
		return;
	}
	if (n > 0) {
		feed(io, chunk, (size_t)n);
		/* If the read was full, more is there already, and nobody waits. */
		if (n < IO_CHUNK && session_awaits_rest(io->session))
			quickack(io->fd);
	} else {
		io->peer_gone = n < 0;
		if (n < 0)
			session_lose_reply(io->session);
		session_gone(io->session);
	}
	step(io);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct io *io = arg;

	if (io->stuck) {
		io->stuck = false;
		on_read(fd, what, io);
		return;
	}
	step(io);
}

/* A client that has closed its sending side only may wait for the reply, which the kernel
 * tells from one whose connection is broken (both sides are over). */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	struct io *io = arg;

	(void)what;
	(void)poll(&p, 1, 0);
	if (io->session == NULL) {
		if ((p.revents & POLLERR) != 0)
			end(io);
		else
			linger_on(io);
		return;
	}
	if ((p.revents & (POLLHUP | POLLERR)) != 0) {
		io->peer_gone = true;
		session_gone(io->session);
	} else if ((p.revents & POLLRDHUP) != 0) {
		session_eof(io->session);
	} else {
		return;
	}
	step(io);
}

static void on_timer(void *arg)
{
	struct io *io = arg;

	io->alarm = 0;
	if (io->session == NULL) {
		linger_on(io);
		return;
	}
	session_expire(io->session);
	step(io);
}

/* A reply came while somebody else was on the stack. */
static void wake(void *arg)
{
	struct io *io = arg;

	if (io->session != NULL)
		step(io);
}

static void on_woken(void *arg)
{
	struct io *io = arg;

	loop_defer(io->shared->loop, wake, io);
}

/* --- from outside ----------------------------------------------------------------------- */

void io_open(struct listener_shared *shared, const struct io_policy *policy, int fd,
	const struct smtp_peer *peer)
{
	struct io *io = mem_new(1, sizeof(*io));

	io->shared = shared;
	io->fd = fd;
	io->share = policy->share;
	shares_take(&shared->shares, io->share);
	buf_init(&io->held, IO_CHUNK, NULL);
	io->next = shared->first;
	if (io->next != NULL)
		io->next->prev = io;
	shared->first = io;
	shared->sessions++;
	io->timer = loop_timer_new(shared->loop, on_timer, io);
	if (policy->tls != NULL)
		io->tls_context = tls_context_ref(policy->tls);
	io->session = session_new(shared->session, policy->conf, peer, on_woken, io);
	session_start(io->session);
	step(io);
}

struct io *io_next(const struct io *io)
{
	return io->next;
}

bool io_is_idle(const struct io *io)
{
	return io->session != NULL && !session_closing(io->session) &&
	       !session_in_transaction(io->session);
}

void io_shutdown(struct io *io, bool cut)
{
	if (io->session == NULL)
		return;
	(cut ? session_cut : session_shutdown)(io->session);
	step(io);
}

void io_abort(struct io *io)
{
	end(io);
}
