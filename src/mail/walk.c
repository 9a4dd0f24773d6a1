/* SPDX-License-Identifier: MIT */
/* Reads GMime's tree, without recursion and without changing it. */
#include "config.h"

#include "mail/walk.h"

#include "core/buf.h"
#include "core/mem.h"
#include "mail/field.h"
#include "mail/refusal.h"

#include <gmime/gmime.h>
#include <stdlib.h>

#ifdef SANITIZERS
/* Of LeakSanitizer: what is allocated between them may stay. */
void __lsan_disable(void);
void __lsan_enable(void);
#endif

/* What GMime and GLib need for a few parts, in addition to the bytes. */
#define GMIME_ROOM ((size_t)64 << 10)

/* A multipart whose children are being read. */
struct frame {
	GMimeMultipart *multipart; /* borrowed: the tree holds it */
	int next;
	size_t index; /* in the list */
};

struct walk {
	const struct walk_input *in;
	struct part_list *list;
	struct message_refusal *why;
	struct span fed;    /* the bytes that GMime was given */
	struct buf patched; /* those, if they had to be corrected */
	struct frame *frames;
	size_t depth, cap;
};

void walk_library_init(void)
{
	static const char *const messages[] = {
		"rfc822", "rfc2822", "news", "global", "partial", "external-body", "*"};

#ifdef SANITIZERS
	/* GMime forgets to free what it had registered for a type before. */
	__lsan_disable();
#endif
	g_mime_init();
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		g_mime_object_register_type(
			"message", messages[i], g_mime_part_get_type());
#ifdef SANITIZERS
	__lsan_enable();
#endif
}

void walk_library_shutdown(void)
{
	g_mime_shutdown();
}

char *walk_boundary(const char *content_type)
{
	GMimeContentType *type = g_mime_content_type_parse(NULL, content_type);
	const char *boundary = NULL;
	char *copy = NULL;

	if (type == NULL)
		return NULL;
	if (g_mime_content_type_is_type(type, "multipart", "*"))
		boundary = g_mime_content_type_get_parameter(type, "boundary");
	if (boundary != NULL)
		copy = mem_strdup(boundary);
	g_object_unref(type);
	return copy;
}

/* --- what GMime is given -------------------------------------------------------- */

/*
 * If a header block lacks its blank line, GMime would take the text after it for header and
 * drop it; of two Content-Types GMime would use the second. The guard has found both, and
 * GMime is given a corrected copy.
 */
static int patch(struct walk *w, struct span entity)
{
	const struct guard_report *g = w->in->guard;
	const char *raw = w->in->raw.p;
	size_t from = g->start;

	buf_init(&w->patched, entity.len + 2 * g->n_edits, w->in->budget);
	for (size_t i = 0; i < g->n_edits; i++) {
		const struct guard_edit *e = &g->edits[i];

		if (buf_append(&w->patched, raw + from, e->off - from) < 0 ||
			(e->blank && buf_append(&w->patched, "\r\n", 2) < 0))
			return -1;
		from = e->off + e->cut;
	}
	if (buf_append(&w->patched, raw + from, w->in->raw.len - from) < 0)
		return -1;
	w->fed = span_make(w->patched.data, w->patched.len);
	return 0;
}

/* An offset into what GMime was given, as an offset into the raw message. */
static size_t raw_offset(const struct walk *w, size_t fed)
{
	const struct guard_report *g = w->in->guard;
	size_t off = g->start + fed;

	for (size_t i = 0; i < g->n_edits; i++) {
		const struct guard_edit *e = &g->edits[i];

		if (off < e->off + (e->blank ? 2 : 0))
			break;
		off -= e->blank ? 2 : 0;
		off += e->cut;
	}
	return off;
}

/* --- one part ------------------------------------------------------------------- */

/* The raw value of a field; of several the first. */
static struct span raw_value(GMimeObject *o, const char *name)
{
	GMimeHeaderList *headers = g_mime_object_get_header_list(o);
	int n = g_mime_header_list_get_count(headers);
	const char *value = NULL;
	GMimeHeader *h;

	for (int i = 0; i < n && value == NULL; i++) {
		h = g_mime_header_list_get_header_at(headers, i);
		if (str_ieq(g_mime_header_get_name(h), name))
			value = g_mime_header_get_raw_value(h);
	}
	return span_of(value != NULL ? value : "");
}

/* Printable ASCII only: it is only compared with what HTML names. */
static char *read_content_id(GMimeObject *o)
{
	struct span id = span_trim(raw_value(o, "Content-Id"));
	char *clean = mem_new(1, id.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < id.len; i++)
		if (ascii_isgraph(id.p[i]) && id.p[i] != '<' && id.p[i] != '>')
			clean[n++] = id.p[i];
	return clean;
}

/* The range of the part's content in the raw message. */
static struct span read_body(const struct walk *w, GMimeObject *o)
{
	GMimeDataWrapper *content;
	GMimeStream *stream;
	size_t start, end;
	struct span raw = w->in->raw;

	content = GMIME_IS_PART(o) ? g_mime_part_get_content(GMIME_PART(o)) : NULL;
	stream = content != NULL ? g_mime_data_wrapper_get_stream(content) : NULL;
	if (stream == NULL || stream->bound_end <= stream->bound_start)
		return span_make(raw.p + raw.len, 0);
	start = raw_offset(w, (size_t)stream->bound_start);
	end = raw_offset(w, (size_t)stream->bound_end);
	if (end > raw.len)
		end = raw.len;
	if (start >= end)
		return span_make(raw.p + end, 0);
	/* At a boundary without a line end GMime keeps the CR of its CRLF. */
	if (end < raw.len && raw.p[end] == '\n' && raw.p[end - 1] == '\r')
		end--;
	return span_make(raw.p + start, end - start);
}

static void default_type(const struct walk *w, struct part *p)
{
	const struct part *parent = &w->list->items[p->parent];
	bool digest = parent != p && str_ieq(parent->type.value, "multipart/digest");

	if (p->type.value[0] != '\0' && strchr(p->type.value, '/') != NULL)
		return;
	free(p->type.value);
	/* RFC 2045 §5.2, RFC 2046 §5.1.5 */
	p->type.value = mem_strdup(digest ? "message/rfc822" : "text/plain");
}

static size_t add_part(struct walk *w, GMimeObject *o, size_t parent, size_t ordinal)
{
	struct part_list *l = w->list;
	struct span encoding = span_trim(raw_value(o, "Content-Transfer-Encoding"));
	struct part *p;

	mem_grow(&l->items, &l->cap, l->n + 1, sizeof(*l->items));
	p = &l->items[l->n];
	*p = (struct part){.parent = parent, .ordinal = ordinal};
	content_field_parse(
		&p->type, raw_value(o, "Content-Type"), w->in->charsets, &l->notes);
	content_field_parse(&p->disposition, raw_value(o, "Content-Disposition"),
		w->in->charsets, &l->notes);
	default_type(w, p);
	p->transfer = transfer_parse(encoding);
	p->encoding = mem_strndup(encoding.p, encoding.len);
	p->content_id = read_content_id(o);
	p->multipart = GMIME_IS_MULTIPART(o);
	p->body = p->multipart ? span_make(w->in->raw.p + w->in->raw.len, 0)
	                       : read_body(w, o);
	if (p->multipart)
		p->n_children = (size_t)g_mime_multipart_get_count(GMIME_MULTIPART(o));
	return l->n++;
}

/* --- the tree ------------------------------------------------------------------- */

static void enter(struct walk *w, GMimeObject *o, size_t index)
{
	mem_grow(&w->frames, &w->cap, w->depth + 1, sizeof(*w->frames));
	w->frames[w->depth++] =
		(struct frame){.multipart = GMIME_MULTIPART(o), .index = index};
}

/* Text in place of parts would be lost, so it is refused. */
static int check_multipart(struct walk *w, GMimeObject *o)
{
	const char *text = g_mime_multipart_get_prologue(GMIME_MULTIPART(o));

	if (w->depth >= w->in->limits->nesting)
		return refusal_set(w->why, 554, "5.6.0",
			"Message too complex: more than %u multiparts in each other; "
			"send a simpler message",
			w->in->limits->nesting);
	if (g_mime_multipart_get_count(GMIME_MULTIPART(o)) == 0 && text != NULL &&
		span_trim(span_of(text)).len > 0)
		return refusal_set(w->why, 554, "5.6.0",
			"A multipart inside the message has no part that its boundary "
			"opens; its Content-Type must name the boundary in use");
	return 0;
}

static int walk_tree(struct walk *w, GMimeObject *root)
{
	GMimeObject *o;
	struct frame *f;
	size_t index = add_part(w, root, 0, 0);

	if (GMIME_IS_MULTIPART(root))
		enter(w, root, index);
	while (w->depth > 0) {
		f = &w->frames[w->depth - 1];
		if (f->next == g_mime_multipart_get_count(f->multipart)) {
			w->depth--;
			continue;
		}
		o = g_mime_multipart_get_part(f->multipart, f->next);
		index = add_part(w, o, f->index, (size_t)f->next++);
		if (!GMIME_IS_MULTIPART(o))
			continue;
		if (check_multipart(w, o) < 0)
			return -1;
		enter(w, o, index);
	}
	return 0;
}

/*
 * A multipart in which GMime found no parts (it has no boundary, or its boundary never
 * appears) is read as one text. The guard knows better than GMime where a single part begins
 * and ends.
 */
static void settle_root(struct walk *w)
{
	struct part *root = &w->list->items[0];
	struct span raw = w->in->raw;

	if (root->multipart && root->n_children > 0)
		return;
	if (root->multipart) {
		content_field_clear(&root->type);
		root->type.value = mem_strdup("text/plain");
		root->multipart = false;
	}
	root->body = span_make(raw.p + w->in->guard->body, raw.len - w->in->guard->body);
}

/* GMime copies a run of bytes that belongs to no part; the array may double for it. */
static int parse(struct walk *w)
{
	GByteArray *bytes;
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeObject *root;
	int rc = -1;

	/* The array borrows the bytes: nothing writes to it, and they are stolen back. */
	bytes = g_byte_array_new_take((guint8 *)(uintptr_t)w->fed.p, w->fed.len);
	stream = g_mime_stream_mem_new_with_byte_array(bytes);
	g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
	parser = g_mime_parser_new_with_stream(stream);
	g_mime_parser_set_persist_stream(parser, TRUE);
	g_mime_parser_set_format(parser, GMIME_FORMAT_MESSAGE);
	root = g_mime_parser_construct_part(parser, NULL);
	if (root != NULL) {
		rc = walk_tree(w, root);
		g_object_unref(root);
	} else {
		(void)refusal_set(w->why, 554, "5.6.0",
			"Message has no header that can be read; its first line must be "
			"a field like \"From: a@example.com\"");
	}
	g_object_unref(parser);
	g_object_unref(stream);
	(void)g_byte_array_steal(bytes, NULL);
	g_byte_array_unref(bytes);
	return rc;
}

int walk_parts(
	struct part_list *list, const struct walk_input *in, struct message_refusal *why)
{
	struct walk w = {.in = in, .list = list, .why = why};
	struct span entity =
		span_make(in->raw.p + in->guard->start, in->raw.len - in->guard->start);
	/* GLib aborts if memory is exhausted, so it is reserved before GMime starts. */
	size_t room = entity.len + GMIME_ROOM;
	int rc = -1;

	*list = (struct part_list){0};
	buf_init(&w.patched, 0, NULL);
	w.fed = entity;
	if (entity.len >= G_MAXINT32)
		return refusal_set(why, 554, "5.3.4", "Message too big to be read");
	if (!budget_take(in->budget, room))
		return refusal_no_memory(why);
	if (in->guard->n_edits > 0 && patch(&w, entity) < 0)
		(void)refusal_no_memory(why);
	else
		rc = parse(&w);
	budget_give(in->budget, room);
	if (rc == 0)
		settle_root(&w);
	free(w.frames);
	buf_free(&w.patched);
	return rc;
}

void walk_parts_clear(struct part_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct part *p = &list->items[i];

		content_field_clear(&p->type);
		content_field_clear(&p->disposition);
		free(p->encoding);
		free(p->content_id);
	}
	free(list->items);
	*list = (struct part_list){0};
}
