/* SPDX-License-Identifier: MIT */
/* Regions of memory with one writer each. */
#include "core/shm.h"

#include "core/digest.h"
#include "core/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sealed: whoever cut a file short would end all others by SIGBUS. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static const size_t section_bytes[SHM_SECTIONS] = {
	[SHM_HEAD] = SHM_HEAD_BYTES,
	[SHM_METRICS] = SHM_METRICS_BYTES,
	[SHM_SESSIONS] = SHM_SESSIONS_BYTES,
	[SHM_CONNECTIONS] = SHM_RATE_BYTES,
	[SHM_MESSAGES] = SHM_RATE_BYTES,
	[SHM_FAILURES] = SHM_RATE_BYTES,
	[SHM_LEDGER] = SHM_LEDGER_BYTES,
};

struct region {
	char *bytes; /* mapping; NULL: none */
	int fd;      /* the supervisor's, that writes; else -1 */
	enum shm_access access;
};

struct shm {
	size_t slots, count;
	uint64_t seed;
	struct region regions[];
};

static size_t offset_of(enum shm_section section)
{
	size_t at = 0;

	for (size_t i = 0; i < (size_t)section; i++)
		at += section_bytes[i];
	return at;
}

static size_t region_bytes(void)
{
	return offset_of(SHM_SECTIONS);
}

struct shm *shm_new(size_t slots)
{
	struct shm *s = mem_new(1, sizeof(*s) + slots * sizeof(s->regions[0]));

	s->slots = slots;
	for (size_t i = 0; i < slots; i++)
		s->regions[i].fd = -1;
	return s;
}

void shm_free(struct shm **sp)
{
	struct shm *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++) {
		if (s->regions[i].bytes != NULL)
			munmap(s->regions[i].bytes, region_bytes());
		if (s->regions[i].fd >= 0)
			close(s->regions[i].fd);
	}
	free(s);
}

static int map(
	struct shm *s, size_t slot, int fd, enum shm_access access, struct err *err)
{
	int prot = access == SHM_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p = mmap(NULL, region_bytes(), prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_errno(err, "cannot map shared memory");
	s->regions[slot].bytes = p;
	s->regions[slot].access = access;
	if (slot >= s->count)
		s->count = slot + 1;
	if (slot == 0)
		memcpy(&s->seed, p, sizeof(s->seed));
	return 0;
}

/* --- the supervisor --------------------------------------------------------------------- */

/* Its mode lets nobody open it again to write, by /proc: not another user, as children are
 * where the supervisor is root, nor the same one, which seccomp keeps from changing it. */
static int make_file(size_t slot, struct err *err)
{
	int fd = memfd_create("sesrelay-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t seed;

	if (fd < 0)
		return err_errno(err, "cannot make shared memory");
	digest_random(&seed, sizeof(seed));
	if (ftruncate(fd, (off_t)region_bytes()) == 0 && fchmod(fd, 0400) == 0 &&
		(slot != 0 || pwrite(fd, &seed, sizeof(seed), 0) == sizeof(seed)) &&
		fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0)
		return fd;
	err_errno(err, "cannot size shared memory to %zu bytes", region_bytes());
	close(fd);
	return -1;
}

int shm_make(struct shm *s, size_t slot, struct err *err)
{
	int fd;

	if (slot < s->count && s->regions[slot].bytes != NULL)
		return 0;
	if (slot >= s->slots)
		return err_set(err, "there are only %zu slots", s->slots);
	fd = make_file(slot, err);
	if (fd < 0)
		return -1;
	if (map(s, slot, fd, SHM_WRITE, err) < 0) {
		close(fd);
		return -1;
	}
	s->regions[slot].fd = fd;
	return 1;
}

int shm_writer(const struct shm *s, size_t slot)
{
	return slot < s->count ? s->regions[slot].fd : -1;
}

int shm_reader(const struct shm *s, size_t slot, struct err *err)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", shm_writer(s, slot));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open shared memory (is /proc mounted?)");
	return fd;
}

void shm_clear(struct shm *s, size_t slot, enum shm_section section)
{
	void *p = shm_write(s, slot, section);

	if (p == NULL)
		return;
	if (fallocate(s->regions[slot].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)offset_of(section), (off_t)section_bytes[section]) < 0)
		memset(p, 0, section_bytes[section]);
}

/* --- its children ----------------------------------------------------------------------- */

static int check_file(int fd, struct err *err)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "cannot look at shared memory");
	seals = fcntl(fd, F_GET_SEALS);
	if (st.st_size != (off_t)region_bytes() || seals < 0 || (seals & SEALS) != SEALS)
		return err_set(err, "descriptor %d is no shared memory of ours", fd);
	return 0;
}

int shm_take(struct shm *s, size_t slot, int fd, enum shm_access access, struct err *err)
{
	int rc = -1;

	if (slot >= s->slots || (slot < s->count && s->regions[slot].bytes != NULL))
		(void)err_set(err, "no shared memory is expected for slot %zu", slot);
	else if (check_file(fd, err) == 0)
		rc = map(s, slot, fd, access, err);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* --- both ------------------------------------------------------------------------------- */

size_t shm_count(const struct shm *s)
{
	return s->count;
}

const void *shm_read(const struct shm *s, size_t slot, enum shm_section section)
{
	if (slot >= s->count || s->regions[slot].bytes == NULL)
		return NULL;
	return s->regions[slot].bytes + offset_of(section);
}

void *shm_write(const struct shm *s, size_t slot, enum shm_section section)
{
	if (slot >= s->count || s->regions[slot].bytes == NULL ||
		s->regions[slot].access != SHM_WRITE)
		return NULL;
	return s->regions[slot].bytes + offset_of(section);
}

uint64_t shm_seed(const struct shm *s)
{
	return s->seed;
}
