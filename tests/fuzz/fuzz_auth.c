/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the responses of a client to AUTH. The first byte picks the mechanism, lines
 * behind it are responses in base64. What comes out has no control character and fits; a
 * response that was refused leaves the exchange where it was.
 */
#include "auth/sasl.h"
#include "core/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	must(len < cap);
	for (size_t i = 0; i < len; i++)
		must((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

/* In memory of its own, so that a read past its end is seen. */
static enum sasl_result take(struct sasl *s, const char *line, size_t len)
{
	char *copy = malloc(len + (len == 0));
	enum sasl_result result;

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, line, len);
	result = sasl_parse(s, span_make(copy, len));
	free(copy);
	return result;
}

/* What was taken is what strict base64 says, encoded again to the same characters. */
static void check_base64(const char *line, size_t len)
{
	struct buf raw, again;

	buf_init(&raw, 1 << 16, NULL);
	buf_init(&again, 1 << 17, NULL);
	must(base64_decode_strict(&raw, span_make(line, len)) == 0);
	must(base64_encode(&again, raw.data, raw.len) == 0);
	must(again.len == len && memcmp(again.data, line, len) == 0);
	buf_free(&raw);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"PLAIN", "LOGIN", "EXTERNAL"};
	enum sasl_result result = SASL_MORE;
	const char *p = (const char *)data + 1;
	struct sasl *s;

	if (size < 1)
		return 0;
	s = sasl_new(span_of(names[data[0] % 3]));
	for (size_t left = size - 1; left > 0 && result != SASL_DONE;) {
		const char *end = memchr(p, '\n', left);
		size_t len = end != NULL ? (size_t)(end - p) : left;
		unsigned step = s->step;

		must(sasl_challenge(s) != NULL);
		result = take(s, p, len);
		must((result == SASL_BAD) == (s->step == step));
		if (result != SASL_BAD)
			check_base64(p, len);
		check_text(s->credentials.user, sizeof(s->credentials.user));
		check_text(s->credentials.password, sizeof(s->credentials.password));
		len += end != NULL;
		p += len;
		left -= len;
	}
	sasl_free(&s);
	return 0;
}
