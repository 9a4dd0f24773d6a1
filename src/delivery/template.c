/* SPDX-License-Identifier: MIT */
/* Filling %{...} from a message. */
#include "delivery/template.h"

const char *template_header(const struct message *m, struct span name)
{
	for (size_t i = 0; i < m->n_headers; i++)
		if (span_ieq_str(name, m->headers[i].name))
			return m->headers[i].value;
	return NULL;
}

/* --- the variables --------------------------------------------------------------------- */

static int put_subject(const struct message *m, struct buf *out)
{
	return buf_append_str(out, m->subject);
}

static int put_text(const struct message *m, struct buf *out)
{
	size_t len = m->text.len;

	while (len > 0 &&
		(m->text.data[len - 1] == '\n' || m->text.data[len - 1] == '\r'))
		len--;
	return buf_append(out, m->text.data, len);
}

static int put_from_name(const struct message *m, struct buf *out)
{
	return buf_append_str(out, m->from.name);
}

static int put_from_address(const struct message *m, struct buf *out)
{
	return buf_append_str(out, m->from.address);
}

static int put_addresses(const struct mailbox_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->n; i++)
		if ((i > 0 && buf_append_str(out, ", ") < 0) ||
			buf_append_str(out, list->items[i].address) < 0)
			return -1;
	return 0;
}

static int put_to(const struct message *m, struct buf *out)
{
	return put_addresses(&m->to, out);
}

static int put_cc(const struct message *m, struct buf *out)
{
	return put_addresses(&m->cc, out);
}

static int put_message_id(const struct message *m, struct buf *out)
{
	return buf_append_str(out, m->message_id);
}

static int put_date(const struct message *m, struct buf *out)
{
	const char *date = template_header(m, span_of("Date"));

	return date != NULL ? buf_append_str(out, date) : 0;
}

static int (*const puts_of[CONF_PIECE_TYPES])(
	const struct message *m, struct buf *out) = {
	[CONF_PIECE_SUBJECT] = put_subject,
	[CONF_PIECE_BODY] = put_text,
	[CONF_PIECE_FROM_NAME] = put_from_name,
	[CONF_PIECE_FROM_ADDRESS] = put_from_address,
	[CONF_PIECE_TO] = put_to,
	[CONF_PIECE_CC] = put_cc,
	[CONF_PIECE_MESSAGE_ID] = put_message_id,
	[CONF_PIECE_DATE] = put_date,
};

static int put_piece(struct conf_piece piece, const struct message *m, struct buf *out)
{
	const char *value;

	if (puts_of[piece.type] != NULL)
		return puts_of[piece.type](m, out);
	if (piece.type == CONF_PIECE_TEXT)
		return buf_append(out, piece.text.p, piece.text.len);
	value = template_header(m, piece.text);
	return value != NULL ? buf_append_str(out, value) : 0;
}

int template_expand(const char *text, const struct message *m, struct buf *out)
{
	struct conf_piece piece;

	while ((piece = conf_piece_next(&text, NULL)).type != CONF_PIECE_END)
		if (put_piece(piece, m, out) < 0)
			return -1;
	return 0;
}

bool template_uses(const char *text, enum conf_piece_type type)
{
	struct conf_piece piece;

	while ((piece = conf_piece_next(&text, NULL)).type != CONF_PIECE_END)
		if (piece.type == type)
			return true;
	return false;
}
