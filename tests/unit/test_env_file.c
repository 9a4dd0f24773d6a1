/* SPDX-License-Identifier: MIT */
/* core/env_file: what systemd makes of an EnvironmentFile=. */
#include "config/env_file.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/sesrelay-env-XXXXXX";

static int load(const char *text, size_t len, struct err *err)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	err->text[0] = '\0';
	return env_file_load(path, err);
}

static void reads_values_as_systemd_does(void **state)
{
	static const struct {
		const char *text, *value; /* of the variable V */
	} cases[] = {
		{"V=a", "a"},
		{"V=a\n", "a"},
		{"V=a\r\n", "a"},
		{"V=\n", ""},
		{"V=", ""},
		{"# V=b\n; V=c\n\n  \t\n V = a b \t\nW=x\n", "a b"},
		{"V=a # b", "a # b"},
		{"V=a;b", "a;b"},
		{"V=a=b", "a=b"},
		{"V=$HOME ${HOME}", "$HOME ${HOME}"},
		{"V=a\nV=b\n", "b"},
		{"V='a  b'", "a  b"},
		{"V=' a '  \n", " a "},
		{"V='a\\'\n", "a\\"},
		{"V='a\nb'\n", "a\nb"},
		{"V=\"a  b\"", "a  b"},
		{"V=\"a\\\"b\\\\c\\$d\\`e\\nf\"", "a\"b\\c$d`e\\nf"},
		{"V=\"a\\\nb\"", "ab"},
		{"V=\"a\nb\"", "a\nb"},
		{"V='a''b'\"c\" d e \n", "abcd e"},
		{"V=a'b'", "a'b'"},
		{"V=a\"b c\"", "a\"b c\""},
		{"V=a\\ b\\\\c\\n", "a b\\cn"},
		{"V=a\\\nb\n", "ab"},
		{"V=a\\  \n", "a "},
		{"V=a \\\n b\n", "a  b"},
		{"V=\\", ""},
		{"V=\xe5\x95\x86\xe5\xba\x97\n", "\xe5\x95\x86\xe5\xba\x97"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("# %zu %s\n", i, cases[i].text);
		setenv("V", "before", 1);
		if (load(cases[i].text, strlen(cases[i].text), &err) != 0)
			fail_msg("%s", err.text);
		assert_string_equal(getenv("V"), cases[i].value);
	}
}

static void refuses_what_systemd_would_pass_over(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"A=1\nexport V=CANARY\n", ":2: export is the shell's, "},
		{"V: CANARY\n", ":1: not a variable, "},
		{"\n\nCANARY\n", ":3: not a variable, "},
		{"1V=CANARY\n", ":1: not a variable, "},
		{"V-W=CANARY\n", ":1: not a variable, "},
		{"=CANARY\n", ":1: not a variable, "},
		{"A='a\nb'\nV='CANARY\n", ":3: this value never ends; close it with '"},
		{"V=\"CANARY\n\\\"\n", ":1: this value never ends; close it with \""},
		{"# CANARY \\\nV=1\n", ":1: a comment ends with a backslash, "},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("# %zu %s\n", i, cases[i].text);
		assert_int_equal(load(cases[i].text, strlen(cases[i].text), &err), -1);
		assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
		assert_int_equal(strncmp(err.text + strlen(path), cases[i].error,
					 strlen(cases[i].error)),
			0);
		assert_null(strstr(err.text, "CANARY"));
	}
}

static void refuses_a_file_that_is_none(void **state)
{
	size_t len = ENV_FILE_MAX + 1;
	char *text = malloc(len);
	struct err err;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', len);
	assert_int_equal(load(text, len, &err), -1);
	assert_non_null(strstr(err.text, "longer than"));
	assert_int_equal(load(text, len - 1, &err), 0);
	free(text);
	assert_int_equal(load("V=a\0b", 5, &err), -1);
	assert_non_null(strstr(err.text, "NUL"));
	assert_int_equal(env_file_load("/nowhere/env", &err), -1);
	assert_non_null(strstr(err.text, "/nowhere/env: cannot open"));
	assert_int_equal(env_file_load("-/nowhere/env", &err), 0);
	assert_int_equal(env_file_load("/", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values_as_systemd_does),
		cmocka_unit_test(refuses_what_systemd_would_pass_over),
		cmocka_unit_test(refuses_a_file_that_is_none),
	};
	int fd = mkstemp(path), rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
