/* SPDX-License-Identifier: MIT */
/* ses/sign: every published and computed vector of TC3-HMAC-SHA256, and what is refused. */
#include "ses/sign.h"

#include "core/attr.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static const char json_type[] = "application/json";
static const char json_utf8_type[] = "application/json; charset=utf-8";
static const char china[] = "ses.tencentcloudapi.com";
static const char international[] = "ses.intl.tencentcloudapi.com";

/* The worked example of the documentation, in its three generations: the stars of B and C
 * are literally what was hashed. */
static const char key_a[] = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
static const char key_b[] = "Gu5t9xGARNpq86cd98joQYCN3*******";
static const char key_c[] = "********************************";
static const char id_a[] = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
static const char id_b[] = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******";
static const char id_c[] = "AKID********************************";
static const char cvm_body[] = "{\"Limit\": 1, \"Filters\": [{\"Values\": "
			       "[\"\\u672a\\u547d\\u540d\"], \"Name\": "
			       "\"instance-name\"}]}";

/* Vectors of SES, computed with the official SDK's signer. */
static const char ses_key[] = "SKEXAMPLEexampleSKEXAMPLEexample";
static const char ses_id[] = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001";
static const char b1[] = "{}";
static const char b2[] =
	"{\"FromEmailAddress\":\"Gateway <noreply@mail.example.com>\",\"Destination\":"
	"[\"user@example.org\"],\"Subject\":\"hello\",\"Template\":{\"TemplateID\":12345,"
	"\"TemplateData\":\"{\\\"code\\\":\\\"1234\\\"}\"},\"TriggerType\":1}";
static const char b4[] =
	"{\"FromEmailAddress\":\"noreply@mail.example.com\",\"Destination\":"
	"[\"user@example.org\"],\"Subject\":\"测试邮件\",\"Simple\":{\"Text\":"
	"\"aGVsbG8gd29ybGQ=\"}}";

struct vector {
	const char *name, *id, *key, *service, *host, *type, *action;
	int64_t timestamp;
	const char *body, *body_sha256, *date, *signature;
};

#define CVM(n, i, k, act, sig)                                                           \
	{                                                                                \
		n, i, k, "cvm", "cvm.tencentcloudapi.com", json_utf8_type, act,          \
			1551113065, cvm_body,                                            \
			"35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f"  \
			"064",                                                           \
			"2019-02-25", sig                                                \
	}

#define SES(n, host, type, act, ts, date, body, sha, sig)                                \
	{                                                                                \
		n, ses_id, ses_key, "ses", host, type, act, ts, body, sha, date, sig     \
	}

#define B1_SHA       "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define B2_SHA       "4c48271220c67d789db612392a293084b0f3ffd6f6c8ccebb870f0704f74bc6e"
#define B4_SHA       "ffc9c83a9fe68c0314776046bc172adb04e7781e459fe3d98f6b5b7f6955f2d5"
#define UNSIGNED_SHA "438d4109ef0d676b8c2c7ed13cdfcb418e494d53b843d4634ce3b1085f07bb96"

static const struct vector vectors[] = {
	CVM("A", id_a, key_a, NULL,
		"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"),
	CVM("B", id_b, key_b, NULL,
		"2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"),
	CVM("C", id_c, key_c, "DescribeInstances",
		"10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"),
	CVM("A with C's headers", id_a, key_a, "DescribeInstances",
		"644be983de9a8a3f00db8eadaba61467c3b429e2215758ba897b738ca469fd26"),
	CVM("B with C's headers", id_b, key_b, "DescribeInstances",
		"be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3"),
	CVM("C with A's headers", id_c, key_c, NULL,
		"0ba957c8479e10a99dbe251b81ef286936efd9d45d9be9e82afcc2cc2ce15b85"),
	SES("V1", china, json_type, NULL, 1700000000, "2023-11-14", b1, B1_SHA,
		"fd9b4466f9f36af30a6a2cf0fab2609285e7e0ac46b5dbfc419c39779455e1fb"),
	SES("V2", china, json_type, NULL, 1700000000, "2023-11-14", b2, B2_SHA,
		"87a2e235527a07d2adae06e54c5ae1b97af0170daa4f77dc8272ad5bfd51bd1c"),
	SES("V2x", china, json_type, "SendEmail", 1700000000, "2023-11-14", b2, B2_SHA,
		"9295e529a45d8b64372fbdcd1800072318ebd01ad001ccc2fa1e2299bd627716"),
	SES("V3", china, json_utf8_type, NULL, 1700000000, "2023-11-14", b2, B2_SHA,
		"31bfd7124a3c58b3e5e26cff7bc6595b8c544190a06ce1b08173d53e394ebe82"),
	SES("V4", international, json_type, NULL, 1735689599, "2024-12-31", b4, B4_SHA,
		"dc5ff673f3746b5f8f79934cd4084d81a176bdb900f48608835e6aeb92af96df"),
	SES("V5", international, json_type, NULL, 1735689600, "2025-01-01", b4, B4_SHA,
		"02ace896912c120ac71ea34b01035ec32816c5bc9d4705c7c9e1ce5bf7f7c489"),
	SES("V6", china, json_type, NULL, 1700000000, "2023-11-14", "UNSIGNED-PAYLOAD",
		UNSIGNED_SHA,
		"1728a0dc18e9f66ad5307fcd3b0bb3a05be3a7d491e3f01acd335c8d9a6098c9"),
};

static void sign_vector(const struct vector *v, char out[SIGN_AUTHORIZATION_MAX])
{
	const struct sign_header headers[] = {
		{"content-type", v->type}, {"host", v->host}, {"x-tc-action", v->action}};
	struct sign_key key;
	uint8_t digest[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];

	digest_sha256(v->body, strlen(v->body), digest);
	digest_hex(digest, hex);
	assert_string_equal(hex, v->body_sha256);
	assert_int_equal(
		sign_derive(v->key, strlen(v->key), v->date, v->service, &key), 0);
	const struct sign_input in = {
		.secret_id = v->id,
		.key = &key,
		.service = v->service,
		.timestamp = v->timestamp,
		.headers = headers,
		.n_headers = v->action != NULL ? 3 : 2,
		.payload_hex = hex,
	};
	assert_int_equal(sign_authorization(&in, out), 0);
}

static void signs_every_vector_as_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		char got[SIGN_AUTHORIZATION_MAX], want[SIGN_AUTHORIZATION_MAX];

		print_message("# %s\n", v->name);
		sign_vector(v, got);
		snprintf(want, sizeof(want),
			"TC3-HMAC-SHA256 Credential=%s/%s/%s/tc3_request, "
			"SignedHeaders=content-type;host%s, Signature=%s",
			v->id, v->date, v->service,
			v->action != NULL ? ";x-tc-action" : "", v->signature);
		assert_string_equal(got, want);
	}
}

static void derives_the_key_chain_of_each_date(void **state)
{
	static const struct {
		const char *secret, *date, *service, *signing;
	} rows[] = {
		{key_a, "2019-02-25", "cvm",
			"ac658d5dde49e9bfdd14e04e062f66b05d9f637d44b8a8d845327d4a77f666b"
			"1"},
		{key_b, "2019-02-25", "cvm",
			"8aa8ab5755582f576e94bcfe383b8e29325b0ca90c3590d569221c6a63a091e"
			"d"},
		{key_c, "2019-02-25", "cvm",
			"b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5a"
			"f"},
		{ses_key, "2023-11-14", "ses",
			"cb574f7521f5f96e264736988bb05f08b4a062afe09c785c25568e5a8fc208c"
			"1"},
		{ses_key, "2024-12-31", "ses",
			"c977bde9a6ff75e0ff9995524813ad3fcd5f9162731fd219a2bf8fafceb2276"
			"f"},
		{ses_key, "2025-01-01", "ses",
			"54ce1876c579fb6569ce5f63aa47c1da8929b45b8e95563f2c5cfc172b3f037"
			"e"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sign_key key;
		char hex[DIGEST_HEX_LEN];

		assert_int_equal(sign_derive(rows[i].secret, strlen(rows[i].secret),
					 rows[i].date, rows[i].service, &key),
			0);
		digest_hex(key.key, hex);
		assert_string_equal(hex, rows[i].signing);
		assert_string_equal(key.date, rows[i].date);
	}
}

/* The two steps before the last, which sign_derive() keeps to itself. */
static void the_chain_is_three_hmacs(void **state)
{
	static const struct {
		const char *secret, *date, *service, *k_date, *k_service;
	} rows[] = {
		{key_a, "2019-02-25", "cvm",
			"d1308c81fe71cfd4e06437bbc067b2b8a3d2d8c0e375d547f15c41d5214b395"
			"a",
			"3c7cb7c7795393edc14fd2e0e6434a518564b4504b88e94f5d11bf59ba3e705"
			"0"},
		{key_b, "2019-02-25", "cvm",
			"f1cb4d518a0eda9d5cbbfdb7850983f1e603eeae484edea76e4dd8d8deb5556"
			"e",
			"e7c609ce81bea53546bed2cc904778bef9ca14082e48e67883443ed64e227cd"
			"7"},
		{key_c, "2019-02-25", "cvm",
			"da98fb70dcf6b112dc21038d1eeeb3a95c74b4dcb12c1131f864f6066bd02be"
			"0",
			"8d70cbefb03939f929db64d32dc2ba89b1095620119fe3e050e2b18c5bd2752"
			"f"},
		{ses_key, "2023-11-14", "ses",
			"837212e3ef02ad1c637bd04147953c183ffe22c65ed8c87bb1a1dc028f8440c"
			"8",
			"2a90c32b102515bc47d323c9aa7a1b2eff464521063053f565ca0586cd584f6"
			"8"},
		{ses_key, "2024-12-31", "ses",
			"5ed4707506ce6673cccebd48deb7ae56252800213ae17522e13102b7c756761"
			"c",
			"42f1f38bab8b4a0b92a3f1e2bfc0d6a22d0f38b1a705438fae1d2d95e3d2eab"
			"a"},
		{ses_key, "2025-01-01", "ses",
			"48b52892c674f58340ec0158d8e79b73684901dcb1cf620a3a0d55d0b70cf35"
			"0",
			"ef2ecbb60f3e289d12b850266e4d0c1dfe050c4b084400459819114f9957be8"
			"f"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t k_date[DIGEST_LEN], k_service[DIGEST_LEN], k_signing[DIGEST_LEN];
		char first[64], hex[DIGEST_HEX_LEN];
		struct sign_key key;

		snprintf(first, sizeof(first), "TC3%s", rows[i].secret);
		digest_hmac(first, strlen(first), rows[i].date, 10, k_date);
		digest_hex(k_date, hex);
		assert_string_equal(hex, rows[i].k_date);
		digest_hmac(k_date, DIGEST_LEN, rows[i].service, 3, k_service);
		digest_hex(k_service, hex);
		assert_string_equal(hex, rows[i].k_service);
		digest_hmac(k_service, DIGEST_LEN, "tc3_request", 11, k_signing);
		assert_int_equal(sign_derive(rows[i].secret, strlen(rows[i].secret),
					 rows[i].date, rows[i].service, &key),
			0);
		assert_memory_equal(key.key, k_signing, DIGEST_LEN);
	}
}

static void trims_and_lowers_header_values(void **state)
{
	struct vector plain = vectors[7], odd = vectors[7];
	char a[SIGN_AUTHORIZATION_MAX], b[SIGN_AUTHORIZATION_MAX];

	(void)state;
	odd.host = " \tSES.TencentCloudAPI.com \t";
	odd.type = "Application/JSON";
	sign_vector(&plain, a);
	sign_vector(&odd, b);
	assert_string_equal(a, b);
}

static int try_to_sign(const char *id, const char *host, int64_t timestamp, bool swapped)
{
	static const struct sign_key key = {.date = "2023-11-14"};
	const struct sign_header headers[2] = {
		{swapped ? "host" : "content-type", json_type},
		{swapped ? "content-type" : "host", host}};
	const struct sign_input in = {
		.secret_id = id,
		.key = &key,
		.service = "ses",
		.timestamp = timestamp,
		.headers = headers,
		.n_headers = 2,
		.payload_hex = B1_SHA,
	};
	char out[SIGN_AUTHORIZATION_MAX];

	return sign_authorization(&in, out);
}

static void refuses_a_key_of_another_day(void **state)
{
	(void)state;
	assert_int_equal(try_to_sign(ses_id, china, 1700000000, false), 0);
	assert_int_equal(try_to_sign(ses_id, china, 1700000000 + 86400, false), -1);
	assert_int_equal(try_to_sign(ses_id, china, 1700000000 - 86400, false), -1);
	/* The last and the first second of the day, UTC. */
	assert_int_equal(try_to_sign(ses_id, china, 1700006399, false), 0);
	assert_int_equal(try_to_sign(ses_id, china, 1700006400, false), -1);
	assert_int_equal(try_to_sign(ses_id, china, 1699920000, false), 0);
	assert_int_equal(try_to_sign(ses_id, china, 1699919999, false), -1);
}

static void refuses_what_would_break_a_header_line(void **state)
{
	static const char *const bad_ids[] = {
		"", "A B", "A\r\nX: y", "A,B", "A/B", "A\x7f", "\xc3\xa4", " A"};
	static const char *const bad_hosts[] = {"a\r\nb", "a\nb", "a\r"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++)
		assert_int_equal(try_to_sign(bad_ids[i], china, 1700000000, false), -1);
	for (size_t i = 0; i < ARRAY_LEN(bad_hosts); i++)
		assert_int_equal(
			try_to_sign(ses_id, bad_hosts[i], 1700000000, false), -1);
}

static void refuses_headers_out_of_order(void **state)
{
	(void)state;
	assert_int_equal(try_to_sign(ses_id, china, 1700000000, true), -1);
}

static void refuses_what_does_not_fit(void **state)
{
	char long_id[SIGN_AUTHORIZATION_MAX], long_host[8192];

	(void)state;
	memset(long_id, 'A', sizeof(long_id));
	long_id[sizeof(long_id) - 1] = '\0';
	memset(long_host, 'a', sizeof(long_host));
	long_host[sizeof(long_host) - 1] = '\0';
	assert_int_equal(try_to_sign(long_id, china, 1700000000, false), -1);
	assert_int_equal(try_to_sign(ses_id, long_host, 1700000000, false), -1);
}

static void refuses_secrets_of_impossible_length(void **state)
{
	static const char secret[257];
	static const char short_date[CLOCK_DATE_LEN] = "2023-11";
	struct sign_key key;

	(void)state;
	assert_int_equal(sign_derive(secret, 257, "2023-11-14", "ses", &key), -1);
	assert_int_equal(sign_derive(secret, 0, "2023-11-14", "ses", &key), -1);
	assert_int_equal(sign_derive(secret, 256, "2023-11-14", "ses", &key), 0);
	assert_int_equal(sign_derive(secret, 32, short_date, "ses", &key), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_every_vector_as_published),
		cmocka_unit_test(derives_the_key_chain_of_each_date),
		cmocka_unit_test(the_chain_is_three_hmacs),
		cmocka_unit_test(trims_and_lowers_header_values),
		cmocka_unit_test(refuses_a_key_of_another_day),
		cmocka_unit_test(refuses_what_would_break_a_header_line),
		cmocka_unit_test(refuses_headers_out_of_order),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(refuses_secrets_of_impossible_length),
	};

	return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
