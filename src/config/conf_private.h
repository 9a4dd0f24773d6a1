/* SPDX-License-Identifier: MIT */
/*
 * What the files of the configuration share among themselves; no other room includes it.
 *
 * conf_options: the table of all options. text --conf_token--> words --conf_parse, with
 * conf_value and conf_form for each value--> struct conf --conf_check--> a sound one.
 */
#ifndef CONFIG_CONF_PRIVATE_H
#define CONFIG_CONF_PRIVATE_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands for a secret in a printed configuration. */
#define CONF_MASK "***"

/* Far more bytes than any configuration needs. */
#define CONF_FILE_MAX ((size_t)1024 * 1024)

/* --- every option: conf_options.c ------------------------------------------------- */

enum conf_type {
	CONF_TYPE_STRING,   /* char * */
	CONF_TYPE_LIST,     /* struct conf_list */
	CONF_TYPE_UNSIGNED, /* unsigned or unsigned long */
	CONF_TYPE_SIZE,     /* size_t: "8M" */
	CONF_TYPE_DURATION, /* uint64_t, ms: "50s" */
	CONF_TYPE_BOOL,
	CONF_TYPE_ENUM,   /* an enum; one of names */
	CONF_TYPE_SECRET, /* struct secret * */
};

/* Options of listeners; which of these groups have a use others of them decide. */
enum conf_group {
	CONF_GROUP_TCP = 1 << 0,        /* where to bind by TCP */
	CONF_GROUP_PATH = 1 << 1,       /* where to bind a unix socket */
	CONF_GROUP_FILE = 1 << 2,       /* what its file is like */
	CONF_GROUP_NETWORK = 1 << 3,    /* what depends on the client's address */
	CONF_GROUP_ACTIVATION = 1 << 4, /* somebody else has bound it */
};

struct conf_option {
	const char *key;
	enum conf_type type;
	bool words;        /* of a list: each text is split at commas and spaces */
	bool networks;     /* of a list: each item is parsed */
	bool masked;       /* of a string: a credential, printed as CONF_MASK */
	size_t offset;     /* of its field, in the section's struct */
	size_t size;       /* of its field */
	const char *def;   /* as in a file, without quotes; NULL: it must be given */
	uint64_t min, max; /* of numbers, sizes, durations */
	const char *const *names; /* of an enum, by value; NULL ends them */
	unsigned allowed;         /* enum: bits of the values; 0: all */
	unsigned group;           /* enum conf_group; 0: none */
	/* Looks at one value (at each of a list): 0, or -1 and *why says what is wrong and
	 * what would be right. Not called for "". May be NULL. */
	int (*check)(const char *text, struct err *why);
	const char *help;
};

struct conf_section {
	const char *name; /* "": what stands outside of all sections */
	const struct conf_option *options;
	size_t n_options;
	size_t offset; /* in struct conf: of its struct; titled: of the pointer to them */
	/* Of titled sections, which may stand in a file many times: */
	bool titled;
	size_t count_offset; /* in struct conf: of their number */
	size_t size;         /* of one struct */
	size_t title_offset; /* in that struct: of its title, a char * */
	int (*check_title)(const char *title, struct err *why);
	const char *
		default_title; /* of the one that is made if a file has none; NULL: none is */
};

extern const struct conf_section conf_sections[];
extern const size_t conf_n_sections;

/* NULL if there is none; name "" is the top, which is conf_sections[0]. */
const struct conf_section *conf_options_section(struct span name);
const struct conf_option *conf_options_find(
	const struct conf_section *section, struct span key);

/* --- the sections of a struct conf: conf.c ---------------------------------------- */

/* The struct of a section; index counts titled ones. */
void *conf_section_at(
	const struct conf *conf, const struct conf_section *section, size_t index);
/* How many structs of it conf holds: 1 if it is not titled. */
size_t conf_section_count(const struct conf *conf, const struct conf_section *section);
/* Adds a titled section, zeroed; returns its index. */
size_t conf_section_add(
	struct conf *conf, const struct conf_section *section, const char *title);
char **conf_section_title(const struct conf_section *section, void *base);

/* Where the file sets an option. */
struct conf_place {
	unsigned line; /* 0: it does not */
	bool differs;  /* sets it to something else than its default */
};

/* Of an option; of the section itself if it is NULL. Borrowed until a section is added. */
struct conf_place *conf_place(const struct conf *conf, const struct conf_section *section,
	size_t index, const struct conf_option *option);

/* One section that is being read or checked. */
struct conf_at {
	struct conf *conf;
	const struct conf_section *section;
	size_t index;
	struct err *err;
};

/* An error in an option, or in the section itself (NULL), with file and line. Returns -1. */
int conf_fail(const struct conf_at *at, const char *key, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Whether the file itself has the option. */
bool conf_given(const struct conf_at *at, const char *key);
/* -1: the option has no default. */
int conf_set_default(
	const struct conf_at *at, const struct conf_option *option) MUST_CHECK;

/* --- from text to words: conf_token.c --------------------------------------------- */

enum conf_token_kind {
	CONF_TOKEN_END,
	CONF_TOKEN_WORD,   /* also ${NAME} */
	CONF_TOKEN_STRING, /* in quotes of either kind */
	CONF_TOKEN_SIGN,   /* = += { } ( ) , */
	CONF_TOKEN_BAD,    /* the error is set */
};

struct conf_token {
	enum conf_token_kind kind;
	struct span s; /* as written: with its quotes; borrowed */
	unsigned line;
};

struct conf_tokens {
	struct span rest; /* after the last token; borrowed */
	unsigned line;    /* where rest begins */
	const char *name; /* of the file, for errors; borrowed */
	struct err *err;
};

/* -1: text has a control character. */
int conf_token_begin(struct conf_tokens *in, struct span text, const char *name,
	struct err *err) MUST_CHECK;
struct conf_token conf_token_next(struct conf_tokens *in);
/* Appends what a word or a string stands for. *why continues "OPTION ...". */
int conf_token_value(
	const struct conf_token *t, struct buf *value, struct err *why) MUST_CHECK;

/* --- from words to a configuration: conf_parse.c ----------------------------------- */

/* Puts all that the text sets into conf. Errors say file and line, the word that is wrong (if
 * it can be no part of a secret) and what would be right. */
int conf_parse(struct conf *conf, struct span text, struct err *err) MUST_CHECK;

/* --- the value of an option: conf_value.c ------------------------------------------ */

/* Fills the option's field in base; a list gets another item. masked: a credential may be
 * CONF_MASK. *why as in conf_option.check. */
int conf_value_set(void *base, const struct conf_option *option, const char *text,
	bool masked, struct err *why) MUST_CHECK;
/* Appends the field's value as it would stand in a file. */
int conf_value_print(
	const void *base, const struct conf_option *option, struct buf *out) MUST_CHECK;
void conf_value_free(void *base, const struct conf_option *option);
/* The type as a person reads it: "size", "attach|drop|refuse". */
int conf_value_print_type(const struct conf_option *option, struct buf *out) MUST_CHECK;
/* Appends in single quotes, within which nothing is filled in. */
int conf_value_quote(const char *text, struct buf *out) MUST_CHECK;

#define CONF_VALUE_NUMBER_LEN 32

/* A number, size or duration as text and back. *why as in conf_option.check. */
int conf_value_parse_number(enum conf_type type, const char *text, uint64_t *value,
	struct err *why) MUST_CHECK;
void conf_value_format_number(
	enum conf_type type, uint64_t value, char text[CONF_VALUE_NUMBER_LEN]);

/* --- the form of one value: conf_form.c -------------------------------------------- */

/* Each is a conf_option.check or conf_section.check_title. */
int conf_form_address(const char *text, struct err *why);
int conf_form_charset(const char *text, struct err *why);
int conf_form_endpoint(const char *text, struct err *why);
int conf_form_enhanced(const char *text, struct err *why);
int conf_form_field(const char *text, struct err *why);
int conf_form_file(const char *text, struct err *why);
int conf_form_host(const char *text, struct err *why);
int conf_form_hostname(const char *text, struct err *why);
int conf_form_mode(const char *text, struct err *why);
int conf_form_owner(const char *text, struct err *why);
int conf_form_path(const char *text, struct err *why);
int conf_form_proxy(const char *text, struct err *why);
int conf_form_region(const char *text, struct err *why);
int conf_form_reply_code(const char *text, struct err *why);
int conf_form_rewrite_from(const char *text, struct err *why);
int conf_form_secret_id(const char *text, struct err *why);
int conf_form_secret_key(const char *text, struct err *why);
int conf_form_title(const char *text, struct err *why);
int conf_form_token(const char *text, struct err *why);
int conf_form_user(const char *text, struct err *why);
int conf_form_variable(const char *text, struct err *why);

/* --- values that must go together: conf_check.c, conf_check_listener.c -------------- */

/* Rules that need more than one value. Also fills what is derived from others: the site's
 * endpoint, the number of workers. */
int conf_check(struct conf *conf, struct err *err) MUST_CHECK;

int conf_check_listener(const struct conf_at *at) MUST_CHECK;
/* Whether users are needed, and not named, or the other way round. */
int conf_check_listener_users(const struct conf_at *at) MUST_CHECK;

/* Groups of options that have no use in this listener; they are neither written nor
 * printed. */
unsigned conf_check_listener_unused(const struct conf_listener *l);

#endif
