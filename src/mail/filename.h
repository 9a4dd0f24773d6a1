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
 * given is UTF-8, "" where the mail has no name: then one is made up from the type and
 * the number. Folders in front go, the characters that the API forbids (? \ * | " < > : /
 * and space) become '_', and a long name is cut before its extension. *changed tells that
 * more than spaces was altered. Caller owns the result; it is never empty.
 */
char *filename_make(
	const char *given, const char *type, size_t number, bool *changed) MUST_CHECK;

#endif
