/* SPDX-License-Identifier: MIT */
/* The control API: routes and answers. doc/sandbox.md describes it. */
#include "sandbox/control.h"

#include "sandbox/api_error.h"
#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX_LEN 12 /* "/sandbox/v1/" */

struct call {
	struct sandbox *sb;             /* borrowed */
	const struct http_request *req; /* borrowed */
	struct http_answer *answer;     /* borrowed */
	struct strings path;            /* segments after the prefix, decoded; owned */
};

struct route {
	const char *method;
	const char *path; /* '*' stands for one segment */
	void (*answer)(struct call *c);
};

static void answer_json(struct call *c, int status, json_t *o)
{
	char *text = json_line(o);

	c->answer->status = status;
	evbuffer_add_printf(c->answer->body, "%s\n", text);
	free(text);
	json_decref(o);
}

static void answer_error(struct call *c, int status, const char *what)
{
	answer_json(c, status, json_pack("{s:o}", "error", json_text(what)));
}

static struct mail *find_mail(struct call *c)
{
	struct mail *m = mailstore_find(&c->sb->store, c->path.items[1]);

	if (m == NULL)
		answer_error(c, 404,
			"there is no such mail: the path is mails/MessageId or "
			"mails/number; "
			"GET /sandbox/v1/mails lists them");
	return m;
}

/* ?to= and ?since= of a list of mails. 0, or -1 and the answer is given. */
static int read_filter(struct call *c, char **to, int64_t *since)
{
	char *text = http_query_get(c->req->head->query, "since");
	int bad = text != NULL && text_number(text, 0, INT64_MAX, since) != 0;

	free(text);
	*to = http_query_get(c->req->head->query, "to");
	if (!bad)
		return 0;
	answer_error(
		c, 400, "since must be the seq of a mail: only later ones are listed");
	return -1;
}

static void get_mails(struct call *c)
{
	json_t *list = json_array();
	char *to = NULL;
	int64_t since = 0;
	const struct mail *m;

	if (read_filter(c, &to, &since) != 0) {
		json_decref(list);
		goto out;
	}
	TAILQ_FOREACH (m, &c->sb->store.mails, link) {
		if (m->seq > (uint64_t)since && (to == NULL || mail_has_recipient(m, to)))
			json_array_append_new(list, mail_summary_json(m));
	}
	answer_json(c, 200, json_pack("{s:o}", "mails", list));
out:
	free(to);
}

static void get_mail(struct call *c)
{
	const struct mail *m = find_mail(c);

	if (m != NULL)
		answer_json(c, 200, mail_json(m));
}

static void get_attachment(struct call *c)
{
	const struct mail *m = find_mail(c);
	const struct mail_attachment *a;
	int64_t n;

	if (m == NULL)
		return;
	if (text_number(c->path.items[3], 0, (int64_t)m->n_attachments - 1, &n) != 0) {
		answer_error(
			c, 404, "there is no such attachment: they are numbered from 0");
		return;
	}
	a = &m->attachments[n];
	/* Never shown by a browser: it came from anybody. */
	c->answer->type = "application/octet-stream";
	c->answer->extra_headers = "Content-Disposition: attachment\r\n"
				   "X-Content-Type-Options: nosniff\r\n";
	evbuffer_add(c->answer->body, a->content.bytes, a->content.len);
}

static void delete_mails(struct call *c)
{
	size_t n = c->sb->store.n;

	mailstore_remove_all(&c->sb->store);
	answer_json(c, 200, json_pack("{s:I}", "deleted", (json_int_t)n));
}

static void delete_mail(struct call *c)
{
	struct mail *m = find_mail(c);

	if (m == NULL)
		return;
	mailstore_remove(&c->sb->store, m);
	answer_json(c, 200, json_pack("{s:i}", "deleted", 1));
}

static void get_requests(struct call *c)
{
	answer_json(c, 200, json_pack("{s:O}", "requests", c->sb->log.entries));
}

static void delete_requests(struct call *c)
{
	size_t n = json_array_size(c->sb->log.entries);

	json_array_clear(c->sb->log.entries);
	answer_json(c, 200, json_pack("{s:I}", "deleted", (json_int_t)n));
}

static void get_counters(struct call *c)
{
	const struct counters *n = &c->sb->counters;

	answer_json(c, 200,
		json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "connections",
			(json_int_t)n->connections, "requests", (json_int_t)n->requests,
			"accepted", (json_int_t)n->accepted, "refused",
			(json_int_t)n->refused, "faults", (json_int_t)n->faults, "mails",
			(json_int_t)c->sb->store.n, "codes", c->sb->by_code));
}

static void get_codes(struct call *c)
{
	json_t *list = json_array();

	for (size_t i = 0; api_code_at(i) != NULL; i++)
		json_array_append_new(list, json_text(api_code_at(i)));
	answer_json(c, 200, json_pack("{s:o}", "codes", list));
}

static void get_faults(struct call *c)
{
	answer_json(c, 200, json_pack("{s:o}", "faults", faults_json(&c->sb->faults)));
}

/* A page of another site can send a form or plain text here, but not this type. */
static bool is_json_type(const struct call *c)
{
	const char *type = http_head_get(c->req->head, "Content-Type");

	return type != NULL && strncasecmp(type, "application/json", 16) == 0;
}

static void post_fault(struct call *c)
{
	json_error_t at;
	json_t *spec, *o;
	char *why = NULL;

	if (!is_json_type(c)) {
		answer_error(c, 400, "send the header Content-Type: application/json");
		return;
	}
	spec = json_loadb(c->req->body, c->req->too_large ? 0 : c->req->body_len,
		JSON_REJECT_DUPLICATES, &at);
	if (spec == NULL) {
		why = mem_printf("the body is no JSON object: line %d, column %d: %s",
			at.line, at.column, at.text);
		answer_error(c, 400, why);
		free(why);
		return;
	}
	o = faults_add(&c->sb->faults, spec, &why);
	if (o != NULL)
		answer_json(c, 201, o);
	else
		answer_error(c, 400, why);
	free(why);
	json_decref(spec);
}

static void delete_faults(struct call *c)
{
	size_t n = c->sb->faults.n;

	faults_clear(&c->sb->faults);
	answer_json(c, 200, json_pack("{s:I}", "deleted", (json_int_t)n));
}

static void delete_fault(struct call *c)
{
	int64_t id;

	if (text_number(c->path.items[1], 1, UINT32_MAX, &id) != 0 ||
		faults_remove(&c->sb->faults, (unsigned)id) != 0)
		answer_error(c, 404,
			"there is no such fault: GET /sandbox/v1/faults lists them");
	else
		answer_json(c, 200, json_pack("{s:i}", "deleted", 1));
}

static const struct route routes[] = {
	{"GET", "mails", get_mails},
	{"DELETE", "mails", delete_mails},
	{"GET", "mails/*", get_mail},
	{"DELETE", "mails/*", delete_mail},
	{"GET", "mails/*/attachments/*", get_attachment},
	{"GET", "requests", get_requests},
	{"DELETE", "requests", delete_requests},
	{"GET", "counters", get_counters},
	{"GET", "codes", get_codes},
	{"GET", "faults", get_faults},
	{"POST", "faults", post_fault},
	{"DELETE", "faults", delete_faults},
	{"DELETE", "faults/*", delete_fault},
};

static bool path_matches(const struct strings *path, const char *pattern)
{
	for (size_t i = 0; i < path->n; i++) {
		size_t len = strcspn(pattern, "/");

		if (len == 0)
			return false;
		if (pattern[0] != '*' &&
			(strlen(path->items[i]) != len ||
				strncmp(path->items[i], pattern, len) != 0))
			return false;
		pattern += len + (pattern[len] == '/');
	}
	return *pattern == '\0';
}

/* -1: the percent-encoding is broken. */
static int split_path(struct call *c)
{
	const char *p = c->req->head->path + PREFIX_LEN;

	while (*p != '\0') {
		size_t len = strcspn(p, "/");
		char *segment = http_percent_decode(p, len);

		if (segment == NULL)
			return -1;
		strings_add(&c->path, segment);
		free(segment);
		p += len + (p[len] == '/');
	}
	return 0;
}

static void dispatch(struct call *c)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(&c->path, routes[i].path))
			continue;
		known = true;
		if (strcmp(routes[i].method, c->req->head->method) == 0) {
			routes[i].answer(c);
			return;
		}
	}
	if (known)
		answer_error(c, 405, "this path does not take that method");
	else
		answer_error(c, 404,
			"below /sandbox/v1/ there are mails, mails/ID, "
			"mails/ID/attachments/N, "
			"requests, counters, codes, faults and faults/ID");
}

void control_answer(
	struct sandbox *sb, const struct http_request *req, struct http_answer *answer)
{
	struct call c = {.sb = sb, .req = req, .answer = answer};

	answer->extra_headers = "Cache-Control: no-store\r\n"
				"X-Content-Type-Options: nosniff\r\n";
	if (split_path(&c) != 0)
		answer_error(&c, 400, "the percent-encoding of the path is broken");
	else
		dispatch(&c);
	strings_free(&c.path);
}
