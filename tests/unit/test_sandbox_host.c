/* SPDX-License-Identifier: MIT */
/* sandbox/host: names that are served, and names that are not. */
#include "sandbox/host.h"

#include "test.h"

static char *names[] = {(char *)"sandbox", (char *)"192.0.2.7"};
static const struct strings hosts = {names, ARRAY_LEN(names)};

static void serves_its_own_names(void **state)
{
	static const char *const own[] = {"localhost", "LocalHost:8180", "localhost.:1",
		"127.0.0.1:8180", "127.1.2.3", "[::1]:8180", "sandbox", "Sandbox:8180",
		"192.0.2.7:1", "192.0.2.1", "192.0.2.1:8180", "[::ffff:192.0.2.1]",
		"ses.tencentcloudapi.com", "ses.intl.tencentcloudapi.com:443"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!host_is_served(own[i], "::ffff:192.0.2.1", &hosts))
			fail_msg("%s", own[i]);
	assert_true(host_is_served(NULL, "192.0.2.1", &hosts));
}

static void serves_no_other(void **state)
{
	static const char *const others[] = {"", ":8180", "rebound.example",
		"sandbox.rebound.example", "localhost.rebound.example",
		"127.0.0.1.rebound.example", "192.0.2.2", "[::2]", "::1", "[::1",
		"[::1]x", "localhost:8180x", "eviltencentcloudapi.com",
		".tencentcloudapi.com", "tencentcloudapi.com.rebound.example"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (host_is_served(others[i], "192.0.2.1", &hosts))
			fail_msg("%s", others[i]);
	assert_false(host_is_served("unknown", "192.0.2.1", &hosts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_its_own_names),
		cmocka_unit_test(serves_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
