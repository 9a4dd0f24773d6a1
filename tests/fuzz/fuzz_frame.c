/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the framing of a message. The first byte says how the bytes are cut, and
 * whether they are chunks of BDAT; the rest is a message. It must come out as a second
 * decoder has it, which sees it whole and searches for the end, and no byte behind the end
 * may be taken.
 */
#include "smtp/dot.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void put(struct buf *out, const char *bytes, size_t len)
{
	must(buf_append(out, bytes, len) == 0);
}

/* One line without its CR LF: bare CR and LF are line ends. */
static void put_mended(struct buf *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '\r' || line[i] == '\n')
			put(out, "\r\n", 2);
		else
			put(out, &line[i], 1);
}

/* RFC 5321 §4.5.2, but a dot before a bare line end stays. */
static bool is_stuffed(const char *line, size_t len)
{
	return len > 1 && line[0] == '.' && line[1] != '\r' && line[1] != '\n';
}

/* How many bytes belong to the message, its end included; SIZE_MAX where there is none. */
static size_t decode(const char *in, size_t len, bool dots, struct buf *out)
{
	const char *line = in, *end;

	while ((end = memmem(line, (size_t)(in + len - line), "\r\n", 2)) != NULL) {
		size_t n = (size_t)(end - line);

		if (dots && n == 1 && line[0] == '.')
			return (size_t)(end + 2 - in);
		if (dots && is_stuffed(line, n)) {
			line++;
			n--;
		}
		put_mended(out, line, n);
		put(out, "\r\n", 2);
		line = end + 2;
	}
	if (!dots)
		put_mended(out, line, (size_t)(in + len - line));
	return SIZE_MAX;
}

/* In memory of its own, so that a read past its end is seen. */
static size_t read_piece(struct dot *d, const char *in, size_t len, struct buf *out)
{
	char *copy = malloc(len);
	size_t used;

	must(copy != NULL);
	memcpy(copy, in, len);
	used = dot_read(d, copy, len, out);
	free(copy);
	return used;
}

static size_t read_all(
	struct dot *d, const char *in, size_t len, size_t piece, struct buf *out)
{
	size_t at = 0;

	while (at < len && !dot_ended(d)) {
		size_t n = len - at < piece ? len - at : piece;
		size_t used = read_piece(d, in + at, n, out);

		must(used == n || (used < n && dot_ended(d)));
		at += used;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *in = (const char *)data + 1;
	struct buf want, got;
	struct dot d;
	size_t end, used, piece;
	bool dots;

	if (size < 2)
		return 0;
	dots = (data[0] & 1) == 0;
	piece = data[0] / 2 == 0 ? SIZE_MAX : data[0] / 2;
	buf_init(&want, 1 << 22, NULL);
	buf_init(&got, 1 << 22, NULL);
	if (dots)
		dot_init(&d);
	else
		dot_init_chunked(&d);
	end = decode(in, size - 1, dots, &want);
	used = read_all(&d, in, size - 1, piece, &got);
	if (!dots)
		dot_end_chunks(&d, &got);
	must(d.error == 0);
	must(!dots || dot_ended(&d) == (end != SIZE_MAX));
	if (!dots || dot_ended(&d)) {
		must(used == (end != SIZE_MAX ? end : size - 1));
		must(got.len == want.len && memcmp(got.data, want.data, want.len) == 0);
	}
	buf_free(&want);
	buf_free(&got);
	return 0;
}
