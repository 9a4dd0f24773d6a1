/* SPDX-License-Identifier: MIT */
/* ledger/ledger_memory: what became of recipients, between workers and attempts. */
#include "ledger/ledger_memory.h"

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

static struct ledger *open_ledger(size_t slot, size_t entries)
{
	return ledger_memory_new(memory, slot, entries);
}

static struct ledger_key key_of(const char *recipient, const char *message)
{
	struct ledger *l = open_ledger(0, 64);
	struct ledger_key k;

	ledger_key_envelope(&k, "main", "a@example.com", recipient, strlen(message));
	ledger_digest(l, span_of(message), k.content);
	ledger_free(&l);
	return k;
}

static void put(struct ledger *l, const struct ledger_key *k, uint64_t now,
	enum ledger_state state, const char *id)
{
	struct ledger_entry e = {.state = state};

	str_copy(e.message_id, sizeof(e.message_id), id);
	ledger_put(l, k, now, &e);
}

static void keeps_an_entry_until_its_life_ends(void **state)
{
	struct ledger *l = open_ledger(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	assert_false(ledger_knows(l, &k, 5));
	assert_false(ledger_find(l, &k, 5, &e));
	put(l, &k, 5, LEDGER_SENT, "qcloudses-1");
	assert_true(ledger_knows(l, &k, 6));
	assert_true(ledger_find(l, &k, 6, &e));
	assert_int_equal(e.state, LEDGER_SENT);
	assert_string_equal(e.message_id, "qcloudses-1");
	assert_true(ledger_find(l, &k, 4 + LEDGER_LIFE_MS, &e));
	assert_false(ledger_find(l, &k, 5 + LEDGER_LIFE_MS, &e));
	assert_false(ledger_knows(l, &k, 5 + LEDGER_LIFE_MS));
	ledger_free(&l);
	assert_null(l);
}

static void tells_messages_and_recipients_apart(void **state)
{
	struct ledger *l = open_ledger(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_key same_size = key_of("b@example.com", "tex2");
	struct ledger_key other = key_of("c@example.com", "text");
	struct ledger_entry e;

	(void)state;
	put(l, &k, 1, LEDGER_SENT, "1");
	assert_true(ledger_knows(l, &same_size, 1));
	assert_false(ledger_find(l, &same_size, 1, &e));
	assert_false(ledger_knows(l, &other, 1));
	ledger_key_envelope(&other, "main", "a@example.comb", "@example.com", 4);
	assert_false(ledger_knows(l, &other, 1));
	ledger_free(&l);
}

static void replaces_and_removes(void **state)
{
	struct ledger *l = open_ledger(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENDING, .busy_until = 77};

	(void)state;
	ledger_put(l, &k, 1, &e);
	assert_true(ledger_find(l, &k, 1, &e));
	assert_int_equal(e.state, LEDGER_SENDING);
	assert_int_equal(e.busy_until, 77);
	put(l, &k, 2, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(l, &k, 2, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_remove(l, &k, 2);
	assert_false(ledger_find(l, &k, 2, &e));
	ledger_remove(l, &k, 2);
	ledger_free(&l);
}

static void replaces_the_oldest_entry_of_a_full_row(void **state)
{
	struct ledger *l = open_ledger(1, 1); /* one row */
	struct ledger_entry e;
	char name[32];
	size_t known = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct ledger_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		put(l, &k, i, LEDGER_SENT, name);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct ledger_key k;

		snprintf(name, sizeof(name), "r%u@example.com", i);
		k = key_of(name, "text");
		if (!ledger_find(l, &k, 20, &e))
			continue;
		known++;
		assert_in_range(i, 12, 19);
		assert_string_equal(e.message_id, name);
	}
	assert_int_equal(known, 8);
	ledger_free(&l);
}

static void put_as(struct ledger *l, unsigned i, const struct ledger_entry *e)
{
	char name[32];
	struct ledger_key k;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	ledger_put(l, &k, i, e);
}

static bool has(struct ledger *l, unsigned i, uint64_t now)
{
	char name[32];
	struct ledger_key k;
	struct ledger_entry e;

	snprintf(name, sizeof(name), "r%u@example.com", i);
	k = key_of(name, "text");
	return ledger_find(l, &k, now, &e);
}

static void lets_an_entry_live_as_long_as_it_is_told(void **state)
{
	const struct ledger_entry brief = {.state = LEDGER_SENT, .life_ms = 600};
	struct ledger *l = open_ledger(1, 64);

	(void)state;
	put_as(l, 1, &brief);
	assert_true(has(l, 1, 600));
	assert_false(has(l, 1, 601));
	ledger_free(&l);
}

/* What the client was told goes before what it will ask for, and that before what is
 * uncertain; how long each would live does not matter. */
static void replaces_first_what_nobody_will_ask_for(void **state)
{
	const struct ledger_entry uncertain = {.state = LEDGER_UNCERTAIN};
	const struct ledger_entry brief = {.state = LEDGER_SENT, .life_ms = 5000};
	const struct ledger_entry told = {.state = LEDGER_SENT, .replace_first = true};
	struct ledger *l = open_ledger(1, 1); /* one row of 8 */

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put_as(l, i, &uncertain);
	for (unsigned i = 3; i < 6; i++)
		put_as(l, i, &brief);
	for (unsigned i = 6; i < 1000; i++)
		put_as(l, i, &told);
	for (unsigned i = 0; i < 6; i++)
		assert_true(has(l, i, 1000));
	assert_true(has(l, 998, 1000) && has(l, 999, 1000));
	for (unsigned i = 1000; i < 1008; i++)
		put_as(l, i, &uncertain);
	assert_false(has(l, 3, 1008) || has(l, 999, 1008));
	assert_true(has(l, 1007, 1008));
	ledger_free(&l);
}

/* A worker writes, and dies by a signal; another worker reads. */
static void is_shared_and_outlives_a_worker(void **state)
{
	struct ledger *l = open_ledger(1, 64), *other;
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		put(l, &k, 1, LEDGER_SENT, "from the child");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	other = open_ledger(2, 64);
	assert_true(ledger_find(other, &k, 2, &e));
	assert_string_equal(e.message_id, "from the child");
	ledger_free(&other);
	assert_true(ledger_find(l, &k, 2, &e));
	ledger_free(&l);
}

/* Two workers, one recipient: the entry that was written last counts. */
static void the_newest_entry_of_all_workers_counts(void **state)
{
	struct ledger *a = open_ledger(1, 64), *b = open_ledger(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENDING, .busy_until = 9};

	(void)state;
	ledger_put(a, &k, 5, &e);
	assert_true(ledger_find(b, &k, 5, &e));
	assert_int_equal(e.state, LEDGER_SENDING);
	put(b, &k, 5, LEDGER_SENT, "of b"); /* in the same ms */
	assert_true(ledger_find(a, &k, 5, &e));
	assert_string_equal(e.message_id, "of b");
	put(a, &k, 5, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(b, &k, 6, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&a);
	ledger_free(&b);
}

/* It cannot write into the table of the other: it writes an entry that says so. */
static void removes_the_entry_of_another_worker(void **state)
{
	struct ledger *a = open_ledger(1, 64), *b = open_ledger(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	put(a, &k, 5, LEDGER_SENT, "of a");
	ledger_remove(b, &k, 5);
	assert_false(ledger_find(a, &k, 5, &e));
	assert_false(ledger_find(b, &k, 4 + LEDGER_LIFE_MS, &e));
	put(a, &k, 6, LEDGER_SENT, "again");
	assert_true(ledger_find(b, &k, 7, &e));
	assert_string_equal(e.message_id, "again");
	ledger_free(&a);
	ledger_free(&b);
}

/* What nobody who has not seen the message can do: every byte of an entry is covered. */
static void an_entry_that_was_altered_is_none(void **state)
{
	struct ledger *l = open_ledger(1, 1);
	struct ledger_key k = key_of("b@example.com", "text");
	uint8_t *table = shm_write(memory, 1, SHM_LEDGER);
	size_t first = 0, altered = 0;
	struct ledger_entry e;

	(void)state;
	put(l, &k, 5, LEDGER_SENT, "qcloudses-1");
	while (memcmp(table + first, k.envelope, 16) != 0)
		first++;
	for (size_t i = 0; i < 208; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			table[first + i] ^= 1U << bit;
			altered += ledger_find(l, &k, 6, &e);
			table[first + i] ^= 1U << bit;
		}
	assert_int_equal(altered, 0);
	assert_true(ledger_find(l, &k, 6, &e));
	ledger_free(&l);
}

/* Whoever is outside cannot tell which two messages would be taken for one. */
static void each_gateway_has_digests_of_its_own(void **state)
{
	struct shm *other = shm_new(2);
	struct ledger *a = open_ledger(0, 64), *b = open_ledger(1, 64), *c;
	struct ledger_key k, same, different;
	struct err err;

	(void)state;
	assert_int_equal(shm_make(other, 0, &err), 1);
	c = ledger_memory_new(other, 0, 64);
	ledger_digest(a, span_of("text"), k.content);
	ledger_digest(b, span_of("text"), same.content);
	ledger_digest(c, span_of("text"), different.content);
	assert_memory_equal(k.content, same.content, LEDGER_CONTENT_LEN);
	assert_memory_not_equal(k.content, different.content, LEDGER_CONTENT_LEN);
	ledger_free(&a);
	ledger_free(&b);
	ledger_free(&c);
	shm_free(&other);
}

/* A worker that knows who writes to whom and how much, but not what, is believed nothing: not
 * an entry of its own making, not one of another message put in its place. */
static void an_entry_of_mail_that_was_not_seen_is_none(void **state)
{
	struct ledger *bad = open_ledger(1, 64), *l = open_ledger(2, 64);
	struct ledger_key k = key_of("b@example.com", "text"), guess = k;
	uint8_t *table = shm_write(memory, 1, SHM_LEDGER), *entry;
	struct ledger_entry e;

	(void)state;
	ledger_digest(l, span_of("tex2"), guess.content);
	put(bad, &guess, 5, LEDGER_SENT, "forged");
	assert_true(ledger_find(bad, &guess, 5, &e));
	assert_true(ledger_knows(l, &k, 5)); /* so the message is digested */
	assert_false(ledger_find(l, &k, 5, &e));
	/* An entry that is proven, moved to where another recipient's is looked for. */
	k = key_of("c@example.com", "tex2");
	put(l, &k, 5, LEDGER_UNCERTAIN, "");
	entry = table;
	while (memcmp(entry, guess.envelope, 16) != 0)
		entry++;
	memcpy(entry, k.envelope, 16);
	assert_true(ledger_find(l, &k, 5, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&bad);
	ledger_free(&l);
}

/* Garbage in a table: no answer of others changes, and whoever comes next into the slot can
 * use it. */
static void garbage_blocks_nothing(void **state)
{
	static const int bytes[] = {0xff, 0x7f, 0x01, 0x80};
	struct ledger *bad = open_ledger(1, 64), *l = open_ledger(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	put(l, &k, 5, LEDGER_SENT, "true");
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		memset(shm_write(memory, 1, SHM_LEDGER), bytes[i], SHM_LEDGER_BYTES);
		assert_true(ledger_find(l, &k, 6, &e));
		assert_string_equal(e.message_id, "true");
		assert_false(has(l, 77, 6));
		for (unsigned n = 0; n < 40; n++)
			put_as(bad, n, &(struct ledger_entry){.state = LEDGER_SENT});
		for (unsigned n = 0; n < 40; n++)
			assert_true(has(l, n, 40));
	}
	ledger_free(&bad);
	ledger_free(&l);
}

/* Times that no honest worker writes, by one that knows the message. */
static void no_entry_is_from_the_future_or_lives_for_ever(void **state)
{
	struct ledger *bad = open_ledger(1, 64), *l = open_ledger(2, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENT, .life_ms = 10 * LEDGER_LIFE_MS};

	(void)state;
	ledger_put(bad, &k, 5, &e);
	assert_false(ledger_find(l, &k, 5 + LEDGER_LIFE_MS, &e));
	put(bad, &k, 1000000, LEDGER_SENT, "from the future");
	assert_false(ledger_find(l, &k, 5, &e));
	assert_false(ledger_knows(l, &k, 5));
	put(l, &k, 6, LEDGER_UNCERTAIN, "");
	assert_true(ledger_find(l, &k, 7, &e));
	assert_int_equal(e.state, LEDGER_UNCERTAIN);
	ledger_free(&bad);
	ledger_free(&l);
}

static void an_id_holds_nothing_that_ends_a_line(void **state)
{
	struct ledger *l = open_ledger(1, 64);
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e;

	(void)state;
	put(l, &k, 5, LEDGER_SENT, "id\r\n250 more");
	assert_true(ledger_find(l, &k, 5, &e));
	assert_string_equal(e.message_id, "id");
	ledger_free(&l);
}

static void a_table_is_touched_only_where_it_is_used(void **state)
{
	struct ledger *l = open_ledger(1, LEDGER_MEMORY_ENTRIES),
		      *other = open_ledger(2, LEDGER_MEMORY_ENTRIES);
	struct stat st;

	(void)state;
	put_as(l, 1, &(struct ledger_entry){.state = LEDGER_SENT});
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(has(other, i, 2), i == 1);
	assert_int_equal(fstat(shm_writer(memory, 2), &st), 0);
	assert_in_range(st.st_blocks, 0, 2 * 128); /* half a KB each: the tags */
	ledger_free(&l);
	ledger_free(&other);
}

static void a_null_ledger_keeps_nothing(void **state)
{
	struct ledger_key k = key_of("b@example.com", "text");
	struct ledger_entry e = {.state = LEDGER_SENT};

	(void)state;
	ledger_put(NULL, &k, 1, &e);
	ledger_remove(NULL, &k, 1);
	assert_false(ledger_knows(NULL, &k, 1));
	assert_false(ledger_find(NULL, &k, 1, &e));
	assert_int_equal(e.state, LEDGER_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_an_entry_until_its_life_ends),
		TEST(tells_messages_and_recipients_apart),
		TEST(replaces_and_removes),
		TEST(replaces_the_oldest_entry_of_a_full_row),
		TEST(lets_an_entry_live_as_long_as_it_is_told),
		TEST(replaces_first_what_nobody_will_ask_for),
		TEST(is_shared_and_outlives_a_worker),
		TEST(the_newest_entry_of_all_workers_counts),
		TEST(removes_the_entry_of_another_worker),
		TEST(an_entry_that_was_altered_is_none),
		TEST(each_gateway_has_digests_of_its_own),
		TEST(an_entry_of_mail_that_was_not_seen_is_none),
		TEST(garbage_blocks_nothing),
		TEST(no_entry_is_from_the_future_or_lives_for_ever),
		TEST(an_id_holds_nothing_that_ends_a_line),
		TEST(a_table_is_touched_only_where_it_is_used),
		TEST(a_null_ledger_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
