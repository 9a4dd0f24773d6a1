/* SPDX-License-Identifier: MIT */
/* delivery/batch: which recipients share a call, and which are shown to the others. */
#include "delivery/batch.h"

#include "core/mem.h"
#include "core/str.h"

#include "random.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string that a message may own. */
#define TEXT(s) ((char[]){s})

static const struct conf_route together = {.name = TEXT("together")};
static const struct conf_route separate = {
	.name = TEXT("separate"), .recipients = CONF_RECIPIENTS_SEPARATE};
static const struct conf_route other = {.name = TEXT("other")};

/* --- tables --------------------------------------------------------------------------- */

/* Addresses by words parted with spaces. */
static size_t split(const char *words, char **out, size_t max)
{
	size_t n = 0;

	while (*words != '\0' && n < max) {
		size_t len = strcspn(words, " ");

		out[n++] = mem_strndup(words, len);
		words += len + (words[len] == ' ');
	}
	return n;
}

static void fill(struct mailbox_list *list, const char *words)
{
	char *parts[64];

	list->n = split(words, parts, 64);
	list->items = mem_new(list->n, sizeof(*list->items));
	for (size_t i = 0; i < list->n; i++)
		list->items[i].address = parts[i];
}

static void empty(struct mailbox_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].address);
	free(list->items);
}

static void print_list(
	char *out, size_t cap, const char *tag, const char **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(out);

		snprintf(out + len, cap - len, "%s%s", i == 0 ? tag : ",", list[i]);
	}
}

/* "to:a,b cc:c | to:d" */
static void print_batches(char *out, size_t cap, const struct batches *batches)
{
	out[0] = '\0';
	for (size_t i = 0; i < batches->n; i++) {
		const struct batch *c = &batches->items[i];

		if (i > 0)
			snprintf(out + strlen(out), cap - strlen(out), " | ");
		print_list(out, cap, "to:", c->to, c->n_to);
		print_list(out, cap, " cc:", c->cc, c->n_cc);
		print_list(out, cap, " bcc:", c->bcc, c->n_bcc);
	}
}

static void shows_recipients_as_the_header_does(void **state)
{
	static const struct {
		const char *to, *cc, *rcpt, *batches;
		const struct conf_route *route;
	} cases[] = {
		{"a@x b@x", "c@x", "a@x b@x c@x", "to:a@x,b@x cc:c@x", &together},
		{"a@x", "", "a@x", "to:a@x", &together},
		/* In neither: blind. */
		{"a@x", "c@x", "d@x a@x c@x", "to:a@x cc:c@x bcc:d@x", &together},
		/* A header address outside the envelope gets nothing. */
		{"a@x b@x", "c@x", "b@x", "to:b@x", &together},
		/* Nobody visible: each alone. */
		{"a@x", "", "d@x e@x", "to:d@x | to:e@x", &together},
		{"", "", "d@x e@x", "to:d@x | to:e@x", &together},
		/* In both: To. */
		{"a@x", "a@x b@x", "a@x b@x", "to:a@x cc:b@x", &together},
		/* Cc only: they still see each other only. */
		{"z@x", "a@x b@x", "a@x b@x d@x", "to:a@x,b@x bcc:d@x", &together},
		/* The domain has no case; the local part: exact first, then any case. */
		{"Bob@EXAMPLE.com", "", "Bob@example.com", "to:Bob@example.com",
			&together},
		{"z@x bob@x", "Bob@x", "z@x Bob@x", "to:z@x cc:Bob@x", &together},
		{"z@x bob@x", "", "z@x Bob@x", "to:z@x,Bob@x", &together},
		{"bob@x", "", "bob@x Bob@x", "to:bob@x,Bob@x", &together},
		/* Twice in the header. */
		{"a@x a@x", "a@x", "a@x", "to:a@x", &together},
		/* One prefix of the other. */
		{"a@xx", "", "a@x", "to:a@x", &together},
		{"aa@x", "", "a@x aa@x", "to:aa@x bcc:a@x", &together},
		/* Separate. */
		{"a@x", "c@x", "d@x a@x c@x", "to:a@x | to:c@x | to:d@x", &separate},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message m = {0};
		struct routed_recipient rcpt[16];
		struct batches batches;
		char *words[16], out[512];
		size_t n = split(cases[i].rcpt, words, 16);

		fill(&m.to, cases[i].to);
		fill(&m.cc, cases[i].cc);
		for (size_t j = 0; j < n; j++)
			rcpt[j] = (struct routed_recipient){words[j], cases[i].route};
		batch_make(&batches, rcpt, n, &m);
		print_batches(out, sizeof(out), &batches);
		assert_string_equal(out, cases[i].batches);
		batch_clear(&batches);
		empty(&m.to);
		empty(&m.cc);
		for (size_t j = 0; j < n; j++)
			free(words[j]);
	}
}

static void keeps_routes_apart(void **state)
{
	struct mailbox shown[] = {{TEXT(""), TEXT("a@x")}, {TEXT(""), TEXT("b@x")}};
	const struct message m = {.to = {shown, 2, 2}};
	const struct routed_recipient rcpt[] = {
		{"a@x", &together},
		{"d@x", &other},
		{"b@x", &other},
		{"e@x", &together},
	};
	struct batches batches;
	char out[256];

	(void)state;
	batch_make(&batches, rcpt, ARRAY_LEN(rcpt), &m);
	print_batches(out, sizeof(out), &batches);
	assert_string_equal(out, "to:a@x bcc:e@x | to:b@x bcc:d@x");
	assert_ptr_equal(batches.items[0].route, &together);
	assert_ptr_equal(batches.items[1].route, &other);
	batch_clear(&batches);
}

static void counts_and_numbers_the_recipients_of_a_call(void **state)
{
	const char *to[] = {"a"}, *cc[] = {"b", "c"}, *bcc[] = {"d"};
	const struct batch c = {NULL, to, 1, cc, 2, bcc, 1};

	(void)state;
	assert_int_equal(batch_count(&c), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(batch_recipient(&c, i)[0], "abcd"[i]);
}

/* --- what must hold whatever the mail is ---------------------------------------------- */

#define CASES 12000
#define POOL  160

struct generated {
	char pool[POOL][24];
	struct mailbox to[POOL], cc[POOL];
	struct message m;
	struct routed_recipient rcpt[POOL];
	size_t n;
};

static char no_name[1];

static size_t pick(struct mailbox *list, struct generated *g, size_t max)
{
	size_t n = below(max + 1);

	for (size_t i = 0; i < n; i++)
		list[i] = (struct mailbox){no_name, g->pool[below(POOL)]};
	return n;
}

/* A few addresses differ in case only; header lists overlap, repeat, and reach outside the
 * envelope; every few cases are large. */
static void generate(struct generated *g)
{
	const struct conf_route *routes[] = {&together, &separate, &other};
	size_t scale = below(4) == 0 ? POOL : 8, n_routes = 1 + below(3);
	size_t first = below(3), pool = 0;

	for (size_t i = 0; i < POOL; i++)
		snprintf(g->pool[i], sizeof(g->pool[i]), "%s%zu@%s.example",
			i % 7 == 0 ? "U" : "u", i / 2, i % 3 == 0 ? "a" : "b");
	g->m = (struct message){0};
	g->m.to.items = g->to;
	g->m.to.n = pick(g->to, g, scale - 1);
	g->m.cc.items = g->cc;
	g->m.cc.n = pick(g->cc, g, scale - 1);
	g->n = 0;
	for (size_t i = 0; i < POOL && g->n < scale; i++, pool++) {
		bool doubled = false;

		if (below(3) == 0)
			continue;
		for (size_t j = 0; j < g->n; j++)
			doubled = doubled || strcmp(g->rcpt[j].address, g->pool[i]) == 0;
		if (!doubled)
			g->rcpt[g->n++] = (struct routed_recipient){
				g->pool[i], routes[(first + below(n_routes)) % 3]};
	}
}

static bool is_in(const struct mailbox_list *list, const char *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_ieq(list->items[i].address, address))
			return true;
	return false;
}

/* Everybody in a list that others see stands in the header, unless they are alone there. */
static void check_privacy(const struct generated *g, const struct batch *c)
{
	size_t visible = c->n_to + c->n_cc;

	for (size_t i = 0; i < visible && batch_count(c) > 1; i++) {
		const char *a = batch_recipient(c, i);

		assert_true(is_in(&g->m.to, a) || is_in(&g->m.cc, a));
	}
	for (size_t i = 0; i < c->n_cc; i++)
		assert_true(is_in(&g->m.cc, c->cc[i]));
	for (size_t i = 0; i < c->n_bcc; i++)
		assert_false(is_in(&g->m.to, c->bcc[i]) || is_in(&g->m.cc, c->bcc[i]));
}

static void check_limits(const struct batch *c)
{
	assert_in_range(c->n_to, 1, SES_TO_MAX);
	assert_in_range(c->n_cc, 0, SES_CC_MAX);
	assert_in_range(c->n_bcc, 0, SES_BCC_MAX);
	if (c->route->recipients == CONF_RECIPIENTS_SEPARATE)
		assert_int_equal(batch_count(c), 1);
}

/* Every recipient exactly once, in a call of its own route. */
static void check_completeness(const struct generated *g, const struct batches *batches)
{
	size_t sorted = 0;

	for (size_t i = 0; i < batches->n; i++)
		sorted += batch_count(&batches->items[i]);
	assert_int_equal(sorted, g->n);
	for (size_t r = 0; r < g->n; r++) {
		size_t seen = 0;

		for (size_t i = 0; i < batches->n; i++)
			for (size_t j = 0; j < batch_count(&batches->items[i]); j++)
				if (batch_recipient(&batches->items[i], j) ==
					g->rcpt[r].address) {
					seen++;
					assert_ptr_equal(batches->items[i].route,
						g->rcpt[r].route);
				}
		assert_int_equal(seen, 1);
	}
}

static void keeps_its_promises_for_any_mail(void **state)
{
	static struct generated g;
	size_t calls = 0, split_calls = 0, blind = 0;

	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		struct batches batches;

		generate(&g);
		batch_make(&batches, g.rcpt, g.n, &g.m);
		check_completeness(&g, &batches);
		for (size_t j = 0; j < batches.n; j++) {
			check_limits(&batches.items[j]);
			check_privacy(&g, &batches.items[j]);
			split_calls += batches.items[j].n_to == SES_TO_MAX;
			blind += batches.items[j].n_bcc;
		}
		calls += batches.n;
		batch_clear(&batches);
	}
	/* The generator reaches what it is for. */
	assert_true(calls > CASES);
	assert_true(split_calls > 20);
	assert_true(blind > CASES / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_recipients_as_the_header_does),
		cmocka_unit_test(keeps_routes_apart),
		cmocka_unit_test(counts_and_numbers_the_recipients_of_a_call),
		cmocka_unit_test(keeps_its_promises_for_any_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
