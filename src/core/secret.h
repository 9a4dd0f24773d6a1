/* SPDX-License-Identifier: MIT */
/*
 * Key material: in pages of its own that are locked in memory, left out of core dumps and
 * empty in a forked child; wiped when freed; printed by nobody.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/attr.h"

#include <stddef.h>

struct secret;

/* Copies len bytes in. Never NULL: it aborts where the kernel has no page to give. Where
 * mlock is refused (RLIMIT_MEMLOCK) the page is used unlocked. Owned: secret_free(&s). */
struct secret *secret_new(const void *bytes, size_t len) MUST_CHECK;
void secret_free(struct secret **s);

/* Borrowed; bytes stay where they are until secret_free(). A NUL follows them. */
const void *secret_bytes(const struct secret *s);
size_t secret_len(const struct secret *s);

/* Overwrites memory that held a secret; the compiler does not drop it. */
void secret_wipe(void *p, size_t len);

#endif
