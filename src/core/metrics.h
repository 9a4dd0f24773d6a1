/* SPDX-License-Identifier: MIT */
/*
 * Counters in shared memory (core/shm): a slot for each process, written by it alone and summed
 * by whoever reads. They outlive a worker that crashed, and reloads.
 *
 * No value is believed that cannot be: one out of its range counts as 0. What the supervisor
 * counts is read from its own slot only, whatever stands in others.
 *
 * All metrics stand in METRIC_LIST; doc/metrics.md has a line for each (make check).
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * id, type, name, series, label name ("": one series), help
 *
 * GAUGE_SAME: a gauge that each process keeps of the same thing (an account, a clock), so
 * that it is not summed: the value furthest from 0 is shown. GAUGE_SIGNED: one that may be
 * less than 0.
 * MAIN_COUNTER, MAIN_GAUGE: the supervisor's.
 */
/* clang-format off */
#define METRIC_LIST(X)                                                                      \
	X(CONNECTIONS, COUNTER, "connections_total", 1, "", "SMTP connections accepted")       \
	X(SESSIONS, GAUGE, "sessions", 1, "", "SMTP sessions open now")                         \
	X(CONNECTIONS_REFUSED, COUNTER, "connections_refused_total", 1, "",                     \
		"SMTP connections refused before the greeting")                                 \
	X(COMMANDS_FAILED, COUNTER, "commands_failed_total", 1, "",                             \
		"SMTP commands answered 4yz or 5yz")                                            \
	X(TLS_SESSIONS, COUNTER, "tls_sessions_total", 1, "", "TLS handshakes completed")       \
	X(TLS_FAILED, COUNTER, "tls_failures_total", 1, "", "TLS handshakes that failed")      \
	X(LOGINS, COUNTER, "logins_total", METRIC_LOGIN_RESULTS, "result",                      \
		"Logins that were tried, by result")                                            \
	X(MESSAGES_RECEIVED, COUNTER, "messages_received_total", 1, "",                         \
		"Messages whose end of data was seen")                                          \
	X(BYTES_RECEIVED, COUNTER, "message_bytes_total", 1, "", "Bytes of those messages")    \
	X(REPLIES, COUNTER, "deliveries_total", METRIC_CLASSES, "reply",                        \
		"Deliveries by the class of their final SMTP reply")                            \
	X(CALLS, COUNTER, "api_calls_total", 1, "", "API calls begun")                          \
	X(OUTCOMES, COUNTER, "api_outcomes_total", METRIC_OUTCOMES_MAX, "outcome",              \
		"API calls by outcome label")                                                   \
	X(CALL_SECONDS, HISTOGRAM, "api_call_seconds", 1, "", "Duration of API calls")          \
	X(CALL_WAIT_SECONDS, HISTOGRAM, "api_wait_seconds", 1, "",                              \
		"How long API calls waited for a connection")                                   \
	X(RETRIES, COUNTER, "api_retries_total", 1, "", "API calls made again inside one delivery") \
	X(IN_FLIGHT, GAUGE, "deliveries_in_flight", 1, "", "Deliveries waiting for the API now") \
	X(DETACHED, COUNTER, "deliveries_detached_total", 1, "",                                \
		"Deliveries whose client went away before the reply")                           \
	X(REMEMBERED, COUNTER, "recipients_remembered_total", 1, "",                           \
		"Recipients answered from memory: they have the mail already")                  \
	X(MEMORY, GAUGE, "message_memory_bytes", 1, "", "Bytes of the message budget in use")   \
	X(MEMORY_REFUSED, COUNTER, "memory_refused_total", 1, "",                               \
		"Messages refused with 452 4.3.1")                                              \
	X(AUTH_FAILING, GAUGE_SAME, "backend_auth_failing", 1, "",                                   \
		"Accounts whose last API answer refused our credentials")                       \
	X(CLOCK_SKEW, GAUGE_SIGNED, "clock_skew_seconds", 1, "",                                 \
		"Learned distance to the API's clock")                                          \
	X(RELOADS, MAIN_COUNTER, "config_reloads_total", 1, "", "Configurations taken into use")     \
	X(RELOADS_FAILED, MAIN_COUNTER, "config_reload_failures_total", 1, "",                       \
		"Configurations refused, the old one kept")                                     \
	X(WORKERS_READY, MAIN_GAUGE, "workers_ready", 1, "", "Workers that accept connections")      \
	X(WORKER_RESTARTS, MAIN_COUNTER, "worker_restarts_total", 1, "",                             \
		"Workers started again because one died")                                       \
	X(CHILDREN_HUNG, MAIN_COUNTER, "children_hung_total", 1, "",                                 \
		"Workers and admin processes killed because they hung")                         \
	X(LOG_DROPPED, COUNTER, "log_lines_dropped_total", 1, "", "Log lines that could not be written")

/* clang-format on */
/* Series of a metric that counts by the class of a reply: 2yz, 4yz, 5yz. */
#define METRIC_CLASSES 3
/* As in enum login_result: ok, wrong, later. */
#define METRIC_LOGIN_RESULTS 3
/* Room for the rows of the outcome table. */
#define METRIC_OUTCOMES_MAX 192

enum metric {
#define METRIC_ENUM(id, type, name, series, label, help) METRIC_##id,
	METRIC_LIST(METRIC_ENUM)
#undef METRIC_ENUM
		METRIC_COUNT
};

struct metrics;
struct shm;

/* Counts in shared memory, which is borrowed. Never NULL. Owned: metrics_free(&m). */
struct metrics *metrics_new(struct shm *shm) MUST_CHECK;
void metrics_free(struct metrics **m);

/* Says which slot this process writes. Before that, with m NULL, and with a slot that it may
 * not write, counting does nothing, so that unit tests need no metrics. */
void metrics_use(struct metrics *m, size_t slot);

/* series: 0, or the index of the label's value; one that the metric has not is ignored. */
void metrics_add(enum metric id, size_t series, int64_t delta);
void metrics_set(enum metric id, size_t series, int64_t value);
/* For histograms, whose buckets reach from 5 ms to 60 s. */
void metrics_observe(enum metric id, double seconds);

/* The sum over all slots; of a GAUGE_SAME or GAUGE_SIGNED the value furthest from 0; of a histogram the
 * number of observations. 0 for a series that the metric has not. */
int64_t metrics_sum(const struct metrics *m, enum metric id, size_t series);

/* Around the life of another process, for the one that may write its slot: begin notes what
 * the counters stand at; end, after lived_ms, sets every gauge to 0. False where a counter is
 * now what no process can have counted in that time: then all of them are set back to what
 * they stood at. */
void metrics_begin(struct metrics *m, size_t slot);
bool metrics_end(struct metrics *m, size_t slot, uint64_t lived_ms);

/* Names the values of a label; the array is borrowed for ever (constant tables). */
void metrics_labels(enum metric id, const char *const *values, size_t n);

/* Everything in Prometheus' text format 0.0.4, names prefixed "sesrelay_". Series without
 * a name or never counted are left out where the metric has a label. -1 and nothing
 * appended where out is full (errno as in buf.h). */
int metrics_print(const struct metrics *m, struct buf *out) MUST_CHECK;

#endif
