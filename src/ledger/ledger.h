/* SPDX-License-Identifier: MIT */
/*
 * What became of recipients whose client has not been told "250": so that its retry is not
 * a second mail to those who already have the first.
 *
 * A bounded table in the shared memory of each worker (core/shm), which it alone writes and all
 * read; it outlives a worker and a reload, but not the service. Of several entries of the same
 * recipient and message the one that was written last counts, wherever it is. Entries end by
 * themselves; in a full row of a worker's table one makes way: a spare one, else one that was
 * sent, else any; of those the one that was put first. All functions take a NULL ledger, which
 * remembers nothing.
 *
 * A worker that is not ours any more cannot put words into the mouths of others: an entry
 * proves itself by a digest that nobody can make without the message's bytes, and what does not is no
 * entry. So nobody can make or alter one of mail that they have not seen.
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
#define LEDGER_ENTRIES 32768 /* of a worker: about 7 MB, taken as they are used */
#define LEDGER_ID_MAX  128

#define LEDGER_WHAT_LEN DIGEST_MAC_LEN

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
	bool spare;          /* only a lost 250 would ask for it: in a full row such
	                        entries make way first, and then those of LEDGER_SENT */
};

/* One recipient of one message. The two halves are made apart because the second reads
 * the whole message: it is only needed where the first one is known, or to remember. */
struct ledger_key {
	uint8_t who
		[DIGEST_LEN]; /* account, reverse-path, recipient, size of the message */
	uint8_t what[LEDGER_WHAT_LEN]; /* the message's bytes */
};

void ledger_key_who(struct ledger_key *k, const char *account, const char *sender,
	const char *recipient, size_t size);

struct shm;

/* Reads the tables of all slots of shm, which is borrowed and has slot 0, and writes that of `slot`. entries:
 * room in each, at most LEDGER_ENTRIES, and the same for all who share them. Never NULL. */
struct ledger *ledger_new(struct shm *shm, size_t slot, size_t entries) MUST_CHECK;
void ledger_free(struct ledger **m);

/* Fills k->what, the same in all processes of the gateway and in no other one; zeros for a NULL
 * ledger. Any thread may call it. */
void ledger_key_what(const struct ledger *m, struct ledger_key *k, struct span message);

/* Whether anything is remembered of k->who; false means that k->what need not be made. */
bool ledger_knows(struct ledger *m, const struct ledger_key *k, uint64_t now);

/* False, and LEDGER_NONE, where nothing is remembered. */
bool ledger_find(
	struct ledger *m, const struct ledger_key *k, uint64_t now, struct ledger_entry *out);

/* Remembers, in place of what was known. */
void ledger_put(struct ledger *m, const struct ledger_key *k, uint64_t now,
	const struct ledger_entry *in);

void ledger_forget(struct ledger *m, const struct ledger_key *k, uint64_t now);

#endif
