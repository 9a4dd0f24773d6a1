/* SPDX-License-Identifier: MIT */
/* Counters that every process can read and only one writes. */
#include "core/metrics.h"

#include "core/mem.h"
#include "core/shm.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* Upper bounds in milliseconds; one more bucket holds the rest. */
static const unsigned bounds_ms[] = {
	5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000};
#define N_BOUNDS  13
#define INF       N_BOUNDS       /* index of the bucket for the rest */
#define SUM       (N_BOUNDS + 1) /* index of the sum, in microseconds */
#define N_BUCKETS (N_BOUNDS + 2)
_Static_assert(ARRAY_LEN(bounds_ms) == N_BOUNDS, "one bucket a bound");

enum type {
	COUNTER,
	GAUGE,
	GAUGE_SAME,
	GAUGE_SIGNED,
	MAIN_COUNTER,
	MAIN_GAUGE,
	HISTOGRAM,
	TYPES
};

static const struct {
	const char *name;
	bool gauge; /* of something that is there now, and gone with its process */
	bool main;  /* the supervisor's: of slot 0 */
	bool same;  /* all keep the same: not summed */
	bool below; /* may be less than 0 */
} types[TYPES] = {
	[COUNTER] = {.name = "counter"},
	[GAUGE] = {.name = "gauge", .gauge = true},
	[GAUGE_SAME] = {.name = "gauge", .gauge = true, .same = true},
	[GAUGE_SIGNED] = {.name = "gauge", .gauge = true, .same = true, .below = true},
	[MAIN_COUNTER] = {.name = "counter", .main = true},
	[MAIN_GAUGE] = {.name = "gauge", .gauge = true, .main = true},
	[HISTOGRAM] = {.name = "histogram"},
};

/* No cell passes it in a machine's life, and the sum of those of all slots fits. */
#define VALUE_MAX ((int64_t)1 << 52)

/* What a process can count in a ms, with room: events, and bytes or microseconds. */
#define EVENTS_MAX  1000
#define AMOUNTS_MAX ((int64_t)1 << 24)

typedef _Atomic int64_t cell;

/* One process's values; starts and ends with a cache line. */
struct slot {
#define CELLS(type, series)                             ((type) == HISTOGRAM ? N_BUCKETS : (series))
#define SLOT_FIELD(id, type, name, series, label, help) cell id[CELLS(type, series)];
	METRIC_LIST(SLOT_FIELD)
#undef SLOT_FIELD
} __attribute__((aligned(CACHE_LINE)));

static const struct info {
	const char *name;
	const char *help;
	const char *label; /* "": one series only */
	enum type type;
	size_t series;
	size_t first; /* index of the first cell */
} infos[] = {
#define INFO_ROW(id, type, name, series, label, help)                                    \
	[METRIC_##id] = {name, help, label, type, series,                                \
		offsetof(struct slot, id) / sizeof(cell)},
	METRIC_LIST(INFO_ROW)
#undef INFO_ROW
};

_Static_assert(sizeof(struct slot) <= SHM_METRICS_BYTES, "the section has room");

struct metrics {
	struct shm *shm;    /* borrowed */
	struct slot **base; /* by slot: what it stood at when its process began; owned */
	size_t n_base;
};

/* Which slot this process writes, and what the labels' values are called. */
static struct {
	struct metrics *m; /* borrowed; NULL: count nothing */
	struct slot *slot;
	struct {
		const char *const *values; /* borrowed for ever */
		size_t n;
	} labels[METRIC_COUNT];
} ctx;

/* --- life ------------------------------------------------------------------------------- */

struct metrics *metrics_new(struct shm *shm)
{
	struct metrics *m = mem_new(1, sizeof(*m));

	m->shm = shm;
	return m;
}

void metrics_free(struct metrics **mp)
{
	struct metrics *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	if (ctx.m == m)
		metrics_use(NULL, 0);
	for (size_t i = 0; i < m->n_base; i++)
		free(m->base[i]);
	free(m->base);
	free(m);
}

/* --- counting --------------------------------------------------------------------------- */

void metrics_use(struct metrics *m, size_t slot)
{
	ctx.m = m;
	ctx.slot = m != NULL ? shm_write(m->shm, slot, SHM_METRICS) : NULL;
}

static cell *cell_at(struct slot *slot, enum metric id, size_t i)
{
	return (cell *)slot + infos[id].first + i;
}

/* The cell that a caller means, or NULL where there is none to write. */
static cell *own_cell(enum metric id, size_t series)
{
	if (ctx.slot == NULL || infos[id].type == HISTOGRAM || series >= infos[id].series)
		return NULL;
	return cell_at(ctx.slot, id, series);
}

void metrics_add(enum metric id, size_t series, int64_t delta)
{
	cell *c = own_cell(id, series);

	if (c != NULL)
		atomic_fetch_add_explicit(c, delta, memory_order_relaxed);
}

void metrics_set(enum metric id, size_t series, int64_t value)
{
	cell *c = own_cell(id, series);

	if (c != NULL)
		atomic_store_explicit(c, value, memory_order_relaxed);
}

void metrics_observe(enum metric id, double seconds)
{
	double most = 1e9; /* no sum of a process's life passes 2^63 microseconds */
	double s = seconds > 0 ? (seconds < most ? seconds : most) : 0;
	int64_t us = (int64_t)(s * 1e6 + 0.5);
	size_t i = 0;

	if (ctx.slot == NULL || infos[id].type != HISTOGRAM)
		return;
	while (i < N_BOUNDS && us > (int64_t)bounds_ms[i] * 1000)
		i++;
	atomic_fetch_add_explicit(cell_at(ctx.slot, id, i), 1, memory_order_relaxed);
	atomic_fetch_add_explicit(cell_at(ctx.slot, id, SUM), us, memory_order_relaxed);
}

/* --- reading ---------------------------------------------------------------------------- */

static int64_t furthest_from_zero(int64_t a, int64_t b)
{
	return imaxabs(b) > imaxabs(a) ? b : a;
}

/* Written by another process, which may be mad. */
static int64_t value_of(const struct slot *slot, enum metric id, size_t i)
{
	int64_t v = atomic_load_explicit(
		cell_at((struct slot *)(uintptr_t)slot, id, i), memory_order_relaxed);
	int64_t least = types[infos[id].type].below ? -VALUE_MAX : 0;

	return v >= least && v <= VALUE_MAX ? v : 0;
}

/* One cell over all slots. */
static int64_t combine(const struct metrics *m, enum metric id, size_t i)
{
	size_t n = types[infos[id].type].main ? 1 : shm_count(m->shm);
	int64_t sum = 0;

	for (size_t s = 0; s < n; s++) {
		const struct slot *slot = shm_read(m->shm, s, SHM_METRICS);
		int64_t v = slot != NULL ? value_of(slot, id, i) : 0;

		sum = types[infos[id].type].same ? furthest_from_zero(sum, v) : sum + v;
	}
	return sum;
}

int64_t metrics_sum(const struct metrics *m, enum metric id, size_t series)
{
	int64_t n = 0;

	if (infos[id].type != HISTOGRAM)
		return series < infos[id].series ? combine(m, id, series) : 0;
	for (size_t i = 0; i <= INF; i++)
		n += combine(m, id, i);
	return n;
}

/* --- the life of another process --------------------------------------------------------- */

static size_t cells_of(enum metric id)
{
	return infos[id].type == HISTOGRAM ? N_BUCKETS : infos[id].series;
}

static void copy_cells(struct slot *to, const struct slot *from)
{
	for (size_t id = 0; id < METRIC_COUNT; id++)
		for (size_t i = 0; i < cells_of(id); i++)
			atomic_store_explicit(cell_at(to, id, i), value_of(from, id, i),
				memory_order_relaxed);
}

void metrics_begin(struct metrics *m, size_t slot)
{
	const struct slot *now = shm_read(m->shm, slot, SHM_METRICS);

	if (now == NULL)
		return;
	mem_grow(&m->base, &m->n_base, slot + 1, sizeof(struct slot *));
	if (m->base[slot] == NULL)
		m->base[slot] = mem_new(1, sizeof(struct slot));
	copy_cells(m->base[slot], now);
}

static bool can_be(const struct slot *base, const struct slot *now, enum metric id,
	size_t i, uint64_t lived_ms)
{
	bool amount =
		id == METRIC_BYTES_RECEIVED || (infos[id].type == HISTOGRAM && i == SUM);
	int64_t most = amount ? AMOUNTS_MAX : EVENTS_MAX, room;
	int64_t v = atomic_load_explicit(
		cell_at((struct slot *)(uintptr_t)now, id, i), memory_order_relaxed);

	/* A second more: a short life may begin with work that waited. */
	room = lived_ms < (uint64_t)(VALUE_MAX / most) - 1000
	               ? most * (int64_t)(lived_ms + 1000)
	               : VALUE_MAX;
	return v >= value_of(base, id, i) && v - value_of(base, id, i) <= room;
}

bool metrics_end(struct metrics *m, size_t slot, uint64_t lived_ms)
{
	struct slot *now = shm_write(m->shm, slot, SHM_METRICS);
	const struct slot *base = slot < m->n_base ? m->base[slot] : NULL;
	bool good = true;

	if (now == NULL)
		return true;
	for (size_t id = 0; id < METRIC_COUNT; id++)
		for (size_t i = 0; i < cells_of(id); i++)
			if (types[infos[id].type].gauge)
				atomic_store_explicit(
					cell_at(now, id, i), 0, memory_order_relaxed);
			else if (base != NULL && !can_be(base, now, id, i, lived_ms))
				good = false;
	if (!good)
		copy_cells(now, base);
	return good;
}

/* --- printing --------------------------------------------------------------------------- */

void metrics_labels(enum metric id, const char *const *values, size_t n)
{
	ctx.labels[id].values = values;
	ctx.labels[id].n = n;
}

/* The value of a label, in quotes. */
static int print_label_value(struct buf *out, const char *value)
{
	if (buf_append_byte(out, '"') < 0)
		return -1;
	for (const char *p = value; *p != '\0'; p++) {
		if ((*p == '"' || *p == '\\') && buf_append_byte(out, '\\') < 0)
			return -1;
		if (*p == '\n' ? buf_append_str(out, "\\n") < 0
			       : buf_append_byte(out, *p) < 0)
			return -1;
	}
	return buf_append_byte(out, '"');
}

static int print_series(const struct metrics *m, enum metric id, struct buf *out)
{
	const struct info *info = &infos[id];

	for (size_t i = 0; i < info->series && i < ctx.labels[id].n; i++) {
		const char *value = ctx.labels[id].values[i];
		int64_t v = combine(m, id, i);

		if (value == NULL || v == 0)
			continue;
		if (buf_appendf(out, "sesrelay_%s{%s=", info->name, info->label) < 0 ||
			print_label_value(out, value) < 0 ||
			buf_appendf(out, "} %" PRId64 "\n", v) < 0)
			return -1;
	}
	return 0;
}

static int print_bucket(struct buf *out, const char *name, size_t i, int64_t n)
{
	unsigned ms = bounds_ms[i < N_BOUNDS ? i : 0];
	unsigned scale = 1000;

	if (i == INF)
		return buf_appendf(
			out, "sesrelay_%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, n);
	/* The shortest decimal, without the locale's opinion: 0.005, 2.5, 60. */
	if (buf_appendf(out, "sesrelay_%s_bucket{le=\"%u", name, ms / scale) < 0)
		return -1;
	ms %= scale;
	if (ms != 0 && buf_append_byte(out, '.') < 0)
		return -1;
	while (ms != 0) {
		scale /= 10;
		if (buf_appendf(out, "%u", ms / scale) < 0)
			return -1;
		ms %= scale;
	}
	return buf_appendf(out, "\"} %" PRId64 "\n", n);
}

static int print_histogram(const struct metrics *m, enum metric id, struct buf *out)
{
	const char *name = infos[id].name;
	int64_t n = 0, us = combine(m, id, SUM);

	for (size_t i = 0; i <= INF; i++) {
		n += combine(m, id, i);
		if (print_bucket(out, name, i, n) < 0)
			return -1;
	}
	return buf_appendf(out,
		"sesrelay_%s_sum %" PRId64 ".%06" PRId64 "\nsesrelay_%s_count %" PRId64
		"\n",
		name, us / 1000000, us % 1000000, name, n);
}

static int print_metric(const struct metrics *m, enum metric id, struct buf *out)
{
	const struct info *info = &infos[id];

	if (buf_appendf(out, "# HELP sesrelay_%s %s\n# TYPE sesrelay_%s %s\n", info->name,
		    info->help, info->name, types[info->type].name) < 0)
		return -1;
	if (info->type == HISTOGRAM)
		return print_histogram(m, id, out);
	if (info->label[0] != '\0')
		return print_series(m, id, out);
	return buf_appendf(
		out, "sesrelay_%s %" PRId64 "\n", info->name, combine(m, id, 0));
}

int metrics_print(const struct metrics *m, struct buf *out)
{
	size_t before = out->len;

	for (size_t id = 0; id < METRIC_COUNT; id++)
		if (print_metric(m, (enum metric)id, out) < 0) {
			buf_set_len(out, before);
			return -1;
		}
	return 0;
}
