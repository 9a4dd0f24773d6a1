/* SPDX-License-Identifier: MIT */
/* Counters that every process can read and only one writes. */
#include "core/metrics.h"

#include "core/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_LINE 64

/* Upper bounds in milliseconds; one more bucket holds the rest. */
static const unsigned bounds_ms[] = {
	5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000};
#define N_BOUNDS  13
#define INF       N_BOUNDS       /* index of the bucket for the rest */
#define SUM       (N_BOUNDS + 1) /* index of the sum, in microseconds */
#define N_BUCKETS (N_BOUNDS + 2)
_Static_assert(ARRAY_LEN(bounds_ms) == N_BOUNDS, "one bucket a bound");

enum type { COUNTER, GAUGE, GAUGE_SAME, HISTOGRAM };
static const char *const type_names[] = {
	[COUNTER] = "counter",
	[GAUGE] = "gauge",
	[GAUGE_SAME] = "gauge",
	[HISTOGRAM] = "histogram",
};

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

/* What stands in the memfd. Other builds lay it out differently, so it says how. */
struct shared {
	uint64_t layout;
	uint64_t slots;
	struct slot slot[];
};

struct metrics {
	int fd;
	bool owns_fd;
	size_t size;
	struct shared *shared; /* owned mapping */
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

/* --- the memory ------------------------------------------------------------------------- */

/* FNV-1a over everything that decides where a cell is. */
static uint64_t layout(void)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < METRIC_COUNT; i++) {
		for (const char *p = infos[i].name; *p != '\0'; p++)
			h = (h ^ (uint8_t)*p) * 0x100000001b3u;
		h = (h ^ infos[i].first) * 0x100000001b3u;
	}
	return h ^ sizeof(struct slot);
}

static size_t size_for(size_t slots)
{
	return sizeof(struct shared) + slots * sizeof(struct slot);
}

static struct metrics *map(int fd, size_t size, struct err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct metrics *m;

	if (p == MAP_FAILED) {
		err_errno(err, "cannot map the memory of the metrics");
		return NULL;
	}
	m = mem_new(1, sizeof(*m));
	*m = (struct metrics){.fd = fd, .size = size, .shared = p};
	return m;
}

struct metrics *metrics_new(size_t slots, struct err *err)
{
	int fd = memfd_create("sesrelay-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct metrics *m = NULL;

	/* Sealed: a child that shrank it would kill all others by SIGBUS. */
	if (fd < 0 || ftruncate(fd, (off_t)size_for(slots)) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		err_errno(err, "cannot make the memory of the metrics");
	else
		m = map(fd, size_for(slots), err);
	if (m == NULL) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	m->owns_fd = true;
	m->shared->layout = layout();
	m->shared->slots = slots;
	return m;
}

struct metrics *metrics_attach(int fd, struct err *err)
{
	struct metrics *m;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		err_errno(err, "cannot use descriptor %d for the metrics", fd);
		return NULL;
	}
	if (st.st_size < (off_t)sizeof(struct shared)) {
		err_set(err, "descriptor %d is no memory of metrics", fd);
		return NULL;
	}
	m = map(fd, (size_t)st.st_size, err);
	if (m == NULL)
		return NULL;
	if (m->shared->layout != layout() || m->shared->slots > m->size ||
		size_for(m->shared->slots) != m->size) {
		err_set(err, "the memory of the metrics was made by another build");
		metrics_free(&m);
	}
	return m;
}

void metrics_free(struct metrics **m)
{
	if (*m == NULL)
		return;
	if (ctx.m == *m)
		metrics_use(NULL, 0);
	munmap((*m)->shared, (*m)->size);
	if ((*m)->owns_fd)
		close((*m)->fd);
	free(*m);
	*m = NULL;
}

int metrics_fd(const struct metrics *m)
{
	return m->fd;
}

/* --- counting --------------------------------------------------------------------------- */

void metrics_use(struct metrics *m, size_t slot)
{
	bool ok = m != NULL && slot < m->shared->slots;

	ctx.m = ok ? m : NULL;
	ctx.slot = ok ? &m->shared->slot[slot] : NULL;
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

void metrics_reset_gauges(struct metrics *m, size_t slot)
{
	if (slot >= m->shared->slots)
		return;
	for (size_t id = 0; id < METRIC_COUNT; id++) {
		if (infos[id].type != GAUGE && infos[id].type != GAUGE_SAME)
			continue;
		for (size_t i = 0; i < infos[id].series; i++)
			atomic_store_explicit(cell_at(&m->shared->slot[slot], id, i), 0,
				memory_order_relaxed);
	}
}

/* --- reading ---------------------------------------------------------------------------- */

static int64_t furthest_from_zero(int64_t a, int64_t b)
{
	return imaxabs(b) > imaxabs(a) ? b : a;
}

/* One cell over all slots. */
static int64_t combine(const struct metrics *m, enum metric id, size_t i)
{
	int64_t sum = 0;

	for (size_t s = 0; s < m->shared->slots; s++) {
		int64_t v = atomic_load_explicit(
			cell_at(&m->shared->slot[s], id, i), memory_order_relaxed);

		sum = infos[id].type == GAUGE_SAME ? furthest_from_zero(sum, v) : sum + v;
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
		    info->help, info->name, type_names[info->type]) < 0)
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
