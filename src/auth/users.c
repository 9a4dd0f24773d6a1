/* SPDX-License-Identifier: MIT */
/* The users file. */
#include "auth/users.h"

#include "auth/password.h"
#include "core/digest.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

/* The cost is that of `sesrelay hash-password`; its password is unknown. */
#define DUMMY_HASH                                                                       \
	"$y$j9T$FoHcyen8xPFW.q79uvkZh1$lu2gK1q5PEmhBTSOrVkHJEv/DTO47ambXa5vN6aWxeC"

struct users {
	unsigned refs;
	struct user *list; /* by name */
	size_t n, cap;
};

/* One line being read. */
struct reading {
	const char *file;
	unsigned line;
	struct err *err;
};

#define FAIL(r, ...) fail_at((r), mem_sprintf(__VA_ARGS__))

static int fail_at(const struct reading *r, char *why)
{
	(void)err_set(r->err, "%s:%u: %s", r->file, r->line, why);
	free(why);
	return -1;
}

/* --- one line ------------------------------------------------------------------------------- */

/* The text up to the next mark, which is taken too. */
static struct span next_field(struct span *rest, char mark)
{
	const char *end = memchr(rest->p, mark, rest->len);
	size_t len = end != NULL ? (size_t)(end - rest->p) : rest->len;
	struct span field = span_make(rest->p, len);

	*rest = span_make(rest->p + len + (end != NULL), rest->len - len - (end != NULL));
	return field;
}

static bool is_printable(struct span s)
{
	return s.len > 0 && !span_has_control(s) && memchr(s.p, ' ', s.len) == NULL &&
	       utf8_valid(s);
}

static int parse_name(const struct reading *r, struct span name, struct user *u)
{
	if (!is_printable(name) || name.len >= USERS_NAME_MAX)
		return FAIL(r,
			"the name is no printable text of 1 to %d bytes without blanks",
			USERS_NAME_MAX - 1);
	u->name = mem_strndup(name.p, name.len);
	return 0;
}

/* "*" is no hash: such a user can log in with a certificate only. */
static int parse_hash(const struct reading *r, struct span hash, struct user *u)
{
	struct err why;

	if (memchr(hash.p, '\0', hash.len) != NULL)
		return FAIL(r, "the second field has a NUL");
	u->hash = mem_strndup(hash.p, hash.len);
	if (strcmp(u->hash, "*") != 0 && password_check_hash(u->hash, &why) < 0)
		return FAIL(r, "%s", why.text);
	return 0;
}

static int parse_sender(const struct reading *r, struct span pattern, struct user *u)
{
	struct conf_list *l = &u->senders;
	const char *any = pattern.len > 0 && pattern.p[0] == '@' ? "*" : "";

	if (!is_printable(pattern) ||
		(memchr(pattern.p, '@', pattern.len) == NULL &&
			memchr(pattern.p, '*', pattern.len) == NULL))
		return FAIL(r,
			"senders: item %zu is no address, @domain or glob; write like "
			"senders=app@example.com,@example.org",
			l->n + 1);
	l->items[l->n++] = mem_sprintf("%s%.*s", any, (int)pattern.len, pattern.p);
	return 0;
}

static int parse_senders(const struct reading *r, struct span value, struct user *u)
{
	size_t n = 1;

	for (size_t i = 0; i < value.len; i++)
		n += value.p[i] == ',';
	u->senders.items = mem_new(n, sizeof(*u->senders.items));
	for (size_t i = 0; i < n; i++)
		if (parse_sender(r, next_field(&value, ','), u) < 0)
			return -1;
	return 0;
}

static int parse_route(const struct reading *r, struct span value, struct user *u)
{
	if (!is_printable(value))
		return FAIL(r, "route= is not followed by the name of a route");
	u->route = mem_strndup(value.p, value.len);
	return 0;
}

static int parse_fingerprint(const struct reading *r, struct span value, struct user *u)
{
	size_t digits = 0;

	while (digits < value.len && ascii_hex(value.p[digits]) >= 0)
		digits++;
	if (digits != 64 || value.len != 64)
		return FAIL(r,
			"cert_sha256= is not followed by 64 hexadecimal digits; they are "
			"in the log line \"tls\"");
	u->cert_sha256 = str_lower(mem_strndup(value.p, value.len));
	return 0;
}

static int parse_subject(const struct reading *r, struct span value, struct user *u)
{
	if (value.len == 0 || memchr(value.p, '\0', value.len) != NULL)
		return FAIL(r, "cert_subject= is followed by nothing");
	u->cert_subject = mem_strndup(value.p, value.len);
	return 0;
}

static const struct attribute {
	const char *name;
	int (*parse)(const struct reading *r, struct span value, struct user *u);
} attributes[] = {
	{"senders=", parse_senders},
	{"route=", parse_route},
	{"cert_sha256=", parse_fingerprint},
	{"cert_subject=", parse_subject},
};

static int parse_attribute(
	const struct reading *r, struct span field, unsigned *seen, struct user *u)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		size_t len = strlen(attributes[i].name);

		if (!span_istarts(field, attributes[i].name))
			continue;
		if ((*seen & (1u << i)) != 0)
			return FAIL(r, "%s is there twice", attributes[i].name);
		*seen |= 1u << i;
		return attributes[i].parse(
			r, span_make(field.p + len, field.len - len), u);
	}
	return FAIL(r, "a field after the hash is none of senders=, route=, cert_sha256= "
		       "and cert_subject=");
}

static int parse_user(const struct reading *r, struct span line, struct user *u)
{
	struct span rest = line;
	unsigned seen = 0;

	u->line = r->line;
	if (parse_name(r, next_field(&rest, ':'), u) < 0)
		return -1;
	if (rest.len == 0)
		return FAIL(r, "no hash; a line is name:hash[:senders=...]");
	if (parse_hash(r, next_field(&rest, ':'), u) < 0)
		return -1;
	while (rest.len > 0)
		if (parse_attribute(r, next_field(&rest, ':'), &seen, u) < 0)
			return -1;
	return 0;
}

/* --- all lines ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static int parse_line(struct users *users, const struct reading *r, struct span line)
{
	if (line.len == 0 || line.p[0] == '#')
		return 0;
	if (line.len > USERS_LINE_MAX)
		return FAIL(r, "longer than %d bytes", USERS_LINE_MAX);
	if (users->n == USERS_MAX)
		return FAIL(r, "more than %d users", USERS_MAX);
	mem_grow(&users->list, &users->cap, users->n + 1, sizeof(*users->list));
	users->list[users->n] = (struct user){0};
	return parse_user(r, line, &users->list[users->n++]);
}

static int check_twice(struct users *users, struct reading *r)
{
	if (users->n > 0)
		qsort(users->list, users->n, sizeof(*users->list), by_name);
	for (size_t i = 1; i < users->n; i++) {
		const struct user *a = &users->list[i - 1], *b = &users->list[i];

		if (strcmp(a->name, b->name) != 0)
			continue;
		r->line = a->line > b->line ? a->line : b->line;
		return FAIL(r, "user \"%s\" is there already, in line %u", a->name,
			a->line < b->line ? a->line : b->line);
	}
	return 0;
}

/* If there are both, only the fingerprint counts. */
static bool names_same_certificate(const struct user *a, const struct user *b)
{
	if (a->cert_sha256 != NULL)
		return b->cert_sha256 != NULL &&
		       strcmp(a->cert_sha256, b->cert_sha256) == 0;
	return b->cert_sha256 == NULL && b->cert_subject != NULL &&
	       strcmp(a->cert_subject, b->cert_subject) == 0;
}

/* Otherwise the order of names would decide which user logs in. */
static int check_certificates(const struct users *users, struct reading *r)
{
	for (size_t i = 0; i < users->n; i++) {
		const struct user *a = &users->list[i], *b;

		if (a->cert_sha256 == NULL && a->cert_subject == NULL)
			continue;
		for (size_t k = 0; k < i; k++) {
			b = &users->list[k];
			if (!names_same_certificate(a, b))
				continue;
			r->line = a->line > b->line ? a->line : b->line;
			return FAIL(r, "the certificate is that of user \"%s\" as well",
				a->line > b->line ? b->name : a->name);
		}
	}
	return 0;
}

static uint64_t lot_of(const char *text)
{
	uint8_t digest[DIGEST_LEN];
	uint64_t lot;

	digest_sha256(text, strlen(text), digest);
	memcpy(&lot, digest, sizeof(lot));
	return lot;
}

static void draw_lots(struct users *users)
{
	for (size_t i = 0; i < users->n; i++) {
		struct user *u = &users->list[i];
		char *both = mem_sprintf("%s:%s", u->name, u->hash);

		u->lot = lot_of(both);
		secret_wipe(both, strlen(both));
		free(both);
	}
}

int users_parse(struct span text, const char *name, struct users **out, struct err *err)
{
	struct users *users = mem_new(1, sizeof(*users));
	struct reading r = {.file = name, .err = err};

	users->refs = 1;
	while (text.len > 0) {
		struct span line = span_trim(next_field(&text, '\n'));

		r.line++;
		if (parse_line(users, &r, line) < 0)
			goto fail;
	}
	if (check_twice(users, &r) < 0 || check_certificates(users, &r) < 0)
		goto fail;
	draw_lots(users);
	*out = users;
	return 0;
fail:
	users_unref(&users);
	return -1;
}

static void user_clear(struct user *u)
{
	if (u->hash != NULL)
		secret_wipe(u->hash, strlen(u->hash));
	for (size_t i = 0; i < u->senders.n; i++)
		free(u->senders.items[i]);
	free(u->senders.items);
	free(u->hash);
	free(u->name);
	free(u->route);
	free(u->cert_sha256);
	free(u->cert_subject);
}

struct users *users_ref(struct users *users)
{
	users->refs++;
	return users;
}

void users_unref(struct users **usersp)
{
	struct users *users = *usersp;

	*usersp = NULL;
	if (users == NULL || --users->refs > 0)
		return;
	for (size_t i = 0; i < users->n; i++)
		user_clear(&users->list[i]);
	free(users->list);
	free(users);
}

const struct user *users_find(const struct users *users, const char *name)
{
	const struct user key = {.name = (char *)name};

	if (users->n == 0)
		return NULL;
	return bsearch(&key, users->list, users->n, sizeof(*users->list), by_name);
}

static bool has_certificate(const struct user *u, const char *sha256, const char *subject)
{
	if (u->cert_sha256 != NULL)
		return strcmp(u->cert_sha256, sha256) == 0;
	return u->cert_subject != NULL && strcmp(u->cert_subject, subject) == 0;
}

const struct user *users_find_certificate(
	const struct users *users, const char *sha256, const char *subject)
{
	for (size_t i = 0; sha256[0] != '\0' && i < users->n; i++)
		if (has_certificate(&users->list[i], sha256, subject))
			return &users->list[i];
	return NULL;
}

int users_check_routes(const struct users *users, const char *name,
	bool (*exists)(const void *arg, const char *route), const void *arg,
	struct err *err)
{
	for (size_t i = 0; i < users->n; i++) {
		const struct user *u = &users->list[i];

		if (u->route != NULL && !exists(arg, u->route))
			return err_set(err,
				"%s:%u: the route \"%s\" is not there; write the name "
				"of a route section",
				name, u->line, u->route);
	}
	return 0;
}

/* Rendezvous hashing: a user that is added or removed changes the pick of few names. It must
 * be quick: there may be ten thousand users, and this runs in the loop. */
static const char *pick_hash(const struct users *users, const char *name)
{
	const char *hash = DUMMY_HASH;
	uint64_t lot = lot_of(name), most = 0;

	for (size_t i = 0; i < users->n; i++) {
		const struct user *u = &users->list[i];
		uint64_t score = hash_mix(u->lot ^ lot);

		if (u->hash[0] != '$' || score < most)
			continue;
		most = score;
		hash = u->hash;
	}
	return hash;
}

/* A hash is picked for names that exist as well, so that both take the same time. */
const char *users_hash(const struct users *users, const char *name)
{
	const char *picked = pick_hash(users, name);
	const struct user *u = users_find(users, name);

	return u != NULL && u->hash[0] == '$' ? u->hash : picked;
}
