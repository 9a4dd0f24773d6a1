/* SPDX-License-Identifier: MIT */
/*
 * What the API demands of a mail's values, as a table of rules.
 */
#ifndef SANDBOX_RULES_H
#define SANDBOX_RULES_H

#include "sandbox/api_error.h"
#include "sandbox/mail.h"
#include "sandbox/options.h"
#include "sandbox/template.h"

/* Documented limits of SendEmail. */
#define RULE_TO_MAX          50
#define RULE_CC_MAX          20
#define RULE_BCC_MAX         20
#define RULE_ATTACHMENTS_MAX 10
#define RULE_NAME_MAX        255
#define RULE_ATTACHED_MAX    ((size_t)4 << 20) /* bytes, decoded, all attachments */
#define RULE_CONTENT_MAX     ((size_t)4 << 20) /* bytes, decoded, text and HTML */
#define RULE_REQUEST_MAX     ((size_t)8 << 20) /* bytes of the request's body */

/* Applies every rule in order; also fills a template mail's text and html. 0, or -1 and
 * the first code that applies. */
int rules_check(struct mail *m, const struct options *opt,
	const struct templates *templates, struct api_error *err) MUST_CHECK;

#endif
