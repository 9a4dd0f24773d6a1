/* SPDX-License-Identifier: MIT */
/* Parses the head of a request in place. */
#include "admin/http_request.h"

#include "core/str.h"

#include <string.h>

#define TOKEN                                                                            \
	"!#$%&'*+-.^_`|~0123456789"                                                      \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

size_t http_request_length(const char *bytes, size_t len)
{
	const char *end = bytes + len, *lf = bytes;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
		lf++;
		if (lf < end && *lf == '\n')
			return (size_t)(lf + 1 - bytes);
		if (end - lf >= 2 && lf[0] == '\r' && lf[1] == '\n')
			return (size_t)(lf + 2 - bytes);
	}
	return 0;
}

/* Ends the line at its CRLF or LF and moves on to the next. NULL: there is none. */
static char *next_line(char **rest)
{
	char *line = *rest, *lf = strchr(line, '\n');

	if (lf == NULL)
		return NULL;
	*rest = lf + 1;
	*lf = '\0';
	if (lf > line && lf[-1] == '\r')
		lf[-1] = '\0';
	return line;
}

/* "/path?query", or "http://authority/path?query" (RFC 9112, 3.2.2). */
static unsigned parse_target(struct http_request *r, char *target)
{
	static const char scheme[] = "http://";

	if (span_istarts(span_of(target), scheme)) {
		char *authority = target + strlen(scheme);
		size_t len = strcspn(authority, "/?");

		/* One byte to the left, to make room for its NUL. */
		memmove(authority - 1, authority, len);
		authority[len - 1] = '\0';
		r->host = authority - 1;
		target = authority + len;
		if (target[0] != '/') {
			r->path = "/";
			return 0;
		}
	}
	target[strcspn(target, "?")] = '\0';
	r->path = target;
	return target[0] == '/' || strcmp(target, "*") == 0 ? 0 : 400;
}

static unsigned parse_request_line(struct http_request *r, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;

	if (version == NULL)
		return 400;
	*target++ = '\0';
	*version++ = '\0';
	r->method = line;
	if (line[0] == '\0' || line[strspn(line, TOKEN)] != '\0')
		return 400;
	if (strncmp(version, "HTTP/", 5) != 0)
		return 400;
	if (strncmp(version, "HTTP/1.", 7) != 0)
		return 505;
	if (!ascii_isdigit(version[7]) || version[8] != '\0')
		return 400;
	r->keep_alive = version[7] != '0';
	return parse_target(r, target);
}

/* Whether a comma-separated list has the word. */
static bool lists(const char *value, const char *word)
{
	while (*value != '\0') {
		size_t len = strcspn(value, ",");

		if (span_ieq_str(span_trim(span_make(value, len)), word))
			return true;
		value += len + (value[len] == ',');
	}
	return false;
}

static unsigned parse_field(struct http_request *r, char *line, const char **host)
{
	char *colon = strchr(line, ':');
	char *value;
	struct span trimmed;

	if (colon == NULL || colon == line ||
		strspn(line, TOKEN) != (size_t)(colon - line))
		return 400;
	*colon = '\0';
	trimmed = span_trim(span_of(colon + 1));
	value = colon + 1 + (trimmed.p - (colon + 1));
	value[trimmed.len] = '\0';
	if (str_ieq(line, "host")) {
		if (*host != NULL)
			return 400;
		*host = value;
	} else if (str_ieq(line, "connection")) {
		r->keep_alive = r->keep_alive && !lists(value, "close");
	} else if (str_ieq(line, "transfer-encoding")) {
		r->has_body = true;
	} else if (str_ieq(line, "content-length")) {
		r->has_body = r->has_body || strcmp(value, "0") != 0;
	}
	return 0;
}

unsigned http_request_parse(struct http_request *r, char *head, size_t len)
{
	const char *host = NULL;
	bool needs_host; /* HTTP/1.1 */
	unsigned status;
	char *line;

	memset(r, 0, sizeof(*r));
	if (len == 0 || head[len - 1] != '\n' || memchr(head, '\0', len) != NULL)
		return 400;
	head[len - 1] = '\0'; /* of the empty line */
	line = next_line(&head);
	status = line != NULL ? parse_request_line(r, line) : 400;
	needs_host = r->keep_alive;
	while (status == 0 && (line = next_line(&head)) != NULL)
		status = parse_field(r, line, &host);
	if (status != 0)
		return status;
	if (host == NULL && needs_host)
		return 400;
	if (r->host == NULL)
		r->host = host;
	return 0;
}
