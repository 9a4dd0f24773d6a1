/* SPDX-License-Identifier: MIT */
/* madvise(2), for each object that the dynamic linker has loaded. */
#include "process/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker had to change its code: the pages differ from those on disk. */
static bool has_changed_code(const struct dl_phdr_info *object)
{
	const ElfW(Dyn) *d = NULL;

	for (size_t i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const void *)(object->dlpi_addr +
					   object->dlpi_phdr[i].p_vaddr);
	for (; d != NULL && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_TEXTREL ||
			(d->d_tag == DT_FLAGS && (d->d_un.d_val & DF_TEXTREL) != 0))
			return true;
	return false;
}

/* A segment that is not writable has never been written to; what is, and was made read-only
 * later (RELRO), is part of a writable one. */
static int unmap_pages(struct dl_phdr_info *object, size_t size, void *arg)
{
	const uintptr_t page = *(const uintptr_t *)arg;

	(void)size;
	if (has_changed_code(object))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + p->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + p->p_vaddr + p->p_memsz;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_W) == 0)
			/* It fails for the kernel's vDSO, which cannot be unmapped. */
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void trim_after_start(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
	(void)dl_iterate_phdr(unmap_pages, &page);
}
