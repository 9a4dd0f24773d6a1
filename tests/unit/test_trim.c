/* SPDX-License-Identifier: MIT */
/* process/trim: pages of libraries go, and everything still works. */
#include "process/trim.h"

#include "core/digest.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

/* KB of files that are mapped and in memory. */
static long mapped_kb(void)
{
	FILE *in = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "RssFile: %ld kB", &kb) == 1)
			break;
	fclose(in);
	assert_true(kb > 0);
	return kb;
}

static void hash(uint8_t out[DIGEST_LEN])
{
	struct digest *d = digest_new();

	digest_update(d, "abc", 3);
	digest_final(d, out);
	digest_free(&d);
}

static void unmaps_most_of_the_libraries(void **state)
{
	long before = mapped_kb();

	(void)state;
	trim_after_start();
	if (mapped_kb() > before / 2)
		fail_msg("%ld KB of %ld KB are left", mapped_kb(), before);
}

/* Addresses that the linker filled in are where they were: calls into libraries, and from
 * them into others, arrive. */
static void everything_still_works(void **state)
{
	uint8_t before[DIGEST_LEN], after[DIGEST_LEN];

	(void)state;
	hash(before);
	for (int i = 0; i < 3; i++)
		trim_after_start();
	hash(after);
	assert_memory_equal(before, after, DIGEST_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmaps_most_of_the_libraries),
		cmocka_unit_test(everything_still_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
