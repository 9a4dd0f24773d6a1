/* SPDX-License-Identifier: MIT */
/* The API's documented error codes: common ones and those of the email service. */
#include "sandbox/api_error.h"

#include "sandbox/json.h"
#include "sandbox/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct api_code {
	const char *code;
	const char *message;
};

static const struct api_code codes[] = {
	/* Common to all services: "Error Codes", common parameters. */
	{"ActionOffline", "The interface has been taken offline."},
	{"AuthFailure.InvalidAuthorization", "The request header `Authorization` does "
					     "not follow the Tencent Cloud standard."},
	{"AuthFailure.InvalidSecretId", "The key is not a TencentCloud API key."},
	{"AuthFailure.MFAFailure", "MFA failed."},
	{"AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that "
					 "your SecretId is correct."},
	{"AuthFailure.SignatureExpire",
		"The provided credentials could not be validated because of exceeding "
		"request signature expire time."},
	{"AuthFailure.SignatureFailure",
		"The provided credentials could not be validated. Please check your "
		"signature is correct."},
	{"AuthFailure.TokenFailure", "The token is wrong or has expired."},
	{"AuthFailure.UnauthorizedOperation",
		"You are not authorized to perform this operation."},
	{"DryRunOperation", "DryRun was set: the request would have succeeded."},
	{"FailedOperation", "The operation failed."},
	{"InternalError", "An internal error has occurred. Retry your request."},
	{"InvalidAction", "The interface does not exist."},
	{"InvalidParameter", "A parameter is wrong."},
	{"InvalidParameterValue", "A parameter's value is wrong."},
	{"InvalidRequest", "The multipart/form-data body of the request is malformed."},
	{"IpInBlacklist", "Your IP address is in the blacklist."},
	{"IpNotInWhitelist", "Your IP address is not in the whitelist."},
	{"LimitExceeded", "A quota is exceeded."},
	{"MissingParameter", "A parameter is missing."},
	{"NoSuchProduct", "The product does not exist."},
	{"NoSuchVersion", "The version of the interface does not exist."},
	{"OperationDenied", "The operation is refused."},
	{"RequestLimitExceeded", "The number of requests exceeds the frequency limit."},
	{"RequestLimitExceeded.GlobalRegionUinLimitExceeded",
		"The number of requests of the account exceeds the frequency limit."},
	{"RequestLimitExceeded.IPLimitExceeded",
		"The number of requests of this IP address exceeds the frequency limit."},
	{"RequestLimitExceeded.SmtpRateLimit",
		"The SMTP sending rate exceeds the limit."},
	{"RequestLimitExceeded.UinLimitExceeded", "The number of requests of the main "
						  "account exceeds the frequency limit."},
	{"RequestSizeLimitExceeded", "The size of the request exceeds the limit."},
	{"ResourceInUse", "The resource is in use."},
	{"ResourceInsufficient", "The resources are insufficient."},
	{"ResourceNotFound", "The resource does not exist."},
	{"ResourceUnavailable", "The resource is unavailable."},
	{"ResponseSizeLimitExceeded", "The size of the response exceeds the limit."},
	{"ServiceUnavailable", "The service is temporarily unavailable."},
	{"UnauthorizedOperation", "The operation is not authorized."},
	{"UnknownParameter", "The parameter is not defined."},
	{"UnsupportedOperation", "The operation is not supported."},
	{"UnsupportedProtocol",
		"The protocol is not supported: only GET and POST over HTTPS."},
	{"UnsupportedRegion", "The region is not supported by this interface."},
	/* The email service's own, which SendEmail can answer. */
	{"FailedOperation.AttachContentToolarge", "The attachments are too large."},
	{"FailedOperation.EmailAddrInBlacklist",
		"The recipient's address is in the blacklist."},
	{"FailedOperation.EmailContentToolarge",
		"The content of the email is too large."},
	{"FailedOperation.ExceedSendLimit", "The sending limit of the day is reached."},
	{"FailedOperation.ExceedTemplateLimit", "There are too many templates."},
	{"FailedOperation.FileURLNotExist",
		"The URL of the attachment cannot be reached."},
	{"FailedOperation.FrequencyLimit",
		"Too many emails were sent to one address in a short time."},
	{"FailedOperation.HighRejectionRate",
		"Sending is blocked for now: the rejection rate is too high."},
	{"FailedOperation.IllegalURL", "The content holds a link that is not compliant."},
	{"FailedOperation.IncorrectEmail", "The email address is wrong."},
	{"FailedOperation.IncorrectSender", "The sender is wrong."},
	{"FailedOperation.InsufficientBalance", "The balance is insufficient."},
	{"FailedOperation.InsufficientQuota", "The quota of the package is used up."},
	{"FailedOperation.InvalidAttachName",
		"The name or type of an attachment is not allowed."},
	{"FailedOperation.InvalidLimit", "Limit exceeds its maximum of 100."},
	{"FailedOperation.InvalidTemplateID", "The template ID is invalid."},
	{"FailedOperation.MissingEmailContent",
		"The content is missing: neither TemplateData nor Simple is given."},
	{"FailedOperation.NoAttachPermission",
		"You have no permission to send attachments."},
	{"FailedOperation.NotAuthenticatedSender", "The sender has not been verified."},
	{"FailedOperation.NotSupportDate",
		"The date is not in the time that can be queried."},
	{"FailedOperation.ProtocolCheckErr", "The protocol check failed."},
	{"FailedOperation.ReceiverHasUnsubscribed",
		"The recipient has unsubscribed from the sender's domain."},
	{"FailedOperation.RejectedByRecipients", "The recipients rejected the email."},
	{"FailedOperation.SendEmailErr",
		"The email could not be sent; please submit a ticket."},
	{"FailedOperation.ServiceNotAvailable",
		"A temporary error: the request had no effect, please try again."},
	{"FailedOperation.TemplateContentToolarge",
		"The content of the template is too large."},
	{"FailedOperation.TemporaryBlocked", "The limit of the recipient's provider is "
					     "reached: sending to it pauses."},
	{"FailedOperation.TooManyAttachments", "There are more than 10 attachments."},
	{"FailedOperation.TooManyRecipients", "There are too many recipients."},
	{"FailedOperation.URLForbidden", "The content must not hold a URL."},
	{"FailedOperation.UnsupportMailType",
		"The type of the mailbox is not supported."},
	{"FailedOperation.WithOutPermission", "You may send by template only: custom "
					      "content (Simple) is not permitted."},
	{"FailedOperation.WrongContentJson", "TemplateData is not valid JSON."},
	{"InvalidParameterValue.AttachContentIsWrong",
		"An attachment's content is not base64."},
	{"InvalidParameterValue.EmailAddressIsNULL",
		"The sender or the recipient is empty."},
	{"InvalidParameterValue.EmailContentIsWrong",
		"The content of the email is not base64."},
	{"InvalidParameterValue.IllegalEmailAddress", "The email address is illegal."},
	{"InvalidParameterValue.IllegalSenderName", "The sender's alias is illegal."},
	{"InvalidParameterValue.InValidTemplateData",
		"A template variable's value must not hold HTML."},
	{"InvalidParameterValue.InvalidEmailIdentity", "The domain is wrong."},
	{"InvalidParameterValue.NoSuchSender", "The sender address does not exist."},
	{"InvalidParameterValue.NotExistDomain", "The sender's domain does not exist."},
	{"InvalidParameterValue.ReceiverEmailInvalid",
		"The recipient's address is invalid."},
	{"InvalidParameterValue.SubjectLengthError",
		"The length of the subject is wrong: 1 to 100 characters."},
	{"InvalidParameterValue.TemplateDataError",
		"The template data must be a JSON object."},
	{"InvalidParameterValue.TemplateDataInconsistent",
		"The names of the template's variables and of the data differ."},
	{"InvalidParameterValue.TemplateDataLenLimit", "The template data is too long."},
	{"InvalidParameterValue.TemplateNotExist", "The template does not exist."},
	{"InvalidParameterValue.TemplateNotMatchData",
		"The template's variables and the data do not match."},
	{"InvalidParameterValue.WrongDate", "The date is wrong."},
	{"OperationDenied.DomainNotVerified",
		"The sender's domain has not been verified."},
	{"OperationDenied.SendAddressStatusError",
		"The sender's address is not approved."},
	{"OperationDenied.TemplateStatusError", "The template is not approved."},
	/* Those of its other actions. */
	{"InvalidParameterValue.BeginTimeBeforeNow", "The begin time is in the past."},
	{"InvalidParameterValue.CreatedByOther",
		"The domain was created by another account."},
	{"InvalidParameterValue.InvalidSmtpPassWord", "The SMTP password is too weak."},
	{"InvalidParameterValue.ReceiverDescIllegal", "The description is illegal."},
	{"InvalidParameterValue.ReceiverNameIllegal", "The name of the list is illegal."},
	{"InvalidParameterValue.RepeatCreation", "It has been created already."},
	{"InvalidParameterValue.RepeatEmailAddress", "The address exists already."},
	{"InvalidParameterValue.RepeatReceiverName",
		"The name of the list exists already."},
	{"InvalidParameterValue.TemplateContentIsNULL",
		"The content of the template is empty."},
	{"InvalidParameterValue.TemplateContentIsWrong",
		"The content of the template is wrong."},
	{"InvalidParameterValue.TemplateNameIllegal",
		"The name of the template is illegal."},
	{"InvalidParameterValue.TemplateNameIsNULL",
		"The name of the template is empty."},
	{"LimitExceeded.ExceedReceiverLimit", "There are too many recipient lists."},
	{"LimitExceeded.ExceedReceiverDetailLimit", "There are too many recipients."},
	{"LimitExceeded.ReceiverDetailCountLimit", "There are too many recipients."},
	{"LimitExceeded.ReceiverDetailRequestLimit", "There are too many recipients."},
	{"MissingParameter.CycleParamNecessary", "CycleParam is missing."},
	{"MissingParameter.EmailsNecessary", "Emails is missing."},
	{"MissingParameter.ReceiverIdNecessary", "ReceiverId is missing."},
	{"MissingParameter.SendParamNecessary", "A sending parameter is missing."},
	{"MissingParameter.TimedParamNecessary", "TimedParam is missing."},
	{"OperationDenied.ExceedDomainLimit", "There are too many domains."},
	{"OperationDenied.ExceedSenderLimit", "There are too many senders."},
	{"OperationDenied.NotAllowDelete", "It may not be deleted."},
	{"OperationDenied.ReceiverIsOperating", "The recipient list is busy."},
	{"OperationDenied.ReceiverNotExist", "The recipient list does not exist."},
	{"OperationDenied.ReceiverStatusError",
		"The state of the recipient list is wrong."},
	{"OperationDenied.RepeatPassWord", "The password is the same as before."},
	{"OperationDenied.SenderWithDomainIsNotEmpty", "The domain still has senders."},
};

/* A message that was cut must not end inside a UTF-8 character. */
static void trim_partial_character(char *s)
{
	size_t len = strlen(s), start = len;

	while (start > 0 && ((unsigned char)s[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && (unsigned char)s[start - 1] >= 0xc0)
		start--;
	if (!utf8_is_valid(s + start, len - start))
		s[start] = '\0';
}

/* A general sentence for a code that is not documented. */
static const char *message_of(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strcmp(codes[i].code, code) == 0)
			return codes[i].message;
	}
	return "The request was refused.";
}

int api_refuse(struct api_error *e, const char *code, const char *fmt, ...)
{
	va_list ap;

	text_copy(e->code, sizeof(e->code), code);
	if (fmt == NULL) {
		text_copy(e->message, sizeof(e->message), message_of(code));
		return -1;
	}
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	trim_partial_character(e->message);
	return -1;
}

const char *api_code_find(const char *code, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strlen(codes[i].code) == len &&
			strncasecmp(codes[i].code, code, len) == 0)
			return codes[i].code;
	}
	return NULL;
}

const char *api_code_at(size_t i)
{
	return i < ARRAY_LEN(codes) ? codes[i].code : NULL;
}
