/* SPDX-License-Identifier: MIT */
/* smtp/client: sessions per address, also where many share a bucket. */
#include "smtp/client.h"

#include "test.h"

#include <stdio.h>

#define ADDRESSES 2000

static void name(char text[32], int i)
{
	snprintf(text, 32, "192.0.%d.%d", i / 256, i % 256);
}

static void counts_each_address_alone(void **state)
{
	static struct client_table t;
	char text[32];

	(void)state;
	for (int i = 0; i < ADDRESSES; i++) {
		name(text, i);
		assert_int_equal(client_count(&t, text), 0);
		for (int n = 0; n <= i % 3; n++)
			client_add(&t, text);
	}
	/* those in between go first, then the others */
	for (int i = 0; i < ADDRESSES; i += 2) {
		name(text, i);
		for (int n = i % 3; n >= 0; n--) {
			assert_int_equal(client_count(&t, text), n + 1);
			client_drop(&t, text);
		}
	}
	for (int i = 1; i < ADDRESSES; i += 2) {
		name(text, i);
		assert_int_equal(client_count(&t, text), i % 3 + 1);
		for (int n = i % 3; n >= 0; n--)
			client_drop(&t, text);
	}
	for (int i = 0; i < CLIENT_BUCKETS; i++)
		assert_null(t.bucket[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_address_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
