/* SPDX-License-Identifier: MIT */
/* delivery/route: which route a recipient takes. */
#include "delivery/route.h"

#include "test.h"

/* A string that a configuration may own. */
#define TEXT(s) ((char[]){s})

static char *inside[] = {TEXT("inside")}, *dmz[] = {TEXT("dmz*"), TEXT("lab")};
static char *null_sender[] = {TEXT("<>")}, *shop[] = {TEXT("*@shop.example.com")};
static char *news[] = {TEXT("news@example.com")},
	    *china[] = {TEXT("*@example.org"), TEXT("*.example.org")};

static struct conf_route routes[] = {
	{.name = TEXT("bounces"), .sender = {.items = null_sender, .n = 1}},
	{.name = TEXT("china"),
		.listener = {.items = dmz, .n = 2},
		.recipient = {.items = china, .n = 2}},
	{.name = TEXT("news"), .from = {.items = news, .n = 1}},
	{.name = TEXT("shop"),
		.listener = {.items = inside, .n = 1},
		.sender = {.items = shop, .n = 1}},
	{.name = TEXT("late"), .listener = {.items = inside, .n = 1}},
};
static const struct conf conf = {.routes = routes, .n_routes = ARRAY_LEN(routes)};

static void takes_the_first_route_whose_conditions_all_hold(void **state)
{
	static const struct {
		const char *listener, *sender, *from, *recipient, *route;
	} cases[] = {
		{"inside", "", "a@example.com", "b@example.net", "bounces"},
		{"dmz1", "x@example.com", "x@example.com", "b@example.org", "china"},
		{"DMZ1", "x@example.com", "x@example.com", "b@MAIL.example.org", "china"},
		{"inside", "x@example.com", "x@example.com", "b@example.org", "late"},
		{"dmz1", "x@example.com", "News@Example.com", "b@example.net", "news"},
		{"inside", "a@shop.example.com", "a@example.com", "b@example.net",
			"shop"},
		{"outside", "a@shop.example.com", "a@example.com", "b@example.net", NULL},
		{"inside", "a@shop.example.com.example.net", "x@example.com",
			"b@example.net", "late"},
		/* From not known yet: any route that could still be taken. */
		{"outside", "a@example.com", NULL, "b@example.net", "news"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct route_query q = {cases[i].listener, cases[i].sender,
			cases[i].from, cases[i].recipient, NULL, NULL, NULL};
		const struct conf_route *r = route_find(&conf, &q);

		if (cases[i].route == NULL) {
			assert_null(r);
			continue;
		}
		assert_non_null(r);
		assert_string_equal(r->name, cases[i].route);
	}
}

static void knows_clients_and_users(void **state)
{
	char *app[] = {TEXT("app*")}, *nobody[] = {TEXT("<>")};
	struct ip_prefix net;
	struct conf_route some[] = {
		{.name = TEXT("printers"), .client.nets = &net, .client.n = 1},
		{.name = TEXT("app"), .user = {.items = app, .n = 1}},
		{.name = TEXT("open"), .user = {.items = nobody, .n = 1}},
		{.name = TEXT("rest")},
	};
	const struct conf c = {.routes = some, .n_routes = ARRAY_LEN(some)};
	static const struct {
		const char *client, *user, *route, *user_route;
	} cases[] = {
		{"192.0.2.9", "", "printers", NULL},
		{"192.0.2.9", "app", "printers", NULL},
		{"192.0.3.9", "app", "app", NULL},
		{"192.0.3.9", "App2", "app", NULL},
		{"192.0.3.9", "", "open", NULL},
		{"unix", "", "open", NULL},
		{"unix", "bob", "rest", NULL},
		{NULL, NULL, "printers", NULL},
		{"192.0.2.9", "app", "rest", "rest"},
		{"192.0.2.9", "app", NULL, "none"},
	};

	(void)state;
	assert_int_equal(ip_parse("192.0.2.0/24", &net, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct route_query q = {.listener = "inside",
			.sender = "a@example.com",
			.recipient = "b@example.com",
			.client = cases[i].client,
			.user = cases[i].user,
			.user_route = cases[i].user_route};
		const struct conf_route *r = route_find(&c, &q);

		if (cases[i].route == NULL)
			assert_null(r);
		else
			assert_string_equal(r->name, cases[i].route);
	}
}

static void finds_nothing_where_there_is_no_route(void **state)
{
	const struct conf none = {0};
	const struct route_query q = {
		"inside", "a@example.com", NULL, "b@example.com", NULL, NULL, NULL};

	(void)state;
	assert_null(route_find(&none, &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_first_route_whose_conditions_all_hold),
		cmocka_unit_test(knows_clients_and_users),
		cmocka_unit_test(finds_nothing_where_there_is_no_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
