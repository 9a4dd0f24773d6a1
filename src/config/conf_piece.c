/* SPDX-License-Identifier: MIT */
/* The names within %{...}, and the text around them. */
#include "config/conf_piece.h"

static const char *const names[CONF_PIECE_TYPES] = {
	[CONF_PIECE_SUBJECT] = "subject",
	[CONF_PIECE_BODY] = "text",
	[CONF_PIECE_FROM_NAME] = "from.name",
	[CONF_PIECE_FROM_ADDRESS] = "from.address",
	[CONF_PIECE_TO] = "to",
	[CONF_PIECE_CC] = "cc",
	[CONF_PIECE_MESSAGE_ID] = "message_id",
	[CONF_PIECE_DATE] = "date",
};

static bool is_field_char(char c)
{
	return ascii_isalnum(c) || c == '-' || c == '_';
}

static struct conf_piece named(struct span name)
{
	static const struct span header = {"header:", 7};

	if (span_istarts(name, header.p)) {
		name = span_trim(span_make(name.p + header.len, name.len - header.len));
		if (name.len > 0 && name.len <= 127 && span_is_all(name, is_field_char))
			return (struct conf_piece){CONF_PIECE_HEADER, name};
	}
	for (unsigned i = 0; i < CONF_PIECE_TYPES; i++)
		if (names[i] != NULL && span_ieq_str(name, names[i]))
			return (struct conf_piece){i, name};
	return (struct conf_piece){CONF_PIECE_BAD, name};
}

static struct conf_piece next_name(const char **text, struct err *why)
{
	const char *begin = *text + 2, *end = strchr(begin, '}');
	struct conf_piece piece;

	if (end == NULL) {
		(void)err_set(why, "\"%s\" has no } after it; write %%{subject}", *text);
		*text += strlen(*text);
		return (struct conf_piece){CONF_PIECE_BAD, span_of(begin)};
	}
	*text = end + 1;
	piece = named(span_trim(span_make(begin, (size_t)(end - begin))));
	if (piece.type == CONF_PIECE_BAD)
		(void)err_set(why,
			"%%{%.*s} is not known; write one of %%{subject} %%{text} "
			"%%{from.name} %%{from.address} %%{to} %%{cc} %%{message_id} "
			"%%{date} %%{header:NAME}",
			(int)(end - begin), begin);
	return piece;
}

struct conf_piece conf_piece_next(const char **text, struct err *why)
{
	const char *p = *text;
	size_t len;

	if (p[0] == '\0')
		return (struct conf_piece){CONF_PIECE_END, span_make(p, 0)};
	if (p[0] == '%' && p[1] == '{')
		return next_name(text, why);
	if (p[0] == '%' && p[1] == '%') {
		*text = p + 2;
		return (struct conf_piece){CONF_PIECE_TEXT, span_make(p, 1)};
	}
	len = 1 + strcspn(p + 1, "%");
	*text = p + len;
	return (struct conf_piece){CONF_PIECE_TEXT, span_make(p, len)};
}
