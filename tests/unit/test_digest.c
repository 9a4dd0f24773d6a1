/* SPDX-License-Identifier: MIT */
/* core/digest: the vectors of FIPS 180-4 and RFC 4231, pieces, clones. */
#include "core/digest.h"

#include "core/attr.h"

#include "test.h"

#include <stdbool.h>
#include <string.h>

#define OF_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void assert_digest(const uint8_t got[DIGEST_LEN], const char *want)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(got, hex);
	assert_string_equal(hex, want);
}

static void hashes_the_vectors_of_fips_180_4(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"", OF_EMPTY},
		{"abc", OF_ABC},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
			"1"},
	};
	uint8_t out[DIGEST_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		digest_sha256(cases[i].text, strlen(cases[i].text), out);
		assert_digest(out, cases[i].digest);
	}
	digest_sha256(NULL, 0, out);
	assert_digest(out, OF_EMPTY);
}

static void hashes_a_million_bytes_in_pieces(void **state)
{
	static char thousand[1000];
	struct digest *d = digest_new();
	uint8_t out[DIGEST_LEN];

	(void)state;
	memset(thousand, 'a', sizeof(thousand));
	for (int i = 0; i < 1000; i++) {
		digest_update(d, thousand, 333);
		digest_update(d, thousand, 0);
		digest_update(d, thousand, 667);
	}
	digest_final(d, out);
	assert_digest(
		out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	digest_free(&d);
	assert_null(d);
	digest_free(&d);
}

static void a_clone_goes_its_own_way(void **state)
{
	struct digest *one = digest_new(), *two;
	uint8_t out[DIGEST_LEN];

	(void)state;
	digest_update(one, "ab", 2);
	two = digest_clone(one);
	digest_update(one, "x", 1);
	digest_update(two, "c", 1);
	digest_final(one, out);
	digest_free(&one);
	digest_final(two, out);
	assert_digest(out, OF_ABC);
	digest_free(&two);
}

/* RFC 4231 §4, without the truncated case 5. */
static void authenticates_the_vectors_of_rfc_4231(void **state)
{
	static const struct {
		int key_byte; /* -1: the text below */
		size_t key_len;
		const char *key;
		int data_byte;
		size_t data_len;
		const char *data, *mac;
	} cases[] = {
		{0x0b, 20, NULL, -1, 8, "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff"
			"7"},
		{-1, 4, "Jefe", -1, 28, "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384"
			"3"},
		{0xaa, 20, NULL, 0xdd, 50, NULL,
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565f"
			"e"},
		{0xaa, 131, NULL, -1, 54,
			"Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f5"
			"4"},
		{-1, 25,
			"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
			"\x11\x12\x13\x14\x15\x16\x17\x18\x19",
			0xcd, 50, NULL,
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665"
			"b"},
		{-1, 0, NULL, -1, 0, "",
			"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5a"
			"d"},
	};
	char key[256], data[256];
	uint8_t out[DIGEST_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].key_byte >= 0)
			memset(key, cases[i].key_byte, cases[i].key_len);
		else if (cases[i].key != NULL)
			memcpy(key, cases[i].key, cases[i].key_len);
		if (cases[i].data_byte >= 0)
			memset(data, cases[i].data_byte, cases[i].data_len);
		else
			memcpy(data, cases[i].data, cases[i].data_len);
		digest_hmac(cases[i].key_len > 0 ? key : NULL, cases[i].key_len, data,
			cases[i].data_len, out);
		assert_digest(out, cases[i].mac);
	}
}

/* The first is test case 1 of the GCM specification (McGrew, Viega); the others were computed
 * bit by bit from NIST SP 800-38D, section 6. */
static void fingerprints_as_sp_800_38d_says(void **state)
{
	static const struct {
		bool zero_key;
		size_t len;
		const char *bytes, *mac;
	} cases[] = {
		{true, 0, "", "58e2fccefa7e3061367f1d57a4e7455a"},
		{false, 3, "abc", "71c97e7265176abb1ea435384743293d"},
		{false, 1000, NULL, "ce6d691940ecfdb8b147995ba5bc7d3d"},
	};
	static char thousand[1000];
	struct digest_key *k;
	uint8_t key[DIGEST_MAC_KEY_LEN], out[DIGEST_LEN] = {0};
	char hex[DIGEST_HEX_LEN];

	(void)state;
	memset(thousand, 'a', sizeof(thousand));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t j = 0; j < sizeof(key); j++)
			key[j] = cases[i].zero_key ? 0 : (uint8_t)j;
		k = digest_key_new(key);
		digest_mac(k, cases[i].bytes != NULL ? cases[i].bytes : thousand,
			cases[i].len, out);
		digest_key_free(&k);
		digest_hex(out, hex);
		assert_memory_equal(hex, cases[i].mac, 2 * (size_t)DIGEST_MAC_LEN);
	}
}

static void random_bytes_differ_and_fill_what_was_asked(void **state)
{
	uint8_t a[1000] = {0}, b[1000] = {0}, guard[4] = {1, 2, 3, 4};

	(void)state;
	digest_random(a, sizeof(a));
	digest_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 990, b + 990, 10);
	digest_random(guard + 1, 0);
	assert_memory_equal(guard, "\1\2\3\4", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_the_vectors_of_fips_180_4),
		cmocka_unit_test(hashes_a_million_bytes_in_pieces),
		cmocka_unit_test(a_clone_goes_its_own_way),
		cmocka_unit_test(authenticates_the_vectors_of_rfc_4231),
		cmocka_unit_test(fingerprints_as_sp_800_38d_says),
		cmocka_unit_test(random_bytes_differ_and_fill_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
