/* SPDX-License-Identifier: MIT */
/* Which recipients share a batch, and in which of its lists each is. */
#include "delivery/batch.h"

#include "core/mem.h"
#include "core/str.h"

#include <stdlib.h>
#include <string.h>

/* How a recipient is shown. */
enum place { PLACE_TO, PLACE_CC, PLACE_BLIND };

/* The addresses that the header shows, sorted, so that a long header and many recipients
 * do not multiply. */
struct shown {
	const char *address; /* borrowed from the message */
	enum place place;
};

struct shown_list {
	struct shown *items;
	size_t n;
};

/* ASCII case left out of account; the domain has no case, and of a local part only its
 * mail host knows. */
static int compare_icase(const char *a, const char *b)
{
	while (*a != '\0' && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)ascii_lower(*a) - (unsigned char)ascii_lower(*b);
}

static int compare_shown(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	int rc = compare_icase(x->address, y->address);

	if (rc == 0)
		rc = strcmp(x->address, y->address);
	if (rc == 0)
		rc = (int)x->place - (int)y->place;
	return rc;
}

static size_t take_list(
	struct shown *out, const struct mailbox_list *list, enum place place)
{
	for (size_t i = 0; i < list->n; i++)
		out[i] = (struct shown){list->items[i].address, place};
	return list->n;
}

/* The same address again is left out; To sorts first, so an address in both is in To. */
static void drop_doubles(struct shown_list *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (kept == 0 ||
			strcmp(s->items[kept - 1].address, s->items[i].address) != 0)
			s->items[kept++] = s->items[i];
	s->n = kept;
}

static void shown_make(struct shown_list *s, const struct message *m)
{
	s->items = mem_new(m->to.n + m->cc.n + 1, sizeof(*s->items));
	s->n = take_list(s->items, &m->to, PLACE_TO);
	s->n += take_list(s->items + s->n, &m->cc, PLACE_CC);
	qsort(s->items, s->n, sizeof(*s->items), compare_shown);
	drop_doubles(s);
}

static size_t first_not_before(const struct shown_list *s, const char *address)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_icase(s->items[mid].address, address) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The local parts are the same byte for byte (the domains are known to be). */
static bool same_local_part(const char *a, const char *b)
{
	const char *at = strrchr(a, '@');
	size_t len = at != NULL ? (size_t)(at - a) : strlen(a);

	return strncmp(a, b, len) == 0;
}

/* An exact match in To, then in Cc; then one that differs only in the local part's case:
 * the header then shows a spelling of the same mailbox as far as anybody can see. */
static enum place place_of(const struct shown_list *s, const char *address)
{
	enum place exact = PLACE_BLIND, like = PLACE_BLIND;

	for (size_t i = first_not_before(s, address);
		i < s->n && compare_icase(s->items[i].address, address) == 0; i++) {
		const struct shown *item = &s->items[i];

		if (item->place < like)
			like = item->place;
		if (item->place < exact && same_local_part(item->address, address))
			exact = item->place;
	}
	return exact != PLACE_BLIND ? exact : like;
}

/* One route's recipients by place. */
struct group {
	const struct conf_route *route;
	const char **list[3];
	size_t n[3];
	size_t done[3]; /* how many of each are in batches */
};

static void group_init(struct group *g, const struct conf_route *route, size_t n)
{
	*g = (struct group){.route = route};
	for (size_t i = 0; i < 3; i++)
		g->list[i] = mem_new(n, sizeof(*g->list[i]));
}

static void group_clear(struct group *g)
{
	for (size_t i = 0; i < 3; i++)
		free(g->list[i]);
}

static struct batch *add_batch(struct batches *batches, const struct conf_route *route)
{
	struct batch *b;

	mem_grow(&batches->items, &batches->cap, batches->n + 1, sizeof(*batches->items));
	b = &batches->items[batches->n++];
	*b = (struct batch){.route = route};
	return b;
}

/* Moves up to max recipients of a place into a batch's list, which is empty. */
static void move(
	struct group *g, enum place place, size_t max, const char ***list, size_t *n)
{
	size_t left = g->n[place] - g->done[place];
	size_t take = left < max ? left : max;

	if (take == 0)
		return;
	*list = mem_new(take, sizeof(**list));
	memcpy(*list, g->list[place] + g->done[place], take * sizeof(**list));
	*n = take;
	g->done[place] += take;
}

static bool is_left(const struct group *g, enum place place)
{
	return g->done[place] < g->n[place];
}

/* Each alone, as Destination: it sees itself and nobody else. */
static void add_alone(struct batches *batches, struct group *g, enum place place)
{
	while (is_left(g, place)) {
		struct batch *b = add_batch(batches, g->route);

		move(g, place, 1, &b->to, &b->n_to);
	}
}

/*
 * Those that the header shows go together, and blind ones ride along. A batch that has no
 * To left shows its Cc recipients in Destination: older versions of the API refuse a call
 * without one, and the visibility of recipients stays the same.
 */
static void add_together(struct batches *batches, struct group *g)
{
	while (is_left(g, PLACE_TO) || is_left(g, PLACE_CC)) {
		struct batch *b = add_batch(batches, g->route);

		move(g, PLACE_TO, SES_TO_MAX, &b->to, &b->n_to);
		if (b->n_to == 0)
			move(g, PLACE_CC, SES_TO_MAX, &b->to, &b->n_to);
		else
			move(g, PLACE_CC, SES_CC_MAX, &b->cc, &b->n_cc);
		move(g, PLACE_BLIND, SES_BCC_MAX, &b->bcc, &b->n_bcc);
	}
}

static void add_group(struct batches *batches, struct group *g)
{
	if (g->route->recipients == CONF_RECIPIENTS_SEPARATE) {
		add_alone(batches, g, PLACE_TO);
		add_alone(batches, g, PLACE_CC);
	} else {
		add_together(batches, g);
	}
	add_alone(batches, g, PLACE_BLIND);
}

/* Whether an earlier recipient has this one's route: the group is made then. */
static bool seen_before(const struct routed_recipient *recipients, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (recipients[j].route == recipients[i].route)
			return true;
	return false;
}

void batch_make(struct batches *batches, const struct routed_recipient *recipients,
	size_t n, const struct message *m)
{
	struct shown_list shown;

	*batches = (struct batches){0};
	shown_make(&shown, m);
	for (size_t i = 0; i < n; i++) {
		struct group g;

		if (seen_before(recipients, i))
			continue;
		group_init(&g, recipients[i].route, n);
		for (size_t j = i; j < n; j++) {
			enum place p;

			if (recipients[j].route != g.route)
				continue;
			p = place_of(&shown, recipients[j].address);
			g.list[p][g.n[p]++] = recipients[j].address;
		}
		add_group(batches, &g);
		group_clear(&g);
	}
	free(shown.items);
}

void batch_clear(struct batches *batches)
{
	for (size_t i = 0; i < batches->n; i++) {
		free(batches->items[i].to);
		free(batches->items[i].cc);
		free(batches->items[i].bcc);
	}
	free(batches->items);
	*batches = (struct batches){0};
}

size_t batch_count(const struct batch *b)
{
	return b->n_to + b->n_cc + b->n_bcc;
}

const char *batch_recipient(const struct batch *b, size_t i)
{
	if (i < b->n_to)
		return b->to[i];
	i -= b->n_to;
	return i < b->n_cc ? b->cc[i] : b->bcc[i - b->n_cc];
}
