/* SPDX-License-Identifier: MIT */
/* The rules of doc/mail.md about parts. */
#include "mail/role.h"

#include "mail/attachment.h"
#include "mail/body.h"
#include "mail/conversion_loss.h"
#include "mail/refusal.h"

#include <string.h>

/* --- the place of a part -------------------------------------------------------- */

static const struct part *part_at(const struct parse *p, size_t index)
{
	return &p->parts.items[index];
}

static bool is_root(const struct parse *p, size_t index)
{
	return part_at(p, index)->parent == index;
}

static bool has_type(const struct part *part, const char *type)
{
	return str_ieq(part->type.value, type);
}

/* Whether the part's parent is of the type; ordinal: which child the part is. */
static bool is_child_of(const struct parse *p, size_t index, const char *type)
{
	return !is_root(p, index) &&
	       has_type(part_at(p, part_at(p, index)->parent), type);
}

/* "start" of multipart/related names its root by Content-ID; else it is the first. */
static size_t related_root(const struct parse *p, size_t related)
{
	struct span start =
		span_trim(span_of(content_param(&part_at(p, related)->type, "start")));

	if (start.len > 2 && start.p[0] == '<')
		start = span_make(start.p + 1, start.len - 2);
	for (size_t i = related + 1; start.len > 0 && i < p->parts.n; i++) {
		const struct part *part = part_at(p, i);

		if (part->parent == related && strlen(part->content_id) == start.len &&
			memcmp(part->content_id, start.p, start.len) == 0)
			return part->ordinal;
	}
	return 0;
}

/* Whether a multipart/related above holds it, and not as its root. */
static bool is_beside(const struct parse *p, size_t index)
{
	for (size_t i = index; !is_root(p, i); i = part_at(p, i)->parent)
		if (is_child_of(p, i, "multipart/related") &&
			part_at(p, i)->ordinal != related_root(p, part_at(p, i)->parent))
			return true;
	return false;
}

/* RFC 2183 §2.8: an unknown disposition means attachment. */
static bool is_disposed(const struct part *part)
{
	const char *d = part->disposition.value;

	return d[0] != '\0' && !str_ieq(d, "inline");
}

/* --- what the API cannot carry -------------------------------------------------- */

static bool is_any(const struct part *part, const char *const *types)
{
	for (; *types != NULL; types++)
		if (has_type(part, *types))
			return true;
	return false;
}

static bool is_inline_image(const struct parse *p, size_t index)
{
	const struct part *part = part_at(p, index);

	if (!span_istarts(span_of(part->type.value), "image/") ||
		part->content_id[0] == '\0')
		return false;
	return is_beside(p, index) || str_ieq(part->disposition.value, "inline");
}

static bool is_calendar(const struct parse *p, size_t index)
{
	const struct part *part = part_at(p, index);

	if (!has_type(part, "text/calendar") && !has_type(part, "application/ics"))
		return false;
	/* An attached file of dates stays an attachment. */
	return !is_disposed(part) || content_param(&part->type, "method")[0] != '\0';
}

static bool is_tnef(const struct parse *p, size_t index)
{
	static const char *const types[] = {
		"application/ms-tnef", "application/vnd.ms-tnef", NULL};

	return is_any(part_at(p, index), types) ||
	       str_ieq(attachment_given_name(part_at(p, index)), "winmail.dat");
}

static bool is_signature(const struct parse *p, size_t index)
{
	static const char *const types[] = {"application/pgp-signature",
		"application/pkcs7-signature", "application/x-pkcs7-signature", NULL};

	/* Some signatures are not declared as such; a text part is still a text. */
	return is_any(part_at(p, index), types) ||
	       (is_child_of(p, index, "multipart/signed") &&
		       part_at(p, index)->ordinal > 0 &&
		       !span_istarts(span_of(part_at(p, index)->type.value), "text/"));
}

static bool is_smime(const struct part *part)
{
	static const char *const types[] = {
		"application/pkcs7-mime", "application/x-pkcs7-mime", NULL};

	return is_any(part, types);
}

/* The signature contains the message, so it is never dropped. */
static bool is_opaque(const struct parse *p, size_t index)
{
	const struct part *part = part_at(p, index);

	return is_smime(part) &&
	       str_ieq(content_param(&part->type, "smime-type"), "signed-data");
}

static bool is_encrypted(const struct parse *p, size_t index)
{
	return is_smime(part_at(p, index)) ||
	       is_child_of(p, index, "multipart/encrypted");
}

static bool is_report(const struct parse *p, size_t index)
{
	static const char *const types[] = {"message/delivery-status",
		"message/global-delivery-status", "message/disposition-notification",
		"message/global-disposition-notification", "message/feedback-report",
		NULL};

	return is_any(part_at(p, index), types);
}

static bool is_unreadable_alternative(const struct parse *p, size_t index)
{
	const struct part *part = part_at(p, index);

	return is_child_of(p, index, "multipart/alternative") &&
	       !has_type(part, "text/plain") && !has_type(part, "text/html") &&
	       !is_disposed(part);
}

/* --- policy --------------------------------------------------------------------- */

/* Presentation only, for clients that the API's mail never reaches. */
static enum conf_policy alternative_policy(const struct part *part)
{
	static const char *const types[] = {"text/x-amp-html", "text/watch-html", NULL};

	return is_any(part, types) ? CONF_DROP : CONF_ATTACH;
}

static enum role apply(struct parse *p, size_t index, enum conversion_loss_kind kind,
	enum conf_policy policy)
{
	const struct part *part = part_at(p, index);
	const char *name = attachment_given_name(part);
	const char *space = name[0] != '\0' ? " " : "";

	switch (policy) {
	case CONF_REFUSE:
		(void)refusal_set(p->why, 554, "5.6.1",
			"Message holds %s (%.80s), which the API cannot carry; send it "
			"without",
			conversion_loss_name(kind), part->type.value);
		return ROLE_REFUSED;
	case CONF_DROP:
		conversion_loss_add(
			p->m, kind, "%s%s%s: left out", part->type.value, space, name);
		return ROLE_NOTHING;
	case CONF_CONVERT:
		conversion_loss_add(p->m, kind, "%s%s%s: put into the text",
			part->type.value, space, name);
		return ROLE_TEXT;
	default:
		conversion_loss_add(
			p->m, kind, "%s%s%s: attached", part->type.value, space, name);
		return ROLE_ATTACHMENT;
	}
}

/* --- bodies --------------------------------------------------------------------- */

/* A text with a file name is a file, unless it is the first and only its type gives the name:
 * some programs name every part. */
static bool is_file(const struct parse *p, size_t index, bool html)
{
	const struct part *part = part_at(p, index);

	if (content_param(&part->disposition, "filename")[0] != '\0')
		return true;
	return content_param(&part->type, "name")[0] != '\0' && body_has(p, html);
}

static enum role body_role(const struct parse *p, size_t index)
{
	const struct part *part = part_at(p, index);
	bool html = has_type(part, "text/html");

	if ((!html && !has_type(part, "text/plain")) || is_disposed(part) ||
		is_beside(p, index) || is_file(p, index, html))
		return ROLE_ATTACHMENT;
	return html ? ROLE_HTML : ROLE_TEXT;
}

enum role role_choose(struct parse *p, size_t index)
{
	const struct conf_mail *policy = p->policy;
	enum conf_policy opaque =
		policy->signature == CONF_REFUSE ? CONF_REFUSE : CONF_ATTACH;
	const struct {
		bool (*test)(const struct parse *p, size_t index);
		enum conversion_loss_kind kind;
		enum conf_policy policy;
	} rules[] = {
		{is_tnef, LOSS_TNEF, policy->tnef},
		{is_calendar, LOSS_CALENDAR, policy->calendar},
		{is_opaque, LOSS_SIGNATURE, opaque},
		{is_encrypted, LOSS_ENCRYPTED, policy->encrypted},
		{is_signature, LOSS_SIGNATURE, policy->signature},
		{is_report, LOSS_REPORT, policy->report},
		{is_inline_image, LOSS_INLINE_IMAGE, policy->inline_image},
		{is_unreadable_alternative, LOSS_ALTERNATIVE,
			alternative_policy(part_at(p, index))},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].test(p, index))
			return apply(p, index, rules[i].kind, rules[i].policy);
	return body_role(p, index);
}
