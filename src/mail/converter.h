/* SPDX-License-Identifier: MIT */
/*
 * Converters to UTF-8: handles of iconv(3) that are opened once and kept, and the run over
 * bytes of which some may mean nothing.
 *
 * Several threads may convert at a time: each takes a converter, runs it, gives it back.
 */
#ifndef MAIL_CONVERTER_H
#define MAIL_CONVERTER_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stddef.h>

/* After so many calls of iconv(3) for one text its charset counts as wrong: every further byte
 * outside ASCII becomes U+FFFD. Text needs a call for each 100 KB or so, and one for each bad
 * place. */
#define CONVERTER_CALLS_MAX 65536

struct converter;

/* Opens the converters of the usual charsets of mail, because the file system may be out of
 * reach later. Once in a process, before its threads. */
void converter_init(void);
void converter_shutdown(void);

/* name: as iconv(3) knows it. NULL if it does not. */
struct converter *converter_take(const char *name) MUST_CHECK;
void converter_give(struct converter **c);

/* What to convert, and the result. */
struct conversion {
	struct span in;
	struct buf *out; /* appended to; NULL: the result is only counted */
	size_t most_bad; /* give up past so many */
	size_t bad;      /* units (bytes; of UTF-16 two, of UTF-32 four) that mean
	                    nothing: U+FFFD each */
};

/* 0; 1 if more than most_bad units are bad; -1 and errno as in buf.h. What was appended until
 * then stays. Linear in the length of the text. */
int converter_run(struct converter *c, struct conversion *v) MUST_CHECK;

#endif
