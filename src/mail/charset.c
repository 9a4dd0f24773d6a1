/* SPDX-License-Identifier: MIT */
/* Chooses a converter by name, or by the look of the bytes. */
#include "mail/charset.h"

#include "core/utf8.h"
#include "mail/converter.h"

#include <errno.h>
#include <stdint.h>

#define NAME_MAX_LEN 40

/* What a name in a mail means, with '-' for '_': Python writes "big5_tw" and
 * "eucgb2312_cn". If the first converter does not explain every byte, the second is tried. */
static const struct alias {
	const char *iconv, *second;
	const char *names; /* with spaces between */
} aliases[] = {
	{"CP1252", NULL, "ascii us-ascii ansi-x3.4-1968"},
	{"UTF-8", NULL, "utf8 unicode-1-1-utf-8"},
	{"UTF-7", NULL, "unicode-1-1-utf-7"},
	{"GB18030", NULL,
		"gb2312 gb-2312-80 csgb2312 gbk x-gbk cp936 ms936 windows-936 euc-cn "
		"gb18030 gb-18030 eucgb2312-cn euccn"},
	{"BIG5-HKSCS", "BIG5", "big5 big-5 big5-hkscs x-big5 cn-big5 big5-tw big5hkscs"},
	{"BIG5", "BIG5-HKSCS", "cp950"},
	{"CP932", "SHIFT_JISX0213",
		"shift-jis sjis x-sjis windows-31j ms-kanji shiftjis"},
	{"CP932", NULL, "cp932"},
	{"EUC-JP-MS", "EUC-JISX0213", "euc-jp x-euc-jp eucjp ujis"},
	{"ISO-2022-JP", "ISO-2022-JP-3",
		"iso-2022-jp csiso2022jp iso-2022-jp-ms iso2022-jp"},
	{"UHC", NULL,
		"ks-c-5601-1987 ks-c-5601-1989 ks-c-5601 ksc5601 euc-kr windows-949 "
		"euckr korean cp949"},
	{"CP1252", "ISO-8859-1",
		"iso-8859-1 iso8859-1 latin1 latin-1 windows-1252 x-ansi"},
	{"CP1254", "ISO-8859-9", "iso-8859-9"},
	{"IBM874", "TIS-620", "iso-8859-11 tis-620 windows-874"},
	{"ISO-8859-8", NULL, "iso-8859-8-i"},
	{"ISO-8859-6", NULL, "iso-8859-6-i"},
	{"MACINTOSH", NULL, "x-mac-roman"},
	{"KOI8-R", NULL, "koi8-r"},
};

/* 0; 1 if more than most_bad units mean nothing; -1 as charset_convert(). Nothing is
 * appended unless it returns 0. out NULL: only counts. */
static int convert_by_name(
	struct buf *out, struct span in, const char *name, size_t most_bad, size_t *bad)
{
	struct conversion v = {.in = in, .out = out, .most_bad = most_bad};
	struct converter *c = converter_take(name);
	size_t before = out != NULL ? out->len : 0;
	int rc, saved;

	if (c == NULL) {
		errno = EINVAL;
		return -1;
	}
	rc = converter_run(c, &v);
	saved = errno;
	converter_give(&c);
	*bad = v.bad;
	if (rc != 0 && out != NULL && out->len > before)
		buf_set_len(out, before);
	errno = saved;
	return rc;
}

/* Only plain names: iconv_open() interprets "//IGNORE" and file names. */
static bool clean_name(const char *charset, char name[NAME_MAX_LEN + 1])
{
	struct span s = span_trim(span_of(charset));

	if (s.len == 0 || !span_copy(name, NAME_MAX_LEN + 1, s))
		return false;
	for (char *p = name; *p != '\0'; p++)
		if (!ascii_isalnum(*p) && memchr("-_.:+()", *p, 7) == NULL)
			return false;
	return true;
}

static bool lists(const char *names, const char *name)
{
	for (size_t n; *names != '\0'; names += n + strspn(names + n, " ")) {
		n = strcspn(names, " ");
		if (span_ieq_str(span_make(names, n), name))
			return true;
	}
	return false;
}

static const struct alias *find_alias(const char *name)
{
	char plain[NAME_MAX_LEN + 1];

	(void)str_copy(plain, sizeof(plain), name);
	for (char *p = plain; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (lists(aliases[i].names, plain))
			return &aliases[i];
	return NULL;
}

static int convert_utf8(struct buf *out, struct span in, size_t *bad)
{
	bool changed;

	*bad = 0;
	if (utf8_valid(in))
		return buf_append(out, in.p, in.len);
	if (utf8_clean_text(out, in, &changed) < 0)
		return -1;
	*bad = 1;
	return 0;
}

/* What a name in a mail means to iconv. */
struct meaning {
	char name[NAME_MAX_LEN + 1];
	const char *first, *second; /* second may be NULL */
};

/* -1 and errno EINVAL if it is no name. */
static int find_meaning(struct meaning *m, const char *charset)
{
	const struct alias *a;

	if (!clean_name(charset, m->name)) {
		errno = EINVAL;
		return -1;
	}
	a = find_alias(m->name);
	m->first = a != NULL ? a->iconv : m->name;
	m->second = a != NULL ? a->second : NULL;
	return 0;
}

/* If both converters leave bytes unexplained, the one with fewer wins, the first on a tie. The
 * second only counts at first, and no further than it can still win. */
int charset_convert(struct buf *out, struct span in, const char *charset, size_t *bad)
{
	size_t before = out->len, bad2;
	struct meaning m;

	*bad = 0;
	if (find_meaning(&m, charset) < 0)
		return -1;
	if (str_ieq(m.first, "UTF-8"))
		return convert_utf8(out, in, bad);
	if (convert_by_name(out, in, m.first, SIZE_MAX, bad) < 0)
		return -1;
	if (*bad == 0 || m.second == NULL ||
		convert_by_name(NULL, in, m.second, *bad - 1, &bad2) != 0)
		return 0;
	if (out->len > before)
		buf_set_len(out, before);
	return convert_by_name(out, in, m.second, SIZE_MAX, bad);
}

/* 0 if the charset explains every byte; 1 if not, -1 as charset_convert(): then nothing is
 * appended. Ends at the first byte that it does not explain. */
static int convert_wholly(struct buf *out, struct span in, const char *charset)
{
	struct meaning m;
	size_t bad;
	int rc;

	if (find_meaning(&m, charset) < 0)
		return -1;
	if (str_ieq(m.first, "UTF-8"))
		return 1; /* was tried first of all */
	rc = convert_by_name(out, in, m.first, 0, &bad);
	if (rc == 1 && m.second != NULL)
		rc = convert_by_name(out, in, m.second, 0, &bad);
	return rc;
}

/*
 * Whether bytes that are not valid UTF-8 were meant as UTF-8: most of the non-ASCII bytes are.
 * Otherwise a value that was cut inside a character would become Chinese by accident.
 */
static bool mostly_utf8(struct span in)
{
	size_t good = 0, bad = 0;

	while (in.len > 0) {
		uint32_t cp;
		size_t n = utf8_ascii_len(in);

		if (n == 0) {
			n = utf8_next(in, &cp);
			good += n > 1;
			bad += n == 0;
			/* The rest cannot make up for it. */
			if (good + in.len / 2 < 2 * bad)
				return false;
		}
		if (n == 0)
			n = in.len < 4 ? in.len : 1; /* a cut at the end counts once */
		in = span_make(in.p + n, in.len - n);
	}
	return good >= 2 * bad;
}

int charset_guess(
	struct buf *out, struct span in, const struct conf_list *charsets, size_t *bad)
{
	*bad = 0;
	if (utf8_valid(in))
		return buf_append(out, in.p, in.len);
	if (mostly_utf8(in))
		return convert_utf8(out, in, bad);
	for (size_t i = 0; charsets != NULL && i < charsets->n; i++) {
		int rc = convert_wholly(out, in, charsets->items[i]);

		if (rc == 0 || (rc < 0 && errno != EINVAL))
			return rc;
	}
	return convert_utf8(out, in, bad);
}

bool charset_is_ascii(const char *charset)
{
	return charset[0] == '\0' || str_ieq(charset, "us-ascii") ||
	       str_ieq(charset, "ascii") || str_ieq(charset, "ansi_x3.4-1968");
}

bool charset_is_stateful(const char *charset)
{
	return span_istarts(span_of(charset), "iso-2022-") ||
	       span_istarts(span_of(charset), "iso2022") ||
	       str_ieq(charset, "csiso2022jp") || str_ieq(charset, "utf-7") ||
	       str_ieq(charset, "unicode-1-1-utf-7");
}
