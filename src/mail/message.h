/* SPDX-License-Identifier: MIT */
/*
 * A message as the API can carry it: header values decoded to clean UTF-8, one text and
 * one HTML body, attachments; and a list of what it cannot carry.
 *
 * The raw bytes are read in place and must outlive the message: attachments whose base64
 * is clean point into them.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/budget.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

struct mailbox {
	char *name;    /* UTF-8, one clean line; "" if there is none */
	char *address; /* local@domain, domain in lower case */
};

struct mailbox_list {
	struct mailbox *items;
	size_t n;
	size_t cap;
};

struct attachment {
	char *filename;     /* UTF-8; never empty: invented from the type if the mail has
	                   none */
	char *content_type; /* "image/png", lower case */
	char *content_id;   /* without <>; "" if absent */
	/* Either clean base64 in the raw message (may hold white space), or decoded
	 * bytes. */
	bool is_base64;
	struct span base64;  /* borrowed from the raw bytes */
	size_t base64_chars; /* without white space */
	struct buf bytes;
};

/* A header field that may be carried in SmtpHeaders. */
struct mail_header {
	char *name;  /* as written */
	char *value; /* decoded, one clean line */
};

enum conversion_loss_kind {
	LOSS_INLINE_IMAGE, /* cid image: becomes an attachment or is left out */
	LOSS_CALENDAR,     /* method=REQUEST: becomes a plain attachment */
	LOSS_TNEF,         /* winmail.dat */
	LOSS_SIGNATURE,    /* S/MIME or PGP signature no longer fits the mail */
	LOSS_ENCRYPTED,    /* multipart/encrypted, enveloped-data */
	LOSS_REPORT,       /* multipart/report: its machine-readable part */
	LOSS_DKIM,         /* DKIM-Signature of the original */
	LOSS_ALTERNATIVE,  /* an alternative that is neither text nor HTML */
	LOSS_HEADER,       /* a header field that is not carried */
	LOSS_CHARACTERS,   /* bytes that no charset explains: U+FFFD */
	LOSS_CONTROL,      /* control characters left out of a field */
	LOSS_BASE64,       /* garbage in a base64 part was skipped */
	LOSS_FILENAME,     /* characters of a file name that the API forbids */
	LOSS_TRUNCATED,    /* multipart without its closing boundary */
	LOSS_KINDS
};

const char *conversion_loss_name(
	enum conversion_loss_kind kind); /* "inline-image", ... */

struct conversion_loss {
	enum conversion_loss_kind kind;
	char *detail; /* UTF-8, one clean line */
};

#define MESSAGE_LOSSES_MAX 64

struct message {
	struct mailbox from;   /* exactly one author is sent; see doc/mail.md */
	bool no_author;        /* From holds no usable address: that of from is "" */
	struct mailbox sender; /* address "" if absent */
	struct mailbox_list reply_to;
	struct mailbox_list to;
	struct mailbox_list cc;
	char *subject;               /* "" if absent or empty */
	char *message_id;            /* with <>; "" if absent or not one */
	struct mail_header *headers; /* all but those with a field of their own */
	size_t n_headers;
	size_t headers_cap;
	bool has_text, has_html;
	struct buf text; /* UTF-8 */
	struct buf html; /* UTF-8 */
	struct attachment *attachments;
	size_t n_attachments;
	size_t attachments_cap;
	struct conversion_loss losses[MESSAGE_LOSSES_MAX];
	size_t n_losses; /* those kept */
	size_t losses_seen;
};

/* Why a message cannot be sent, for the SMTP reply. */
struct message_refusal {
	unsigned code;     /* 554; 552 too large; 452 memory exhausted */
	char enhanced[12]; /* "5.6.0", "5.4.6" ... */
	char text[256];    /* what is wrong, and how to send it instead */
};

/*
 * Guard, then GMime, then our own decoding. 0 and *out (the caller's: message_free(&m)),
 * or -1 and *why. budget is charged with the decoded bodies and attachments; may be NULL.
 *
 * Refused: more header lines, bytes, tokens, parts, nesting or hops than conf allows; no
 * header at all; more than one From; a part whose policy is "refuse"; NUL in
 * headers.
 */
int message_parse(struct message **out, struct span raw, const struct conf_limits *limits,
	const struct conf_mail *policy, struct budget *budget,
	struct message_refusal *why) MUST_CHECK;

void message_free(struct message **m);

/* Once in a process, before and after all others. */
void message_library_init(void);
void message_library_shutdown(void);

#endif
