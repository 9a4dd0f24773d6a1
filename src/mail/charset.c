/* SPDX-License-Identifier: MIT */
/* Converters are found by name, kept, and run here. */
#include "mail/charset.h"

#include "core/utf8.h"

#include <errno.h>
#include <iconv.h>

#define NAME_MAX_LEN   40
#define CONVERTERS_MAX 32

#define REPLACEMENT "\xef\xbf\xbd"

/* What a name in a mail means, with '-' for '_': Python writes "big5_tw" and
 * "eucgb2312_cn". Where the first converter does not explain every byte, the second is
 * tried. */
static const struct alias {
	const char *name, *iconv, *second;
} aliases[] = {
	{"ascii", "CP1252", NULL},
	{"us-ascii", "CP1252", NULL},
	{"ansi-x3.4-1968", "CP1252", NULL},
	{"utf8", "UTF-8", NULL},
	{"unicode-1-1-utf-8", "UTF-8", NULL},
	{"unicode-1-1-utf-7", "UTF-7", NULL},
	{"gb2312", "GB18030", NULL},
	{"gb-2312-80", "GB18030", NULL},
	{"csgb2312", "GB18030", NULL},
	{"gbk", "GB18030", NULL},
	{"x-gbk", "GB18030", NULL},
	{"cp936", "GB18030", NULL},
	{"ms936", "GB18030", NULL},
	{"windows-936", "GB18030", NULL},
	{"euc-cn", "GB18030", NULL},
	{"gb18030", "GB18030", NULL},
	{"gb-18030", "GB18030", NULL},
	{"big5", "BIG5-HKSCS", "BIG5"},
	{"big-5", "BIG5-HKSCS", "BIG5"},
	{"big5-hkscs", "BIG5-HKSCS", "BIG5"},
	{"x-big5", "BIG5-HKSCS", "BIG5"},
	{"cn-big5", "BIG5-HKSCS", "BIG5"},
	{"cp950", "BIG5", "BIG5-HKSCS"},
	{"shift-jis", "CP932", "SHIFT_JISX0213"},
	{"sjis", "CP932", "SHIFT_JISX0213"},
	{"x-sjis", "CP932", "SHIFT_JISX0213"},
	{"windows-31j", "CP932", "SHIFT_JISX0213"},
	{"ms-kanji", "CP932", "SHIFT_JISX0213"},
	{"cp932", "CP932", NULL},
	{"euc-jp", "EUC-JP-MS", "EUC-JISX0213"},
	{"x-euc-jp", "EUC-JP-MS", "EUC-JISX0213"},
	{"iso-2022-jp", "ISO-2022-JP", "ISO-2022-JP-3"},
	{"csiso2022jp", "ISO-2022-JP", "ISO-2022-JP-3"},
	{"iso-2022-jp-ms", "ISO-2022-JP", "ISO-2022-JP-3"},
	{"ks-c-5601-1987", "UHC", NULL},
	{"ks-c-5601-1989", "UHC", NULL},
	{"ks-c-5601", "UHC", NULL},
	{"ksc5601", "UHC", NULL},
	{"euc-kr", "UHC", NULL},
	{"windows-949", "UHC", NULL},
	{"iso-8859-1", "CP1252", "ISO-8859-1"},
	{"iso8859-1", "CP1252", "ISO-8859-1"},
	{"latin1", "CP1252", "ISO-8859-1"},
	{"latin-1", "CP1252", "ISO-8859-1"},
	{"windows-1252", "CP1252", "ISO-8859-1"},
	{"x-ansi", "CP1252", "ISO-8859-1"},
	{"iso-8859-9", "CP1254", "ISO-8859-9"},
	{"iso-8859-11", "IBM874", "TIS-620"},
	{"tis-620", "IBM874", "TIS-620"},
	{"windows-874", "IBM874", "TIS-620"},
	{"iso-8859-8-i", "ISO-8859-8", NULL},
	{"iso-8859-6-i", "ISO-8859-6", NULL},
	{"x-mac-roman", "MACINTOSH", NULL},
	{"koi8-r", "KOI8-R", NULL},
	{"eucgb2312-cn", "GB18030", NULL},
	{"euccn", "GB18030", NULL},
	{"big5-tw", "BIG5-HKSCS", "BIG5"},
	{"big5hkscs", "BIG5-HKSCS", "BIG5"},
	{"iso2022-jp", "ISO-2022-JP", "ISO-2022-JP-3"},
	{"eucjp", "EUC-JP-MS", "EUC-JISX0213"},
	{"ujis", "EUC-JP-MS", "EUC-JISX0213"},
	{"shiftjis", "CP932", "SHIFT_JISX0213"},
	{"euckr", "UHC", NULL},
	{"korean", "UHC", NULL},
	{"cp949", "UHC", NULL},
};

/* The first use opens a converter, it stays open; the rest of the table is opened early.
 */
static struct converter {
	char name[NAME_MAX_LEN + 1];
	iconv_t cd;
} converters[CONVERTERS_MAX];
static size_t n_converters;

static const char *const common[] = {
	"UTF-8",
	"GB18030",
	"CP1252",
	"BIG5-HKSCS",
	"BIG5",
	"CP932",
	"EUC-JP-MS",
	"ISO-2022-JP",
	"UHC",
	"ISO-8859-1",
	"ISO-8859-2",
	"ISO-8859-15",
	"CP1250",
	"CP1251",
	"CP1254",
	"CP1256",
	"CP1258",
	"IBM874",
	"KOI8-R",
	"UTF-16",
	"UTF-7",
};

/* An open converter for iconv's own name; *keep tells that it must not be closed. */
static iconv_t open_converter(const char *name, bool *keep)
{
	struct converter *c;
	iconv_t cd;

	*keep = true;
	for (size_t i = 0; i < n_converters; i++)
		if (str_ieq(converters[i].name, name))
			return converters[i].cd;
	cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return cd;
	*keep = n_converters < CONVERTERS_MAX;
	if (*keep) {
		c = &converters[n_converters++];
		(void)str_copy(c->name, sizeof(c->name), name);
		c->cd = cd;
	}
	return cd;
}

void charset_init(void)
{
	bool keep;

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		(void)open_converter(common[i], &keep);
}

void charset_shutdown(void)
{
	while (n_converters > 0)
		(void)iconv_close(converters[--n_converters].cd);
}

static int append_replacement(struct buf *out, size_t *bad)
{
	(*bad)++;
	return buf_append_str(out, REPLACEMENT);
}

/* One call of iconv into out; in moves on. 0, or what errno iconv left. */
static int step(iconv_t cd, struct buf *out, struct span *in)
{
	char *src = (char *)(uintptr_t)in->p; /* iconv(3) does not write there */
	char *dst = out->data + out->len;
	size_t left = out->cap - out->len - 1;
	size_t rc;

	if (in->p != NULL)
		rc = iconv(cd, &src, &in->len, &dst, &left);
	else
		rc = iconv(cd, NULL, NULL, &dst, &left);
	in->p = src;
	buf_set_len(out, (size_t)(dst - out->data));
	return rc == (size_t)-1 ? errno : 0;
}

static int convert(struct buf *out, iconv_t cd, struct span in, size_t *bad)
{
	struct span end = {NULL, 0};

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	while (in.len > 0) {
		if (buf_reserve(out, in.len + in.len / 2 + 16) < 0)
			return -1;
		switch (step(cd, out, &in)) {
		case 0:
		case E2BIG: break;
		case EILSEQ:
			in.p++;
			in.len--;
			if (append_replacement(out, bad) < 0)
				return -1;
			break;
		default: /* cut in the middle of a character */
			in.len = 0;
			if (append_replacement(out, bad) < 0)
				return -1;
		}
	}
	/* What the converter still holds back. */
	if (buf_reserve(out, 32) < 0)
		return -1;
	(void)step(cd, out, &end);
	return 0;
}

static int convert_by_name(struct buf *out, struct span in, const char *name, size_t *bad)
{
	size_t before = out->len;
	bool keep;
	iconv_t cd = open_converter(name, &keep);
	int rc, saved;

	*bad = 0;
	if (cd == (iconv_t)-1) {
		errno = EINVAL;
		return -1;
	}
	rc = convert(out, cd, in, bad);
	saved = errno;
	if (!keep)
		(void)iconv_close(cd);
	if (rc < 0 && out->len > before)
		buf_set_len(out, before);
	errno = saved;
	return rc;
}

/* Only names that are names: iconv_open() takes "//IGNORE" and file names apart. */
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

static const struct alias *find_alias(const char *name)
{
	char plain[NAME_MAX_LEN + 1];

	(void)str_copy(plain, sizeof(plain), name);
	for (char *p = plain; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (str_ieq(aliases[i].name, plain))
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

/* Both converters leave bytes unexplained: that of fewer wins, the first where equal. */
static int convert_second(struct buf *out, size_t before, struct span in,
	const struct alias *a, size_t *bad)
{
	size_t bad2;

	buf_set_len(out, before);
	if (convert_by_name(out, in, a->second, &bad2) == 0 && bad2 < *bad) {
		*bad = bad2;
		return 0;
	}
	if (out->len > before)
		buf_set_len(out, before);
	return convert_by_name(out, in, a->iconv, bad);
}

int charset_convert(struct buf *out, struct span in, const char *charset, size_t *bad)
{
	char name[NAME_MAX_LEN + 1];
	const struct alias *a;
	size_t before = out->len;

	*bad = 0;
	if (!clean_name(charset, name)) {
		errno = EINVAL;
		return -1;
	}
	a = find_alias(name);
	if (str_ieq(a != NULL ? a->iconv : name, "UTF-8"))
		return convert_utf8(out, in, bad);
	if (convert_by_name(out, in, a != NULL ? a->iconv : name, bad) < 0)
		return -1;
	if (*bad == 0 || a == NULL || a->second == NULL)
		return 0;
	return convert_second(out, before, in, a, bad);
}

/*
 * Whether bytes that are no UTF-8 were meant to be: most of what is not ASCII is. A value
 * that was cut in the middle of a character would else become Chinese by accident.
 */
static bool mostly_utf8(struct span in)
{
	size_t good = 0, bad = 0;

	while (in.len > 0) {
		uint32_t cp;
		size_t n = utf8_next(in, &cp);

		good += n > 1;
		bad += n == 0;
		if (n == 0)
			n = in.len < 4 ? in.len : 1; /* a cut at the end counts once */
		in = span_make(in.p + n, in.len - n);
	}
	return good >= 2 * bad;
}

int charset_guess(
	struct buf *out, struct span in, const struct conf_list *charsets, size_t *bad)
{
	size_t before = out->len;

	*bad = 0;
	if (utf8_valid(in))
		return buf_append(out, in.p, in.len);
	if (mostly_utf8(in))
		return convert_utf8(out, in, bad);
	for (size_t i = 0; charsets != NULL && i < charsets->n; i++) {
		if (charset_convert(out, in, charsets->items[i], bad) < 0) {
			if (errno != EINVAL)
				return -1;
			continue;
		}
		if (*bad == 0)
			return 0;
		buf_set_len(out, before);
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

bool span_is_ascii(struct span s)
{
	unsigned char any = 0;

	for (size_t i = 0; i < s.len; i++)
		any |= (unsigned char)s.p[i];
	return any < 0x80;
}
