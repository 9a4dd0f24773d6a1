/* SPDX-License-Identifier: MIT */
/* delivery/ledger: what became of recipients, between workers and attempts. */
#include "ledger/ledger.h"

#include "regions.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shm *memory; /* of the test that runs: three slots */

static int set_up(void **state)
{
	(void)state;
	memory = regions_new(3);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	shm_free(&memory);
	return 0;
}

static struct ledger *open_memo(size_t slot, size_t entries)
{
	return ledger_new(memory, slot, entries);
}

static struct ledger_key key_of(const char *recipient, const char *message)
{
	struct ledger *m = open_memo(0, 64);
	struct ledger_key k;

	ledger_key_who(&k, "main", "a@example.com", recipient, strlen(message));
	ledger_key_what(m, &k, span_of(message));
	ledger_free(&m);
	return k;
}

static void remember(struct ledger *m, const struct ledger_key *k, uint64_t now,
	enum ledger_state state, const char *id)
{
	struct ledger_entry e = {.state = state};

	str_copy(e.message_id, sizeof(e.message_id), id);
	ledger_put(m, k, now, &e);
}

static void remembers_until_its_life_ends(void **state)
{
	struct ledger *m = open_memo(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	assert_false(ledger_knows(m, &k, 5));
	assert_false(ledger_find(m, &k, 5, &e));
	remember(m, &k, 5, LEDGER_SENT, "qcloudses-1");
	assert_true(ledger_knows(m, &k, 6));
	assert_true(ledger_find(m, &k, 6, &e));
	assert_int_equal(e.state, LEDGER_SENT);
	assert_string_equal(e.message_id, "qcloudses-1");
	assert_true(ledger_find(m, &k, 4 + LEDGER_LIFE_MS, &e));
	assert_false(ledger_find(m, &k, 5 + LEDGER_LIFE_MS, &e));
	assert_false(ledger_knows(m, &k, 5 + LEDGER_LIFE_MS));
	ledger_free(&m);
	assert_null(m);
}

static void tells_messages_and_recipients_apart(void **state)
{
	struct ledger *m = open_memo(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_key same_size = key_of("b@example.com", "tex2");
	struct ledger_key other = key_of("c@example.com", "text");
	struct ledger_entry e;

	(void)state;
	remember(m, &k, 1, LEDGER_SENT, "1");
	assert_true(ledger_knows(m, &same_size, 1));
	assert_false(ledger_find(m, &same_size, 1, &e));
	assert_false(ledger_knows(m, &other, 1));
	ledger_key_who(&other, "main", "a@example.comb", "@example.com", 4);
	assert_false(ledger_knows(m, &other, 1));
	ledger_free(&m);
}

static void replaces_and_forgets(void **state)
{
	struct ledger *m = open_memo(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENDING, .busy_until = 77};

	(void)state;
	ledger_put(m, &k, 1, &e);
	assert_true(ledger_find(m, &k, 1, &e));
	assert_int_equal(e.state, LEDGER_SENDING);
	assert_int_equal(e.busy_until, 77);
	remember(m, &k, 2, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(m, &k, 2, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_forget(m, &k, 2);
	assert_false(ledger_find(m, &k, 2, &e));
	ledger_forget(m, &k, 2);
	ledger_free(&m);
}

static void gives_up_the_entry_that_was_put_first(void **state)
{
	struct ledger *m = open_memo(1, 1); /* one row */
	struct ledger_entry e;
	char name[32];
	size_t known = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct ledger_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		remember(m, &k, i, LEDGER_SENT, name);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct ledger_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		if (!ledger_find(m, &k, 20, &e))
			continue;
		known++;
		assert_in_range(i, 12, 19);
		assert_string_equal(e.message_id, name);
	}
	assert_int_equal(known, 8);
	ledger_free(&m);
}

static void put_as(struct ledger *m, unsigned i, const struct ledger_entry *e)
{
	char name[32];
	struct ledger_key k;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	ledger_put(m, &k, i, e);
}

static bool has(struct ledger *m, unsigned i, uint64_t now)
{
	char name[32];
	struct ledger_key k;
	struct ledger_entry e;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	return ledger_find(m, &k, now, &e);
}

static void lets_an_entry_live_as_long_as_it_is_told(void **state)
{
	const struct ledger_entry brief = {.state = LEDGER_SENT, .life_ms = 600};
	struct ledger *m = open_memo(1, 64);

	(void)state;
	put_as(m, 1, &brief);
	assert_true(has(m, 1, 600));
	assert_false(has(m, 1, 601));
	ledger_free(&m);
}

/* What was told goes before what a client will ask for, and that before what is unsure; how
 * long each would live does not matter. */
static void gives_up_first_what_nobody_will_ask_for(void **state)
{
	const struct ledger_entry unsure = {.state = LEDGER_UNCERTAIN};
	const struct ledger_entry brief = {.state = LEDGER_SENT, .life_ms = 5000};
	const struct ledger_entry spare = {.state = LEDGER_SENT, .spare = true};
	struct ledger *m = open_memo(1, 1); /* one row of 8 */

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
	ledger_free(&m);
}

/* A worker writes, and dies by a signal; another worker reads. */
static void is_shared_and_outlives_a_worker(void **state)
{
	struct ledger *m = open_memo(1, 64), *other;
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		remember(m, &k, 1, LEDGER_SENT, "from the child");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	other = open_memo(2, 64);
	assert_true(ledger_find(other, &k, 2, &e));
	assert_string_equal(e.message_id, "from the child");
	ledger_free(&other);
	assert_true(ledger_find(m, &k, 2, &e));
	ledger_free(&m);
}

/* Two workers, one recipient: what was said last is true, whoever said it. */
static void the_newest_word_of_all_workers_counts(void **state)
{
	struct ledger *a = open_memo(1, 64), *b = open_memo(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENDING, .busy_until = 9};

	(void)state;
	ledger_put(a, &k, 5, &e);
	assert_true(ledger_find(b, &k, 5, &e));
	assert_int_equal(e.state, LEDGER_SENDING);
	remember(b, &k, 5, LEDGER_SENT, "of b"); /* in the same ms */
	assert_true(ledger_find(a, &k, 5, &e));
	assert_string_equal(e.message_id, "of b");
	remember(a, &k, 5, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(b, &k, 6, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&a);
	ledger_free(&b);
}

/* Nobody can write into another's table: to forget, it is told to be forgotten. */
static void forgets_what_another_worker_remembers(void **state)
{
	struct ledger *a = open_memo(1, 64), *b = open_memo(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	remember(a, &k, 5, LEDGER_SENT, "of a");
	ledger_forget(b, &k, 5);
	assert_false(ledger_find(a, &k, 5, &e));
	assert_false(ledger_find(b, &k, 4 + LEDGER_LIFE_MS, &e));
	remember(a, &k, 6, LEDGER_SENT, "again");
	assert_true(ledger_find(b, &k, 7, &e));
	assert_string_equal(e.message_id, "again");
	ledger_free(&a);
	ledger_free(&b);
}

/* What nobody who has not seen the message can do: every byte of an entry is covered. */
static void an_entry_that_was_altered_is_none(void **state)
{
	struct ledger *m = open_memo(1, 1);
	struct ledger_key k = key_of("b@example.com", "text");
	uint8_t *table = shm_write(memory, 1, SHM_LEDGER);
	size_t first = 0, altered = 0;
	struct ledger_entry e;

	(void)state;
	remember(m, &k, 5, LEDGER_SENT, "qcloudses-1");
	while (memcmp(table + first, k.who, 16) != 0)
		first++;
	for (size_t i = 0; i < 208; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			table[first + i] ^= 1U << bit;
			altered += ledger_find(m, &k, 6, &e);
			table[first + i] ^= 1U << bit;
		}
	assert_int_equal(altered, 0);
	assert_true(ledger_find(m, &k, 6, &e));
	ledger_free(&m);
}

/* Whoever is outside cannot tell which two messages would be taken for one. */
static void each_gateway_has_fingerprints_of_its_own(void **state)
{
	struct shm *other = shm_new(2);
	struct ledger *a = open_memo(0, 64), *b = open_memo(1, 64), *c;
	struct ledger_key k, same, different;
	struct err err;

	(void)state;
	assert_int_equal(shm_make(other, 0, &err), 1);
	c = ledger_new(other, 0, 64);
	ledger_key_what(a, &k, span_of("text"));
	ledger_key_what(b, &same, span_of("text"));
	ledger_key_what(c, &different, span_of("text"));
	assert_memory_equal(k.what, same.what, LEDGER_WHAT_LEN);
	assert_memory_not_equal(k.what, different.what, LEDGER_WHAT_LEN);
	ledger_free(&a);
	ledger_free(&b);
	ledger_free(&c);
	shm_free(&other);
}

/* A worker that knows who writes to whom and how much, but not what, is believed nothing: not
 * an entry of its own making, not one of another message put in its place. */
static void an_entry_of_mail_that_was_not_seen_is_none(void **state)
{
	struct ledger *mad = open_memo(1, 64), *m = open_memo(2, 64);
	struct ledger_key k = key_of("b@example.com", "text"), guess = k;
	uint8_t *table = shm_write(memory, 1, SHM_LEDGER), *entry;
	struct ledger_entry e;

	(void)state;
	ledger_key_what(m, &guess, span_of("tex2"));
	remember(mad, &guess, 5, LEDGER_SENT, "forged");
	assert_true(ledger_find(mad, &guess, 5, &e));
	assert_true(ledger_knows(m, &k, 5)); /* so the message is looked at */
	assert_false(ledger_find(m, &k, 5, &e));
	/* An entry that is proven, moved to where another recipient's is looked for. */
	k = key_of("c@example.com", "tex2");
	remember(m, &k, 5, LEDGER_UNCERTAIN, "");
	entry = table;
	while (memcmp(entry, guess.who, 16) != 0)
		entry++;
	memcpy(entry, k.who, 16);
	assert_true(ledger_find(m, &k, 5, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&mad);
	ledger_free(&m);
}

/* Garbage in a table: no answer of others changes, and whoever comes next into the slot can
 * use it. */
static void garbage_blocks_nothing(void **state)
{
	static const int bytes[] = {0xff, 0x7f, 0x01, 0x80};
	struct ledger *mad = open_memo(1, 64), *m = open_memo(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	remember(m, &k, 5, LEDGER_SENT, "true");
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		memset(shm_write(memory, 1, SHM_LEDGER), bytes[i], SHM_LEDGER_BYTES);
		assert_true(ledger_find(m, &k, 6, &e));
		assert_string_equal(e.message_id, "true");
		assert_false(has(m, 77, 6));
		for (unsigned n = 0; n < 40; n++)
			put_as(mad, n, &(struct ledger_entry){.state = LEDGER_SENT});
		for (unsigned n = 0; n < 40; n++)
			assert_true(has(m, n, 40));
	}
	ledger_free(&mad);
	ledger_free(&m);
}

/* Times that no honest worker writes, by one that knows the message. */
static void no_entry_is_from_the_future_or_lives_for_ever(void **state)
{
	struct ledger *mad = open_memo(1, 64), *m = open_memo(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENT, .life_ms = 10 * LEDGER_LIFE_MS};

	(void)state;
	ledger_put(mad, &k, 5, &e);
	assert_false(ledger_find(m, &k, 5 + LEDGER_LIFE_MS, &e));
	remember(mad, &k, 1000000, LEDGER_SENT, "from the future");
	assert_false(ledger_find(m, &k, 5, &e));
	assert_false(ledger_knows(m, &k, 5));
	remember(m, &k, 6, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(m, &k, 7, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&mad);
	ledger_free(&m);
}

static void an_id_holds_nothing_that_ends_a_line(void **state)
{
	struct ledger *m = open_memo(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	remember(m, &k, 5, LEDGER_SENT, "id\r\n250 more");
	assert_true(ledger_find(m, &k, 5, &e));
	assert_string_equal(e.message_id, "id");
	ledger_free(&m);
}

static void a_table_is_touched_only_where_it_is_used(void **state)
{
	struct ledger *m = open_memo(1, LEDGER_ENTRIES), *other = open_memo(2, LEDGER_ENTRIES);
	struct stat st;

	(void)state;
	put_as(m, 1, &(struct ledger_entry){.state = LEDGER_SENT});
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(has(other, i, 2), i == 1);
	assert_int_equal(fstat(shm_writer(memory, 2), &st), 0);
	assert_in_range(st.st_blocks, 0, 2 * 128); /* half a KB each: the tags */
	ledger_free(&m);
	ledger_free(&other);
}

static void remembers_nothing_without_memory(void **state)
{
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENT};

	(void)state;
	ledger_put(NULL, &k, 1, &e);
	ledger_forget(NULL, &k, 1);
	assert_false(ledger_knows(NULL, &k, 1));
	assert_false(ledger_find(NULL, &k, 1, &e));
	assert_int_equal(e.state, LEDGER_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(remembers_until_its_life_ends),
		TEST(tells_messages_and_recipients_apart),
		TEST(replaces_and_forgets),
		TEST(gives_up_the_entry_that_was_put_first),
		TEST(lets_an_entry_live_as_long_as_it_is_told),
		TEST(gives_up_first_what_nobody_will_ask_for),
		TEST(is_shared_and_outlives_a_worker),
		TEST(the_newest_word_of_all_workers_counts),
		TEST(forgets_what_another_worker_remembers),
		TEST(an_entry_that_was_altered_is_none),
		TEST(each_gateway_has_fingerprints_of_its_own),
		TEST(an_entry_of_mail_that_was_not_seen_is_none),
		TEST(garbage_blocks_nothing),
		TEST(no_entry_is_from_the_future_or_lives_for_ever),
		TEST(an_id_holds_nothing_that_ends_a_line),
		TEST(a_table_is_touched_only_where_it_is_used),
		TEST(remembers_nothing_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
