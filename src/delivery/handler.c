/* SPDX-License-Identifier: MIT */
/* The functions that the SMTP room calls. */
#include "delivery/handler.h"

#include "delivery/delivery.h"
#include "delivery/prepare.h"
#include "smtp/access.h"

static int on_mail(
	void *arg, const struct peer *peer, const struct envelope *e, struct reply *reply)
{
	const struct delivery_context *ctx = arg;

	(void)peer;
	return prepare_sender(ctx->conf, e->reverse_path, reply) == 0 ? 1 : -1;
}

/* Refused early if no route could take it, whatever the From header will say. */
static int on_rcpt(void *arg, const struct peer *peer, const struct envelope *e,
	const char *recipient, struct reply *reply)
{
	const struct delivery_context *ctx = arg;
	const struct route_query q = {.listener = peer->listener->name,
		.client = peer->address,
		.user = peer->user,
		.sender = e->reverse_path,
		.recipient = recipient,
		.user_route = access_route(peer)};

	return prepare_route(ctx->conf, &q, reply) != NULL ? 1 : -1;
}

static int on_message(void *arg, struct transaction *t, struct reply *reply)
{
	return delivery_start(arg, t, reply);
}

static void on_aborted(void *arg, struct transaction *t)
{
	(void)arg;
	delivery_detach(t->handler_data);
}

static void on_half_closed(void *arg, struct transaction *t)
{
	(void)arg;
	delivery_half_close(t->handler_data);
}

const struct smtp_handler delivery_handler = {
	.mail = on_mail,
	.rcpt = on_rcpt,
	.message = on_message,
	.aborted = on_aborted,
	.half_closed = on_half_closed,
};
