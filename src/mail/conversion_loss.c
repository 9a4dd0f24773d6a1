/* SPDX-License-Identifier: MIT */
/* Names of conversion losses, and their list in the message. */
#include "mail/conversion_loss.h"

#include "core/utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define DETAIL_MAX 200

static const char *const names[LOSS_KINDS] = {
	[LOSS_INLINE_IMAGE] = "inline-image",
	[LOSS_CALENDAR] = "calendar",
	[LOSS_TNEF] = "tnef",
	[LOSS_SIGNATURE] = "signature",
	[LOSS_ENCRYPTED] = "encrypted",
	[LOSS_REPORT] = "report",
	[LOSS_DKIM] = "dkim",
	[LOSS_ALTERNATIVE] = "alternative",
	[LOSS_HEADER] = "header",
	[LOSS_CHARACTERS] = "characters",
	[LOSS_CONTROL] = "control",
	[LOSS_BASE64] = "base64",
	[LOSS_FILENAME] = "filename",
	[LOSS_TRUNCATED] = "truncated",
};

const char *conversion_loss_name(enum conversion_loss_kind kind)
{
	return (unsigned)kind < LOSS_KINDS ? names[kind] : "unknown";
}

void conversion_loss_add(
	struct message *m, enum conversion_loss_kind kind, const char *fmt, ...)
{
	char text[DETAIL_MAX];
	struct buf line;
	va_list ap;

	m->losses_seen++;
	if (m->n_losses == MESSAGE_LOSSES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Cutting may have split a character; cleaning repairs that: 3 bytes for 1. */
	buf_init(&line, 3 * sizeof(text), NULL);
	if (utf8_clean_line(&line, span_of(text), NULL) < 0)
		buf_clear(&line);
	m->losses[m->n_losses].kind = kind;
	m->losses[m->n_losses].detail = buf_take(&line);
	m->n_losses++;
}

void conversion_loss_note(
	struct message *m, struct span what, const struct decode_notes *notes)
{
	if (notes->characters)
		conversion_loss_add(m, LOSS_CHARACTERS, "%.*s", (int)what.len, what.p);
	if (notes->controls)
		conversion_loss_add(m, LOSS_CONTROL, "%.*s", (int)what.len, what.p);
}

bool conversion_loss_has(const struct message *m, enum conversion_loss_kind kind)
{
	for (size_t i = 0; i < m->n_losses; i++)
		if (m->losses[i].kind == kind)
			return true;
	return false;
}
