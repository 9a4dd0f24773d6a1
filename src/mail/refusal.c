/* SPDX-License-Identifier: MIT */
/* A refusal is a value: a code, an enhanced code, and one sentence. */
#include "mail/refusal.h"

#include "core/str.h"

#include <stdarg.h>
#include <errno.h>
#include <stdio.h>

int refusal_set(struct message_refusal *why, unsigned code, const char *enhanced,
	const char *fmt, ...)
{
	va_list ap;

	why->code = code;
	(void)str_copy(why->enhanced, sizeof(why->enhanced), enhanced);
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

int refusal_no_memory(struct message_refusal *why)
{
	return refusal_set(why, 452, "4.3.1",
		"Not enough memory for this message now; try again later");
}

int refusal_no_room(struct message_refusal *why, int error)
{
	if (error != EMSGSIZE)
		return refusal_no_memory(why);
	return refusal_set(why, 552, "5.3.4",
		"A text of the message is too large once it is decoded to UTF-8");
}
