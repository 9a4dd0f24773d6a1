/* SPDX-License-Identifier: MIT */
/* sandbox/rules, address, digest, json: what the API demands of values. */
#include "sandbox/rules.h"

#include "sandbox/address.h"
#include "sandbox/json.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM    "\"FromEmailAddress\":\"a@example.com\""
#define SUBJECT "\"Subject\":\"s\""
#define TO      "\"Destination\":[\"b@example.org\"]"
#define TEXT    "\"Simple\":{\"Text\":\"eA==\"}"

static const char *check(
	const char *params, const struct options *opt, struct api_error *err)
{
	json_t *o = json_loads(params, 0, NULL);
	struct mail *m = NULL;
	char *why = NULL;
	struct templates *none = templates_load(NULL, &why);

	assert_non_null(o);
	*err = (struct api_error){0};
	if (mail_from_params(o, &m, err) == 0 && rules_check(m, opt, none, err) == 0)
		snprintf(err->code, sizeof(err->code), "ok");
	mail_free(&m);
	templates_free(&none);
	json_decref(o);
	return err->code;
}

static void applies_the_first_rule_that_is_broken(void **state)
{
	static const struct {
		const char *params, *result;
	} rows[] = {
		{"{" FROM "," SUBJECT "," TO "," TEXT "}", "ok"},
		{"{" FROM "," SUBJECT ",\"Cc\":[\"c@example.org\"]," TEXT "}", "ok"},
		{"{" FROM "," SUBJECT "," TEXT "}",
			"InvalidParameterValue.EmailAddressIsNULL"},
		{"{" FROM "," SUBJECT "," TO "}", "FailedOperation.MissingEmailContent"},
		{"{" FROM ",\"Subject\":\"\"," TO "," TEXT "}",
			"InvalidParameterValue.SubjectLengthError"},
		{"{" FROM ",\"Subject\":\"ssssssssss\"," TO "," TEXT "}", "ok"},
		{"{" FROM ",\"Subject\":\"sssssssssss\"," TO "," TEXT "}",
			"InvalidParameterValue.SubjectLengthError"},
		{"{" FROM ",\"Subject\":\"字字字字字字字字字字\"," TO "," TEXT "}", "ok"},
		{"{" FROM "," SUBJECT "," TO ",\"Bcc\":[\"B@example.org\"]," TEXT "}",
			"InvalidParameterValue"},
		{"{" FROM "," SUBJECT "," TO ",\"Simple\":{\"Text\":\"eA\"}}",
			"InvalidParameterValue.EmailContentIsWrong"},
		{"{" FROM "," SUBJECT "," TO ",\"Simple\":{\"Text\":\"eB==\"}}",
			"InvalidParameterValue.EmailContentIsWrong"},
	};
	struct options opt = {.simple_allowed = true, .subject_max = 10};
	struct api_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].params);
		assert_string_equal(check(rows[i].params, &opt, &err), rows[i].result);
	}
	opt.simple_allowed = false;
	assert_string_equal(
		check(rows[0].params, &opt, &err), "FailedOperation.WithOutPermission");
}

static void refuses_types_on_no_list_where_told_to(void **state)
{
	static const struct {
		const char *name;
		bool listed, other;
	} rows[] = {
		{"a.pdf", true, true},
		{"A.PDF", true, true},
		{"a.tar", true, true},
		{"a.json", false, true},
		{"noextension", false, true},
		{"a.", false, true},
		{"a.pdf.exe", false, false},
		{"a.vbs", false, false},
		{"a.exe.pdf", true, true},
		{"表.docx", true, true},
	};
	struct options opt = {.simple_allowed = true, .subject_max = 10};
	struct api_error err;
	char params[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(params, sizeof(params),
			"{" FROM "," SUBJECT "," TO "," TEXT
			",\"Attachments\":[{\"FileName\":\"%s\",\"Content\":\"eA==\"}]}",
			rows[i].name);
		opt.other_types = false;
		assert_string_equal(check(params, &opt, &err),
			rows[i].listed ? "ok" : "FailedOperation.InvalidAttachName");
		opt.other_types = true;
		assert_string_equal(check(params, &opt, &err),
			rows[i].other ? "ok" : "FailedOperation.InvalidAttachName");
	}
}

static void knows_an_address(void **state)
{
	static const struct {
		const char *address;
		bool valid;
	} rows[] = {
		{"a@example.com", true},
		{"a.b-c+d=e@sub.example.com", true},
		{"用户@例子.example", true},
		{"1@1.example", true},
		{"RequestLimitExceeded.GlobalRegionUinLimitExceeded@example.com", true},
		{"", false},
		{"a", false},
		{"@example.com", false},
		{"a@", false},
		{"a@example", false},
		{"a@.example.com", false},
		{"a@example..com", false},
		{"a@example.com.", false},
		{"a@-example.com", false},
		{".a@example.com", false},
		{"a.@example.com", false},
		{"a..b@example.com", false},
		{"a b@example.com", false},
		{"a@b@example.com", false},
		{"\"a b\"@example.com", false},
		{"a@[192.0.2.1]", false},
		{"a\n@example.com", false},
		{"a@example.com\r", false},
		{"\xff@example.com", false},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@"
		 "example.com",
			true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@"
		 "example.com",
			false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].address);
		assert_int_equal(address_is_valid(rows[i].address), rows[i].valid);
	}
}

static void knows_the_form_of_a_sender(void **state)
{
	static const struct {
		const char *mailbox;
		enum address_form form;
	} rows[] = {
		{"a@example.com", ADDRESS_OK},
		{"A <a@example.com>", ADDRESS_OK},
		{"A B, \"C\" (D) <a@example.com>", ADDRESS_OK},
		{"测试 <a@example.com>", ADDRESS_OK},
		{"A: <a@example.com>", ADDRESS_BAD_ALIAS},
		{"A <b> <a@example.com>", ADDRESS_BAD_ALIAS},
		{"A\t <a@example.com>", ADDRESS_BAD_ALIAS},
		{"A  <a@example.com>", ADDRESS_BAD_FORM},
		{"A<a@example.com>", ADDRESS_BAD_FORM},
		{" <a@example.com>", ADDRESS_BAD_FORM},
		{"<a@example.com>", ADDRESS_BAD_FORM},
		{"A <a@example.com> ", ADDRESS_BAD_FORM},
		{"A <a@example.com", ADDRESS_BAD_FORM},
		{"A <>", ADDRESS_BAD_ADDRESS},
		{"A <a>", ADDRESS_BAD_ADDRESS},
		{"A", ADDRESS_BAD_ADDRESS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].mailbox);
		assert_int_equal(address_check_mailbox(rows[i].mailbox), rows[i].form);
	}
}

static void decodes_base64_strictly(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{"", ""},
		{"eA==", "x"},
		{"eHk=", "xy"},
		{"eHl6", "xyz"},
		{"eHl6eA==", "xyzx"},
		{"+/+/", "\xfb\xff\xbf"},
		{"eA=", NULL},
		{"eA", NULL},
		{"eB==", NULL},
		{"eHl=", NULL},
		{"eA==eA==", NULL},
		{"e===", NULL},
		{"====", NULL},
		{"e A=", NULL},
		{"eHl6\n", NULL},
		{"-_-_", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *out = NULL;
		size_t len = 0;
		int rc = digest_base64_decode(rows[i].in, strlen(rows[i].in), &out, &len);

		print_message("# %s\n", rows[i].in);
		assert_int_equal(rc, rows[i].out == NULL ? -1 : 0);
		if (rc == 0) {
			assert_int_equal(len, strlen(rows[i].out));
			assert_memory_equal(out, rows[i].out, len);
		}
		free(out);
	}
}

static void makes_json_text_of_any_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"plain", "plain"},
		{"测", "测"},
		{"a\xff"
		 "b",
			"a?b"},
		{"\xc0\x80", "??"},
		{"\xed\xa0\x80", "???"},
		{"\xf4\x90\x80\x80", "????"},
		{"\xe6\xb5", "??"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *v = json_text(rows[i].in);

		assert_string_equal(json_string_value(v), rows[i].out);
		json_decref(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applies_the_first_rule_that_is_broken),
		cmocka_unit_test(refuses_types_on_no_list_where_told_to),
		cmocka_unit_test(knows_an_address),
		cmocka_unit_test(knows_the_form_of_a_sender),
		cmocka_unit_test(decodes_base64_strictly),
		cmocka_unit_test(makes_json_text_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
