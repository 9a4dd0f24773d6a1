/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1.1 request (RFC 9112). */
#include "sandbox/http_head.h"

#include "sandbox/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_LEN_MAX ((int64_t)1 << 40)

static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (!is_token_char((unsigned char)*s))
			return false;
	}
	return true;
}

/* Cuts the next line off *p and ends it; NULL at the end. Bare LF is taken as a line end. */
static char *next_line(char **p)
{
	char *line = *p, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end == NULL)
		return NULL;
	*p = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	len = strlen(s);
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		s[--len] = '\0';
	return s;
}

/* method SP request-target SP HTTP-version */
static int parse_request_line(struct http_head *h, char *line)
{
	char *target = strchr(line, ' '), *version, *query;

	if (target == NULL)
		return 400;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL)
		return 400;
	*version++ = '\0';
	if (!is_token(line) || target[0] != '/')
		return 400;
	if (strncmp(version, "HTTP/1.", 7) != 0 ||
		(version[7] != '0' && version[7] != '1') || version[8] != '\0')
		return 505;
	h->method = line;
	h->path = target;
	h->query = "";
	h->minor = version[7] - '0';
	query = strchr(target, '?');
	if (query != NULL) {
		*query = '\0';
		h->query = query + 1;
	}
	return 0;
}

static int parse_field(struct http_head *h, char *line)
{
	char *colon = strchr(line, ':');

	if (h->n_headers == HTTP_HEADERS_MAX)
		return 431;
	if (colon == NULL)
		return 400;
	*colon = '\0';
	if (!is_token(line) || strchr(colon + 1, '\r') != NULL)
		return 400;
	h->headers[h->n_headers].name = line;
	h->headers[h->n_headers].value = trim(colon + 1);
	h->n_headers++;
	return 0;
}

/* Body length (RFC 9112 section 6.3) and what the connection does afterwards. */
static int read_framing(struct http_head *h)
{
	const char *len = http_head_get(h, "Content-Length");
	const char *conn = http_head_get(h, "Connection");
	const char *expect = http_head_get(h, "Expect");
	int64_t n = 0;

	if (http_head_get(h, "Transfer-Encoding") != NULL)
		return 411;
	if (http_head_count(h, "Content-Length") > 1)
		return 400;
	if (len != NULL && text_number(len, 0, BODY_LEN_MAX, &n) != 0)
		return 400;
	h->body_len = (size_t)n;
	h->keep_alive = h->minor == 1;
	if (conn != NULL && strcasecmp(conn, "close") == 0)
		h->keep_alive = false;
	if (conn != NULL && strcasecmp(conn, "keep-alive") == 0)
		h->keep_alive = true;
	h->expects_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
	return 0;
}

int http_head_parse(struct http_head *h, const char *bytes, size_t len)
{
	char *rest, *line;
	int status;

	*h = (struct http_head){0};
	if (memchr(bytes, '\0', len) != NULL)
		return 400;
	h->text = mem_strndup(bytes, len);
	rest = h->text;
	line = next_line(&rest);
	status = line == NULL ? 400 : parse_request_line(h, line);
	if (status != 0)
		return status;
	while ((line = next_line(&rest)) != NULL && *line != '\0') {
		status = parse_field(h, line);
		if (status != 0)
			return status;
	}
	return line == NULL ? 400 : read_framing(h);
}

void http_head_clear(struct http_head *h)
{
	free(h->text);
	*h = (struct http_head){0};
}

const char *http_head_get(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (strcasecmp(h->headers[i].name, name) == 0)
			return h->headers[i].value;
	}
	return NULL;
}

size_t http_head_count(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++) {
		if (strcasecmp(h->headers[i].name, name) == 0)
			n++;
	}
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *http_percent_decode(const char *s, size_t len)
{
	char *out = mem_alloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int hi, lo;

		if (s[i] != '%') {
			out[n++] = s[i]; /* '+' too: it stands in addresses */
			continue;
		}
		hi = i + 2 < len ? hex_value(s[i + 1]) : -1;
		lo = hi >= 0 ? hex_value(s[i + 2]) : -1;
		if (lo < 0 || hi * 16 + lo == 0) {
			free(out);
			return NULL;
		}
		out[n++] = (char)(hi * 16 + lo);
		i += 2;
	}
	out[n] = '\0';
	return out;
}

char *http_query_get(const char *query, const char *name)
{
	size_t name_len = strlen(name);

	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (len > name_len && strncmp(query, name, name_len) == 0 &&
			query[name_len] == '=')
			return http_percent_decode(
				query + name_len + 1, len - name_len - 1);
		query += len + (query[len] == '&');
	}
	return NULL;
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{200, "OK"},
		{201, "Created"},
		{400, "Bad Request"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "Status";
}
