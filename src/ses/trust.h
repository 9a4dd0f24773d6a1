/* SPDX-License-Identifier: MIT */
/*
 * The CAs by which the API is recognized.
 */
#ifndef SES_TRUST_H
#define SES_TRUST_H

#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"

/* Whether file can be read as libcurl will: PEM certificates, at least one, none damaged. A
 * gateway that cannot verify the API must not start: every call would fail, hours later.
 * -1: the error names account and file.
 *
 * This is for the bundle of the system, and looks at the structure of each certificate only:
 * to decode the keys in it takes some 15 ms and a megabyte in each worker. */
int trust_check(const char *account, const char *file, struct err *err) MUST_CHECK;

/* The same for a file that somebody else has read: its content is pem, and each certificate
 * is decoded. */
int trust_check_pem(const char *account, const char *file, struct span pem,
	struct err *err) MUST_CHECK;

#endif
