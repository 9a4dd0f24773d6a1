/* SPDX-License-Identifier: MIT */
/* sandbox/tc3: the documentation's and the official SDK's vectors are verified. */
#include "sandbox/tc3.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SES_ID  "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
#define SES_KEY "SKEXAMPLEexampleSKEXAMPLEexample"
#define CVM_ID  "AKID********************************"
#define BODY_CVM                                                                         \
	"{\"Limit\": 1, \"Filters\": [{\"Values\": [\"\\u672a\\u547d\\u540d\"], "        \
	"\"Name\": \"instance-name\"}]}"
#define BODY_1 "{}"
#define BODY_2                                                                           \
	"{\"FromEmailAddress\":\"Gateway <noreply@mail.example.com>\",\"Destination\":"  \
	"[\"user@example.org\"],\"Subject\":\"hello\",\"Template\":{\"TemplateID\":"     \
	"12345,"                                                                         \
	"\"TemplateData\":\"{\\\"code\\\":\\\"1234\\\"}\"},\"TriggerType\":1}"
#define BODY_4                                                                           \
	"{\"FromEmailAddress\":\"noreply@mail.example.com\",\"Destination\":"            \
	"[\"user@example.org\"],\"Subject\":\"测试邮件\",\"Simple\":{\"Text\":"      \
	"\"aGVsbG8gd29ybGQ=\"}}"
#define TWO   "content-type;host"
#define THREE "content-type;host;x-tc-action"
#define JSON  "application/json"
#define CN    "ses.tencentcloudapi.com"
#define INTL  "ses.intl.tencentcloudapi.com"
#define CVM   "cvm.tencentcloudapi.com"
#define UTF8  "application/json; charset=utf-8"

#define SDK_127_SIGNATURE                                                                \
	"de662478faead9c5103489460823cd319a3a023b5022e4f07c411e1d5c4fa6c6"

struct vector {
	const char *name;
	const char *id, *key, *service, *body, *type, *host, *action, *signed_headers;
	long time;
	const char *date, *signature;
};

static const struct vector vectors[] = {
	{"old example", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
		"Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", BODY_CVM, UTF8, CVM,
		"DescribeInstances", TWO, 1551113065, "2019-02-25",
		"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
	{"middle example", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******",
		"Gu5t9xGARNpq86cd98joQYCN3*******", "cvm", BODY_CVM, UTF8, CVM,
		"DescribeInstances", TWO, 1551113065, "2019-02-25",
		"2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"},
	{"current example", CVM_ID, "********************************", "cvm", BODY_CVM,
		UTF8, CVM, "DescribeInstances", THREE, 1551113065, "2019-02-25",
		"10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"},
	{"old key, current headers", CVM_ID, "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm",
		BODY_CVM, UTF8, CVM, "DescribeInstances", THREE, 1551113065, "2019-02-25",
		"644be983de9a8a3f00db8eadaba61467c3b429e2215758ba897b738ca469fd26"},
	{"V1", SES_ID, SES_KEY, "ses", BODY_1, JSON, CN, "SendEmail", TWO, 1700000000,
		"2023-11-14",
		"fd9b4466f9f36af30a6a2cf0fab2609285e7e0ac46b5dbfc419c39779455e1fb"},
	{"V2", SES_ID, SES_KEY, "ses", BODY_2, JSON, CN, "SendEmail", TWO, 1700000000,
		"2023-11-14",
		"87a2e235527a07d2adae06e54c5ae1b97af0170daa4f77dc8272ad5bfd51bd1c"},
	{"V2x", SES_ID, SES_KEY, "ses", BODY_2, JSON, CN, "SendEmail", THREE, 1700000000,
		"2023-11-14",
		"9295e529a45d8b64372fbdcd1800072318ebd01ad001ccc2fa1e2299bd627716"},
	{"V3", SES_ID, SES_KEY, "ses", BODY_2, UTF8, CN, "SendEmail", TWO, 1700000000,
		"2023-11-14",
		"31bfd7124a3c58b3e5e26cff7bc6595b8c544190a06ce1b08173d53e394ebe82"},
	{"V4", SES_ID, SES_KEY, "ses", BODY_4, JSON, INTL, "SendEmail", TWO, 1735689599,
		"2024-12-31",
		"dc5ff673f3746b5f8f79934cd4084d81a176bdb900f48608835e6aeb92af96df"},
	{"V5, a second later, the next day", SES_ID, SES_KEY, "ses", BODY_4, JSON, INTL,
		"SendEmail", TWO, 1735689600, "2025-01-01",
		"02ace896912c120ac71ea34b01035ec32816c5bc9d4705c7c9e1ce5bf7f7c489"},
};

/* The request of a vector; extra: more header lines. */
static void parse(struct http_head *h, const struct vector *v, const char *host,
	const char *signature, const char *extra)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nX-TC-Action: %s\r\n"
		"X-TC-Timestamp: %ld\r\nAuthorization: TC3-HMAC-SHA256 "
		"Credential=%s/%s/%s/"
		"tc3_request, SignedHeaders=%s, Signature=%s\r\n%s\r\n",
		host, v->type, v->action, v->time, v->id, v->date, v->service,
		v->signed_headers, signature, extra);
	assert_int_equal(http_head_parse(h, text, strlen(text)), 0);
}

static const char *verify(const struct vector *v, const struct http_head *h, long now,
	struct api_error *err)
{
	const struct tc3_key key = {.secret_id = v->id,
		.secret_key = v->key,
		.token = "",
		.service = v->service};

	*err = (struct api_error){0};
	if (tc3_verify(h, v->body, strlen(v->body), &key, now, NULL, err) == 0)
		return "ok";
	return err->code;
}

static void verifies_all_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct api_error err;
		struct http_head h;

		print_message("# %s\n", v->name);
		parse(&h, v, v->host, v->signature, "");
		assert_string_equal(verify(v, &h, v->time, &err), "ok");
		http_head_clear(&h);
	}
}

static void verifies_an_unsigned_payload(void **state)
{
	struct vector v = vectors[4];
	struct api_error err;
	struct http_head h;

	(void)state;
	v.body = "any body";
	parse(&h, &v, v.host,
		"1728a0dc18e9f66ad5307fcd3b0bb3a05be3a7d491e3f01acd335c8d9a6098c9",
		"X-TC-Content-SHA256: UNSIGNED-PAYLOAD\r\n");
	assert_string_equal(verify(&v, &h, v.time, &err), "ok");
	http_head_clear(&h);
}

static void takes_the_host_with_or_without_its_port(void **state)
{
	const struct vector *v = &vectors[5];
	struct api_error err;
	struct http_head h;

	(void)state;
	parse(&h, v, CN ":8180", v->signature, "");
	assert_string_equal(verify(v, &h, v->time, &err), "ok");
	http_head_clear(&h);
	parse(&h, v, "other.example.com", v->signature, "");
	assert_string_equal(verify(v, &h, v->time, &err), "AuthFailure.SignatureFailure");
	http_head_clear(&h);
}

/* "127" stands for "ses" where an SDK took it from the endpoint 127.0.0.1:8180. */
static void takes_an_sdk_at_its_word_for_the_service(void **state)
{
	static const struct {
		const char *host, *extra, *result;
	} rows[] = {
		{"127.0.0.1:8180", "X-TC-RequestClient: SDK_NODEJS_4.1.220\r\n", "ok"},
		{"127.0.0.1:8180", "", "AuthFailure.SignatureFailure"},
		{"127.0.0.1:8180", "X-TC-RequestClient: other\r\n",
			"AuthFailure.SignatureFailure"},
		{"12.example.com", "X-TC-RequestClient: SDK_NODEJS_4.1.220\r\n",
			"AuthFailure.SignatureFailure"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vector v = vectors[4];
		struct api_error err;
		struct http_head h;

		v.service = "127";
		/* host 127.0.0.1, computed by an independent implementation */
		parse(&h, &v, rows[i].host, SDK_127_SIGNATURE, rows[i].extra);
		v.service = "ses";
		assert_string_equal(verify(&v, &h, v.time, &err), rows[i].result);
		http_head_clear(&h);
	}
}

static void lets_a_clock_be_five_minutes_off(void **state)
{
	static const struct {
		long off;
		const char *result;
	} rows[] = {
		{300, "ok"},
		{-300, "ok"},
		{301, "AuthFailure.SignatureExpire"},
		{-301, "AuthFailure.SignatureExpire"},
	};
	const struct vector *v = &vectors[4];
	struct api_error err;
	struct http_head h;

	(void)state;
	parse(&h, v, v->host, v->signature, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(
			verify(v, &h, v->time + rows[i].off, &err), rows[i].result);
	http_head_clear(&h);
}

/* All of it is signed, only it is the key of the day after. */
static void refuses_the_key_of_another_day(void **state)
{
	struct vector v = vectors[4];
	struct api_error err;
	struct http_head h;

	(void)state;
	v.date = "2023-11-15";
	parse(&h, &v, v.host,
		"5ab50f16cbbbe42fb62c6c96a87c8091c90a2df42daaa74eb5d5a0e731b4ba24", "");
	assert_string_equal(verify(&v, &h, v.time, &err), "AuthFailure.SignatureFailure");
	http_head_clear(&h);
}

/* Each changes one thing of V1; nothing may then verify. */
static void refuses_whatever_was_changed(void **state)
{
	static const struct {
		const char *what;
		struct vector change;
		const char *result;
	} rows[] = {
		{"body", {.body = "{ }"}, "AuthFailure.SignatureFailure"},
		{"type", {.type = "application/json;charset=utf-8"},
			"AuthFailure.SignatureFailure"},
		{"date", {.date = "2023-11-15"}, "AuthFailure.SignatureFailure"},
		{"date form", {.date = ""}, "AuthFailure.InvalidAuthorization"},
		{"service", {.service = "cvm"}, "AuthFailure.SignatureFailure"},
		{"key", {.key = "SKEXAMPLEexampleSKEXAMPLEexamplf"},
			"AuthFailure.SignatureFailure"},
		{"host unsigned", {.signed_headers = "content-type"},
			"AuthFailure.InvalidAuthorization"},
		{"order", {.signed_headers = "host;content-type"},
			"AuthFailure.InvalidAuthorization"},
		{"twice", {.signed_headers = "content-type;content-type;host"},
			"AuthFailure.InvalidAuthorization"},
		{"case", {.signed_headers = "Content-Type;Host"},
			"AuthFailure.InvalidAuthorization"},
		{"absent header", {.signed_headers = "content-type;host;x-absent"},
			"AuthFailure.InvalidAuthorization"},
		{"empty name", {.signed_headers = "content-type;;host"},
			"AuthFailure.InvalidAuthorization"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vector v = vectors[4];
		const struct vector *c = &rows[i].change;
		struct api_error err;
		struct http_head h;

		print_message("# %s\n", rows[i].what);
		v.body = c->body != NULL ? c->body : v.body;
		v.type = c->type != NULL ? c->type : v.type;
		v.date = c->date != NULL ? c->date : v.date;
		v.key = c->key != NULL ? c->key : v.key;
		v.signed_headers =
			c->signed_headers != NULL ? c->signed_headers : v.signed_headers;
		v.service = c->service != NULL ? c->service : v.service;
		parse(&h, &v, v.host, v.signature, "");
		assert_string_equal(verify(&v, &h, v.time, &err), rows[i].result);
		http_head_clear(&h);
	}
}

static void refuses_a_malformed_authorization(void **state)
{
	static const char *const values[] = {
		"",
		"x",
		"TC3-HMAC-SHA256",
		"TC3-HMAC-SHA256 Credential=",
		"TC3-HMAC-SHA256 Credential=a/b/c/tc3_request",
		"TC3-HMAC-SHA256 Credential=a/b/c/tc3_request, SignedHeaders=a;b, "
		"Signature=",
		"TC3-HMAC-SHA256 Credential=a/b/c/tc3_request, SignedHeaders=a;b, "
		"Signature=0g",
		"TC3-HMAC-SHA256 Credential=//c/tc3_request, SignedHeaders=a;b, "
		"Signature=00",
		"TC3-HMAC-SHA1 Credential=a/b/c/tc3_request, SignedHeaders=a;b, "
		"Signature=00",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char text[512];
		struct api_error err;
		struct http_head h;

		snprintf(text, sizeof(text),
			"POST / HTTP/1.1\r\nX-TC-Timestamp: 1700000000\r\nAuthorization: "
			"%s\r\n\r\n",
			values[i]);
		assert_int_equal(http_head_parse(&h, text, strlen(text)), 0);
		assert_string_equal(verify(&vectors[4], &h, 1700000000, &err),
			"AuthFailure.InvalidAuthorization");
		http_head_clear(&h);
	}
}

static void traces_how_it_checked(void **state)
{
	const struct vector *v = &vectors[4];
	const struct tc3_key key = {
		.secret_id = v->id, .secret_key = "wrong", .token = "", .service = "ses"};
	struct tc3_trace trace = {0};
	struct api_error err = {0};
	struct http_head h;

	(void)state;
	parse(&h, v, v->host, v->signature, "");
	assert_int_equal(tc3_verify(&h, v->body, 2, &key, v->time, &trace, &err), -1);
	assert_string_equal(trace.canonical_request,
		"POST\n/\n\ncontent-type:application/"
		"json\nhost:ses.tencentcloudapi.com\n\n"
		"content-type;host\n"
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
	assert_string_equal(trace.string_to_sign,
		"TC3-HMAC-SHA256\n1700000000\n2023-11-14/ses/tc3_request\n"
		"0acc5613c586616b78cfed74f696111c8fa4533648e67d2cecfe3a7692363d51");
	assert_string_not_equal(trace.expected, v->signature);
	tc3_trace_clear(&trace);
	http_head_clear(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_all_vectors),
		cmocka_unit_test(verifies_an_unsigned_payload),
		cmocka_unit_test(takes_the_host_with_or_without_its_port),
		cmocka_unit_test(takes_an_sdk_at_its_word_for_the_service),
		cmocka_unit_test(lets_a_clock_be_five_minutes_off),
		cmocka_unit_test(refuses_the_key_of_another_day),
		cmocka_unit_test(refuses_whatever_was_changed),
		cmocka_unit_test(refuses_a_malformed_authorization),
		cmocka_unit_test(traces_how_it_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
