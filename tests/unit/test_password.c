/* SPDX-License-Identifier: MIT */
/* auth/password against hashes of other programs and against its own. */
#include "auth/password.h"

#include "test.h"

#include <string.h>

/* By `openssl passwd -6 -salt saltstring`, and from the tests of crypt_blowfish. */
#define SHA512                                                                           \
	"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"                   \
	"FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
#define BCRYPT "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static void knows_hashes_that_others_made(void **state)
{
	(void)state;
	assert_true(password_matches("Hello world!", SHA512));
	assert_false(password_matches("Hello world?", SHA512));
	assert_false(password_matches("Hello world", SHA512));
	assert_true(password_matches("U*U", BCRYPT));
	assert_false(password_matches("U*U*", BCRYPT));
}

static void hashes_so_that_it_matches(void **state)
{
	char a[PASSWORD_HASH_MAX], b[PASSWORD_HASH_MAX];
	struct err err;

	(void)state;
	assert_int_equal(password_hash("correct horse", a, &err), 0);
	assert_int_equal(password_hash("correct horse", b, &err), 0);
	assert_int_equal(strncmp(a, "$y$", 3), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(password_check_hash(a, &err), 0);
	assert_true(password_matches("correct horse", a));
	assert_true(password_matches("correct horse", b));
	assert_false(password_matches("correct Horse", a));
}

static void wants_a_password_that_can_be_sent(void **state)
{
	char longest[PASSWORD_MAX + 1], hash[PASSWORD_HASH_MAX];
	struct err err;

	(void)state;
	memset(longest, 'x', PASSWORD_MAX);
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_hash("", hash, &err), -1);
	assert_int_equal(password_hash("a\tb", hash, &err), -1);
	assert_int_equal(password_hash("a\x7f", hash, &err), -1);
	assert_int_equal(password_hash(longest, hash, &err), -1);
	assert_non_null(strstr(err.text, "1 to 511 bytes"));
	longest[PASSWORD_MAX - 1] = '\0';
	assert_int_equal(password_hash(longest, hash, &err), 0);
	assert_int_equal(password_hash("p\xc3\xa4ss w\xc3\xb6rd", hash, &err), 0);
}

static void takes_hashes_of_strong_methods_only(void **state)
{
	static const struct {
		const char *hash;
		bool good;
	} cases[] = {
		{SHA512, true},
		{BCRYPT, true},
		{"", false},
		{"*", false},
		{"secret", false},
		{"$", false},
		{"$6$saltstring", false},
		{"$6$saltstring$short", false},
		{"$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", false},
		{"rl.3StKT.4T8M", false},
		{"$y$j9T$FoHcyen8xPFW.q79uvkZh1$", false},
		{"$9$nothing$lu2gK1q5PEmhBTSOrVkHJEv/DTO47ambXa5vN6aWxeC", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {""};
		int rc = password_check_hash(cases[i].hash, &err);

		if ((rc == 0) != cases[i].good)
			fail_msg("%s", cases[i].hash);
		if (strlen(cases[i].hash) > 5)
			assert_null(strstr(err.text, cases[i].hash));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_hashes_that_others_made),
		cmocka_unit_test(hashes_so_that_it_matches),
		cmocka_unit_test(wants_a_password_that_can_be_sent),
		cmocka_unit_test(takes_hashes_of_strong_methods_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
