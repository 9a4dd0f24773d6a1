/* SPDX-License-Identifier: MIT */
/*
 * From the charsets of mail to UTF-8, by iconv(3).
 *
 * Names mean what mail readers take them for (WHATWG Encoding Standard): "gb2312" is GB18030,
 * "iso-8859-1" is windows-1252.
 */
#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends UTF-8. Bytes that the charset does not explain become U+FFFD each (of UTF-16 and
 * UTF-32 two and four together) and are counted in *bad. Linear in the length; see
 * CONVERTER_CALLS_MAX. 0, or -1 with nothing appended and errno EINVAL (no such charset), or
 * EMSGSIZE or ENOMEM as in buf.h.
 */
int charset_convert(
	struct buf *out, struct span in, const char *charset, size_t *bad) MUST_CHECK;

/*
 * Appends UTF-8 made of bytes without a declared charset: unchanged if they are UTF-8 (with
 * U+FFFD for a few that are not), else by the first charset of the list that explains them
 * all, else with U+FFFD. Each charset is tried up to the first byte that it
 * does not explain. 0, or -1 as above (never EINVAL).
 */
int charset_guess(struct buf *out, struct span in, const struct conf_list *charsets,
	size_t *bad) MUST_CHECK;

/* Whether the name means just ASCII: then bytes over 127 are undeclared. */
bool charset_is_ascii(const char *charset);

/* Whether words in it hold a state (ISO-2022-*, UTF-7): each word of RFC 2047 starts
 * without it. */
bool charset_is_stateful(const char *charset);

#endif
