/* SPDX-License-Identifier: MIT */
/* Makes file names acceptable, or invents them. */
#include "mail/filename.h"

#include "core/mem.h"
#include "core/str.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Longer endings are no extensions. */
#define EXTENSION_MAX 16

static const struct {
	const char *type, *extension;
} types[] = {
	{"application/gzip", "gz"},
	{"application/ics", "ics"},
	{"application/json", "json"},
	{"application/ms-tnef", "dat"},
	{"application/msword", "doc"},
	{"application/pdf", "pdf"},
	{"application/pgp-encrypted", "asc"},
	{"application/pgp-keys", "asc"},
	{"application/pgp-signature", "asc"},
	{"application/pkcs7-mime", "p7m"},
	{"application/pkcs7-signature", "p7s"},
	{"application/rtf", "rtf"},
	{"application/vnd.ms-excel", "xls"},
	{"application/vnd.ms-powerpoint", "ppt"},
	{"application/vnd.openxmlformats-officedocument.presentationml."
	 "presentation",
		"pptx"},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
	{"application/vnd.openxmlformats-officedocument.wordprocessingml."
	 "document",
		"docx"},
	{"application/x-gzip", "gz"},
	{"application/x-pkcs7-mime", "p7m"},
	{"application/x-pkcs7-signature", "p7s"},
	{"application/xml", "xml"},
	{"application/zip", "zip"},
	{"audio/mpeg", "mp3"},
	{"image/bmp", "bmp"},
	{"image/gif", "gif"},
	{"image/jpeg", "jpg"},
	{"image/jpg", "jpg"},
	{"image/png", "png"},
	{"image/svg+xml", "svg"},
	{"image/tiff", "tif"},
	{"image/webp", "webp"},
	{"message/delivery-status", "txt"},
	{"message/disposition-notification", "txt"},
	{"message/feedback-report", "txt"},
	{"message/global", "eml"},
	{"message/rfc822", "eml"},
	{"text/calendar", "ics"},
	{"text/css", "css"},
	{"text/csv", "csv"},
	{"text/html", "html"},
	{"text/plain", "txt"},
	{"text/rfc822-headers", "txt"},
	{"text/rtf", "rtf"},
	{"text/vcard", "vcf"},
	{"text/x-vcard", "vcf"},
	{"text/xml", "xml"},
};

static const char *extension(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ieq(type, types[i].type))
			return types[i].extension;
	return "bin";
}

/* After the last separator, of whatever system. */
static const char *base_name(const char *given)
{
	const char *base = given;

	for (const char *p = given; *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			base = p + 1;
	return base;
}

static void replace_forbidden(char *name, bool *changed)
{
	for (char *p = name; *p != '\0'; p++) {
		if (*p == ' ') {
			*p = '_';
		} else if (strchr("?\\*|\"<>:/", *p) != NULL) {
			*p = '_';
			*changed = true;
		}
	}
}

/* Bytes of the first n characters. */
static size_t prefix_len(const char *s, size_t n)
{
	struct span rest = span_of(s);
	uint32_t cp;
	size_t len;

	while (n-- > 0 && rest.len > 0) {
		len = utf8_next(rest, &cp);
		if (len == 0)
			len = 1;
		rest.p += len;
		rest.len -= len;
	}
	return (size_t)(rest.p - s);
}

static void cut(char *name)
{
	size_t n = utf8_count(span_of(name)), room = FILENAME_CHARACTERS_MAX;
	char *dot = strrchr(name, '.');

	if (n <= room)
		return;
	if (dot != NULL && strlen(dot) <= EXTENSION_MAX) {
		room -= utf8_count(span_of(dot));
		memmove(name + prefix_len(name, room), dot, strlen(dot) + 1);
	} else {
		name[prefix_len(name, room)] = '\0';
	}
}

static bool has_extension(const char *name, const char *ext)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && str_ieq(dot + 1, ext);
}

char *filename_make(const char *given, const char *type, size_t number, bool *changed)
{
	const char *base = base_name(given), *ext = extension(type);
	struct span s = span_trim(span_of(base));
	char *name, *whole;

	*changed = base != given;
	if (s.len == 0 || strspn(base, ". ") == strlen(base)) {
		*changed = given[0] != '\0';
		return mem_sprintf("attachment-%zu.%s", number, ext);
	}
	name = mem_strndup(s.p, s.len);
	replace_forbidden(name, changed);
	/* A message is opened by its extension. */
	if (str_ieq(ext, "eml") && !has_extension(name, ext)) {
		whole = mem_sprintf("%s.eml", name);
		free(name);
		name = whole;
	}
	cut(name);
	return name;
}
