/* SPDX-License-Identifier: MIT */
/*
 * Content-Transfer-Encoding (RFC 2045 §6), and uuencode, which is older.
 */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>

enum transfer {
	TRANSFER_IDENTITY, /* 7bit, 8bit, binary, none */
	TRANSFER_BASE64,
	TRANSFER_QUOTED,
	TRANSFER_UUENCODE,
	TRANSFER_UNKNOWN, /* taken as it is */
};

/* What the raw field value names; comments and white space around it do not count. */
enum transfer transfer_parse(struct span value);

/* Appends the decoded bytes. *dirty: bytes were skipped that are not base64.
 * 0, or -1 and errno as in buf.h. */
int transfer_decode(
	struct buf *out, struct span in, enum transfer how, bool *dirty) MUST_CHECK;

#endif
