/* SPDX-License-Identifier: MIT */
/*
 * Text with %{...} in it, as the options `variables` and `rewrite_from` hold it: what there
 * is to fill in, and how such a text is read. delivery/template fills it.
 *
 *	%{subject} %{text} %{from.name} %{from.address} %{to} %{cc} %{message_id} %{date}
 *	%{header:Name}
 *	%%                    a percent sign; one that no { follows needs no doubling
 */
#ifndef CONFIG_CONF_PIECE_H
#define CONFIG_CONF_PIECE_H

#include "core/err.h"
#include "core/str.h"

enum conf_piece_type {
	CONF_PIECE_END,
	CONF_PIECE_BAD,  /* never in a configuration that was loaded */
	CONF_PIECE_TEXT, /* stands for itself */
	CONF_PIECE_HEADER,
	CONF_PIECE_SUBJECT,
	CONF_PIECE_BODY,
	CONF_PIECE_FROM_NAME,
	CONF_PIECE_FROM_ADDRESS,
	CONF_PIECE_TO,
	CONF_PIECE_CC,
	CONF_PIECE_MESSAGE_ID,
	CONF_PIECE_DATE,
	CONF_PIECE_TYPES
};

struct conf_piece {
	enum conf_piece_type type;
	struct span text; /* of CONF_PIECE_HEADER: the field's name */
};

/* The piece at *text, which then points past it. If it is bad, *why (may be NULL) says what
 * is wrong and what would be right. */
struct conf_piece conf_piece_next(const char **text, struct err *why);

#endif
