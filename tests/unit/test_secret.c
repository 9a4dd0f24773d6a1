/* SPDX-License-Identifier: MIT */
/* core/secret: key material and where else it is not. */
#include "config.h"

#include "core/secret.h"

#include "test.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void keeps_the_bytes_and_a_nul_behind(void **state)
{
	static const size_t lens[] = {0, 1, 32, 4095, 4096, 4097, 10000};
	char bytes[10000];

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct secret *s = secret_new(lens[i] > 0 ? bytes : NULL, lens[i]);
		const char *p = secret_bytes(s);

		assert_int_equal(secret_len(s), lens[i]);
		assert_memory_equal(p, bytes, lens[i]);
		assert_int_equal(p[lens[i]], '\0');
		secret_free(&s);
		assert_null(s);
		secret_free(&s);
	}
}

/* What /proc says of the mapping that holds p: its VmFlags. */
static void flags_of(const void *p, char *flags, size_t cap)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	char line[512];
	int inside = 0;

	assert_non_null(f);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (uintptr_t)p && (uintptr_t)p < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, cap, "%s", line);
	}
	fclose(f);
}

static void its_page_is_left_out_of_dumps_and_forks(void **state)
{
	struct secret *s = secret_new("key", 3);
	char flags[512];

	(void)state;
	flags_of(secret_bytes(s), flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd")); /* MADV_DONTDUMP */
	assert_non_null(strstr(flags, " wf")); /* MADV_WIPEONFORK */
#ifndef SANITIZERS                             /* whose mlock() does nothing */
	assert_non_null(strstr(flags, " lo"));
#endif
	secret_free(&s);
}

static void a_forked_child_finds_it_empty(void **state)
{
	struct secret *s = secret_new("key", 3);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(memcmp(secret_bytes(s), "\0\0\0", 3) == 0 ? 0 : 1);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(secret_bytes(s), "key");
	secret_free(&s);
}

/* In a child, which cannot get its limit back. */
static void works_where_no_page_may_be_locked(void **state)
{
	static const struct rlimit none = {0, 0};
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct secret *s;
		int rc;

		if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 ||
			(geteuid() == 0 && setuid(65534) < 0))
			_exit(2);
		s = secret_new("key", 3);
		rc = strcmp(secret_bytes(s), "key") == 0 ? 0 : 1;
		secret_free(&s);
		_exit(rc);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void wiping_leaves_zeros(void **state)
{
	char key[16] = "0123456789abcde";
	static const char zeros[16];

	(void)state;
	secret_wipe(key, 8);
	assert_memory_equal(key, zeros, 8);
	assert_string_equal(key + 8, "89abcde");
	secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_bytes_and_a_nul_behind),
		cmocka_unit_test(its_page_is_left_out_of_dumps_and_forks),
		cmocka_unit_test(a_forked_child_finds_it_empty),
		cmocka_unit_test(works_where_no_page_may_be_locked),
		cmocka_unit_test(wiping_leaves_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
