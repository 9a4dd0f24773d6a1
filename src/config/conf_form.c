/* SPDX-License-Identifier: MIT */
/* The form of one value. Reasons read: what is wrong; what would be right. */
#include "config/conf_piece.h"
#include "config/conf_private.h"

#include <iconv.h>
#include <sys/un.h>

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define ALNUM   LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME    ALNUM "._-"
#define ID_MAX  127  /* what the channel to a worker carries */
#define KEY_MAX 128  /* twice what the longest known SecretKey has */
#define TOK_MAX 2047 /* what the channel to a worker carries */

/* Whether text is 1 to max of the given characters. */
static bool made_of(const char *text, const char *set, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strspn(text, set) == len;
}

static bool span_made_of(struct span s, const char *set, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\0' || strchr(set, s.p[i]) == NULL)
			return false;
	return s.len > 0 && s.len <= max;
}

static bool is_address_literal(const char *text)
{
	char unused[NET_TEXT_LEN];

	return ip_normalize(text, unused);
}

/* For a value that is written like others: *why shows it if it is not good. */
static int form(bool good, const char *text, const char *what, struct err *why)
{
	return good ? 0 : err_set(why, "\"%s\" %s", text, what);
}

/* --- names ------------------------------------------------------------------------ */

int conf_form_title(const char *text, struct err *why)
{
	return form(made_of(text, NAME, 63), text,
		"is not a name; write 1 to 63 of A-Z a-z 0-9 . _ -", why);
}

int conf_form_hostname(const char *text, struct err *why)
{
	return form(made_of(text, NAME, 255) && text[0] != '.' && text[0] != '-', text,
		"is not a host name; write one like mail.example.com", why);
}

int conf_form_host(const char *text, struct err *why)
{
	return form(made_of(text, NAME "*?", 253) || is_address_literal(text), text,
		"is not a host; write a name like gateway.example.com, a glob like "
		"*.example.com, or an address; without a port",
		why);
}

int conf_form_region(const char *text, struct err *why)
{
	return form(made_of(text, LOWER "0123456789-", 63), text,
		"is not a region; write one like ap-guangzhou", why);
}

int conf_form_reply_code(const char *text, struct err *why)
{
	size_t len = strspn(text, NAME);

	return form(len > 0 && len <= 127 && text[0] != '.' &&
			    (text[len] == '\0' || strcmp(text + len - 1, ".*") == 0),
		text,
		"is not an error code; write one like FailedOperation.FrequencyLimit or "
		"FailedOperation.*",
		why);
}

int conf_form_user(const char *text, struct err *why)
{
	return form(made_of(text, NAME "$", 32) && text[0] != '-', text,
		"is not a user name; write one like nobody", why);
}

int conf_form_charset(const char *text, struct err *why)
{
	iconv_t cd;

	if (!made_of(text, NAME ":+()", 63))
		return form(false, text, "is not a charset; write one like GB18030", why);
	cd = iconv_open("UTF-8", text);
	if (cd == (iconv_t)-1)
		return err_set(why,
			"iconv does not know the charset \"%s\"; iconv -l lists those it "
			"knows",
			text);
	iconv_close(cd);
	return 0;
}

int conf_form_field(const char *text, struct err *why)
{
	return form(made_of(text, ALNUM "-_*?", 127), text,
		"is not a header field; write a name, or a glob like List-*", why);
}

int conf_form_file(const char *text, struct err *why)
{
	return form(text[0] == '/', text, "is not a full path; begin it with /", why);
}

int conf_form_path(const char *text, struct err *why)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (strlen(text) <= max)
		return conf_form_file(text, why);
	return err_set(why, "\"%s\" is too long for a socket; write at most %zu bytes",
		text, max);
}

int conf_form_mode(const char *text, struct err *why)
{
	size_t len = strlen(text);

	return form(made_of(text, "01234567", 4) &&
			    (len == 3 || (len == 4 && text[0] == '0')),
		text, "is not a mode; write it in octal, like 0660", why);
}

/* USER, USER:GROUP or :GROUP */
int conf_form_owner(const char *text, struct err *why)
{
	size_t user = strcspn(text, ":");

	return form(
		(user == 0 || span_made_of(span_make(text, user), NAME "$", 32)) &&
			(text[user] == '\0' || made_of(text + user + 1, NAME "$", 32)) &&
			text[0] != '-',
		text, "is not an owner; write one like postfix:postdrop", why);
}

/* --- addresses -------------------------------------------------------------------- */

int conf_form_address(const char *text, struct err *why)
{
	return form(is_address_literal(text), text,
		"is not an IP address; write one like 127.0.0.1, 0.0.0.0 or ::", why);
}

/* The host of HOST, HOST:PORT, [V6] or [V6]:PORT. */
static bool parse_authority(const char *text, char host[256])
{
	bool v6 = text[0] == '[';
	const char *end = v6 ? strchr(++text, ']') : text + strcspn(text, ":");
	uint64_t port;

	if (end == NULL || !span_copy(host, 256, span_make(text, (size_t)(end - text))))
		return false;
	end += v6 ? 1 : 0;
	if (end[0] != '\0' && (end[0] != ':' ||
				      conf_value_parse_number(CONF_TYPE_UNSIGNED, end + 1,
					      &port, NULL) < 0 ||
				      port < 1 || port > 65535))
		return false;
	return v6 ? is_address_literal(host) : made_of(host, ALNUM ".-", 253);
}

int conf_form_endpoint(const char *text, struct err *why)
{
	static const char advice[] = "write https://HOST or https://HOST:PORT";
	bool plain = span_istarts(span_of(text), "http://");
	char host[256];

	if (!plain && !span_istarts(span_of(text), "https://"))
		return err_set(why, "\"%s\" is not an endpoint; %s", text, advice);
	if (!parse_authority(text + (plain ? 7 : 8), host))
		return err_set(why, "\"%s\" has more than a host; %s", text, advice);
	/* Nothing else stays on this machine whatever resolvers say. */
	return form(!plain || str_ieq(host, "localhost") || ip_text_is_loopback(host),
		text,
		"would send mail in clear text; write https:// (http:// is for a "
		"loopback address only)",
		why);
}

int conf_form_proxy(const char *text, struct err *why)
{
	static const char *const schemes[] = {
		"http://", "https://", "socks5://", "socks5h://"};
	char host[256];

	if (strchr(text, '@') != NULL)
		return err_set(why, "a proxy with a password is not supported; write "
				    "http://HOST:PORT");
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (span_istarts(span_of(text), schemes[i]) &&
			parse_authority(text + strlen(schemes[i]), host))
			return 0;
	return form(false, text,
		"is not a proxy; write http://HOST:PORT, or https://, socks5:// or "
		"socks5h://",
		why);
}

/* --- credentials: their reasons never hold the value ------------------------------ */

static bool has_outer_space(const char *text)
{
	return span_trim(span_of(text)).len != strlen(text);
}

int conf_form_secret_id(const char *text, struct err *why)
{
	if (has_outer_space(text))
		return err_set(why, "white space around it; remove it");
	if (made_of(text, ALNUM "-_", ID_MAX))
		return 0;
	return err_set(why, "not a SecretId; write up to %d of A-Z a-z 0-9 - _", ID_MAX);
}

int conf_form_secret_key(const char *text, struct err *why)
{
	if (has_outer_space(text))
		return err_set(why, "white space around it; remove it");
	if (strlen(text) <= KEY_MAX && span_is_all(span_of(text), ascii_isprint))
		return 0;
	return err_set(
		why, "not a SecretKey; write up to %d printable ASCII bytes", KEY_MAX);
}

int conf_form_token(const char *text, struct err *why)
{
	if (strlen(text) <= TOK_MAX && span_is_all(span_of(text), ascii_isgraph))
		return 0;
	return err_set(why,
		"not a token; write up to %d printable ASCII bytes without "
		"spaces",
		TOK_MAX);
}

/* --- mail ------------------------------------------------------------------------- */

/* Steps over 1 to 3 digits. */
static bool skip_digits(const char **p)
{
	size_t n = strspn(*p, "0123456789");

	*p += n;
	return n >= 1 && n <= 3;
}

int conf_form_enhanced(const char *text, struct err *why)
{
	const char *p = text + 2;
	bool good = (text[0] == '4' || text[0] == '5') && text[1] == '.' &&
	            skip_digits(&p) && *p++ == '.' && skip_digits(&p) && *p == '\0';

	return form(good, text,
		"is not an enhanced status code (RFC 3463); write one like 4.3.0 or "
		"5.7.1",
		why);
}

/* Enough to notice a slip of the pen; the API checks the rest. */
static bool is_address(struct span s)
{
	const char *at = memchr(s.p, '@', s.len);
	struct span domain;

	if (at == NULL || at == s.p || s.len > 320)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (strchr(" \t<>,;:\"", s.p[i]) != NULL)
			return false;
	domain = span_make(at + 1, (size_t)(s.p + s.len - at - 1));
	return domain.len > 0 && memchr(domain.p, '@', domain.len) == NULL;
}

/* "Alias <a@b>" as FromEmailAddress of the API wants it: one space, no ':' before. */
static bool is_alias_and_address(const char *text)
{
	const char *open = strrchr(text, '<');
	size_t len = strlen(text), alias;

	if (open == NULL || open - text < 2 || open[-1] != ' ' || text[len - 1] != '>')
		return false;
	alias = (size_t)(open - text) - 1;
	if (text[0] == ' ' || text[alias - 1] == ' ' || strcspn(text, ":<>\"") < alias)
		return false;
	return is_address(span_make(open + 1, len - (size_t)(open - text) - 2));
}

/* Checks every %{...}; plain gets the text with an x for each, cut at cap. */
static int fill_in(const char *text, char *plain, size_t cap, struct err *why)
{
	struct conf_piece piece;

	plain[0] = '\0';
	while ((piece = conf_piece_next(&text, why)).type != CONF_PIECE_END) {
		if (piece.type == CONF_PIECE_BAD)
			return -1;
		span_copy(plain, cap,
			piece.type == CONF_PIECE_TEXT ? piece.text : span_of("x"));
		cap -= strlen(plain);
		plain += strlen(plain);
	}
	return 0;
}

int conf_form_rewrite_from(const char *text, struct err *why)
{
	char plain[1024];

	if (fill_in(text, plain, sizeof(plain), why) < 0)
		return -1;
	if (is_address(span_of(plain)) || is_alias_and_address(plain))
		return 0;
	return err_set(why,
		"\"%s\" is not a sender; write a@example.com or Alias <a@example.com> "
		"(one space, no : in the alias)",
		text);
}

int conf_form_variable(const char *text, struct err *why)
{
	const char *eq = strchr(text, '=');
	char unused[1024];

	if (eq == NULL || !span_made_of(span_make(text, (size_t)(eq - text)), NAME, 64))
		return err_set(why,
			"\"%s\" is not a variable; write 'name=text', like "
			"'title=%%{subject}'",
			text);
	return fill_in(eq + 1, unused, sizeof(unused), why);
}
