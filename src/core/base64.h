/* SPDX-License-Identifier: MIT */
/*
 * Base64 (RFC 4648 §4) into and out of bounded buffers.
 */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdint.h>

/* Appends the encoding, without line ends, padded. 0, or -1 and errno as in buf.h. */
int base64_encode(struct buf *out, const void *bytes, size_t len) MUST_CHECK;

/* What a run of base64 from a mail is like (RFC 2045 §6.8 lets line ends stand anywhere). */
enum base64_shape {
	BASE64_CLEAN, /* alphabet and white space only, whole quanta, canonical padding */
	BASE64_PADDED, /* padding in the middle, or wrong at the end: decode and encode anew */
	BASE64_DIRTY, /* other bytes among it */
};

/* Looks without copying. *chars: number of alphabet and padding characters. Nothing at all
 * is clean. */
enum base64_shape base64_inspect(struct span in, size_t *chars);

/* Appends a clean run's characters without its white space, ready for a JSON string. -1 and
 * errno as in buf.h. */
int base64_copy_clean(struct buf *out, struct span clean) MUST_CHECK;

/*
 * Appends the decoded bytes as mail readers do: white space and bytes outside the alphabet
 * are skipped (*skipped counts the latter, may be NULL), padding ends a quantum but not
 * the data (`YQ==YQ==` is "aa"), a last quantum without padding is taken. -1 and errno as
 * in buf.h.
 */
int base64_decode(struct buf *out, struct span in, size_t *skipped) MUST_CHECK;

/* Strict: no white space, whole quanta, canonical padding; else -1 with EINVAL and nothing
 * appended; or errno as in buf.h. For AUTH and keys: leaves no copy on the stack. */
int base64_decode_strict(struct buf *out, struct span in) MUST_CHECK;

#endif
