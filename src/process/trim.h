/* SPDX-License-Identifier: MIT */
/* Memory that a process needed to start, and does not need to serve. */
#ifndef PROCESS_TRIM_H
#define PROCESS_TRIM_H

/*
 * Gives back what is free in the heap, and unmaps the pages of programs and libraries that
 * are as they are on disk. The dynamic linker has read most of each library once, so 13 MB
 * of a worker's memory are pages that nobody will read again; the kernel keeps them in its
 * cache of files, and maps again, without reading, what is used later. Once for each start:
 * it costs some page faults afterwards.
 */
void trim_after_start(void);

#endif
