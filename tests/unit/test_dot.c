/* SPDX-License-Identifier: MIT */
/* smtp/dot: where a message ends, however its bytes were cut. */
#include "smtp/dot.h"

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	const char *p;
	size_t len;
};

/* clang-format off */
#define B(s) {s, sizeof(s) - 1}
/* clang-format on */

/* All of in, in pieces of the given sizes (the last one is used again and again). Returns
 * how many bytes were taken. */
static size_t feed(struct dot *d, struct bytes in, const size_t *sizes, size_t n_sizes,
	struct buf *out)
{
	size_t at = 0, piece = 0;

	dot_init(d);
	while (at < in.len && !dot_ended(d)) {
		size_t n = sizes[piece < n_sizes ? piece : n_sizes - 1], used;
		char *copy; /* of exact size, so that a read past it is seen */

		n = n < in.len - at ? n : in.len - at;
		copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, in.p + at, n);
		used = dot_read(d, copy, n, out);
		free(copy);
		assert_true(used == n || dot_ended(d));
		at += used;
		piece++;
	}
	return at;
}

struct expectation {
	struct bytes in;
	bool ends;
	struct bytes body;
	size_t left; /* bytes behind the end of data */
};

static void check_cut(const struct expectation *x, const size_t *sizes, size_t n)
{
	struct buf out;
	struct dot d;

	buf_init(&out, 100000, NULL);
	assert_int_equal(feed(&d, x->in, sizes, n, &out), x->in.len - x->left);
	assert_int_equal(dot_ended(&d), x->ends);
	assert_int_equal(d.error, 0);
	assert_int_equal(out.len, x->body.len);
	assert_memory_equal(out.data, x->body.p, x->body.len);
	buf_free(&out);
}

/* Whole, in pieces of every one size, and cut at every one and every two places. */
static void check_all_cuts(const struct expectation *x)
{
	for (size_t a = 1; a <= x->in.len; a++) {
		check_cut(x, &a, 1);
		for (size_t b = 1; a + b < x->in.len; b++)
			check_cut(x, (size_t[]){a, b, x->in.len}, 3);
	}
}

static void check_table(const struct expectation *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_all_cuts(&table[i]);
}

static void ends_at_crlf_dot_crlf(void **state)
{
	static const struct expectation table[] = {
		{B("a\r\n.\r\n"), true, B("a\r\n"), 0},
		{B(".\r\n"), true, B(""), 0},
		{B("\r\n.\r\n"), true, B("\r\n"), 0},
		{B("a: b\r\n\r\nc\r\n.\r\nQUIT\r\n"), true, B("a: b\r\n\r\nc\r\n"), 6},
		{B("a\r\n.\r\n.\r\n"), true, B("a\r\n"), 3},
		{B("a\r\n."), false, B("a\r\n"), 0},
		{B("a\r\n.\r"), false, B("a\r\n"), 0},
		{B("a."), false, B("a."), 0},
	};

	(void)state;
	check_table(table, ARRAY_LEN(table));
}

static void unstuffs_dots(void **state)
{
	static const struct expectation table[] = {
		{B("..\r\n.\r\n"), true, B(".\r\n"), 0},
		{B("...\r\n.\r\n"), true, B("..\r\n"), 0},
		{B("a\r\n..b\r\n.\r\n"), true, B("a\r\n.b\r\n"), 0},
		{B(".b\r\n.\r\n"), true, B("b\r\n"), 0},
		{B(". \r\n.\r\n"), true, B(" \r\n"), 0},
		{B(".\t\r\n.\r\n"), true, B("\t\r\n"), 0},
		{B("a.\r\n.\r\n"), true, B("a.\r\n"), 0},
		{B("a\r\n..\r\n..\r\n.\r\n"), true, B("a\r\n.\r\n.\r\n"), 0},
	};

	(void)state;
	check_table(table, ARRAY_LEN(table));
}

/* What was used, somewhere, to make one message look like two. Each is followed by what
 * the attacker wants to be read as commands, and by the real end. */
#define NEXT     "MAIL FROM:<x@example.com>\r\n.\r\n"
#define NEXT_OUT "MAIL FROM:<x@example.com>\r\n"

static void sees_one_message_in_every_smuggling_sequence(void **state)
{
	static const struct expectation table[] = {
		{B("a\n.\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\n.\r\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r.\r" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r\n.\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r\n.\r" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r.\r\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\n.\r" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r.\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r\n.\r\r\n" NEXT), true, B("a\r\n.\r\n\r\n" NEXT_OUT), 0},
		{B("a\r\n\0.\r\n" NEXT), true, B("a\r\n\0.\r\n" NEXT_OUT), 0},
		{B("a\r\n.\0\r\n" NEXT), true, B("a\r\n\0\r\n" NEXT_OUT), 0},
		{B("a\r\r\n.\r\r\n" NEXT), true, B("a\r\n\r\n.\r\n\r\n" NEXT_OUT), 0},
		{B("a\n\r.\r\n" NEXT), true, B("a\r\n\r\n.\r\n" NEXT_OUT), 0},
		{B("a\n\n.\n" NEXT), true, B("a\r\n\r\n.\r\n" NEXT_OUT), 0},
		{B("a\r\n .\r\n" NEXT), true, B("a\r\n .\r\n" NEXT_OUT), 0},
		{B("a\r\n. \r\n" NEXT), true, B("a\r\n \r\n" NEXT_OUT), 0},
		{B("a\r\n..\r\n" NEXT), true, B("a\r\n.\r\n" NEXT_OUT), 0},
	};

	(void)state;
	check_table(table, ARRAY_LEN(table));
}

static void mends_bare_line_ends(void **state)
{
	static const struct expectation table[] = {
		{B("a\nb\rc\r\n.\r\n"), true, B("a\r\nb\r\nc\r\n"), 0},
		{B("\n\n\r\n.\r\n"), true, B("\r\n\r\n\r\n"), 0},
		{B("\r\r\r\n.\r\n"), true, B("\r\n\r\n\r\n"), 0},
		/* behind a bare line end a dot is text: neither end nor stuffing */
		{B("a\n..b\r\n.\r\n"), true, B("a\r\n..b\r\n"), 0},
		{B("a\n.b\r\n.\r\n"), true, B("a\r\n.b\r\n"), 0},
		{B("a\r..b\r\n.\r\n"), true, B("a\r\n..b\r\n"), 0},
	};
	size_t one = 1;
	struct buf out;
	struct dot d;

	(void)state;
	check_table(table, ARRAY_LEN(table));
	buf_init(&out, 100, NULL);
	feed(&d, (struct bytes)B("a\nb\rc\r\nd\r\n.\r\n"), &one, 1, &out);
	assert_int_equal(d.bare, 2);
	buf_free(&out);
}

static void reads_on_to_the_end_of_what_is_too_large(void **state)
{
	static const struct bytes in = B("0123456789\r\n0123456789\r\n.\r\nQUIT");

	(void)state;
	for (size_t piece = 1; piece <= in.len; piece++) {
		struct buf out;
		struct dot d;

		buf_init(&out, 15, NULL);
		assert_int_equal(feed(&d, in, &piece, 1, &out), in.len - 4);
		assert_true(dot_ended(&d));
		assert_int_equal(d.error, EMSGSIZE);
		assert_true(out.len <= 15);
		buf_free(&out);
	}
}

static void tells_a_budget_from_a_maximum(void **state)
{
	struct budget budget = {.limit = 64};
	size_t piece = 1000;
	struct buf out;
	struct dot d;
	static char in[300];

	(void)state;
	memset(in, 'x', sizeof(in));
	buf_init(&out, 1000, &budget);
	feed(&d, (struct bytes){in, sizeof(in)}, &piece, 1, &out);
	assert_int_equal(d.error, ENOMEM);
	buf_free(&out);
}

/* A second implementation, as simple as can be: the whole input, looked at by position. */
static size_t reference(struct bytes in, bool *ends, char *out)
{
	size_t n = 0, i = 0;
	bool line = true; /* behind CR LF, or at the start */

	*ends = false;
	while (i < in.len) {
		const char *p = in.p + i;
		size_t left = in.len - i;
		bool crlf = left >= 2 && p[0] == '\r' && p[1] == '\n';

		if (line && left >= 3 && memcmp(p, ".\r\n", 3) == 0) {
			*ends = true;
			return n;
		}
		if (line && p[0] == '.') {
			bool bare = left > 1 && (p[1] == '\r' || p[1] == '\n');

			if (bare && (left > 2 || p[1] == '\n'))
				out[n++] = '.';
			line = false;
			i++;
			continue;
		}
		line = crlf;
		if (!crlf && p[0] == '\r' && left == 1)
			return n; /* not judged yet */
		if (p[0] == '\r' || p[0] == '\n') {
			out[n++] = '\r';
			out[n++] = '\n';
		} else {
			out[n++] = p[0];
		}
		i += crlf ? 2 : 1;
	}
	return n;
}

/* Every sequence of up to eight of the bytes that matter. */
static void agrees_with_a_simple_reader_on_all_short_inputs(void **state)
{
	static const char alphabet[] = "\r\n.x";
	char in[8], want[32];

	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++)
		for (size_t code = 0; code < (size_t)1 << (2 * len); code++) {
			struct bytes b = {in, len};
			struct buf out;
			struct dot d;
			bool ends;
			size_t n, piece = 1 + code % 3;

			for (size_t i = 0; i < len; i++)
				in[i] = alphabet[code >> (2 * i) & 3];
			n = reference(b, &ends, want);
			buf_init(&out, 64, NULL);
			feed(&d, b, &piece, 1, &out);
			assert_int_equal(dot_ended(&d), ends);
			assert_int_equal(out.len, n);
			assert_memory_equal(out.data, want, n);
			buf_free(&out);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_crlf_dot_crlf),
		cmocka_unit_test(unstuffs_dots),
		cmocka_unit_test(sees_one_message_in_every_smuggling_sequence),
		cmocka_unit_test(mends_bare_line_ends),
		cmocka_unit_test(reads_on_to_the_end_of_what_is_too_large),
		cmocka_unit_test(tells_a_budget_from_a_maximum),
		cmocka_unit_test(agrees_with_a_simple_reader_on_all_short_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
