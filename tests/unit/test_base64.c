/* SPDX-License-Identifier: MIT */
/* core/base64: what is clean, what is copied, what is decoded. */
#include "core/base64.h"

#include "core/digest.h"

#include "test.h"

#include <openssl/evp.h>

#include <errno.h>
#include <stdlib.h>

#define SPAN(literal)                                                                    \
	(struct span)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}

/* A buffer with just the room it needs, so that ASan sees a byte too far. */
static struct buf room(size_t max)
{
	struct buf b;

	buf_init(&b, max, NULL);
	return b;
}

static void encodes_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *base64;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].plain);
		struct buf b = room(strlen(cases[i].base64));
		struct buf back = room(len);

		assert_int_equal(base64_encode(&b, cases[i].plain, len), 0);
		assert_string_equal(b.data, cases[i].base64);
		assert_int_equal(
			base64_decode_strict(&back, span_make(b.data, b.len)), 0);
		assert_string_equal(back.data, cases[i].plain);
		buf_free(&b);
		buf_free(&back);
	}
}

static void tells_the_shape_of_a_run(void **state)
{
	static const struct {
		struct span in;
		enum base64_shape shape;
		size_t chars;
	} cases[] = {
		{{"", 0}, BASE64_CLEAN, 0},
		{SPAN(" \r\n\t"), BASE64_CLEAN, 0},
		{SPAN("YWFh"), BASE64_CLEAN, 4},
		{SPAN("YWFh\r\nYWE=\r\n"), BASE64_CLEAN, 8},
		{SPAN("YW Fh\n Y\tQ=\n=\n"), BASE64_CLEAN, 8},
		{SPAN("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh+/09AZaz\r\nYQ=="), BASE64_CLEAN,
			44},
		/* Quanta may run over line ends. */
		{SPAN("YWF\nhYW\nFh"), BASE64_CLEAN, 8},
		/* The defect of GMime: everything behind the first padding is lost. */
		{SPAN("YWFhYQ==\nYmJiYg==\nY2NjYw=="), BASE64_PADDED, 24},
		{SPAN("YQ==YQ=="), BASE64_PADDED, 8},
		{SPAN("YQ==\nYWFh"), BASE64_PADDED, 8},
		{SPAN("YW=E"), BASE64_PADDED, 4},
		{SPAN("YW=\nE"), BASE64_PADDED, 4},
		{SPAN("YQ"), BASE64_PADDED, 2},
		{SPAN("YWE"), BASE64_PADDED, 3},
		{SPAN("YWFhY"), BASE64_PADDED, 5},
		{SPAN("YQ="), BASE64_PADDED, 3},
		{SPAN("YWE=="), BASE64_PADDED, 5},
		{SPAN("YWFh="), BASE64_PADDED, 5},
		{SPAN("YWFh===="), BASE64_PADDED, 8},
		{SPAN("===="), BASE64_PADDED, 4},
		/* Bits that nobody reads: a strict decoder would refuse them. */
		{SPAN("YR=="), BASE64_PADDED, 4},
		{SPAN("YWF="), BASE64_PADDED, 4},
		{SPAN("YWFh!"), BASE64_DIRTY, 4},
		{SPAN("YW\0Fh"), BASE64_DIRTY, 4},
		{SPAN("YWFh\n--\nYWFh"), BASE64_DIRTY, 8},
		{SPAN("YWFh\n-_8=\nYQ=="), BASE64_DIRTY, 10},
		{SPAN("YWFhYWFhYWFhYWFhYWFhYW\xff"
		      "h"),
			BASE64_DIRTY, 23},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t chars = 999;

		assert_int_equal(base64_inspect(cases[i].in, &chars), cases[i].shape);
		assert_int_equal(chars, cases[i].chars);
	}
}

/* Sixteen at a time or one by one, every byte value is the same. */
static void knows_its_alphabet_at_every_place(void **state)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (int c = 1; c < 256; c++) {
		bool letter = strchr(letters, c) != NULL;
		bool other = !letter && c != '=' && strchr(" \t\r\n\v\f", c) == NULL;

		for (size_t at = 0; at < 40; at++) {
			char run[40];
			size_t chars;

			memset(run, 'A', sizeof(run));
			run[at] = (char)c;
			assert_int_equal(base64_inspect(span_make(run, 40), &chars) ==
						 BASE64_DIRTY,
				other);
			assert_int_equal(chars, letter || c == '=' ? 40 : 39);
		}
	}
}

static void copies_a_clean_run_without_white_space(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{{"", 0}, ""},
		{SPAN("\r\n\r\n"), ""},
		{SPAN("YWFh"), "YWFh"},
		{SPAN("\r\nYWFh\r\nYWE=\r\n\r\n"), "YWFhYWE="},
		{SPAN("YW Fh \n\tY\tQ = \n=\n"), "YWFhYQ=="},
		{SPAN("YWFh\rYWFh\r\r\n"), "YWFhYWFh"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = room(strlen(cases[i].out));

		assert_int_equal(base64_copy_clean(&b, cases[i].in), 0);
		assert_string_equal(b.data, cases[i].out);
		buf_free(&b);
	}
}

static void copying_writes_no_more_than_it_counted(void **state)
{
	struct buf b = room(8);

	(void)state;
	assert_int_equal(base64_copy_clean(&b, SPAN("YW!!\nFh--\n\xff==..")), 0);
	assert_string_equal(b.data, "YWFh==");
	assert_int_equal(base64_copy_clean(&b, SPAN("YWFh")), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_string_equal(b.data, "YWFh==");
	buf_free(&b);
}

static void decodes_as_mail_readers_do(void **state)
{
	static const struct {
		struct span in;
		const char *out;
		size_t skipped;
	} cases[] = {
		{{"", 0}, "", 0},
		{SPAN("YWFhYQ==\nYmJiYg==\nY2NjYw=="), "aaaabbbbcccc", 0},
		{SPAN("YQ==YQ=="), "aa", 0},
		{SPAN("YQ"), "a", 0},
		{SPAN("YWE"), "aa", 0},
		{SPAN("YWFhY"), "aaa", 0},
		{SPAN("=YWFh=="), "aaa", 0},
		{SPAN("YW\r\nFh\r\n YQ="), "aaaa", 0},
		{SPAN("Y-W_F*h\xff"), "aaa", 4},
		{SPAN("YWFhYWFhYWFhYWFhYWFh!YWFh"), "aaaaaaaaaaaaaaaaaa", 1},
		{SPAN("Y-WFhYWFh"), "aaaaaa", 1}, /* quanta out of step */
		{SPAN("YR=="), "a", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = room(strlen(cases[i].out));
		size_t skipped = 999;

		assert_int_equal(base64_decode(&b, cases[i].in, &skipped), 0);
		assert_string_equal(b.data, cases[i].out);
		assert_int_equal(skipped, cases[i].skipped);
		buf_free(&b);
	}
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
	struct buf b = room(5);
	char big[10000];

	(void)state;
	assert_int_equal(buf_append_str(&b, "xyz"), 0);
	assert_int_equal(base64_decode(&b, SPAN("YWFh"), NULL), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(base64_decode_strict(&b, SPAN("YWFh")), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(base64_encode(&b, "a", 1), -1);
	assert_string_equal(b.data, "xyz");
	assert_int_equal(base64_decode_strict(&b, SPAN("YWE=")), 0);
	assert_string_equal(b.data, "xyzaa");
	buf_free(&b);

	/* Also where part of it had room. */
	memset(big, 'A', sizeof(big));
	b = room(sizeof(big) / 4 * 3 - 1);
	assert_int_equal(base64_decode(&b, span_make(big, sizeof(big)), NULL), -1);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void strict_takes_one_spelling_only(void **state)
{
	static const struct span refused[] = {
		SPAN("Y"), SPAN("YQ"), SPAN("YWE"), SPAN("YQ="), SPAN("YQ==\n"),
		SPAN("YQ= ="), SPAN("Y Q="), SPAN("YR=="), SPAN("YWF="), SPAN("===="),
		SPAN("Y==="), SPAN("=QQ="), SPAN("YQ==YQ=="), SPAN("YW=h"), SPAN("Y=Fh"),
		SPAN("YWFh===="), SPAN("-_8="), SPAN("YWFhYW!h"), SPAN("YW\0h"),
		SPAN("*"), /* AUTH's "give up" is no data */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct buf b = room(100);

		errno = 0;
		assert_int_equal(base64_decode_strict(&b, refused[i]), -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
}

/* Every length around the blocks and chunks comes back as it was, in lines as in mail. */
static void what_was_encoded_comes_back(void **state)
{
	uint8_t plain[7000];

	(void)state;
	digest_random(plain, sizeof(plain));
	for (size_t len = 0; len <= sizeof(plain); len += len < 200 ? 1 : 853) {
		struct buf one = room(20000), lines = room(20000), copy = room(20000);
		struct buf back = room(len);
		size_t chars;

		assert_int_equal(base64_encode(&one, plain, len), 0);
		for (size_t i = 0; i < one.len; i += 76) {
			size_t n = one.len - i < 76 ? one.len - i : 76;

			assert_int_equal(buf_append(&lines, one.data + i, n), 0);
			assert_int_equal(buf_append_str(&lines, "\r\n"), 0);
		}
		assert_int_equal(base64_inspect(span_make(lines.data, lines.len), &chars),
			BASE64_CLEAN);
		assert_int_equal(chars, one.len);
		assert_int_equal(
			base64_copy_clean(&copy, span_make(lines.data, lines.len)), 0);
		assert_string_equal(copy.data, one.data);
		assert_int_equal(
			base64_decode(&back, span_make(lines.data, lines.len), NULL), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, plain, len);
		buf_clear(&back);
		assert_int_equal(
			base64_decode_strict(&back, span_make(one.data, one.len)), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, plain, len);
		buf_free(&one);
		buf_free(&lines);
		buf_free(&copy);
		buf_free(&back);
	}
}

/* OpenSSL's encoder says what is right; a block of exactly the length shows that nothing past
 * it is read. */
static void encodes_as_openssl_does(void **state)
{
	(void)state;
	for (size_t len = 1; len < 100; len++) {
		uint8_t *plain = malloc(len);
		unsigned char want[140];
		struct buf got = room(200);

		assert_non_null(plain);
		digest_random(plain, len);
		EVP_EncodeBlock(want, plain, (int)len);
		assert_int_equal(base64_encode(&got, plain, len), 0);
		assert_string_equal(got.data, (const char *)want);
		buf_free(&got);
		free(plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_the_vectors_of_rfc_4648),
		cmocka_unit_test(tells_the_shape_of_a_run),
		cmocka_unit_test(knows_its_alphabet_at_every_place),
		cmocka_unit_test(copies_a_clean_run_without_white_space),
		cmocka_unit_test(copying_writes_no_more_than_it_counted),
		cmocka_unit_test(decodes_as_mail_readers_do),
		cmocka_unit_test(a_full_buffer_keeps_what_it_had),
		cmocka_unit_test(strict_takes_one_spelling_only),
		cmocka_unit_test(what_was_encoded_comes_back),
		cmocka_unit_test(encodes_as_openssl_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
