/* SPDX-License-Identifier: MIT */
/* ses/seen: an id is taken once, and the oldest are forgotten. */
#include "ses/seen.h"

#include "core/mem.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

/* More than there is room for. */
#define MANY (4 * SEEN_SETS * SEEN_WAYS)

static bool note(struct seen *s, unsigned n)
{
	char id[32];

	snprintf(id, sizeof(id), "qcloudses-%u", n);
	return seen_note(s, id);
}

static void knows_an_id_that_comes_again(void **state)
{
	struct seen *s = mem_new(1, sizeof(*s));

	(void)state;
	assert_true(note(s, 1));
	assert_false(note(s, 1));
	assert_true(note(s, 2));
	assert_false(note(s, 1));
	assert_false(note(s, 2));
	free(s);
}

static void forgets_the_oldest_alone(void **state)
{
	struct seen *s = mem_new(1, sizeof(*s));

	(void)state;
	for (unsigned n = 0; n < MANY; n++)
		assert_true(note(s, n));
	for (unsigned n = MANY - 1000; n < MANY; n++)
		assert_false(note(s, n));
	assert_true(note(s, 0));
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_an_id_that_comes_again),
		cmocka_unit_test(forgets_the_oldest_alone),
	};

	return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
