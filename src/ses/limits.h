/* SPDX-License-Identifier: MIT */
/*
 * What the API takes in one SendEmail call (API 2020-10-02), and our limits for what it does
 * not document. The whole request is bounded by limits.request_size of the configuration.
 */
#ifndef SES_LIMITS_H
#define SES_LIMITS_H

/* Addresses in Destination, Cc and Bcc. */
#define SES_TO_MAX  50
#define SES_CC_MAX  20
#define SES_BCC_MAX 20

#define SES_ATTACHMENTS_MAX 10                /* FailedOperation.TooManyAttachments */
#define SES_ATTACHED_MAX    (4 * 1024 * 1024) /* bytes of all, before base64 */

#define SES_HEADERS_MAX       (16 * 1024)  /* ours, bytes of SmtpHeaders */
#define SES_TEMPLATE_DATA_MAX (512 * 1024) /* ours, bytes of TemplateData */

/* Events of the API echo header fields of this prefix: an event finds its delivery by it. */
#define SES_CALLBACK_HEADER "X-Tencentcloudses-Cb-Sesrelay"

/* Sent if the mail has no subject, because the API refuses an empty one. */
#define SES_NO_SUBJECT "(no subject)"

#endif
