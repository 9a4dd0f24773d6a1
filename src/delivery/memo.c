/* SPDX-License-Identifier: MIT */
/* The table behind delivery/memo.h. */
#include "delivery/memo.h"

#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMO_MAGIC 0x6d656d6f00000002ULL /* "memo", version of the layout */
#define MEMO_ROW   8                     /* entries that share a hash */

/* state is written last and cleared first, so that an entry whose writer died in the
 * middle is an empty one. */
struct slot {
	_Atomic uint32_t state;
	uint32_t spare;
	uint64_t put, expires;
	uint64_t busy_until;
	struct memo_key key;
	char message_id[MEMO_ID_MAX];
};

struct table {
	uint64_t magic;
	uint64_t rows;
	struct slot slots[];
};

struct memo {
	int fd;
	bool owns_fd;
	size_t size;
	size_t rows; /* our own copy: the table can be written by others */
	struct table *table;
};

static size_t table_size(size_t rows)
{
	return sizeof(struct table) + rows * MEMO_ROW * sizeof(struct slot);
}

/* --- keys ------------------------------------------------------------------------------ */

void memo_key_who(struct memo_key *k, const char *account, const char *sender,
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

void memo_key_what(struct memo_key *k, struct span message)
{
	digest_sha256(message.p, message.len, k->what);
}

/* --- life ------------------------------------------------------------------------------ */

static struct memo *map(int fd, size_t size, struct err *err)
{
	struct memo *m = mem_new(1, sizeof(*m));

	m->fd = fd;
	m->size = size;
	m->table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->table == MAP_FAILED) {
		err_errno(err, "cannot map the memory of sent mail");
		free(m);
		return NULL;
	}
	return m;
}

/* The seals keep a child from cutting the file under the others. */
static int make_file(size_t size, struct err *err)
{
	int fd = memfd_create("sesrelay-memo", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_errno(err, "cannot make the memory of sent mail");
	if (ftruncate(fd, (off_t)size) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err_errno(err, "cannot size the memory of sent mail to %zu bytes", size);
		close(fd);
		return -1;
	}
	return fd;
}

struct memo *memo_new(size_t entries, struct err *err)
{
	size_t rows = (entries + MEMO_ROW - 1) / MEMO_ROW;
	struct memo *m;
	int fd;

	rows = rows > 0 ? rows : 1;
	fd = make_file(table_size(rows), err);
	if (fd < 0)
		return NULL;
	m = map(fd, table_size(rows), err);
	if (m == NULL) {
		close(fd);
		return NULL;
	}
	m->owns_fd = true;
	m->rows = rows;
	m->table->rows = rows;
	m->table->magic = MEMO_MAGIC;
	return m;
}

struct memo *memo_attach(int fd, struct err *err)
{
	struct stat st;
	struct memo *m;

	if (fstat(fd, &st) < 0) {
		err_errno(err, "cannot look at the memory of sent mail");
		return NULL;
	}
	if (st.st_size < (off_t)table_size(1)) {
		err_set(err, "the memory of sent mail has only %lld bytes",
			(long long)st.st_size);
		return NULL;
	}
	m = map(fd, (size_t)st.st_size, err);
	if (m == NULL)
		return NULL;
	m->rows = (size_t)m->table->rows;
	if (m->table->magic != MEMO_MAGIC || m->rows == 0 ||
		m->rows > m->size / (MEMO_ROW * sizeof(struct slot)) ||
		table_size(m->rows) != m->size) {
		err_set(err, "the memory of sent mail has another layout");
		memo_free(&m);
	}
	return m;
}

void memo_free(struct memo **m)
{
	if (*m == NULL)
		return;
	munmap((*m)->table, (*m)->size);
	if ((*m)->owns_fd)
		close((*m)->fd);
	free(*m);
	*m = NULL;
}

int memo_fd(const struct memo *m)
{
	return m->fd;
}

/* --- looking and writing --------------------------------------------------------------- */

/*
 * A lock of the file, not one in the memory: the kernel takes it back from a process that
 * dies, and no byte that a process writes can lock the others out. Held for a few
 * comparisons. Where the kernel has no lock to give (ENOLCK) the table is used without.
 */
static void lock(const struct memo *m, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(m->fd, F_SETLKW, &l) < 0 && errno == EINTR)
		;
}

static struct slot *row_of(const struct memo *m, const struct memo_key *k)
{
	uint64_t hash;

	memcpy(&hash, k->who, sizeof(hash));
	return &m->table->slots[(hash % m->rows) * MEMO_ROW];
}

static bool is_live(const struct slot *s, uint64_t now)
{
	return atomic_load(&s->state) != MEMO_NONE && s->expires > now;
}

static bool is_who(const struct slot *s, const struct memo_key *k)
{
	return memcmp(s->key.who, k->who, DIGEST_LEN) == 0;
}

static struct slot *find_slot(
	const struct memo *m, const struct memo_key *k, uint64_t now)
{
	struct slot *row = row_of(m, k);

	for (size_t i = 0; i < MEMO_ROW; i++)
		if (is_live(&row[i], now) && is_who(&row[i], k) &&
			memcmp(row[i].key.what, k->what, DIGEST_LEN) == 0)
			return &row[i];
	return NULL;
}

/* Which of two live ones is worth less: what nobody will ask for, then what was sent, for a
 * recipient of whom nothing is sure must not be forgotten; of equals the older one. */
static bool is_worth_less(const struct slot *a, const struct slot *b)
{
	bool a_sent = atomic_load(&a->state) == MEMO_SENT;
	bool b_sent = atomic_load(&b->state) == MEMO_SENT;

	if ((a->spare != 0) != (b->spare != 0))
		return a->spare != 0;
	if (a_sent != b_sent)
		return a_sent;
	return a->put < b->put;
}

/* An empty or ended slot, else the one that is worth least. */
static struct slot *free_slot(
	const struct memo *m, const struct memo_key *k, uint64_t now)
{
	struct slot *row = row_of(m, k), *best = &row[0];

	for (size_t i = 0; i < MEMO_ROW; i++) {
		if (!is_live(&row[i], now))
			return &row[i];
		if (is_worth_less(&row[i], best))
			best = &row[i];
	}
	return best;
}

/* Without the lock, which costs two system calls for every mail: whoever is writing an
 * entry right now is writing it later than this look. */
static bool is_row_empty(const struct memo *m, const struct memo_key *k)
{
	struct slot *row = row_of(m, k);

	for (size_t i = 0; i < MEMO_ROW; i++)
		if (atomic_load(&row[i].state) != MEMO_NONE)
			return false;
	return true;
}

bool memo_knows(struct memo *m, const struct memo_key *k, uint64_t now)
{
	struct slot *row;
	bool known = false;

	if (m == NULL || is_row_empty(m, k))
		return false;
	lock(m, F_RDLCK);
	row = row_of(m, k);
	for (size_t i = 0; i < MEMO_ROW && !known; i++)
		known = is_live(&row[i], now) && is_who(&row[i], k);
	lock(m, F_UNLCK);
	return known;
}

bool memo_find(
	struct memo *m, const struct memo_key *k, uint64_t now, struct memo_entry *out)
{
	struct slot *s;

	*out = (struct memo_entry){.state = MEMO_NONE};
	if (m == NULL)
		return false;
	lock(m, F_RDLCK);
	s = find_slot(m, k, now);
	if (s != NULL) {
		out->state = (enum memo_state)atomic_load(&s->state);
		out->busy_until = s->busy_until;
		out->life_ms = s->expires - now;
		out->spare = s->spare != 0;
		memcpy(out->message_id, s->message_id, MEMO_ID_MAX - 1);
	}
	lock(m, F_UNLCK);
	return s != NULL;
}

void memo_put(struct memo *m, const struct memo_key *k, uint64_t now,
	const struct memo_entry *in)
{
	struct slot *s;

	if (m == NULL)
		return;
	lock(m, F_WRLCK);
	s = find_slot(m, k, now);
	if (s == NULL)
		s = free_slot(m, k, now);
	atomic_store(&s->state, MEMO_NONE);
	s->key = *k;
	s->put = now;
	s->expires = now + (in->life_ms > 0 ? in->life_ms : MEMO_LIFE_MS);
	s->spare = in->spare;
	s->busy_until = in->busy_until;
	memset(s->message_id, 0, MEMO_ID_MAX);
	str_copy(s->message_id, MEMO_ID_MAX, in->message_id);
	atomic_store(&s->state, in->state);
	lock(m, F_UNLCK);
}

void memo_forget(struct memo *m, const struct memo_key *k, uint64_t now)
{
	struct slot *s;

	if (m == NULL)
		return;
	lock(m, F_WRLCK);
	s = find_slot(m, k, now);
	if (s != NULL)
		atomic_store(&s->state, MEMO_NONE);
	lock(m, F_UNLCK);
}
