/* SPDX-License-Identifier: MIT */
/*
 * File names of attachments as the API takes them (SendEmail, Attachments.FileName).
 */
#ifndef MAIL_FILENAME_H
#define MAIL_FILENAME_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>

#define FILENAME_CHARACTERS_MAX 255

/*
 * given is UTF-8, "" if the mail has no name: then the type and the number make one. Leading
 * folders are removed, the characters that the API forbids (? \ * | " < > : / and space)
 * become '_', and a long name is cut before its extension. *changed: more than spaces was
 * altered. The caller owns the result; it is never empty.
 */
char *filename_make(
	const char *given, const char *type, size_t number, bool *changed) MUST_CHECK;

#endif
