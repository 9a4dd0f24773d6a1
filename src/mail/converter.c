/* SPDX-License-Identifier: MIT */
/* Handles of iconv(3) are kept, lent and run here. */
#include "mail/converter.h"

#include "core/mem.h"
#include "core/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define NAME_LEN_MAX 40
/* Three threads may want each of the usual ones; what comes past it is opened each time. */
#define KEPT_MAX 96

enum converter_state {
	CONVERTER_NONE,    /* the place is free */
	CONVERTER_OPENING, /* a thread fills it; its name cannot be read */
	CONVERTER_IDLE,
	CONVERTER_LENT,
};

struct converter {
	atomic_int state;
	char name[NAME_LEN_MAX + 1];
	iconv_t cd;
	bool kept;          /* in the table below; else freed when it comes back */
	size_t unit;        /* bytes from a bad character to the next that may begin */
	uint8_t never[256]; /* whether no character begins with that byte */
};

/* A name never changes once its place is filled, so it may be read if the state is IDLE. */
static struct converter kept[KEPT_MAX];

enum {
	EARLY = 1,     /* opened by converter_init() */
	STATELESS = 2, /* what a byte means does not hang on those before its character */
};

static const struct {
	const char *name;
	unsigned flags;
} known[] = {
	{"UTF-8", EARLY | STATELESS},
	{"GB18030", EARLY | STATELESS},
	{"CP1252", EARLY | STATELESS},
	{"BIG5-HKSCS", EARLY | STATELESS},
	{"BIG5", EARLY | STATELESS},
	{"CP932", EARLY | STATELESS},
	{"EUC-JP-MS", EARLY | STATELESS},
	{"ISO-2022-JP", EARLY},
	{"UHC", EARLY | STATELESS},
	{"ISO-8859-1", EARLY | STATELESS},
	{"ISO-8859-2", EARLY | STATELESS},
	{"ISO-8859-15", EARLY | STATELESS},
	{"CP1250", EARLY | STATELESS},
	{"CP1251", EARLY | STATELESS},
	{"CP1254", EARLY | STATELESS},
	{"CP1256", EARLY | STATELESS},
	{"CP1258", EARLY | STATELESS},
	{"IBM874", EARLY | STATELESS},
	{"KOI8-R", EARLY | STATELESS},
	{"UTF-16", EARLY},
	{"UTF-7", EARLY},
	{"SHIFT_JISX0213", STATELESS},
	{"EUC-JISX0213", STATELESS},
	{"TIS-620", STATELESS},
};

/* --- opening ---------------------------------------------------------------------------- */

/* The errno of iconv for those bytes alone; 0 if they are a character. */
static int probe(iconv_t cd, const char *bytes, size_t len)
{
	char *src = (char *)(uintptr_t)bytes, out[64], *dst = out;
	size_t left = sizeof(out);

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	return iconv(cd, &src, &len, &dst, &left) == (size_t)-1 ? errno : 0;
}

/* If one byte, or two, are not enough for a character, it is UTF-16 or UTF-32. */
static size_t find_unit(iconv_t cd)
{
	static const char a[4] = {'a'};

	if (probe(cd, a, 1) != EINVAL)
		return 1;
	return probe(cd, a, 2) != EINVAL ? 2 : 4;
}

static void find_never(struct converter *c)
{
	for (unsigned i = 0; i < 256; i++) {
		char byte = (char)i;

		c->never[i] = probe(c->cd, &byte, 1) == EILSEQ;
	}
}

static bool is_stateless(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieq(known[i].name, name))
			return (known[i].flags & STATELESS) != 0;
	return false;
}

/* False if iconv does not know the name. */
static bool fill(struct converter *c, const char *name)
{
	c->cd = iconv_open("UTF-8", name);
	if (c->cd == (iconv_t)-1)
		return false;
	(void)str_copy(c->name, sizeof(c->name), name);
	c->unit = find_unit(c->cd);
	if (is_stateless(name))
		find_never(c);
	return true;
}

/* --- taking and giving --------------------------------------------------------------------- */

static bool swap_state(
	struct converter *c, enum converter_state from, enum converter_state to)
{
	int expected = (int)from;

	return atomic_compare_exchange_strong(&c->state, &expected, (int)to);
}

static struct converter *take_idle(const char *name)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct converter *c = &kept[i];
		int state = atomic_load(&c->state);

		if (state == CONVERTER_NONE)
			return NULL;
		if (state == CONVERTER_IDLE && str_ieq(c->name, name) &&
			swap_state(c, CONVERTER_IDLE, CONVERTER_LENT))
			return c;
	}
	return NULL;
}

/* A free place, for the caller to fill. */
static struct converter *take_place(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (swap_state(&kept[i], CONVERTER_NONE, CONVERTER_OPENING))
			return &kept[i];
	return NULL;
}

struct converter *converter_take(const char *name)
{
	struct converter *c = take_idle(name), opened = {0};

	if (c != NULL)
		return c;
	if (!fill(&opened, name))
		return NULL;
	c = take_place();
	opened.kept = c != NULL;
	if (c == NULL)
		c = mem_new(1, sizeof(*c));
	str_copy(c->name, sizeof(c->name), opened.name);
	memcpy(c->never, opened.never, sizeof(c->never));
	c->cd = opened.cd;
	c->unit = opened.unit;
	c->kept = opened.kept;
	atomic_store(&c->state, CONVERTER_LENT);
	return c;
}

/* The byte order that a mark chose outlives what POSIX calls the initial state: a handle of
 * UTF-16 is good for one text. The old one stays open until the new one is, so that no file
 * is needed. */
static void refresh(struct converter *c)
{
	iconv_t fresh = iconv_open("UTF-8", c->name);

	if (fresh == (iconv_t)-1)
		return;
	(void)iconv_close(c->cd);
	c->cd = fresh;
}

void converter_give(struct converter **cp)
{
	struct converter *c = *cp;

	*cp = NULL;
	if (c->kept) {
		if (c->unit > 1)
			refresh(c);
		atomic_store(&c->state, CONVERTER_IDLE);
		return;
	}
	(void)iconv_close(c->cd);
	free(c);
}

void converter_init(void)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct converter *c = NULL;

		if ((known[i].flags & EARLY) != 0)
			c = converter_take(known[i].name);
		if (c != NULL)
			converter_give(&c);
	}
}

void converter_shutdown(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (swap_state(&kept[i], CONVERTER_IDLE, CONVERTER_NONE))
			(void)iconv_close(kept[i].cd);
}

/* --- running --------------------------------------------------------------------------------- */

static int replace(struct conversion *v, size_t n)
{
	v->bad += n;
	if (v->bad > v->most_bad)
		return 1;
	return v->out != NULL ? utf8_append_replacements(v->out, n) : 0;
}

/* One call of iconv; v->in moves on. 0, or what errno iconv left. in NULL: what the
 * converter still holds back. */
static int step(iconv_t cd, struct conversion *v, struct span *in)
{
	char scratch[4096];
	char *src, *dst = scratch;
	size_t left = sizeof(scratch), len, rc;

	if (v->out != NULL) {
		dst = v->out->data + v->out->len;
		left = v->out->cap - v->out->len - 1;
	}
	if (in == NULL) {
		rc = iconv(cd, NULL, NULL, &dst, &left);
	} else {
		/* iconv(3) does not write there. */
		src = (char *)(uintptr_t)in->p;
		len = in->len;
		rc = iconv(cd, &src, &len, &dst, &left);
		*in = span_make(src, len);
	}
	if (v->out != NULL)
		buf_set_len(v->out, (size_t)(dst - v->out->data));
	return rc == (size_t)-1 ? errno : 0;
}

/* The bad unit, and all right after it that can be nothing else. */
static int pass_over(const struct converter *c, struct conversion *v)
{
	size_t n = c->unit < v->in.len ? c->unit : v->in.len, units = 1;

	if (c->unit == 1)
		for (; n < v->in.len && c->never[(unsigned char)v->in.p[n]]; n++)
			units++;
	v->in = span_make(v->in.p + n, v->in.len - n);
	return replace(v, units);
}

static int take_rest_as_ascii(struct conversion *v)
{
	int rc = 0;

	while (v->in.len > 0 && rc == 0) {
		size_t n = utf8_ascii_len(v->in), bad = n;

		if (n > 0 && v->out != NULL)
			rc = buf_append(v->out, v->in.p, n);
		while (bad < v->in.len && (unsigned char)v->in.p[bad] >= 0x80)
			bad++;
		v->in = span_make(v->in.p + bad, v->in.len - bad);
		if (rc == 0 && bad > n)
			rc = replace(v, bad - n);
	}
	return rc;
}

/* For all that is left, so that a buffer of megabytes does not grow by and by. */
static int make_room(struct conversion *v)
{
	size_t len = v->in.len;

	return v->out != NULL ? buf_reserve(v->out, len + len / 2 + 16) : 0;
}

int converter_run(struct converter *c, struct conversion *v)
{
	int rc = 0;

	(void)iconv(c->cd, NULL, NULL, NULL, NULL);
	for (size_t calls = 0; v->in.len > 0 && rc == 0; calls++) {
		if (calls == CONVERTER_CALLS_MAX)
			return take_rest_as_ascii(v);
		if (make_room(v) < 0)
			return -1;
		switch (step(c->cd, v, &v->in)) {
		case 0:
		case E2BIG: break;
		case EILSEQ: rc = pass_over(c, v); break;
		default: /* cut in the middle of a character */
			v->in.len = 0;
			rc = replace(v, 1);
		}
	}
	if (rc != 0)
		return rc;
	/* What the converter still holds back. */
	if (v->out != NULL && buf_reserve(v->out, 32) < 0)
		return -1;
	(void)step(c->cd, v, NULL);
	return 0;
}
