/* SPDX-License-Identifier: MIT */
/* Pages for key material. */
#include "core/secret.h"

#include "core/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
	char *bytes; /* the first of the pages; what lies beside them cannot be read */
	size_t len;
	size_t size; /* of those pages */
	size_t page;
};

/* A fork must not inherit them; gVisor knows only the second way, where the child has no
 * such page at all. */
static bool keep_from_children(void *p, size_t size)
{
	return madvise(p, size, MADV_WIPEONFORK) == 0 ||
	       madvise(p, size, MADV_DONTFORK) == 0;
}

static char *map_pages(size_t page, size_t size)
{
	char *map = mmap(
		NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = map + page;

	if (map == MAP_FAILED || mprotect(p, size, PROT_READ | PROT_WRITE) < 0 ||
		!keep_from_children(p, size))
		abort();
	(void)mlock(p, size); /* RLIMIT_MEMLOCK may be 0 */
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

struct secret *secret_new(const void *bytes, size_t len)
{
	struct secret *s = mem_new(1, sizeof(*s));

	s->page = (size_t)sysconf(_SC_PAGESIZE);
	if (len > SIZE_MAX / 2)
		abort();
	s->size = (len / s->page + 1) * s->page; /* a byte more at least: the NUL */
	s->bytes = map_pages(s->page, s->size);
	s->len = len;
	if (len > 0)
		memcpy(s->bytes, bytes, len);
	return s;
}

void secret_free(struct secret **s)
{
	if (*s == NULL)
		return;
	secret_wipe((*s)->bytes, (*s)->size);
	munmap((*s)->bytes - (*s)->page, (*s)->size + 2 * (*s)->page);
	free(*s);
	*s = NULL;
}

const void *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

void secret_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}
