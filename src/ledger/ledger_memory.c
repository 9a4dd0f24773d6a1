/* SPDX-License-Identifier: MIT */
/* The tables, and what of them is believed. */
#include "ledger/ledger_memory.h"

#include "core/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROW          8 /* entries that share a hash */
#define ENVELOPE_LEN 16

/* The state of an entry that removes those of other workers. */
#define TOMBSTONE ((uint32_t)LEDGER_UNCERTAIN + 1)

/* No entry is written in the future; but the loops of workers read the clock once a turn. */
#define SKEW_MS 60000

struct entry {
	uint8_t envelope[ENVELOPE_LEN]; /* the first bytes of the key's */
	uint64_t written, expires;
	uint64_t busy_until;
	uint32_t state; /* enum ledger_state, or TOMBSTONE */
	uint32_t replace_first;
	char message_id[LEDGER_ID_MAX];
	uint8_t proof[DIGEST_LEN]; /* of all that stands before it */
};

/* A tag is of the entry's envelope, 0 if there is none: it is cleared first and set last, and
 * the proof of an entry that is read in between does not fit. Most lookups end at the tags. */
struct table {
	_Atomic uint32_t tags[LEDGER_MEMORY_ENTRIES];
	struct entry entries[LEDGER_MEMORY_ENTRIES];
};

_Static_assert(sizeof(struct table) <= SHM_LEDGER_BYTES, "the section has room");

struct ledger {
	struct shm *shm;                /* borrowed */
	size_t slot;                    /* ours */
	struct digest_key *content_key; /* owned */
	size_t rows;
};

/* Where an entry is, and what it would have to prove. */
struct place {
	size_t first; /* of the row */
	uint32_t tag;
	const struct ledger_key *key;
};

/* --- life ------------------------------------------------------------------------------ */

struct ledger *ledger_memory_new(struct shm *shm, size_t slot, size_t entries)
{
	struct ledger *l = mem_new(1, sizeof(*l));
	size_t rows = (entries + ROW - 1) / ROW;

	l->shm = shm;
	l->slot = slot;
	l->content_key = ledger_content_key(shm_seed(shm));
	l->rows = rows > 0 ? rows : 1;
	if (l->rows > LEDGER_MEMORY_ENTRIES / ROW)
		l->rows = LEDGER_MEMORY_ENTRIES / ROW;
	return l;
}

void ledger_free(struct ledger **l)
{
	if (*l == NULL)
		return;
	digest_key_free(&(*l)->content_key);
	free(*l);
	*l = NULL;
}

void ledger_digest(
	const struct ledger *l, struct span message, uint8_t content[LEDGER_CONTENT_LEN])
{
	if (l == NULL)
		memset(content, 0, LEDGER_CONTENT_LEN);
	else
		digest_mac(l->content_key, message.p, message.len, content);
}

/* --- entries --------------------------------------------------------------------------- */

static struct place place_of(const struct ledger *l, const struct ledger_key *k)
{
	struct place p = {.key = k};
	uint64_t hash;

	memcpy(&hash, k->envelope + ENVELOPE_LEN, sizeof(hash));
	p.first = (size_t)(hash % l->rows) * ROW;
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
	return e->state > LEDGER_NONE && e->state <= TOMBSTONE &&
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
	return memcmp(out->envelope, p->key->envelope, ENVELOPE_LEN) == 0;
}

static bool is_proven(const struct place *p, const struct entry *e)
{
	uint8_t proof[DIGEST_LEN];

	prove(p, e, proof);
	return memcmp(proof, e->proof, DIGEST_LEN) == 0;
}

static const struct table *table_of(const struct ledger *l, size_t slot)
{
	return shm_read(l->shm, slot, SHM_LEDGER);
}

/* --- looking ---------------------------------------------------------------------------- */

bool ledger_knows(struct ledger *l, const struct ledger_key *k, uint64_t now)
{
	struct place p;
	struct entry e;

	if (l == NULL)
		return false;
	p = place_of(l, k);
	for (size_t slot = 0; slot < shm_count(l->shm); slot++)
		for (size_t i = 0; table_of(l, slot) != NULL && i < ROW; i++)
			if (copy_entry(table_of(l, slot), &p, i, &e) &&
				is_live(&e, now) && e.state != TOMBSTONE)
				return true;
	return false;
}

/* The entry of a slot: its index in the row, or ROW. */
static size_t find_in(const struct ledger *l, size_t slot, const struct place *p,
	uint64_t now, struct entry *e)
{
	const struct table *t = table_of(l, slot);

	for (size_t i = 0; t != NULL && i < ROW; i++)
		if (copy_entry(t, p, i, e) && is_live(e, now) && is_proven(p, e))
			return i;
	return ROW;
}

/* The one of all slots that was written last; *lives: when the last of the others' ends. */
static bool find_newest(const struct ledger *l, const struct place *p, uint64_t now,
	struct entry *newest, uint64_t *lives)
{
	struct entry e;
	bool found = false;

	*lives = 0;
	for (size_t slot = 0; slot < shm_count(l->shm); slot++) {
		if (find_in(l, slot, p, now, &e) == ROW)
			continue;
		if (slot != l->slot && e.state != TOMBSTONE && e.expires > *lives)
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

bool ledger_find(struct ledger *l, const struct ledger_key *k, uint64_t now,
	struct ledger_entry *out)
{
	struct place p;
	struct entry e;
	uint64_t lives;

	*out = (struct ledger_entry){.state = LEDGER_NONE};
	if (l == NULL)
		return false;
	p = place_of(l, k);
	if (!find_newest(l, &p, now, &e, &lives) || e.state == TOMBSTONE)
		return false;
	out->state = (enum ledger_state)e.state;
	out->busy_until = e.busy_until;
	out->life_ms = e.expires - now;
	out->replace_first = e.replace_first != 0;
	copy_id(out->message_id, e.message_id);
	return true;
}

/* --- writing ---------------------------------------------------------------------------- */

/* Which of two live ones is worth less: what nobody will ask for, then what was sent, for
 * what is uncertain must be kept; of equals the older one. */
static bool is_worth_less(const struct entry *a, const struct entry *b)
{
	bool a_sent = a->state == LEDGER_SENT, b_sent = b->state == LEDGER_SENT;

	if ((a->replace_first != 0) != (b->replace_first != 0))
		return a->replace_first != 0;
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

	for (size_t i = 0; i < ROW; i++) {
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

	memcpy(e->envelope, p->key->envelope, ENVELOPE_LEN);
	prove(p, e, e->proof);
	atomic_store(tag, 0);
	atomic_thread_fence(memory_order_release);
	t->entries[p->first + i] = *e;
	atomic_store(tag, p->tag);
}

/* In the place of what we had; later than anything that is known. */
static void put(const struct ledger *l, const struct place *p, uint64_t now,
	const struct entry *newest, struct entry *e)
{
	struct table *t = shm_write(l->shm, l->slot, SHM_LEDGER);
	struct entry old;
	size_t i;

	if (t == NULL)
		return;
	e->written = newest != NULL && newest->written >= now ? newest->written + 1 : now;
	if (e->expires - e->written > LEDGER_LIFE_MS)
		e->expires = e->written + LEDGER_LIFE_MS;
	i = find_in(l, l->slot, p, now, &old);
	if (i == ROW)
		i = free_place(t, p, now);
	write_entry(t, p, i, e);
}

void ledger_put(struct ledger *l, const struct ledger_key *k, uint64_t now,
	const struct ledger_entry *in)
{
	struct place p;
	struct entry newest, e;
	uint64_t lives;
	bool known;

	if (l == NULL)
		return;
	p = place_of(l, k);
	memset(&e, 0, sizeof(e));
	e.expires = now + (in->life_ms > 0 ? in->life_ms : LEDGER_LIFE_MS);
	e.busy_until = in->busy_until;
	e.state = in->state;
	e.replace_first = in->replace_first;
	str_copy(e.message_id, LEDGER_ID_MAX, in->message_id);
	known = find_newest(l, &p, now, &newest, &lives);
	put(l, &p, now, known ? &newest : NULL, &e);
}

/* Nobody can write into the table of another worker: a newer entry says that theirs do not
 * count, and lives as long as they do. */
void ledger_remove(struct ledger *l, const struct ledger_key *k, uint64_t now)
{
	struct place p;
	struct entry newest, e;
	struct table *t;
	uint64_t lives;
	size_t i;

	if (l == NULL)
		return;
	p = place_of(l, k);
	if (!find_newest(l, &p, now, &newest, &lives) || newest.state == TOMBSTONE)
		return;
	if (lives > 0) {
		memset(&e, 0, sizeof(e));
		e.expires = lives;
		e.state = TOMBSTONE;
		put(l, &p, now, &newest, &e);
		return;
	}
	i = find_in(l, l->slot, &p, now, &e);
	t = shm_write(l->shm, l->slot, SHM_LEDGER);
	if (i < ROW && t != NULL)
		atomic_store(&t->tags[p.first + i], 0);
}
