/* SPDX-License-Identifier: MIT */
/* Filling %{...} from a message. */
#include "delivery/template.h"

#include "core/str.h"

#include <string.h>

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

#define HEADER_PREFIX "header:"

static const struct variable {
	const char *name;
	int (*put)(const struct message *m, struct buf *out);
} variables[] = {
	{"subject", put_subject},
	{"text", put_text},
	{"from.name", put_from_name},
	{"from.address", put_from_address},
	{"to", put_to},
	{"cc", put_cc},
	{"message_id", put_message_id},
	{"date", put_date},
};

static const struct variable *find_variable(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (span_ieq_str(name, variables[i].name))
			return &variables[i];
	return NULL;
}

/* The name after "header:"; empty if it is none. */
static struct span header_name(struct span name)
{
	size_t skip = sizeof(HEADER_PREFIX) - 1;

	if (!span_istarts(name, HEADER_PREFIX))
		return span_make(name.p, 0);
	return span_trim(span_make(name.p + skip, name.len - skip));
}

/* --- the text -------------------------------------------------------------------------- */

enum piece_type { PIECE_END, PIECE_TEXT, PIECE_VARIABLE, PIECE_OPEN };

/* A run of text, or the name inside %{...}; PIECE_OPEN: a %{ that is never closed. */
struct piece {
	enum piece_type type;
	struct span text;
};

static struct piece next_piece(const char **at)
{
	const char *p = *at, *end;

	if (*p == '\0')
		return (struct piece){PIECE_END, span_make(p, 0)};
	if (p[0] == '%' && p[1] == '%') {
		*at = p + 2;
		return (struct piece){PIECE_TEXT, span_make(p, 1)};
	}
	if (p[0] == '%' && p[1] == '{') {
		end = strchr(p, '}');
		if (end == NULL) {
			*at = p + strlen(p);
			return (struct piece){PIECE_OPEN, span_of(p)};
		}
		*at = end + 1;
		return (struct piece){PIECE_VARIABLE,
			span_trim(span_make(p + 2, (size_t)(end - p - 2)))};
	}
	end = p + 1 + strcspn(p + 1, "%");
	*at = end;
	return (struct piece){PIECE_TEXT, span_make(p, (size_t)(end - p))};
}

int template_check(const char *text, struct err *err)
{
	struct piece piece;

	while ((piece = next_piece(&text)).type != PIECE_END) {
		if (piece.type == PIECE_OPEN)
			return err_set(err, "'%.*s' is not closed with '}'",
				(int)piece.text.len, piece.text.p);
		if (piece.type != PIECE_VARIABLE || find_variable(piece.text) != NULL ||
			header_name(piece.text).len > 0)
			continue;
		return err_set(err,
			"there is no %%{%.*s}: it is one of subject, text, from.name, "
			"from.address, to, cc, message_id, date, header:Name",
			(int)piece.text.len, piece.text.p);
	}
	return 0;
}

int template_check_variable(const char *item, struct err *err)
{
	const char *equals = strchr(item, '=');
	struct span name;

	if (equals == NULL)
		return err_set(err, "'%s' must be name=text", item);
	name = span_trim(span_make(item, (size_t)(equals - item)));
	if (name.len == 0)
		return err_set(err, "'%s' has no name before the '='", item);
	return template_check(equals + 1, err);
}

static int expand_variable(struct span name, const struct message *m, struct buf *out)
{
	const struct variable *v = find_variable(name);
	const char *value;

	if (v != NULL)
		return v->put(m, out);
	value = template_header(m, header_name(name));
	return value != NULL ? buf_append_str(out, value) : 0;
}

int template_expand(const char *text, const struct message *m, struct buf *out)
{
	struct piece piece;

	while ((piece = next_piece(&text)).type != PIECE_END) {
		int rc = piece.type == PIECE_VARIABLE
		                 ? expand_variable(piece.text, m, out)
		                 : buf_append(out, piece.text.p, piece.text.len);

		if (rc < 0)
			return -1;
	}
	return 0;
}

bool template_uses(const char *text, const char *name)
{
	struct piece piece;

	while ((piece = next_piece(&text)).type != PIECE_END)
		if (piece.type == PIECE_VARIABLE && span_ieq_str(piece.text, name))
			return true;
	return false;
}
