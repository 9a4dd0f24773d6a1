/* SPDX-License-Identifier: MIT */
/*
 * The files that a configuration names and a worker may not open: users, certificates, their
 * keys, CAs of clients and of the API. The supervisor reads them as one set, and hands the
 * set over in a sealed memfd; a worker finds each under its path in the configuration.
 */
#ifndef PROCESS_FILES_H
#define PROCESS_FILES_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"
#include "net/tls_context.h"

#include <stdbool.h>

/* Bytes of one file, and of a set. */
#define FILES_ONE_MAX ((size_t)4 * 1024 * 1024)
#define FILES_ALL_MAX ((size_t)64 * 1024 * 1024)

struct files;

/* Reads every file that conf names; a set may be empty. Relative to nothing: paths are full.
 * -1 where one cannot be read, is no regular file or too long: the error names it. */
int files_read(const struct conf *conf, struct files **files, struct err *err) MUST_CHECK;

/* Wipes what it holds. */
void files_free(struct files **files);

/* Whether another file, or another content, is now found under any of the paths (by device,
 * inode, size and time of change, through symbolic links), or none is. */
bool files_changed(const struct files *files);

/* The content; borrowed. Empty where conf did not name the path when the set was read. */
struct span files_get(const struct files *files, const char *path);

/* The set as net/tls_context reads it, which does not know this room. Borrowed. */
struct tls_files files_for_tls(const struct files *files);

/* The set as a sealed memfd, the caller's. */
int files_seal(const struct files *files, struct err *err) MUST_CHECK;

/* The set out of such a memfd; fd stays the caller's. */
int files_unseal(int fd, struct files **files, struct err *err) MUST_CHECK;

#endif
