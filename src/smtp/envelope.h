/* SPDX-License-Identifier: MIT */
/*
 * The envelope: who sends, who gets it, and what the client asked for (RFC 5321 §2.3.1).
 */
#ifndef SMTP_ENVELOPE_H
#define SMTP_ENVELOPE_H

#include "core/attr.h"
#include "smtp/dsn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was asked of reports about one recipient. */
struct envelope_dsn {
	unsigned notify; /* enum dsn_notify, a set */
	char *orcpt;     /* owned; NULL where it was not said */
};

struct recipient_index;

struct envelope {
	char *reverse_path; /* owned; "" for <>; NULL before MAIL */
	char **recipients;  /* owned; in the order of RCPT, doubles left out (a domain in
	                       another case is the same, a local part is not) */
	struct envelope_dsn *dsn; /* owned; of each recipient */
	size_t n_recipients;
	size_t cap, dsn_cap;
	struct recipient_index *index; /* owned; NULL while there are few */
	bool smtputf8;                 /* MAIL had SMTPUTF8 */
	bool eightbit;                 /* BODY=8BITMIME */
	bool binary;                   /* BODY=BINARYMIME */
	bool prdr;     /* PRDR: the client wants a reply for each recipient */
	uint64_t size; /* SIZE=, 0 where absent */
	enum dsn_ret ret;
	char *envid; /* owned, as sent; NULL where it was not said */
};

void envelope_init(struct envelope *e);
void envelope_clear(struct envelope *e);

/* The address is copied; a double is not stored again. */
void envelope_add(struct envelope *e, const char *recipient);

/* The index of the recipient; n_recipients if it is not in it. */
size_t envelope_find(const struct envelope *e, const char *recipient);

/* Moves the contents from src into dst (which is cleared first); src is empty afterwards. */
void envelope_move(struct envelope *dst, struct envelope *src);

#endif
