/* SPDX-License-Identifier: MIT */
/*
 * What a trusted peer says of its client: the arguments of XCLIENT and XFORWARD (Postfix,
 * XCLIENT_README and XFORWARD_README).
 *
 *	name=value *( SP name=value ), values in xtext
 */
#ifndef SMTP_XCLIENT_H
#define SMTP_XCLIENT_H

#include "core/attr.h"
#include "core/ip.h"
#include "core/str.h"
#include "smtp/reply.h"

#include <stdbool.h>

/* What each takes, as EHLO says. */
#define XCLIENT_NAMES  "NAME ADDR PORT PROTO HELO LOGIN"
#define XFORWARD_NAMES "NAME ADDR PORT PROTO HELO IDENT SOURCE"

/* "" if it was not said, or is "[UNAVAILABLE]" or "[TEMPUNAVAIL]". */
struct xclient {
	bool has_address; /* ADDR was said, possibly as not available */
	char name[256];   /* of the client, by DNS */
	char address[NET_TEXT_LEN];
	unsigned port;    /* 0: not said */
	char protocol[8]; /* "SMTP", "ESMTP", "LMTP" */
	char helo[256];
	char ident[256]; /* XFORWARD: the peer's own name of the message */
	char source[8];  /* XFORWARD: "LOCAL", "REMOTE" */
	char login[256]; /* XCLIENT: the user of the login at the peer */
};

/* names: XCLIENT_NAMES or XFORWARD_NAMES. Each may be said once. 0, or -1 with *reply. */
int xclient_parse(struct span args, const char *names, struct xclient *x,
	struct reply *reply) MUST_CHECK;

#endif
