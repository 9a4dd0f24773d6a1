/* SPDX-License-Identifier: MIT */
/*
 * What the API demands of a mail's values: the SendEmail page, its error codes, and the
 * pages on limits and attachment types.
 */
#include "sandbox/rules.h"

#include "sandbox/address.h"
#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct draft {
	struct mail *m;
	const struct options *opt;
	const struct templates *templates;
};

static int check_size(const struct draft *d, struct api_error *err)
{
	if (d->m->body_size > RULE_REQUEST_MAX)
		return api_refuse(err, "RequestSizeLimitExceeded",
			"The size of the request is %zu bytes, more than 8 MB.",
			d->m->body_size);
	return 0;
}

static int check_sender(const struct draft *d, struct api_error *err)
{
	if (d->m->from[0] == '\0')
		return api_refuse(err, "InvalidParameterValue.EmailAddressIsNULL", NULL);
	switch (address_check_mailbox(d->m->from)) {
	case ADDRESS_OK: return 0;
	case ADDRESS_BAD_ADDRESS:
		return api_refuse(err, "InvalidParameterValue.IllegalEmailAddress",
			"The sender's address is illegal.");
	case ADDRESS_BAD_ALIAS:
		return api_refuse(err, "InvalidParameterValue.IllegalSenderName", NULL);
	case ADDRESS_BAD_FORM: break;
	}
	return api_refuse(err, "FailedOperation.IncorrectSender",
		"The sender must be written `address` or `alias <address>`, with one "
		"space.");
}

/* --senders: an address, or @domain for all of a domain. */
static int check_sender_known(const struct draft *d, struct api_error *err)
{
	char *address = mail_bare_address(d->m->from);
	const char *domain = strrchr(address, '@');
	bool known = d->opt->senders.n == 0, domain_known = known;

	for (size_t i = 0; i < d->opt->senders.n && domain != NULL; i++) {
		const char *s = d->opt->senders.items[i], *at = strrchr(s, '@');

		if (at == NULL || strcasecmp(at, domain) != 0)
			continue;
		domain_known = true;
		known = known || at == s || strcasecmp(s, address) == 0;
	}
	free(address);
	if (!domain_known)
		return api_refuse(err, "FailedOperation.NotAuthenticatedSender", NULL);
	if (!known)
		return api_refuse(err, "InvalidParameterValue.NoSuchSender", NULL);
	return 0;
}

static int check_header_from(const struct draft *d, struct api_error *err)
{
	char *header, *from;
	bool same;

	if (d->m->header_from == NULL || d->m->header_from[0] == '\0')
		return 0;
	if (address_check_mailbox(d->m->header_from) != ADDRESS_OK)
		return api_refuse(err, "InvalidParameterValue.IllegalEmailAddress",
			"HeaderFrom is illegal.");
	header = mail_bare_address(d->m->header_from);
	from = mail_bare_address(d->m->from);
	same = strcasecmp(strrchr(header, '@'), strrchr(from, '@')) == 0;
	free(header);
	free(from);
	if (!same)
		return api_refuse(err, "InvalidParameterValue",
			"The domain of HeaderFrom must be that of FromEmailAddress.");
	return 0;
}

static int check_list(
	const struct strings *l, const char *name, size_t max, struct api_error *err)
{
	if (l->n > max)
		return api_refuse(err, "FailedOperation.TooManyRecipients",
			"%s has %zu addresses, more than %zu.", name, l->n, max);
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i][0] == '\0')
			return api_refuse(
				err, "InvalidParameterValue.EmailAddressIsNULL", NULL);
		if (!address_is_valid(l->items[i]))
			return api_refuse(err,
				"InvalidParameterValue.ReceiverEmailInvalid",
				"The address number %zu of %s is invalid.", i + 1, name);
	}
	return 0;
}

static int check_recipients(const struct draft *d, struct api_error *err)
{
	const struct mail *m = d->m;

	if (m->to.n + m->cc.n + m->bcc.n == 0)
		return api_refuse(err, "InvalidParameterValue.EmailAddressIsNULL",
			"At least one of Destination, Cc and Bcc must be given.");
	if (check_list(&m->to, "Destination", RULE_TO_MAX, err) != 0 ||
		check_list(&m->cc, "Cc", RULE_CC_MAX, err) != 0)
		return -1;
	return check_list(&m->bcc, "Bcc", RULE_BCC_MAX, err);
}

static int check_bcc_hidden(const struct draft *d, struct api_error *err)
{
	for (size_t i = 0; i < d->m->bcc.n; i++) {
		for (size_t k = 0; k < d->m->to.n; k++) {
			if (strcasecmp(d->m->bcc.items[i], d->m->to.items[k]) == 0)
				return api_refuse(err, "InvalidParameterValue",
					"An address is both in Bcc and in Destination.");
		}
	}
	return 0;
}

static int check_subject(const struct draft *d, struct api_error *err)
{
	size_t n = utf8_count(d->m->subject);

	if (n == 0 || n > (size_t)d->opt->subject_max)
		return api_refuse(err, "InvalidParameterValue.SubjectLengthError",
			"The subject has %zu characters; 1 to %lld are allowed.", n,
			(long long)d->opt->subject_max);
	if (text_has_control(d->m->subject))
		return api_refuse(err, "InvalidParameterValue",
			"The subject has a control character.");
	return 0;
}

static int check_reply_to(const struct draft *d, struct api_error *err)
{
	if (d->m->reply_to != NULL && d->m->reply_to[0] != '\0' &&
		address_check_mailbox(d->m->reply_to) != ADDRESS_OK)
		return api_refuse(err, "InvalidParameterValue.IllegalEmailAddress",
			"ReplyToAddresses must be one address.");
	return 0;
}

static int check_content(const struct draft *d, struct api_error *err)
{
	const struct mail *m = d->m;

	if (!m->has_simple && !m->has_template)
		return api_refuse(err, "FailedOperation.MissingEmailContent", NULL);
	if (m->has_simple && !d->opt->simple_allowed)
		return api_refuse(err, "FailedOperation.WithOutPermission", NULL);
	if (!m->has_template && m->text.len + m->html.len == 0)
		return api_refuse(err, "FailedOperation.MissingEmailContent",
			"Simple needs Text or Html, and it must not be empty.");
	if (m->text.len + m->html.len > RULE_CONTENT_MAX)
		return api_refuse(err, "FailedOperation.EmailContentToolarge", NULL);
	return 0;
}

/* A variable's value is simple text: no HTML, no structure. */
static int check_template_values(const json_t *data, struct api_error *err)
{
	const char *name;
	const json_t *v;

	json_object_foreach ((json_t *)data, name, v) {
		const char *s = json_string_value(v), *open;

		if (json_is_object(v) || json_is_array(v))
			return api_refuse(err, "InvalidParameterValue.TemplateDataError",
				"The value of the variable `%s` must be text.", name);
		open = s == NULL ? NULL : strchr(s, '<');
		for (; open != NULL; open = strchr(open + 1, '<')) {
			if (strchr(open, '>') != NULL &&
				strspn(open + 1, "/!abcdefghijklmnopqrstuvwxyz"
						 "ABCDEFGHIJKLMNOPQRSTUVWXYZ") > 0)
				return api_refuse(err,
					"InvalidParameterValue.InValidTemplateData",
					"The value of the variable `%s` must not hold "
					"HTML.",
					name);
		}
	}
	return 0;
}

static int check_template(const struct draft *d, struct api_error *err)
{
	struct mail *m = d->m;
	const char *text = m->template_data;
	json_t *data;
	int rc;

	if (!m->has_template)
		return 0;
	if (m->template_id <= 0)
		return api_refuse(err, "FailedOperation.InvalidTemplateID", NULL);
	if (text == NULL || text[0] == '\0')
		return api_refuse(err, "FailedOperation.MissingEmailContent",
			"TemplateData is missing: write {} where there are no "
			"variables.");
	data = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (data == NULL)
		rc = api_refuse(err, "FailedOperation.WrongContentJson", NULL);
	else if (!json_is_object(data))
		rc = api_refuse(err, "InvalidParameterValue.TemplateDataError", NULL);
	else
		rc = check_template_values(data, err);
	if (rc == 0)
		rc = templates_apply(d->templates, m, data, err);
	json_decref(data);
	return rc;
}

/* Lists of "Attachment types" and "Unsupported attachment types", both editions. */
static const char allowed_types[] =
	" xlsx xls ods docx docm doc csv pdf txt gif jpg jpeg png tif tiff rtf bmp cgm "
	"css shtml"
	" html htm zip xml ppt pptx tar ez ics mobi msg pub eps odt mp3 m4a ";
static const char refused_types[] = " m4v wma ogg flac wav aif aifc aiff mp4 mov avi mkv "
				    "mpeg mpg wmv ade adp app asp bas bat"
				    " cer chm cmd com cpl crt csh der exe fxp gadget hlp "
				    "hta inf ins isp its js jse ksh lib"
				    " lnk mad maf mag mam maq mar mas mat mau mav maw "
				    "mda mdb mde mdt mdw mdz msc msh msh1"
				    " msh2 mshxml msh1xml msh2xml msi msp mst ops pcd "
				    "pif plg prf prg reg scf scr sct shb shs"
				    " sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb vbe "
				    "vbs vps vsmacros vss vst vsw vxd ws"
				    " wsc wsf wsh xnk ";

static bool type_is_listed(const char *list, const char *name)
{
	const char *dot = strrchr(name, '.');
	char *word;
	bool found;

	if (dot == NULL || dot[1] == '\0')
		return false;
	word = mem_printf(" %s ", dot + 1);
	found = strcasestr(list, word) != NULL;
	free(word);
	return found;
}

static int check_attachment(
	const struct mail_attachment *a, const struct options *opt, struct api_error *err)
{
	static const char code[] = "FailedOperation.InvalidAttachName";
	size_t n;

	if (a->name == NULL || a->name[0] == '\0')
		return api_refuse(err, code, "An attachment has no name.");
	n = utf8_count(a->name);
	if (n > RULE_NAME_MAX)
		return api_refuse(
			err, code, "The name of an attachment has %zu characters.", n);
	if (strpbrk(a->name, "?\\*|\"<>:/ ") != NULL || text_has_control(a->name))
		return api_refuse(err, code,
			"The name of an attachment has a space or one of ?\\*|\"<>:/");
	if (type_is_listed(refused_types, a->name) ||
		(!opt->other_types && !type_is_listed(allowed_types, a->name)))
		return api_refuse(
			err, code, "The type of the attachment is not supported.");
	return 0;
}

static int check_attachments(const struct draft *d, struct api_error *err)
{
	const struct mail *m = d->m;
	size_t total = 0;

	if (m->n_attachments > RULE_ATTACHMENTS_MAX)
		return api_refuse(err, "FailedOperation.TooManyAttachments", NULL);
	for (size_t i = 0; i < m->n_attachments; i++) {
		if (check_attachment(&m->attachments[i], d->opt, err) != 0)
			return -1;
		total += m->attachments[i].content.len;
	}
	if (total > RULE_ATTACHED_MAX)
		return api_refuse(err, "FailedOperation.AttachContentToolarge",
			"The attachments have %zu bytes, more than 4 MB.", total);
	return 0;
}

static int check_numbers(const struct draft *d, struct api_error *err)
{
	int64_t n;

	if (d->m->unsubscribe != NULL && d->m->unsubscribe[0] != '\0' &&
		text_number(d->m->unsubscribe, 0, 11, &n) != 0)
		return api_refuse(err, "InvalidParameterValue",
			"Unsubscribe must be a number from 0 to 11, as a string.");
	if (d->m->trigger_type != 0 && d->m->trigger_type != 1)
		return api_refuse(
			err, "InvalidParameterValue", "TriggerType must be 0 or 1.");
	return 0;
}

static int check_message_id(const struct draft *d, struct api_error *err)
{
	const char *id = d->m->smtp_message_id;

	if (id != NULL &&
		(strlen(id) > 998 || text_has_control(id) || strchr(id, ' ') != NULL))
		return api_refuse(err, "InvalidParameterValue",
			"SmtpMessageId is no message identifier.");
	return 0;
}

/* A header name (RFC 5322 section 2.2): printable ASCII without the colon. */
static bool is_header_name(const char *s)
{
	if (*s == '\0' || strlen(s) > 128)
		return false;
	for (; *s != '\0'; s++) {
		if (*s <= 0x20 || *s >= 0x7f || *s == ':')
			return false;
	}
	return true;
}

static int check_smtp_headers(const struct draft *d, struct api_error *err)
{
	const char *text = d->m->smtp_headers, *name;
	json_t *headers, *v;
	int rc = 0;

	if (text == NULL || text[0] == '\0')
		return 0;
	headers = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(headers)) {
		json_decref(headers);
		return api_refuse(err, "InvalidParameterValue",
			"SmtpHeaders must be the text of a JSON object.");
	}
	json_object_foreach (headers, name, v) {
		if (rc == 0 && (!is_header_name(name) || !json_is_string(v) ||
				       text_has_control(json_string_value(v))))
			rc = api_refuse(err, "InvalidParameterValue",
				"SmtpHeaders must hold header names with one line of "
				"text each.");
	}
	json_decref(headers);
	return rc;
}

static int (*const rules[])(const struct draft *, struct api_error *) = {
	check_size,
	check_sender,
	check_sender_known,
	check_header_from,
	check_recipients,
	check_bcc_hidden,
	check_subject,
	check_reply_to,
	check_content,
	check_template,
	check_attachments,
	check_numbers,
	check_message_id,
	check_smtp_headers,
};

int rules_check(struct mail *m, const struct options *opt,
	const struct templates *templates, struct api_error *err)
{
	const struct draft d = {.m = m, .opt = opt, .templates = templates};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i](&d, err) != 0)
			return -1;
	}
	return 0;
}
