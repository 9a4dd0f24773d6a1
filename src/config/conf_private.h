/* SPDX-License-Identifier: MIT */
/*
 * What the files of the configuration share among themselves; nobody else includes it.
 *
 * text --conf_scan--> without comments --conf_syntax--> in order
 *      --conf_file--> libConfuse's tree of texts with lines
 *      --conf_value, by the tables of conf_table--> struct conf --conf_check--> a sound one.
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

/* --- tables: conf_table.c --------------------------------------------------------- */

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

enum conf_flag {
	CONF_FLAG_WORDS = 1 << 0,  /* list: each text is split at commas and spaces */
	CONF_FLAG_MASKED = 1 << 1, /* string: a credential, printed as CONF_MASK */
	/* Of listeners; which of these groups have a use others of them decide. */
	CONF_FLAG_TCP = 1 << 2,        /* where to bind by TCP */
	CONF_FLAG_PATH = 1 << 3,       /* where to bind a unix socket */
	CONF_FLAG_FILE = 1 << 4,       /* what its file is like */
	CONF_FLAG_NETWORK = 1 << 5,    /* what goes by the client's address */
	CONF_FLAG_ACTIVATION = 1 << 6, /* somebody else has bound it */
};

struct conf_option {
	const char *key;
	enum conf_type type;
	size_t offset;     /* of its field, in the section's struct */
	size_t size;       /* of its field */
	const char *def;   /* as in a file, without quotes; NULL: it must be given */
	uint64_t min, max; /* of numbers, sizes, durations; max 0: no limits */
	const char *const *names; /* of an enum, by value; NULL ends them */
	unsigned allowed;         /* enum: bits of the values; 0: all */
	unsigned flags;
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
	const char *default_title; /* one is made where a file has none; NULL: not */
};

extern const struct conf_section conf_sections[];
extern const size_t conf_n_sections;

/* NULL where there is none; name "" is the top. */
const struct conf_section *conf_section_find(const char *name);
const struct conf_option *conf_option_find(
	const struct conf_section *section, const char *key);

/* The struct of a section in conf; i counts titled ones. */
void *conf_section_at(
	const struct conf *conf, const struct conf_section *section, size_t i);
/* How many structs of it conf holds: 1 where it is not titled. */
size_t conf_section_count(const struct conf *conf, const struct conf_section *section);
char **conf_section_title(const struct conf_section *section, void *base);

/* --- text: conf_scan.c ------------------------------------------------------------ */

/*
 * Blanks comments in place and refuses what libConfuse 3.3 reads wrongly without a word:
 * strings, comments and sections that never end, a bare '*' or '+', control characters.
 * Errors say name:line.
 */
int conf_scan(char *text, size_t len, const char *name, struct err *err) MUST_CHECK;

/* --- the order of words: conf_syntax.c ---------------------------------------------- */

/*
 * What conf_scan() left: options with a value each, in sections that exist and end. Errors
 * say name:line, the word that is wrong (where it can be no part of a secret) and what would
 * be right.
 */
int conf_syntax(
	const char *text, size_t len, const char *name, struct err *err) MUST_CHECK;

/* --- libConfuse: conf_file.c ------------------------------------------------------ */

/* One value as it stands in the file, variables of the environment filled in. */
struct conf_text {
	unsigned line;
	char text[];
};

/* One section of a file. */
struct conf_block {
	const struct conf_file *file; /* borrowed */
	const struct conf_section *section;
	const char *title; /* borrowed; "" where it is not titled */
	unsigned line;     /* where it begins; 0: the file does not have it */
	void *impl;
};

struct conf_file;

/* text is changed. masked: it is a print of conf_print(). name is copied. */
int conf_file_parse(struct buf *text, const char *name, bool masked,
	struct conf_file **file, struct err *err) MUST_CHECK;
void conf_file_free(struct conf_file **file);

bool conf_file_masked(const struct conf_file *file);
size_t conf_file_count(const struct conf_file *file, const struct conf_section *section);
struct conf_block conf_file_block(
	const struct conf_file *file, const struct conf_section *section, size_t i);

/* Borrowed; NULL past the last. Lists that were not given have their default. */
const struct conf_text *conf_block_text(
	const struct conf_block *block, const struct conf_option *option, size_t i);
/* Whether the file itself has the option. */
bool conf_block_given(const struct conf_block *block, const char *key);

/* Line of the option, or of its section where the file does not have it. */
unsigned conf_block_line(const struct conf_block *block, const char *key);

/* "FILE:LINE: ..."; only "FILE: ..." for line 0. Returns -1. */
int conf_fail(struct err *err, const struct conf_block *block, unsigned line,
	const char *fmt, ...) PRINTF_LIKE(4, 5);

/* --- lines: conf_where.c ---------------------------------------------------------- */

/* Keeps the line of the block and of each option that the file has in it. *places is made
 * with the first. The file's own maximum bounds them. */
void conf_places_add(
	struct conf_places **places, const struct conf_block *block, size_t index);
void conf_places_free(struct conf_places **places);

/* --- values: conf_value.c, conf_number.c ------------------------------------------ */

/* Fills the option's field in base from the block, or from its default. */
int conf_value_read(void *base, const struct conf_option *option,
	const struct conf_block *block, struct err *err) MUST_CHECK;
/* Appends the field's value as it would stand in a file. */
int conf_value_print(
	const void *base, const struct conf_option *option, struct buf *out) MUST_CHECK;
void conf_value_free(void *base, const struct conf_option *option);
/* The type as a person reads it: "size", "attach|drop|refuse". */
int conf_type_print(const struct conf_option *option, struct buf *out) MUST_CHECK;
/* Appends in single quotes, which libConfuse does not expand. */
int conf_quote(const char *text, struct buf *out) MUST_CHECK;

#define CONF_NUMBER_LEN 32

/* A number, size or duration as text and back. *why as in conf_option.check. */
int conf_number_parse(enum conf_type type, const char *text, uint64_t *value,
	struct err *why) MUST_CHECK;
void conf_number_format(enum conf_type type, uint64_t value, char text[CONF_NUMBER_LEN]);

/* --- rules: conf_rule.c, conf_check.c --------------------------------------------- */

/* Rules for one value: conf_option.check and conf_section.check_title. */
int conf_rule_address(const char *text, struct err *why);
int conf_rule_charset(const char *text, struct err *why);
int conf_rule_endpoint(const char *text, struct err *why);
int conf_rule_enhanced(const char *text, struct err *why);
int conf_rule_field(const char *text, struct err *why);
int conf_rule_file(const char *text, struct err *why);
int conf_rule_host(const char *text, struct err *why);
int conf_rule_hostname(const char *text, struct err *why);
int conf_rule_mode(const char *text, struct err *why);
int conf_rule_network(const char *text, struct err *why);
int conf_rule_owner(const char *text, struct err *why);
int conf_rule_path(const char *text, struct err *why);
int conf_rule_proxy(const char *text, struct err *why);
int conf_rule_region(const char *text, struct err *why);
int conf_rule_reply_code(const char *text, struct err *why);
int conf_rule_rewrite_from(const char *text, struct err *why);
int conf_rule_secret_id(const char *text, struct err *why);
int conf_rule_secret_key(const char *text, struct err *why);
int conf_rule_title(const char *text, struct err *why);
int conf_rule_token(const char *text, struct err *why);
int conf_rule_user(const char *text, struct err *why);
int conf_rule_variable(const char *text, struct err *why);

/* One section being checked, and how a check fails: with file and line of the option. */
struct conf_checking {
	struct conf *conf;
	struct conf_block block;
	struct err *err;
};

#define CONF_FAIL(c, key, ...)                                                           \
	conf_fail((c)->err, &(c)->block, conf_block_line(&(c)->block, (key)), __VA_ARGS__)

/* conf_listener.c: of section `index`. */
int conf_check_listener(struct conf_checking *c, size_t index) MUST_CHECK;
/* Whether users are needed, and not named, or the other way round. */
int conf_check_users(struct conf_checking *c, size_t index) MUST_CHECK;

/* Flags of the options that have no use in this listener; they are neither written nor
 * printed. */
unsigned conf_listener_unused(const struct conf_listener *l);

/* Rules that need more than one value. Also fills what is derived from others: networks,
 * the site's endpoint, the number of workers. */
int conf_check(
	struct conf *conf, const struct conf_file *file, struct err *err) MUST_CHECK;

#endif
