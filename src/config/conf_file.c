/* SPDX-License-Identifier: MIT */
/*
 * libConfuse: from text to sections of texts with their lines.
 *
 * It gets every option as an opaque pointer whose callback keeps the text as it was read
 * and the line: values are understood elsewhere, by the tables, so that their errors are
 * ours and "${SESRELAY_PORT:-2525}" can be a number.
 */
#include "config/conf_private.h"

#include "core/mem.h"
#include "core/secret.h"

#include <confuse.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * libConfuse's callbacks get a section and nothing of ours, so each section begins with
 * two options that no file may set: one points to the struct conf_file, the default of
 * the other is read where the section begins, which tells its line.
 */
enum { HIDDEN_FILE, HIDDEN_BEGIN, HIDDEN_COUNT };

struct conf_file {
	char *name;
	bool masked;
	cfg_t *root;
	struct err *err; /* borrowed while parsing */
	bool failed;
};

static struct conf_file *file_of(const cfg_t *cfg)
{
	return (struct conf_file *)cfg->opts[HIDDEN_FILE].simple_value.ptr;
}

/* --- errors ----------------------------------------------------------------------- */

/* The first error counts; what libConfuse says after it is a consequence. */
static int fail_line(struct conf_file *f, unsigned line, const char *what)
{
	if (!f->failed)
		err_set(f->err, "%s:%u: %s", f->name, line, what);
	f->failed = true;
	return -1;
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char *text, *full;

	/* conf_syntax() has seen all else; libConfuse's words would show a secret. */
	if (strstr(fmt, "duplicate title") == NULL) {
		fail_line(file_of(cfg), (unsigned)cfg->line,
			"not understood; write: option = value");
		return;
	}
	text = mem_vsprintf(fmt, ap);
	full = mem_sprintf("%s; give each section of a kind its own name", text);
	fail_line(file_of(cfg), (unsigned)cfg->line, full);
	free(full);
	free(text);
}

int conf_fail(struct err *err, const struct conf_block *block, unsigned line,
	const char *fmt, ...)
{
	char *what;
	va_list ap;

	va_start(ap, fmt);
	what = mem_vsprintf(fmt, ap);
	va_end(ap);
	if (line > 0)
		err_set(err, "%s:%u: %s", block->file->name, line, what);
	else
		err_set(err, "%s: %s", block->file->name, what);
	free(what);
	return -1;
}

/* --- what libConfuse calls -------------------------------------------------------- */

static int refuse_hidden(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	(void)opt;
	(void)value;
	(void)result;
	return fail_line(
		file_of(cfg), (unsigned)cfg->line, "no option of this name; remove it");
}

static struct conf_text *new_text(const char *value, unsigned line)
{
	size_t len = strlen(value);
	struct conf_text *t = mem_new(1, sizeof(*t) + len + 1);

	t->line = line;
	memcpy(t->text, value, len);
	return t;
}

/* Any of them may have held a secret. */
static void free_text(void *p)
{
	struct conf_text *t = p;

	secret_wipe(t->text, strlen(t->text));
	free(t);
}

static int keep_begin(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	if (opt->def.number != 0)
		return refuse_hidden(cfg, opt, value, result);
	opt->def.number = 1;
	*(struct conf_text **)result = new_text(value, (unsigned)cfg->line);
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* def.number, which libConfuse does not use for pointers, counts what came: the default
 * of a list comes first; a value that stands alone again is a second "=". */
static int keep_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	bool is_default = opt->def.parsed != NULL && opt->def.number == 0;
	bool again =
		opt->def.number > (opt->def.parsed != NULL ? 1 : 0) && opt->nvalues <= 1;
	char *what = NULL;

	if (!is_default && again)
		what = mem_sprintf("%s is set twice; remove one", opt->name);
	else if (has_control(value))
		what = mem_sprintf("%s holds a control character (perhaps a line end "
				   "behind it); write text only",
			opt->name);
	if (what != NULL) {
		fail_line(file_of(cfg), (unsigned)cfg->line, what);
		free(what);
		return -1;
	}
	opt->def.number++;
	*(struct conf_text **)result = new_text(value, (unsigned)cfg->line);
	return 0;
}

/* --- tables for libConfuse -------------------------------------------------------- */

static void hide_options(cfg_opt_t *opts, struct conf_file *f)
{
	static char unset[] = "0";

	opts[HIDDEN_FILE] = (cfg_opt_t){.name = "|file",
		.type = CFGT_PTR,
		.flags = CFGF_NODEFAULT,
		.simple_value.ptr = (void **)f,
		.parsecb = refuse_hidden};
	opts[HIDDEN_BEGIN] = (cfg_opt_t){.name = "|begin",
		.type = CFGT_PTR,
		.def.parsed = unset,
		.parsecb = keep_begin,
		.freecb = free_text};
}

/* Only lists have their default in libConfuse, so that += adds to it. */
static cfg_opt_t make_option(const struct conf_option *o)
{
	cfg_opt_t opt = {.name = o->key,
		.type = CFGT_PTR,
		.parsecb = keep_value,
		.freecb = free_text};

	if (o->type != CONF_TYPE_LIST)
		opt.flags = CFGF_NODEFAULT;
	else if (o->def[0] == '\0')
		opt.flags = CFGF_LIST | CFGF_NODEFAULT;
	else {
		opt.flags = CFGF_LIST;
		opt.def.parsed = mem_sprintf("'%s'", o->def);
	}
	return opt;
}

static cfg_opt_t *make_options(
	const struct conf_section *section, size_t extra, struct conf_file *f)
{
	cfg_opt_t *opts =
		mem_new(HIDDEN_COUNT + section->n_options + extra + 1, sizeof(*opts));

	hide_options(opts, f);
	for (size_t i = 0; i < section->n_options; i++)
		opts[HIDDEN_COUNT + i] = make_option(&section->options[i]);
	return opts;
}

static void free_options(cfg_opt_t *opts)
{
	for (size_t i = HIDDEN_COUNT; opts[i].name != NULL; i++) {
		free(opts[i].def.parsed);
		if (opts[i].subopts != NULL)
			free_options(opts[i].subopts);
	}
	free(opts);
}

static cfg_t *make_root(struct conf_file *f)
{
	const struct conf_section *top = conf_section_find("");
	cfg_opt_t *opts = make_options(top, conf_n_sections, f);
	size_t n = HIDDEN_COUNT + top->n_options;
	cfg_t *root;

	for (size_t i = 0; i < conf_n_sections; i++) {
		const struct conf_section *section = &conf_sections[i];

		if (section == top)
			continue;
		opts[n++] = (cfg_opt_t){.name = section->name,
			.type = CFGT_SEC,
			.subopts = make_options(section, 0, f),
			.flags = section->titled
		                         ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES
		                         : CFGF_NONE};
	}
	root = cfg_init(opts, CFGF_NONE);
	free_options(opts);
	if (root == NULL)
		abort();
	return root;
}

/* --- parsing ---------------------------------------------------------------------- */

static int parse_text(struct conf_file *f, const struct buf *text)
{
	FILE *in = fmemopen(text->data, text->len, "r");
	int rc;

	if (in == NULL)
		return err_errno(f->err, "%s: cannot read it from memory", f->name);
	/* No second copy of what may hold a secret. */
	setvbuf(in, NULL, _IONBF, 0);
	rc = cfg_parse_fp(f->root, in);
	fclose(in);
	if (f->failed)
		return -1;
	if (rc != CFG_SUCCESS)
		return fail_line(f, (unsigned)f->root->line,
			"not understood; write: option = value");
	return 0;
}

/* Sections of which there must be one: made with the defaults, at line 0. */
static void add_default_sections(struct conf_file *f)
{
	f->root->line = 0;
	for (size_t i = 0; i < conf_n_sections; i++) {
		const struct conf_section *s = &conf_sections[i];

		if (s->default_title != NULL && cfg_size(f->root, s->name) == 0)
			cfg_addtsec(f->root, s->name, s->default_title);
	}
}

int conf_file_parse(struct buf *text, const char *name, bool masked,
	struct conf_file **file, struct err *err)
{
	struct conf_file *f;

	if (conf_scan(text->data, text->len, name, err) < 0 ||
		conf_syntax(text->data, text->len, name, err) < 0)
		return -1;
	f = mem_new(1, sizeof(*f));
	f->name = mem_strdup(name);
	f->masked = masked;
	f->err = err;
	f->root = make_root(f);
	cfg_set_error_function(f->root, on_error);
	*file = f;
	if (parse_text(f, text) < 0) {
		conf_file_free(file);
		return -1;
	}
	add_default_sections(f);
	f->err = NULL;
	return 0;
}

void conf_file_free(struct conf_file **file)
{
	if (*file == NULL)
		return;
	cfg_free((*file)->root);
	free((*file)->name);
	free(*file);
	*file = NULL;
}

/* --- looking ---------------------------------------------------------------------- */

bool conf_file_masked(const struct conf_file *file)
{
	return file->masked;
}

size_t conf_file_count(const struct conf_file *file, const struct conf_section *section)
{
	return section->name[0] == '\0' ? 1 : cfg_size(file->root, section->name);
}

struct conf_block conf_file_block(
	const struct conf_file *file, const struct conf_section *section, size_t i)
{
	cfg_t *cfg = file->root;
	struct conf_block block = {.file = file, .section = section, .title = ""};
	const struct conf_text *begin;

	if (section->name[0] != '\0')
		cfg = cfg_getnsec(file->root, section->name, (unsigned)i);
	if (section->titled)
		block.title = cfg_title(cfg);
	begin = cfg_opt_getnptr(&cfg->opts[HIDDEN_BEGIN], 0);
	block.line = begin->line;
	block.impl = cfg;
	return block;
}

static cfg_opt_t *find_option(const struct conf_block *block, const char *key)
{
	return cfg_getopt(block->impl, key);
}

const struct conf_text *conf_block_text(
	const struct conf_block *block, const struct conf_option *option, size_t i)
{
	cfg_opt_t *opt = find_option(block, option->key);

	return i < cfg_opt_size(opt) ? cfg_opt_getnptr(opt, (unsigned)i) : NULL;
}

bool conf_block_given(const struct conf_block *block, const char *key)
{
	const cfg_opt_t *opt = find_option(block, key);

	/* An untouched default still has the mark that the first "=" takes away. */
	return (opt->flags & CFGF_MODIFIED) != 0;
}

unsigned conf_block_line(const struct conf_block *block, const char *key)
{
	cfg_opt_t *opt = find_option(block, key);
	const struct conf_text *last;

	if (!conf_block_given(block, key) || cfg_opt_size(opt) == 0)
		return block->line;
	last = cfg_opt_getnptr(opt, cfg_opt_size(opt) - 1);
	return last->line;
}
