/* SPDX-License-Identifier: MIT */
/* delivery/memo: what became of recipients, between workers and attempts. */
#include "delivery/memo.h"

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct memo_key key_of(const char *recipient, const char *message)
{
	struct memo_key k;

	memo_key_who(&k, "main", "a@example.com", recipient, strlen(message));
	memo_key_what(&k, span_of(message));
	return k;
}

static void remember(struct memo *m, const struct memo_key *k, uint64_t now,
	enum memo_state state, const char *id)
{
	struct memo_entry e = {.state = state};

	str_copy(e.message_id, sizeof(e.message_id), id);
	memo_put(m, k, now, &e);
}

static void remembers_until_its_life_ends(void **state)
{
	struct memo *m = memo_new(64, NULL);
	struct memo_key k = key_of("b@example.com", "text");
	struct memo_entry e;

	(void)state;
	assert_false(memo_knows(m, &k, 5));
	assert_false(memo_find(m, &k, 5, &e));
	remember(m, &k, 5, MEMO_SENT, "qcloudses-1");
	assert_true(memo_knows(m, &k, 6));
	assert_true(memo_find(m, &k, 6, &e));
	assert_int_equal(e.state, MEMO_SENT);
	assert_string_equal(e.message_id, "qcloudses-1");
	assert_true(memo_find(m, &k, 4 + MEMO_LIFE_MS, &e));
	assert_false(memo_find(m, &k, 5 + MEMO_LIFE_MS, &e));
	assert_false(memo_knows(m, &k, 5 + MEMO_LIFE_MS));
	memo_free(&m);
	assert_null(m);
}

static void tells_messages_and_recipients_apart(void **state)
{
	struct memo *m = memo_new(64, NULL);
	struct memo_key k = key_of("b@example.com", "text");
	struct memo_key same_size = key_of("b@example.com", "tex2");
	struct memo_key other = key_of("c@example.com", "text");
	struct memo_entry e;

	(void)state;
	remember(m, &k, 1, MEMO_SENT, "1");
	assert_true(memo_knows(m, &same_size, 1));
	assert_false(memo_find(m, &same_size, 1, &e));
	assert_false(memo_knows(m, &other, 1));
	memo_key_who(&other, "main", "a@example.comb", "@example.com", 4);
	assert_false(memo_knows(m, &other, 1));
	memo_free(&m);
}

static void replaces_and_forgets(void **state)
{
	struct memo *m = memo_new(64, NULL);
	struct memo_key k = key_of("b@example.com", "text");
	struct memo_entry e = {.state = MEMO_SENDING, .busy_until = 77};

	(void)state;
	memo_put(m, &k, 1, &e);
	assert_true(memo_find(m, &k, 1, &e));
	assert_int_equal(e.state, MEMO_SENDING);
	assert_int_equal(e.busy_until, 77);
	remember(m, &k, 2, MEMO_UNCERTAIN, "");
	assert_true(memo_find(m, &k, 2, &e));
	assert_int_equal(e.state, MEMO_UNCERTAIN);
	memo_forget(m, &k, 2);
	assert_false(memo_find(m, &k, 2, &e));
	memo_forget(m, &k, 2);
	memo_free(&m);
}

static void gives_up_the_entry_that_was_put_first(void **state)
{
	struct memo *m = memo_new(1, NULL); /* one row */
	struct memo_entry e;
	char name[32];
	size_t known = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct memo_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		remember(m, &k, i, MEMO_SENT, name);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct memo_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		if (!memo_find(m, &k, 20, &e))
			continue;
		known++;
		assert_in_range(i, 12, 19);
		assert_string_equal(e.message_id, name);
	}
	assert_int_equal(known, 8);
	memo_free(&m);
}

static void put_as(struct memo *m, unsigned i, const struct memo_entry *e)
{
	char name[32];
	struct memo_key k;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	memo_put(m, &k, i, e);
}

static bool has(struct memo *m, unsigned i, uint64_t now)
{
	char name[32];
	struct memo_key k;
	struct memo_entry e;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	return memo_find(m, &k, now, &e);
}

static void lets_an_entry_live_as_long_as_it_is_told(void **state)
{
	const struct memo_entry brief = {.state = MEMO_SENT, .life_ms = 600};
	struct memo *m = memo_new(64, NULL);

	(void)state;
	put_as(m, 1, &brief);
	assert_true(has(m, 1, 600));
	assert_false(has(m, 1, 601));
	memo_free(&m);
}

/* What was told goes before what a client will ask for, and that before what is unsure; how
 * long each would live does not matter. */
static void gives_up_first_what_nobody_will_ask_for(void **state)
{
	const struct memo_entry unsure = {.state = MEMO_UNCERTAIN};
	const struct memo_entry brief = {.state = MEMO_SENT, .life_ms = 5000};
	const struct memo_entry spare = {.state = MEMO_SENT, .spare = true};
	struct memo *m = memo_new(1, NULL); /* one row of 8 */

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put_as(m, i, &unsure);
	for (unsigned i = 3; i < 6; i++)
		put_as(m, i, &brief);
	for (unsigned i = 6; i < 1000; i++)
		put_as(m, i, &spare);
	for (unsigned i = 0; i < 6; i++)
		assert_true(has(m, i, 1000));
	assert_true(has(m, 998, 1000) && has(m, 999, 1000));
	for (unsigned i = 1000; i < 1008; i++)
		put_as(m, i, &unsure);
	assert_false(has(m, 3, 1008) || has(m, 999, 1008));
	assert_true(has(m, 1007, 1008));
	memo_free(&m);
}

/* A worker writes, and dies by a signal; another worker reads. */
static void is_shared_and_outlives_a_worker(void **state)
{
	struct memo *m = memo_new(64, NULL), *other;
	struct memo_key k = key_of("b@example.com", "text");
	struct memo_entry e;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct memo *mine = memo_attach(memo_fd(m), NULL);

		if (mine != NULL)
			remember(mine, &k, 1, MEMO_SENT, "from the child");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	other = memo_attach(memo_fd(m), NULL);
	assert_non_null(other);
	assert_true(memo_find(other, &k, 2, &e));
	assert_string_equal(e.message_id, "from the child");
	memo_free(&other);
	assert_true(memo_find(m, &k, 2, &e));
	memo_free(&m);
}

static void refuses_memory_that_is_none_of_its_own(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	assert_null(memo_attach(fd, &err));
	assert_non_null(strstr(err.text, "only 0 bytes"));
	assert_int_equal(ftruncate(fd, 1 << 16), 0);
	assert_null(memo_attach(fd, &err));
	assert_non_null(strstr(err.text, "layout"));
	close(fd);
	assert_null(memo_attach(-1, &err));
}

static void cannot_be_cut_under_the_others(void **state)
{
	struct memo *m = memo_new(64, NULL);

	(void)state;
	assert_int_equal(ftruncate(memo_fd(m), 0), -1);
	memo_free(&m);
}

static void remembers_nothing_without_memory(void **state)
{
	struct memo_key k = key_of("b@example.com", "text");
	struct memo_entry e = {.state = MEMO_SENT};

	(void)state;
	memo_put(NULL, &k, 1, &e);
	memo_forget(NULL, &k, 1);
	assert_false(memo_knows(NULL, &k, 1));
	assert_false(memo_find(NULL, &k, 1, &e));
	assert_int_equal(e.state, MEMO_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_until_its_life_ends),
		cmocka_unit_test(tells_messages_and_recipients_apart),
		cmocka_unit_test(replaces_and_forgets),
		cmocka_unit_test(gives_up_the_entry_that_was_put_first),
		cmocka_unit_test(lets_an_entry_live_as_long_as_it_is_told),
		cmocka_unit_test(gives_up_first_what_nobody_will_ask_for),
		cmocka_unit_test(is_shared_and_outlives_a_worker),
		cmocka_unit_test(refuses_memory_that_is_none_of_its_own),
		cmocka_unit_test(cannot_be_cut_under_the_others),
		cmocka_unit_test(remembers_nothing_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
