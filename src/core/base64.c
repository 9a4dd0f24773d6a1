/* SPDX-License-Identifier: MIT */
/*
 * Base64. A mail's attachment is megabytes of it, so what looks at every character goes
 * sixteen at a time, and what copies goes line by line.
 */
#include "core/base64.h"

#include <endian.h>
#include <errno.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What a byte is to a decoder: 0-63 a value, or one of these. */
enum { PAD = 64, SPACE = 65, OTHER = 66 };

#define X8  OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER
#define X16 X8, X8
/* clang-format off */
static const uint8_t values[256] = {
	X8, OTHER, SPACE, SPACE, SPACE, SPACE, SPACE, OTHER, OTHER, X16,
	SPACE, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER,
	OTHER, OTHER, OTHER, 62, OTHER, OTHER, OTHER, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, OTHER, OTHER, OTHER, PAD, OTHER, OTHER,
	OTHER, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, OTHER, OTHER, OTHER, OTHER, OTHER,
	OTHER, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, OTHER, OTHER, OTHER, OTHER, OTHER,
	X16, X16, X16, X16, X16, X16, X16, X16,
};
/* clang-format on */
#undef X8
#undef X16

static uint8_t value(char c)
{
	return values[(uint8_t)c];
}

/* --- encode ----------------------------------------------------------------------------- */

static char *put_quantum(char *to, uint32_t bits)
{
	to[0] = alphabet[bits >> 18];
	to[1] = alphabet[bits >> 12 & 63];
	to[2] = alphabet[bits >> 6 & 63];
	to[3] = alphabet[bits & 63];
	return to + 4;
}

typedef int8_t values16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/* The six bytes at p as eight values of six bits, one in each byte of a word: halved three
 * times, from 48 bits to 24, 12 and 6. Reads two bytes more than it takes. */
static uint64_t spread(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = be64toh(v) >> 16;
	v = (v & 0xffffff000000) << 8 | (v & 0xffffff);
	v = (v & 0xfff00000fff000) << 4 | (v & 0xfff00000fff);
	v = (v & 0xfc00fc00fc00fc0) << 2 | (v & 0x3f003f003f003f);
	return htobe64(v);
}

#define BLOCK_TAKES ((size_t)12)
#define BLOCK_READS (BLOCK_TAKES + 2)

/* Sixteen characters of twelve bytes: each value is moved to where its range of the alphabet
 * begins. */
static char *put_block(char *to, const uint8_t *p)
{
	values16 v = (values16)(words2){spread(p), spread(p + 6)};

	v += 'A' + ((v > 25) & ('a' - 'A' - 26)) - ((v > 51) & ('a' - '0' + 26)) -
	     ((v > 61) & ('0' - '+' + 10)) + ((v > 62) & ('/' - '+' - 1));
	memcpy(to, &v, sizeof(v));
	return to + sizeof(v);
}

int base64_encode(struct buf *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes, *end = p + len, *whole = p + (len - len % 3);
	size_t need = len / 3 * 4 + (len % 3 != 0 ? 4 : 0);
	char *to;

	if (len == 0)
		return 0;
	if (buf_reserve(out, need) < 0)
		return -1;
	to = out->data + out->len;
	for (; (size_t)(end - p) >= BLOCK_READS; p += BLOCK_TAKES)
		to = put_block(to, p);
	for (; p < whole; p += 3)
		to = put_quantum(to, (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]);
	if (len % 3 != 0) {
		to = put_quantum(to,
			(uint32_t)p[0] << 16 | (len % 3 == 2 ? (uint32_t)p[1] << 8 : 0));
		to[-1] = '=';
		if (len % 3 == 1)
			to[-2] = '=';
	}
	buf_set_len(out, out->len + need);
	return 0;
}

/* --- look and copy ---------------------------------------------------------------------- */

typedef uint8_t block __attribute__((vector_size(16)));

/* 0xff in each byte that is of the alphabet: letters of either case; '/' and the digits
 * after it; '+'. */
static block of_alphabet(block c)
{
	return (block)(((c | 0x20) - 'a' < 26) | (c - '/' < 11) | (c == '+'));
}

static block block_at(const char *p)
{
	block c;

	memcpy(&c, p, sizeof(c));
	return c;
}

/* The last block overlaps the one before it. */
static bool all_of_alphabet(const char *p, size_t len)
{
	block all;
	uint64_t half[2];

	if (len < sizeof(block)) {
		while (len > 0 && value(p[len - 1]) < PAD)
			len--;
		return len == 0;
	}
	all = of_alphabet(block_at(p + len - sizeof(block)));
	for (size_t i = 0; i + sizeof(block) < len; i += sizeof(block))
		all &= of_alphabet(block_at(p + i));
	memcpy(half, &all, sizeof(half));
	return (half[0] & half[1]) == UINT64_MAX;
}

/* Takes the next line off *rest, without the white space at its end. */
static struct span next_line(struct span *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	size_t len = end != NULL ? (size_t)(end - rest->p) : rest->len;
	struct span line = span_make(rest->p, len);
	size_t taken = end != NULL ? len + 1 : len;

	rest->p += taken;
	rest->len -= taken;
	while (line.len > 0 && value(line.p[line.len - 1]) == SPACE)
		line.len--;
	return line;
}

struct look {
	size_t letters; /* alphabet characters, all together */
	size_t pads;    /* padding characters, all together */
	uint8_t last;   /* value of the last alphabet character */
	bool middle;    /* an alphabet character came after padding */
	bool dirty;
};

static void look_slowly(struct look *l, struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		uint8_t v = value(line.p[i]);

		if (v < PAD) {
			l->middle = l->middle || l->pads > 0;
			l->last = v;
			l->letters++;
		} else if (v == PAD) {
			l->pads++;
		} else if (v == OTHER) {
			l->dirty = true;
		}
	}
}

static void look_at_line(struct look *l, struct span line)
{
	if (line.len == 0)
		return;
	if (l->pads > 0 || !all_of_alphabet(line.p, line.len)) {
		look_slowly(l, line);
		return;
	}
	l->letters += line.len;
	l->last = value(line.p[line.len - 1]);
}

/* Exactly the padding that the letters ask for, and no bits set that nobody reads. */
static bool ends_well(const struct look *l)
{
	switch (l->letters % 4) {
	case 0: return l->pads == 0;
	case 2: return l->pads == 2 && (l->last & 15) == 0;
	case 3: return l->pads == 1 && (l->last & 3) == 0;
	default: return false;
	}
}

enum base64_shape base64_inspect(struct span in, size_t *chars)
{
	struct look l = {0};

	while (in.len > 0)
		look_at_line(&l, next_line(&in));
	*chars = l.letters + l.pads;
	if (l.dirty)
		return BASE64_DIRTY;
	return !l.middle && ends_well(&l) ? BASE64_CLEAN : BASE64_PADDED;
}

/* Copies a line without the white space (and anything else) inside of it; rare. */
static char *copy_line(char *to, struct span line)
{
	size_t from = 0;

	for (size_t i = 0; i < line.len; i++) {
		if (value(line.p[i]) <= PAD)
			continue;
		memcpy(to, line.p + from, i - from);
		to += i - from;
		from = i + 1;
	}
	memcpy(to, line.p + from, line.len - from);
	return to + (line.len - from);
}

/* The run's length is room enough; what it needs exactly is asked where that is too much. */
static int reserve_copy(struct buf *out, struct span clean)
{
	size_t chars;

	if (buf_reserve(out, clean.len) == 0)
		return 0;
	(void)base64_inspect(clean, &chars);
	return buf_reserve(out, chars);
}

int base64_copy_clean(struct buf *out, struct span clean)
{
	char *to;

	if (reserve_copy(out, clean) < 0)
		return -1;
	to = out->data + out->len;
	while (clean.len > 0) {
		struct span line = next_line(&clean);

		if (all_of_alphabet(line.p, line.len)) {
			memcpy(to, line.p, line.len);
			to += line.len;
		} else {
			to = copy_line(to, line);
		}
	}
	buf_set_len(out, (size_t)(to - out->data));
	return 0;
}

/* --- decode ----------------------------------------------------------------------------- */

/* The bits of four characters, or a number over 24 bits where one is no letter. */
static uint32_t quantum(const char *p)
{
	uint32_t a = value(p[0]), b = value(p[1]), c = value(p[2]), d = value(p[3]);

	if ((a | b | c | d) >= PAD)
		return UINT32_MAX;
	return a << 18 | b << 12 | c << 6 | d;
}

static size_t put_bytes(char *to, uint32_t bits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(bits >> (16 - 8 * i));
	return n;
}

struct decoder {
	uint32_t bits; /* letters of the open quantum, first one at bit 18 */
	unsigned n;    /* how many */
	size_t skipped;
};

/* Ends the open quantum; a lone letter holds no whole byte. */
static size_t decoder_flush(struct decoder *d, char *to)
{
	size_t bytes = d->n > 1 ? put_bytes(to, d->bits, d->n - 1) : 0;

	d->bits = 0;
	d->n = 0;
	return bytes;
}

/* Takes one character; returns how many bytes it put (0 to 3). */
static size_t decoder_take(struct decoder *d, char c, char *to)
{
	uint8_t v = value(c);

	if (v < PAD) {
		d->bits |= (uint32_t)v << (18 - 6 * d->n);
		d->n++;
		return d->n == 4 ? decoder_flush(d, to) : 0;
	}
	if (v == PAD)
		return decoder_flush(d, to);
	d->skipped += v == OTHER;
	return 0;
}

/* Decodes what fits into chunk (a multiple of 3 and 3 more); takes it off *in. */
static size_t decode_chunk(
	struct decoder *d, struct span *in, char *chunk, size_t chunk_len)
{
	size_t n = 0, i = 0;

	while (i < in->len && n + 3 <= chunk_len) {
		uint32_t bits = UINT32_MAX;

		if (d->n == 0 && in->len - i >= 4)
			bits = quantum(in->p + i);
		if (bits == UINT32_MAX) {
			n += decoder_take(d, in->p[i++], chunk + n);
		} else {
			n += put_bytes(chunk + n, bits, 3);
			i += 4;
		}
	}
	in->p += i;
	in->len -= i;
	return n;
}

int base64_decode(struct buf *out, struct span in, size_t *skipped)
{
	struct decoder d = {0};
	size_t before = out->len, n;
	char chunk[3 * 1024];

	while (in.len > 0) {
		n = decode_chunk(&d, &in, chunk, sizeof(chunk));
		if (buf_append(out, chunk, n) < 0)
			goto full;
	}
	n = decoder_flush(&d, chunk);
	if (buf_append(out, chunk, n) < 0)
		goto full;
	if (skipped != NULL)
		*skipped = d.skipped;
	return 0;
full:
	buf_set_len(out, before);
	return -1;
}

/* The last quantum of strict base64: bytes in it (1 to 3), or 0 where it is malformed. */
static size_t last_quantum(const char *p, uint32_t *bits)
{
	char padded[4] = {p[0], p[1], p[2], p[3]};
	size_t pads = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;

	for (size_t i = 4 - pads; i < 4; i++)
		padded[i] = alphabet[0];
	*bits = quantum(padded);
	if (*bits == UINT32_MAX || (*bits & ((1u << 8 * pads) - 1)) != 0)
		return 0;
	return 3 - pads;
}

int base64_decode_strict(struct buf *out, struct span in)
{
	size_t before = out->len, tail, n = 0;
	uint32_t bits;
	char *to;

	if (in.len == 0)
		return 0;
	tail = in.len % 4 == 0 ? last_quantum(in.p + in.len - 4, &bits) : 0;
	if (tail == 0) {
		errno = EINVAL;
		return -1;
	}
	/* Straight into the buffer: what AUTH sends must not stay on the stack. */
	if (buf_reserve(out, in.len / 4 * 3 - 3 + tail) < 0)
		return -1;
	to = out->data + before;
	for (size_t i = 0; i + 4 < in.len; i += 4) {
		uint32_t q = quantum(in.p + i);

		if (q == UINT32_MAX) {
			buf_set_len(out, before);
			errno = EINVAL;
			return -1;
		}
		n += put_bytes(to + n, q, 3);
	}
	n += put_bytes(to + n, bits, tail);
	buf_set_len(out, before + n);
	return 0;
}
