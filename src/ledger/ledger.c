/* SPDX-License-Identifier: MIT */
/* The tables of ledger/ledger.h in shared memory. */
#include "ledger/ledger.h"

#include "core/mem.h"
#include "core/shm.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_ROW 8 /* entries that share a hash */
#define WHO_LEN  16

/* Kept by a worker that was told to forget what another one remembers. */
#define FORGOTTEN ((uint32_t)LEDGER_UNCERTAIN + 1)

/* No entry is written in the future; but the loops of workers read the clock once a turn. */
#define SKEW_MS 60000

struct entry {
	uint8_t who[WHO_LEN]; /* the first bytes of the key's */
	uint64_t written, expires;
	uint64_t busy_until;
	uint32_t state; /* enum ledger_state, or FORGOTTEN */
	uint32_t spare;
	char message_id[LEDGER_ID_MAX];
	uint8_t proof[DIGEST_LEN]; /* of all that stands before it */
};

/* A tag is of the entry's `who`, 0 where there is none: it is cleared first and set last, and
 * the proof of an entry that is read in between does not fit. Most lookups end at the tags. */
struct table {
	_Atomic uint32_t tags[LEDGER_ENTRIES];
	struct entry entries[LEDGER_ENTRIES];
};

_Static_assert(sizeof(struct table) <= SHM_LEDGER_BYTES, "the section has room");

struct ledger {
	struct shm *shm;                 /* borrowed */
	size_t slot;                     /* ours */
	struct digest_key *fingerprints; /* owned */
	size_t rows;
};

/* Where an entry is, and what it would have to prove. */
struct place {
	size_t first; /* of the row */
	uint32_t tag;
	const struct ledger_key *key;
};

/* --- keys ------------------------------------------------------------------------------ */

void ledger_key_who(struct ledger_key *k, const char *account, const char *sender,
	const char *recipient, size_t size)
{
	const char *parts[] = {account, sender, recipient};
	struct digest *d = digest_new();
	uint64_t bytes = size;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		digest_update(d, parts[i], strlen(parts[i]) + 1);
	digest_update(d, &bytes, sizeof(bytes));
	digest_final(d, k->who);
	digest_free(&d);
}

/* A fingerprint under the gateway's own key: this is done for every mail, and SHA-256 of a
 * large one would cost as much as its delivery does. */
void ledger_key_what(const struct ledger *m, struct ledger_key *k, struct span message)
{
	if (m == NULL)
		memset(k->what, 0, sizeof(k->what));
	else
		digest_mac(m->fingerprints, message.p, message.len, k->what);
}

/* --- life ------------------------------------------------------------------------------ */

/* Of the seed, so that all processes of the gateway have the same. */
static struct digest_key *make_fingerprints(const struct shm *shm)
{
	static const char purpose[] = "what a message is known again by";
	uint64_t seed = shm_seed(shm);
	uint8_t key[DIGEST_LEN];

	digest_hmac(&seed, sizeof(seed), purpose, sizeof(purpose), key);
	return digest_key_new(key);
}

struct ledger *ledger_new(struct shm *shm, size_t slot, size_t entries)
{
	struct ledger *m = mem_new(1, sizeof(*m));
	size_t rows = (entries + LEDGER_ROW - 1) / LEDGER_ROW;

	m->shm = shm;
	m->slot = slot;
	m->fingerprints = make_fingerprints(shm);
	m->rows = rows > 0 ? rows : 1;
	if (m->rows > LEDGER_ENTRIES / LEDGER_ROW)
		m->rows = LEDGER_ENTRIES / LEDGER_ROW;
	return m;
}

void ledger_free(struct ledger **m)
{
	if (*m == NULL)
		return;
	digest_key_free(&(*m)->fingerprints);
	free(*m);
	*m = NULL;
}

/* --- entries --------------------------------------------------------------------------- */

static struct place place_of(const struct ledger *m, const struct ledger_key *k)
{
	struct place p = {.key = k};
	uint64_t hash;

	memcpy(&hash, k->who + WHO_LEN, sizeof(hash));
	p.first = (size_t)(hash % m->rows) * LEDGER_ROW;
	p.tag = (uint32_t)(hash >> 32) | 1;
	return p;
}

/* SHA-256 of the key and the entry; nobody finds the key in it. All entries are of one
 * length, so none can be made out of another by going on with its digest, which is what HMAC
 * would be for. */
static void prove(const struct place *p, const struct entry *e, uint8_t out[DIGEST_LEN])
{
	struct digest *d = digest_new();

	digest_update(d, p->key, sizeof(*p->key));
	digest_update(d, e, offsetof(struct entry, proof));
	digest_final(d, out);
	digest_free(&d);
}

/* Whether the times and the state of an entry are such as we would write. */
static bool is_live(const struct entry *e, uint64_t now)
{
	return e->state > LEDGER_NONE && e->state <= FORGOTTEN &&
	       e->written <= now + SKEW_MS && e->expires > now &&
	       e->expires > e->written && e->expires - e->written <= LEDGER_LIFE_MS;
}

/* A copy of the i-th entry of the row, which its writer may change meanwhile. */
static bool copy_entry(
	const struct table *t, const struct place *p, size_t i, struct entry *out)
{
	if (atomic_load_explicit(&t->tags[p->first + i], memory_order_acquire) != p->tag)
		return false;
	memcpy(out, &t->entries[p->first + i], sizeof(*out));
	atomic_thread_fence(memory_order_acquire);
	return memcmp(out->who, p->key->who, WHO_LEN) == 0;
}

static bool is_proven(const struct place *p, const struct entry *e)
{
	uint8_t proof[DIGEST_LEN];

	prove(p, e, proof);
	return memcmp(proof, e->proof, DIGEST_LEN) == 0;
}

static const struct table *table_of(const struct ledger *m, size_t slot)
{
	return shm_read(m->shm, slot, SHM_LEDGER);
}

/* --- looking ---------------------------------------------------------------------------- */

bool ledger_knows(struct ledger *m, const struct ledger_key *k, uint64_t now)
{
	struct place p;
	struct entry e;

	if (m == NULL)
		return false;
	p = place_of(m, k);
	for (size_t slot = 0; slot < shm_count(m->shm); slot++)
		for (size_t i = 0; table_of(m, slot) != NULL && i < LEDGER_ROW; i++)
			if (copy_entry(table_of(m, slot), &p, i, &e) &&
				is_live(&e, now) && e.state != FORGOTTEN)
				return true;
	return false;
}

/* The entry of a slot: its index in the row, or LEDGER_ROW. */
static size_t find_in(const struct ledger *m, size_t slot, const struct place *p,
	uint64_t now, struct entry *e)
{
	const struct table *t = table_of(m, slot);

	for (size_t i = 0; t != NULL && i < LEDGER_ROW; i++)
		if (copy_entry(t, p, i, e) && is_live(e, now) && is_proven(p, e))
			return i;
	return LEDGER_ROW;
}

/* The one of all slots that was written last; *lives: when the last of the others' ends. */
static bool find_newest(const struct ledger *m, const struct place *p, uint64_t now,
	struct entry *newest, uint64_t *lives)
{
	struct entry e;
	bool found = false;

	*lives = 0;
	for (size_t slot = 0; slot < shm_count(m->shm); slot++) {
		if (find_in(m, slot, p, now, &e) == LEDGER_ROW)
			continue;
		if (slot != m->slot && e.state != FORGOTTEN && e.expires > *lives)
			*lives = e.expires;
		if (!found || e.written > newest->written)
			*newest = e;
		found = true;
	}
	return found;
}

/* It goes into a reply and into the log; only whoever saw the message could have written
 * another, and still. */
static void copy_id(char out[LEDGER_ID_MAX], const char in[LEDGER_ID_MAX])
{
	size_t n = 0;

	while (n < LEDGER_ID_MAX - 1 && in[n] >= ' ' && in[n] <= '~') {
		out[n] = in[n];
		n++;
	}
	out[n] = '\0';
}

bool ledger_find(
	struct ledger *m, const struct ledger_key *k, uint64_t now, struct ledger_entry *out)
{
	struct place p;
	struct entry e;
	uint64_t lives;

	*out = (struct ledger_entry){.state = LEDGER_NONE};
	if (m == NULL)
		return false;
	p = place_of(m, k);
	if (!find_newest(m, &p, now, &e, &lives) || e.state == FORGOTTEN)
		return false;
	out->state = (enum ledger_state)e.state;
	out->busy_until = e.busy_until;
	out->life_ms = e.expires - now;
	out->spare = e.spare != 0;
	copy_id(out->message_id, e.message_id);
	return true;
}

/* --- writing ---------------------------------------------------------------------------- */

/* Which of two live ones is worth less: what nobody will ask for, then what was sent, for
 * what is unsure must not be forgotten; of equals the older one. */
static bool is_worth_less(const struct entry *a, const struct entry *b)
{
	bool a_sent = a->state == LEDGER_SENT, b_sent = b->state == LEDGER_SENT;

	if ((a->spare != 0) != (b->spare != 0))
		return a->spare != 0;
	if (a_sent != b_sent)
		return a_sent;
	return a->written < b->written;
}

/* Of our row: one that is empty, has ended, or was never written by us; else the one that is
 * worth least. */
static size_t free_place(const struct table *t, const struct place *p, uint64_t now)
{
	const struct entry *row = &t->entries[p->first];
	size_t best = 0;

	for (size_t i = 0; i < LEDGER_ROW; i++) {
		if (atomic_load(&t->tags[p->first + i]) == 0 || !is_live(&row[i], now))
			return i;
		if (is_worth_less(&row[i], &row[best]))
			best = i;
	}
	return best;
}

static void write_entry(struct table *t, const struct place *p, size_t i, struct entry *e)
{
	_Atomic uint32_t *tag = &t->tags[p->first + i];

	memcpy(e->who, p->key->who, WHO_LEN);
	prove(p, e, e->proof);
	atomic_store(tag, 0);
	atomic_thread_fence(memory_order_release);
	t->entries[p->first + i] = *e;
	atomic_store(tag, p->tag);
}

/* In the place of what we had; later than anything that is known. */
static void put(const struct ledger *m, const struct place *p, uint64_t now,
	const struct entry *newest, struct entry *e)
{
	struct table *t = shm_write(m->shm, m->slot, SHM_LEDGER);
	struct entry old;
	size_t i;

	if (t == NULL)
		return;
	e->written = newest != NULL && newest->written >= now ? newest->written + 1 : now;
	if (e->expires - e->written > LEDGER_LIFE_MS)
		e->expires = e->written + LEDGER_LIFE_MS;
	i = find_in(m, m->slot, p, now, &old);
	if (i == LEDGER_ROW)
		i = free_place(t, p, now);
	write_entry(t, p, i, e);
}

void ledger_put(struct ledger *m, const struct ledger_key *k, uint64_t now,
	const struct ledger_entry *in)
{
	struct place p;
	struct entry newest, e;
	uint64_t lives;
	bool known;

	if (m == NULL)
		return;
	p = place_of(m, k);
	memset(&e, 0, sizeof(e));
	e.expires = now + (in->life_ms > 0 ? in->life_ms : LEDGER_LIFE_MS);
	e.busy_until = in->busy_until;
	e.state = in->state;
	e.spare = in->spare;
	str_copy(e.message_id, LEDGER_ID_MAX, in->message_id);
	known = find_newest(m, &p, now, &newest, &lives);
	put(m, &p, now, known ? &newest : NULL, &e);
}

/* What others remember cannot be taken from their tables: a newer entry says that it no
 * longer holds, for as long as they would. */
void ledger_forget(struct ledger *m, const struct ledger_key *k, uint64_t now)
{
	struct place p;
	struct entry newest, e;
	uint64_t lives;
	size_t i;

	if (m == NULL)
		return;
	p = place_of(m, k);
	if (!find_newest(m, &p, now, &newest, &lives) || newest.state == FORGOTTEN)
		return;
	if (lives > 0) {
		memset(&e, 0, sizeof(e));
		e.expires = lives;
		e.state = FORGOTTEN;
		put(m, &p, now, &newest, &e);
		return;
	}
	i = find_in(m, m->slot, &p, now, &e);
	if (i < LEDGER_ROW && shm_write(m->shm, m->slot, SHM_LEDGER) != NULL)
		atomic_store(&((struct table *)shm_write(m->shm, m->slot, SHM_LEDGER))
				      ->tags[p.first + i],
			0);
}
