/* SPDX-License-Identifier: MIT */
/* Makes attachments of parts, without decoding them if possible. */
#include "mail/attachment.h"

#include "core/base64.h"
#include "core/buf.h"
#include "core/mem.h"
#include "mail/conversion_loss.h"
#include "mail/filename.h"
#include "mail/refusal.h"

#include <errno.h>
#include <stdlib.h>

const char *attachment_given_name(const struct part *part)
{
	const char *name = content_param(&part->disposition, "filename");

	return name[0] != '\0' ? name : content_param(&part->type, "name");
}

static char *make_name(struct parse *p, const struct part *part)
{
	const char *given = attachment_given_name(part);
	bool changed;
	char *name =
		filename_make(given, part->type.value, p->m->n_attachments + 1, &changed);

	if (changed)
		conversion_loss_add(p->m, LOSS_FILENAME, "%s is called %s", given, name);
	return name;
}

static int decode(struct parse *p, const struct part *part, struct attachment *a)
{
	bool dirty = false;

	if (part->transfer == TRANSFER_UNKNOWN)
		conversion_loss_add(p->m, LOSS_HEADER,
			"Content-Transfer-Encoding %s is not known", part->encoding);
	if (transfer_decode(&a->bytes, part->body, part->transfer, &dirty) < 0)
		return refusal_no_room(p->why, errno);
	if (dirty)
		conversion_loss_add(p->m, LOSS_BASE64, "%s", a->filename);
	return 0;
}

int attachment_add(struct parse *p, size_t index)
{
	const struct part *part = &p->parts.items[index];
	struct message *m = p->m;
	struct attachment *a;

	mem_grow(&m->attachments, &m->attachments_cap, m->n_attachments + 1,
		sizeof(*m->attachments));
	a = &m->attachments[m->n_attachments];
	*a = (struct attachment){
		.filename = make_name(p, part),
		.content_type = mem_strdup(part->type.value),
		.content_id = mem_strdup(part->content_id),
	};
	buf_init(&a->bytes, parse_room(part->body.len), p->budget);
	m->n_attachments++;
	if (part->transfer == TRANSFER_BASE64 &&
		base64_inspect(part->body, &a->base64_chars) == BASE64_CLEAN) {
		a->is_base64 = true;
		a->base64 = part->body;
		return 0;
	}
	a->base64_chars = 0;
	return decode(p, part, a);
}

void attachment_clear(struct attachment *a)
{
	free(a->filename);
	free(a->content_type);
	free(a->content_id);
	buf_free(&a->bytes);
	*a = (struct attachment){0};
}
