/* SPDX-License-Identifier: MIT */
/*
 * What became of recipients whose client may not have received its 250, so that its retry does
 * not send a second mail to those who already have the first.
 *
 * This is the interface, and the key of an entry. A store implements it: ledger/ledger_memory.
 * Only whoever creates the store knows which one it is. All functions take a NULL ledger, which
 * keeps nothing.
 *
 * Of several entries with one key the one that was written last counts. Entries expire; a full
 * store replaces entries of which it is least likely that a client will ask for them.
 *
 * Times are those of clock_mono_ms(), which all processes of a machine share.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "core/attr.h"
#include "core/digest.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_LIFE_MS (24ULL * 3600 * 1000)
#define LEDGER_ID_MAX  128

#define LEDGER_CONTENT_LEN DIGEST_MAC_LEN

struct ledger;

enum ledger_state {
	LEDGER_NONE,
	LEDGER_SENDING,   /* its client went away, the call is still under way */
	LEDGER_SENT,      /* the API accepted it; message_id says as what */
	LEDGER_UNCERTAIN, /* the API may have accepted it */
};

struct ledger_entry {
	enum ledger_state state;
	char message_id[LEDGER_ID_MAX]; /* of LEDGER_SENT */
	uint64_t busy_until; /* of LEDGER_SENDING: past it nobody works on it any more */
	uint64_t life_ms;    /* from ledger_put() on; 0: LEDGER_LIFE_MS */
	bool replace_first; /* only a lost 250 would ask for it: a full store replaces such
	                        entries first, and then those of LEDGER_SENT */
};

/* One recipient of one message. The two halves are made apart because the second reads the
 * whole message: it is only needed if the ledger has the first, or for an entry to be put. */
struct ledger_key {
	/* Digest of account, reverse-path, recipient, and the size of the message. */
	uint8_t envelope[DIGEST_LEN];
	/* Digest of the bytes of the message. */
	uint8_t content[LEDGER_CONTENT_LEN];
};

void ledger_key_envelope(struct ledger_key *k, const char *account, const char *sender,
	const char *recipient, size_t size);

/* The content of a key: the same in all processes of the gateway, different in every other
 * gateway; zeros for a NULL ledger. Any thread may call it. */
void ledger_digest(
	const struct ledger *l, struct span message, uint8_t content[LEDGER_CONTENT_LEN]);

/* For a store: the key of the digests of contents, made of the gateway's seed. They are made
 * for every mail, and SHA-256 of a large one would cost as much as its delivery. Owned. */
struct digest_key *ledger_content_key(uint64_t seed) MUST_CHECK;

void ledger_free(struct ledger **l);

/* Whether there is an entry with k->envelope; if not, k->content need not be made. */
bool ledger_knows(struct ledger *l, const struct ledger_key *k, uint64_t now);

/* False, and LEDGER_NONE, if there is no entry. */
bool ledger_find(struct ledger *l, const struct ledger_key *k, uint64_t now,
	struct ledger_entry *out);

/* Writes an entry in place of the one that is there. */
void ledger_put(struct ledger *l, const struct ledger_key *k, uint64_t now,
	const struct ledger_entry *in);

void ledger_remove(struct ledger *l, const struct ledger_key *k, uint64_t now);

#endif
