/* SPDX-License-Identifier: MIT */
/*
 * Messages between the supervisor and one child, over a SOCK_SEQPACKET socketpair: one
 * fixed struct a packet, so there is nothing to frame or to parse.
 */
#ifndef PROCESS_CHANNEL_H
#define PROCESS_CHANNEL_H

#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "net/tls_context.h"
#include "process/drain_times.h"
#include "ses/sign.h"

#include <stdint.h>

enum channel_type {
	CHANNEL_KEY,    /* supervisor -> worker: a day key of an account */
	CHANNEL_READY,  /* child -> supervisor: accepts connections now */
	CHANNEL_DRAIN,  /* supervisor -> child: stop accepting, finish, exit 0. May come
	                   again if a stop follows on a reload */
	CHANNEL_REOPEN, /* supervisor -> child: use the log descriptor sent along */
	CHANNEL_FILES, /* supervisor -> worker: the memfd of process/files.h sent along */
	CHANNEL_TICKETS, /* supervisor -> worker: keys of TLS session tickets */
	CHANNEL_PING,    /* supervisor -> child: does your loop turn? */
	CHANNEL_PONG,    /* child -> supervisor: it does; one for each */
	CHANNEL_SLOT, /* supervisor -> child: another slot's memory (core/shm.h) sent along */
};

struct channel_key {
	uint32_t account; /* index in conf->accounts */
	struct sign_key key;
	char secret_id[128];
	char token[2048];
};

struct channel_drain {
	struct drain_times times;
	uint32_t stop; /* bool: the gateway ends; 0: other processes go on in its place */
};

struct channel_message {
	uint32_t type;
	union {
		struct channel_key key;
		struct channel_drain drain;
		struct tls_tickets tickets;
		uint32_t slot;
	};
};

struct channel;

/* message(arg, m, fd) for each that arrives; fd is -1 or the receiver's; closed(arg) once
 * when the other end is gone. fd of the channel is owned from here on. */
struct channel *channel_new(struct loop *loop, int fd,
	void (*message)(void *arg, const struct channel_message *m, int fd),
	void (*closed)(void *arg), void *arg) MUST_CHECK;
void channel_free(struct channel **c);

/* fd may be -1; it stays the caller's, as m does. What the kernel does not take now is kept
 * and sent later. -1 where the peer is gone, or has left too much unread: the caller treats
 * the child as dead. */
int channel_send(struct channel *c, const struct channel_message *m, int fd,
	struct err *err) MUST_CHECK;

#endif
