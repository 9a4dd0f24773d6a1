/* SPDX-License-Identifier: MIT */
/* ses/outcome: what each code of the API, known and unknown, becomes. */
#include "ses/outcome.h"

#include "ses/outcome_table.h"

#include "core/metrics.h"
#include "test.h"

#include <string.h>

struct want {
	const char *code;
	unsigned smtp;
	const char *enhanced;
	enum outcome_scope scope;
};

/* Written from the vendor's lists and the project's rules, not from the table. */
/* clang-format off */
static const struct want documented[] = {
	{"ActionOffline", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.InvalidAuthorization", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.InvalidSecretId", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.MFAFailure", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.SecretIdNotFound", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.SignatureExpire", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.SignatureFailure", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.TokenFailure", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.UnauthorizedOperation", 554, "5.7.1", SCOPE_ACCOUNT},
	{"DryRunOperation", 554, "5.5.4", SCOPE_ACCOUNT},
	{"FailedOperation", 451, "4.3.0", SCOPE_MESSAGE},
	{"InternalError", 451, "4.3.0", SCOPE_ACCOUNT},
	{"InvalidAction", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameter", 554, "5.5.4", SCOPE_MESSAGE},
	{"InvalidParameterValue", 554, "5.5.4", SCOPE_MESSAGE},
	{"InvalidRequest", 554, "5.5.4", SCOPE_ACCOUNT},
	{"IpInBlacklist", 554, "5.7.1", SCOPE_ACCOUNT},
	{"IpNotInWhitelist", 554, "5.7.1", SCOPE_ACCOUNT},
	{"LimitExceeded", 451, "4.7.0", SCOPE_ACCOUNT},
	{"MissingParameter", 554, "5.5.4", SCOPE_MESSAGE},
	{"NoSuchProduct", 554, "5.3.5", SCOPE_ACCOUNT},
	{"NoSuchVersion", 554, "5.3.5", SCOPE_ACCOUNT},
	{"RequestLimitExceeded", 451, "4.4.5", SCOPE_ACCOUNT},
	{"RequestLimitExceeded.GlobalRegionUinLimitExceeded", 451, "4.4.5", SCOPE_ACCOUNT},
	{"RequestLimitExceeded.IPLimitExceeded", 451, "4.4.5", SCOPE_ACCOUNT},
	{"RequestLimitExceeded.UinLimitExceeded", 451, "4.4.5", SCOPE_ACCOUNT},
	{"RequestSizeLimitExceeded", 552, "5.3.4", SCOPE_MESSAGE},
	{"ResourceInUse", 451, "4.3.0", SCOPE_ACCOUNT},
	{"ResourceInsufficient", 451, "4.3.1", SCOPE_ACCOUNT},
	{"ResourceNotFound", 554, "5.3.5", SCOPE_ACCOUNT},
	{"ResourceUnavailable", 451, "4.3.2", SCOPE_ACCOUNT},
	{"ResponseSizeLimitExceeded", 451, "4.3.0", SCOPE_ACCOUNT},
	{"ServiceUnavailable", 451, "4.3.2", SCOPE_ACCOUNT},
	{"UnauthorizedOperation", 554, "5.7.1", SCOPE_ACCOUNT},
	{"UnknownParameter", 554, "5.5.4", SCOPE_ACCOUNT},
	{"UnsupportedOperation", 554, "5.3.5", SCOPE_ACCOUNT},
	{"UnsupportedProtocol", 554, "5.3.5", SCOPE_ACCOUNT},
	{"UnsupportedRegion", 554, "5.3.5", SCOPE_ACCOUNT},
	{"RequestLimitExceeded.SmtpRateLimit", 451, "4.4.5", SCOPE_ACCOUNT},
	{"FailedOperation.AttachContentToolarge", 552, "5.3.4", SCOPE_MESSAGE},
	{"FailedOperation.EmailAddrInBlacklist", 550, "5.7.1", SCOPE_RECIPIENT},
	{"FailedOperation.EmailContentToolarge", 552, "5.3.4", SCOPE_MESSAGE},
	{"FailedOperation.ExceedSendLimit", 451, "4.7.0", SCOPE_ACCOUNT},
	{"FailedOperation.FileURLNotExist", 554, "5.6.0", SCOPE_MESSAGE},
	{"FailedOperation.FrequencyLimit", 450, "4.2.1", SCOPE_RECIPIENT},
	{"FailedOperation.HighRejectionRate", 451, "4.7.0", SCOPE_SENDER},
	{"FailedOperation.IllegalURL", 550, "5.7.1", SCOPE_MESSAGE},
	{"FailedOperation.IncorrectEmail", 553, "5.1.3", SCOPE_RECIPIENT},
	{"FailedOperation.IncorrectSender", 553, "5.1.7", SCOPE_SENDER},
	{"FailedOperation.InsufficientBalance", 451, "4.7.0", SCOPE_ACCOUNT},
	{"FailedOperation.InsufficientQuota", 451, "4.7.0", SCOPE_ACCOUNT},
	{"FailedOperation.InvalidAttachName", 554, "5.6.1", SCOPE_MESSAGE},
	{"FailedOperation.InvalidTemplateID", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.MissingEmailContent", 554, "5.6.0", SCOPE_MESSAGE},
	{"FailedOperation.NoAttachPermission", 554, "5.7.1", SCOPE_ACCOUNT},
	{"FailedOperation.NotAuthenticatedSender", 550, "5.7.1", SCOPE_SENDER},
	{"FailedOperation.ProtocolCheckErr", 554, "5.5.4", SCOPE_MESSAGE},
	{"FailedOperation.ReceiverHasUnsubscribed", 550, "5.7.1", SCOPE_RECIPIENT},
	{"FailedOperation.RejectedByRecipients", 550, "5.7.1", SCOPE_RECIPIENT},
	{"FailedOperation.SendEmailErr", 451, "4.3.0", SCOPE_ACCOUNT},
	{"FailedOperation.ServiceNotAvailable", 451, "4.3.2", SCOPE_ACCOUNT},
	{"FailedOperation.TemporaryBlocked", 451, "4.7.0", SCOPE_RECIPIENT},
	{"FailedOperation.TooManyAttachments", 554, "5.6.0", SCOPE_MESSAGE},
	{"FailedOperation.TooManyRecipients", 554, "5.5.3", SCOPE_MESSAGE},
	{"FailedOperation.URLForbidden", 550, "5.7.1", SCOPE_ACCOUNT},
	{"FailedOperation.UnsupportMailType", 550, "5.7.1", SCOPE_RECIPIENT},
	{"FailedOperation.WithOutPermission", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.WrongContentJson", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.AttachContentIsWrong", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.EmailAddressIsNULL", 554, "5.5.4", SCOPE_MESSAGE},
	{"InvalidParameterValue.EmailContentIsWrong", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.IllegalEmailAddress", 553, "5.1.3", SCOPE_RECIPIENT},
	{"InvalidParameterValue.IllegalSenderName", 553, "5.1.7", SCOPE_SENDER},
	{"InvalidParameterValue.InvalidEmailIdentity", 553, "5.1.8", SCOPE_SENDER},
	{"InvalidParameterValue.NoSuchSender", 550, "5.1.8", SCOPE_SENDER},
	{"InvalidParameterValue.NotExistDomain", 550, "5.1.8", SCOPE_SENDER},
	{"InvalidParameterValue.ReceiverEmailInvalid", 553, "5.1.3", SCOPE_RECIPIENT},
	{"InvalidParameterValue.SubjectLengthError", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.TemplateDataError", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.TemplateDataInconsistent", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.TemplateNotExist", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.TemplateNotMatchData", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.InValidTemplateData", 554, "5.6.0", SCOPE_MESSAGE},
	{"InvalidParameterValue.TemplateDataLenLimit", 552, "5.3.4", SCOPE_MESSAGE},
	{"OperationDenied", 554, "5.7.1", SCOPE_ACCOUNT},
	{"OperationDenied.DomainNotVerified", 550, "5.7.1", SCOPE_SENDER},
	{"OperationDenied.SendAddressStatusError", 550, "5.7.1", SCOPE_SENDER},
	{"OperationDenied.TemplateStatusError", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.ExceedTemplateLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.InvalidLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.NotSupportDate", 554, "5.3.5", SCOPE_ACCOUNT},
	{"FailedOperation.TemplateContentToolarge", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.BeginTimeBeforeNow", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.CreatedByOther", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.InvalidSmtpPassWord", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.ReceiverDescIllegal", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.ReceiverNameIllegal", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.RepeatCreation", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.RepeatEmailAddress", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.RepeatReceiverName", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.TemplateContentIsNULL", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.TemplateContentIsWrong", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.TemplateNameIllegal", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.TemplateNameIsNULL", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidParameterValue.WrongDate", 554, "5.3.5", SCOPE_ACCOUNT},
	{"LimitExceeded.ExceedReceiverLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"LimitExceeded.ReceiverDetailCountLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"LimitExceeded.ReceiverDetailRequestLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"LimitExceeded.ExceedReceiverDetailLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"MissingParameter.CycleParamNecessary", 554, "5.3.5", SCOPE_ACCOUNT},
	{"MissingParameter.EmailsNecessary", 554, "5.3.5", SCOPE_ACCOUNT},
	{"MissingParameter.ReceiverIdNecessary", 554, "5.3.5", SCOPE_ACCOUNT},
	{"MissingParameter.SendParamNecessary", 554, "5.3.5", SCOPE_ACCOUNT},
	{"MissingParameter.TimedParamNecessary", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.ExceedDomainLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.ExceedSenderLimit", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.NotAllowDelete", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.ReceiverIsOperating", 451, "4.3.0", SCOPE_ACCOUNT},
	{"OperationDenied.ReceiverNotExist", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.ReceiverStatusError", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.RepeatPassWord", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.SenderWithDomainIsNotEmpty", 554, "5.3.5", SCOPE_ACCOUNT},
};

static const struct want transport[] = {
	{"Transport.Deadline", 451, "4.4.5", SCOPE_ACCOUNT},
	{"Transport.Dns", 451, "4.4.3", SCOPE_ACCOUNT},
	{"Transport.Connect", 451, "4.4.1", SCOPE_ACCOUNT},
	{"Transport.Tls", 451, "4.4.2", SCOPE_ACCOUNT},
	{"Transport.Reset", 451, "4.4.2", SCOPE_ACCOUNT},
	{"Transport.Timeout", 451, "4.4.2", SCOPE_ACCOUNT},
	{"Transport.NotSent", 451, "4.4.2", SCOPE_ACCOUNT},
	{"Transport.BadResponse", 451, "4.4.2", SCOPE_ACCOUNT},
	{"Transport.Http413", 552, "5.3.4", SCOPE_MESSAGE},
	{"Transport.Http429", 451, "4.3.0", SCOPE_ACCOUNT},
	{"Transport.Http4xx", 451, "4.3.0", SCOPE_ACCOUNT},
	{"Transport.Http5xx", 451, "4.3.0", SCOPE_ACCOUNT},
	{"Transport.NoKey", 451, "4.3.0", SCOPE_ACCOUNT},
};

static const struct want unknown[] = {
	{"AuthFailure", 554, "5.3.5", SCOPE_ACCOUNT},
	{"AuthFailure.New", 554, "5.3.5", SCOPE_ACCOUNT},
	{"UnauthorizedOperation.CamNoAuth", 554, "5.7.1", SCOPE_ACCOUNT},
	{"InvalidParameter.New", 554, "5.5.4", SCOPE_MESSAGE},
	{"InvalidParameterValue.New", 554, "5.5.4", SCOPE_MESSAGE},
	{"InvalidParameterConflict", 554, "5.5.4", SCOPE_MESSAGE},
	{"MissingParameter.New", 554, "5.5.4", SCOPE_MESSAGE},
	{"UnknownParameter.New", 554, "5.5.4", SCOPE_ACCOUNT},
	{"UnsupportedSomething", 554, "5.3.5", SCOPE_ACCOUNT},
	{"NoSuchThing", 554, "5.3.5", SCOPE_ACCOUNT},
	{"InvalidAction.New", 554, "5.3.5", SCOPE_ACCOUNT},
	{"OperationDenied.New", 554, "5.7.1", SCOPE_ACCOUNT},
	{"RequestLimitExceeded.New", 451, "4.4.5", SCOPE_ACCOUNT},
	{"LimitExceeded.New", 451, "4.7.0", SCOPE_ACCOUNT},
	{"InternalError.New", 451, "4.3.0", SCOPE_ACCOUNT},
	{"ResourceInsufficient.New", 451, "4.3.1", SCOPE_ACCOUNT},
	{"ResourceUnavailable.New", 451, "4.3.2", SCOPE_ACCOUNT},
	{"ResourceNotFound.New", 554, "5.3.5", SCOPE_ACCOUNT},
	{"ResourcesSoldOut", 451, "4.3.0", SCOPE_ACCOUNT},
	{"ServiceUnavailable.New", 451, "4.3.2", SCOPE_ACCOUNT},
	{"FailedOperation.New", 451, "4.3.0", SCOPE_MESSAGE},
	{"failedoperation", 451, "4.3.0", SCOPE_ACCOUNT},
	{"Transport.New", 451, "4.3.0", SCOPE_ACCOUNT},
	{"Nonsense", 451, "4.3.0", SCOPE_ACCOUNT},
	{"", 451, "4.3.0", SCOPE_ACCOUNT},
};
/* clang-format on */

/* A row of the configuration, as a literal. */
struct given {
	const char *code;
	unsigned smtp;
	const char *enhanced, *text;
};

#define GIVEN_MAX 100

static int try_table(
	const struct given *given, size_t n, struct outcome_table **t, struct err *err)
{
	struct conf_reply replies[GIVEN_MAX];
	const struct conf conf = {.replies = replies, .n_replies = n};

	assert_true(n <= GIVEN_MAX);
	for (size_t i = 0; i < n; i++)
		replies[i] = (struct conf_reply){
			.code = (char *)given[i].code,
			.smtp = given[i].smtp,
			.enhanced = (char *)given[i].enhanced,
			.text = (char *)given[i].text,
		};
	return outcome_table_new(&conf, t, err);
}

static struct outcome_table *table(const struct given *given, size_t n)
{
	struct outcome_table *t;
	struct err err = {""};

	if (try_table(given, n, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static void expect_row(const struct outcome_table *t, const struct want *w)
{
	const struct outcome *row = outcome_find(t, w->code);

	print_message("# %s\n", w->code);
	assert_int_equal(row->smtp, w->smtp);
	assert_string_equal(row->enhanced, w->enhanced);
	assert_int_equal(row->scope, w->scope);
}

static void every_documented_code_has_its_reply(void **state)
{
	struct outcome_table *t = table(NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(documented); i++) {
		expect_row(t, &documented[i]);
		assert_string_equal(
			outcome_find(t, documented[i].code)->code, documented[i].code);
	}
	outcome_table_free(&t);
	assert_null(t);
}

static void every_transport_fault_has_its_reply(void **state)
{
	struct outcome_table *t = table(NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(transport); i++)
		expect_row(t, &transport[i]);
	outcome_table_free(&t);
}

static void unknown_codes_fall_back_by_prefix(void **state)
{
	struct outcome_table *t = table(NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		expect_row(t, &unknown[i]);
	outcome_table_free(&t);
}

static void the_table_holds_nothing_else(void **state)
{
	size_t n, prefixes = 0;
	const struct outcome *o;

	(void)state;
	for (n = 0; (o = outcome_builtin(n)) != NULL; n++)
		prefixes += o->code[strlen(o->code) - 1] == '*';
	assert_int_equal(n, ARRAY_LEN(documented) + ARRAY_LEN(transport) + prefixes);
}

static void rows_are_replies_that_a_client_may_see(void **state)
{
	(void)state;
	for (size_t i = 0; i < outcome_rows_n; i++) {
		const struct outcome *r = &outcome_rows[i].outcome;
		const char *label = outcome_rows[i].label;

		print_message("# %s\n", r->code);
		assert_in_range(r->smtp, 450, 554);
		assert_int_not_equal(r->smtp, 535);
		assert_string_not_equal(r->enhanced, "5.7.8");
		assert_int_equal(r->enhanced[0], '0' + (int)(r->smtp / 100));
		assert_true(strlen(r->text) > 0 && strlen(r->text) <= 60);
		assert_true(strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
			    strlen(label));
	}
}

static void our_own_credentials_make_us_unhealthy(void **state)
{
	static const struct {
		const char *code;
		bool unhealthy;
		enum outcome_recovery recovery;
	} rows[] = {
		{"AuthFailure.SignatureExpire", true, RECOVERY_RESIGN},
		{"AuthFailure.TokenFailure", true, RECOVERY_REFRESH},
		{"AuthFailure.SecretIdNotFound", true, RECOVERY_REFRESH},
		{"AuthFailure.SignatureFailure", true, RECOVERY_NONE},
		{"AuthFailure.InvalidSecretId", true, RECOVERY_NONE},
		{"AuthFailure.New", true, RECOVERY_NONE},
		{"AuthFailure.UnauthorizedOperation", true, RECOVERY_NONE},
		{"UnauthorizedOperation", true, RECOVERY_NONE},
		{"Transport.NoKey", true, RECOVERY_NONE},
		{"RequestLimitExceeded", false, RECOVERY_NONE},
		{"FailedOperation.NotAuthenticatedSender", false, RECOVERY_NONE},
		{"Transport.Dns", false, RECOVERY_NONE},
	};
	struct outcome_table *t = table(NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct outcome *r = outcome_find(t, rows[i].code);

		assert_int_equal(r->unhealthy, rows[i].unhealthy);
		assert_int_equal(r->recovery, rows[i].recovery);
	}
	outcome_table_free(&t);
}

static void labels_are_unique_and_fit_the_metric(void **state)
{
	const char *labels[METRIC_OUTCOMES_MAX];
	size_t n;

	(void)state;
	outcome_labels(labels, &n);
	assert_int_equal(n, outcome_rows_n + 1);
	assert_string_equal(labels[OUTCOME_SERIES_ACCEPTED], "accepted");
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(labels[i], labels[j]);
}

static void series_name_the_row_that_was_met(void **state)
{
	static const struct {
		const char *code, *label;
	} rows[] = {
		{"FailedOperation.EmailAddrInBlacklist",
			"failed_operation_email_addr_in_blacklist"},
		{"AuthFailure.MFAFailure", "auth_failure_mfa_failure"},
		{"FailedOperation.New", "failed_operation_other"},
		{"Nonsense", "other"},
		/* Rows of the operator count with the built-in row below them. */
		{"Vendor.NewCode", "other"},
		{"Vendor.Else", "other"},
		{"LimitExceeded.Vendor", "limit_exceeded_other"},
	};
	const struct given replies[] = {
		{"Vendor.NewCode", 451, "4.3.0", ""},
		{"Vendor.*", 451, "4.3.0", ""},
		{"FailedOperation.*", 554, "5.3.0", ""},
		{"LimitExceeded.Vendor", 451, "4.3.0", ""},
	};
	struct outcome_table *t = table(replies, ARRAY_LEN(replies));
	const char *labels[METRIC_OUTCOMES_MAX];
	size_t n;

	(void)state;
	outcome_labels(labels, &n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(
			labels[outcome_find(t, rows[i].code)->series], rows[i].label);
	outcome_table_free(&t);
}

static void a_code_keeps_its_series_whatever_rows_are_added(void **state)
{
	struct given replies[GIVEN_MAX];
	char codes[ARRAY_LEN(replies)][32];
	struct outcome_table *plain = table(NULL, 0), *full;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		snprintf(codes[i], sizeof(codes[i]), "Brand.New%zu", i);
		replies[i] = (struct given){codes[i], 451, "4.3.0", ""};
	}
	full = table(replies, ARRAY_LEN(replies));
	for (size_t i = 0; i < outcome_rows_n; i++) {
		const char *code = outcome_rows[i].outcome.code;
		size_t before = outcome_find(plain, code)->series;

		assert_int_equal(before, outcome_find(full, code)->series);
		assert_in_range(before, 1, outcome_rows_n);
	}
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		assert_string_equal(outcome_find(full, codes[i])->code, codes[i]);
	outcome_table_free(&plain);
	outcome_table_free(&full);
}

static void the_configuration_goes_over_the_table(void **state)
{
	const struct given replies[] = {
		{"AuthFailure.*", 451, "4.3.5", "try later"},
		{"AuthFailure.SignatureFailure", 554, "5.3.0", ""},
		{"FailedOperation.Insufficient*", 550, "5.7.1", ""},
		{"Vendor.Code", 450, "4.2.0", "vendor says no"},
		{"*", 554, "5.0.0", ""},
	};
	struct outcome_table *t = table(replies, ARRAY_LEN(replies));
	const struct want rows[] = {
		{"AuthFailure.SecretIdNotFound", 451, "4.3.5", SCOPE_ACCOUNT},
		{"AuthFailure.Unheard", 451, "4.3.5", SCOPE_ACCOUNT},
		{"AuthFailure.SignatureFailure", 554, "5.3.0", SCOPE_ACCOUNT},
		{"FailedOperation.InsufficientBalance", 550, "5.7.1", SCOPE_ACCOUNT},
		{"FailedOperation.InsufficientQuota", 550, "5.7.1", SCOPE_ACCOUNT},
		{"FailedOperation.FrequencyLimit", 450, "4.2.1", SCOPE_RECIPIENT},
		{"Vendor.Code", 450, "4.2.0", SCOPE_ACCOUNT},
		/* "*" is for codes that nothing names, and for no other. */
		{"Nonsense", 554, "5.0.0", SCOPE_ACCOUNT},
		{"Transport.Timeout", 451, "4.4.2", SCOPE_ACCOUNT},
		{"FailedOperation.New", 451, "4.3.0", SCOPE_MESSAGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_row(t, &rows[i]);
	assert_string_equal(
		outcome_find(t, "AuthFailure.SecretIdNotFound")->text, "try later");
	assert_string_equal(outcome_find(t, "AuthFailure.SignatureFailure")->text,
		"API refused the gateway's signature");
	/* What is wrong stays wrong, whatever the client is told. */
	assert_true(outcome_find(t, "AuthFailure.SecretIdNotFound")->unhealthy);
	outcome_table_free(&t);
}

static void refuses_rows_that_are_none(void **state)
{
	static const struct {
		struct given reply;
		const char *says;
	} rows[] = {
		{{"", 451, "4.3.0", ""}, "1 to 95"},
		{{"A", 250, "2.0.0", ""}, "not accepted"},
		{{"A", 354, "3.0.0", ""}, "not accepted"},
		{{"A", 600, "6.0.0", ""}, "not accepted"},
		{{"A", 460, "4.0.0", ""}, "not accepted"},
		{{"A", 451, "4.3.0", "a\nb"}, "ASCII"},
		{{"A", 451, "4.3.0", "\xc3\xa4"}, "ASCII"},
	};
	const struct given twice[] = {{"A", 451, "4.3.0", ""}, {"A", 451, "4.3.1", ""}};
	struct outcome_table *t;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s %u\n", rows[i].reply.enhanced, rows[i].reply.smtp);
		assert_int_equal(try_table(&rows[i].reply, 1, &t, &err), -1);
		assert_null(t);
		assert_non_null(strstr(err.text, rows[i].says));
	}
	assert_int_equal(try_table(twice, 2, &t, &err), -1);
	assert_non_null(strstr(err.text, "twice"));
}

/* The API has not refused: it was not asked, or may have accepted. */
static const char *const undecided[] = {
	"ResponseSizeLimitExceeded",
	"Transport.BadResponse",
	"Transport.Connect",
	"Transport.Deadline",
	"Transport.Dns",
	"Transport.Http5xx",
	"Transport.NoKey",
	"Transport.NotSent",
	"Transport.Reset",
	"Transport.Timeout",
	"Transport.Tls",
};

static void no_configuration_bounces_what_was_not_refused(void **state)
{
	static const struct given patterns[] = {
		{"Transport.*", 554, "5.3.0", ""},
		{"Transport.T*", 550, "5.3.0", ""},
		{"T*", 554, "5.3.0", ""},
		{"ResponseSize*", 554, "5.3.0", ""},
	};
	struct outcome_table *t;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(undecided); i++) {
		const struct given r = {undecided[i], 554, "5.3.0", ""};

		print_message("# %s\n", undecided[i]);
		assert_int_equal(try_table(&r, 1, &t, &err), -1);
		assert_non_null(strstr(err.text, undecided[i]));
		assert_non_null(strstr(err.text, "; write 4yz, like 45"));
	}
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		print_message("# %s\n", patterns[i].code);
		assert_int_equal(try_table(&patterns[i], 1, &t, &err), -1);
		assert_non_null(strstr(err.text, patterns[i].code));
		assert_non_null(strstr(err.text, "it covers "));
	}
}

static void only_refusals_on_the_way_to_the_api_may_bounce(void **state)
{
	static const struct given replies[] = {
		{"Transport.Http413", 554, "5.3.4", ""},
		{"Transport.Http429", 554, "5.3.0", ""},
		{"Transport.Http4xx", 554, "5.3.0", ""},
		{"Transport.*", 450, "4.3.0", ""},
	};
	struct outcome_table *t = table(replies, ARRAY_LEN(replies));

	(void)state;
	assert_int_equal(outcome_find(t, "Transport.Http4xx")->smtp, 554);
	assert_int_equal(outcome_find(t, "Transport.Timeout")->smtp, 450);
	outcome_table_free(&t);
	/* A row that somebody adds must say which of the two it is. */
	for (size_t i = 0; i < outcome_rows_n; i++) {
		const char *code = outcome_rows[i].outcome.code;

		print_message("# %s\n", code);
		if (strncmp(code, "Transport.", 10) == 0 &&
			strncmp(code, "Transport.Http4", 15) != 0)
			assert_true(outcome_rows[i].undecided);
		if (outcome_rows[i].undecided)
			assert_in_range(outcome_rows[i].outcome.smtp, 450, 459);
	}
}

static void own_faults_can_be_deferred(void **state)
{
	static const struct {
		const char *code;
		unsigned smtp;
		const char *enhanced;
	} rows[] = {
		{"AuthFailure.InvalidAuthorization", 451, "4.3.5"},
		{"AuthFailure.InvalidSecretId", 451, "4.3.5"},
		{"AuthFailure.MFAFailure", 451, "4.3.5"},
		{"AuthFailure.SecretIdNotFound", 451, "4.3.5"},
		{"AuthFailure.SignatureExpire", 451, "4.3.5"},
		{"AuthFailure.SignatureFailure", 451, "4.3.5"},
		{"AuthFailure.TokenFailure", 451, "4.3.5"},
		{"AuthFailure.UnauthorizedOperation", 451, "4.7.1"},
		{"AuthFailure.New", 451, "4.3.5"},
		{"IpInBlacklist", 451, "4.7.1"},
		{"IpNotInWhitelist", 451, "4.7.1"},
		{"UnauthorizedOperation", 451, "4.7.1"},
		{"UnauthorizedOperation.CamNoAuth", 451, "4.7.1"},
		{"UnsupportedRegion", 451, "4.3.5"},
		{"FailedOperation.WithOutPermission", 451, "4.3.5"},
		{"OperationDenied", 451, "4.7.1"},
		{"OperationDenied.New", 451, "4.7.1"},
		/* The mail's, the sender's or the recipient's fault; or asked for. */
		{"OperationDenied.DomainNotVerified", 550, "5.7.1"},
		{"FailedOperation.EmailAddrInBlacklist", 550, "5.7.1"},
		{"FailedOperation.NoAttachPermission", 554, "5.7.1"},
		{"FailedOperation.URLForbidden", 550, "5.7.1"},
		{"InvalidParameterValue.TemplateNotExist", 554, "5.3.5"},
		{"InvalidAction", 554, "5.3.5"},
		{"Transport.NoKey", 451, "4.3.0"},
		{"RequestLimitExceeded", 451, "4.4.5"},
		{"AuthFailure.Asked", 554, "5.3.0"},
	};
	struct conf_reply asked[] = {
		{.code = (char *)"AuthFailure.Asked",
			.smtp = 554,
			.enhanced = (char *)"5.3.0",
			.text = (char *)""},
	};
	const struct conf conf = {.own_faults = CONF_OWN_FAULTS_DEFER,
		.replies = asked,
		.n_replies = ARRAY_LEN(asked)};
	struct outcome_table *t;

	(void)state;
	assert_int_equal(outcome_table_new(&conf, &t, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct outcome *row = outcome_find(t, rows[i].code);

		print_message("# %s\n", rows[i].code);
		assert_int_equal(row->smtp, rows[i].smtp);
		assert_string_equal(row->enhanced, rows[i].enhanced);
	}
	outcome_table_free(&t);
}

/* Only an accepted call with its MessageId may ever become a 250. */
static void a_result_without_a_message_id_is_no_250(void **state)
{
	struct outcome_table *t = table(NULL, 0);
	struct ses_result r = {.class = OUTCOME_ACCEPTED};

	(void)state;
	assert_int_equal(outcome_of(t, &r)->smtp, 451);
	assert_string_equal(outcome_of(t, &r)->enhanced, "4.3.0");
	snprintf(r.message_id, sizeof(r.message_id), "m1");
	assert_int_equal(outcome_of(t, &r)->smtp, 250);
	assert_int_equal(outcome_of(t, &r)->series, OUTCOME_SERIES_ACCEPTED);
	r = outcome_past_deadline();
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_ptr_equal(outcome_of(t, &r), outcome_find(t, "Transport.Deadline"));
	outcome_set_result(&r, OUTCOME_REFUSED, "LimitExceeded");
	snprintf(r.message_id, sizeof(r.message_id), "m1");
	assert_ptr_equal(outcome_of(t, &r), outcome_find(t, "LimitExceeded"));
	outcome_table_free(&t);
}

static void classes_and_scopes_have_names(void **state)
{
	(void)state;
	assert_string_equal(outcome_class_name(OUTCOME_ACCEPTED), "accepted");
	assert_string_equal(outcome_class_name(OUTCOME_NOT_SENT), "not-sent");
	assert_string_equal(outcome_class_name(OUTCOME_UNCERTAIN), "uncertain");
	assert_string_equal(outcome_class_name(OUTCOME_REFUSED), "refused");
	assert_string_equal(outcome_scope_name(SCOPE_MESSAGE), "message");
	assert_string_equal(outcome_scope_name(SCOPE_RECIPIENT), "recipient");
	assert_string_equal(outcome_scope_name(SCOPE_SENDER), "sender");
	assert_string_equal(outcome_scope_name(SCOPE_ACCOUNT), "account");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_documented_code_has_its_reply),
		cmocka_unit_test(every_transport_fault_has_its_reply),
		cmocka_unit_test(unknown_codes_fall_back_by_prefix),
		cmocka_unit_test(the_table_holds_nothing_else),
		cmocka_unit_test(rows_are_replies_that_a_client_may_see),
		cmocka_unit_test(our_own_credentials_make_us_unhealthy),
		cmocka_unit_test(labels_are_unique_and_fit_the_metric),
		cmocka_unit_test(series_name_the_row_that_was_met),
		cmocka_unit_test(a_code_keeps_its_series_whatever_rows_are_added),
		cmocka_unit_test(the_configuration_goes_over_the_table),
		cmocka_unit_test(refuses_rows_that_are_none),
		cmocka_unit_test(no_configuration_bounces_what_was_not_refused),
		cmocka_unit_test(only_refusals_on_the_way_to_the_api_may_bounce),
		cmocka_unit_test(own_faults_can_be_deferred),
		cmocka_unit_test(a_result_without_a_message_id_is_no_250),
		cmocka_unit_test(classes_and_scopes_have_names),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
