/* SPDX-License-Identifier: MIT */
/*
 * The log: one line a fact, an id first, then an event name, then key=value fields.
 *
 *	log_event(LOG_INFO, id, "accepted", LOG_S("message_id", mid), LOG_U("ms", took));
 *
 * text:  2026-01-02T03:04:05.678Z info 7f3a9c21 accepted message_id=qcloudses-30 ms=41
 * json:  {"time":"...","level":"info","id":"7f3a9c21","event":"accepted","ms":41,...}
 *
 * Values are escaped here (client bytes may hold anything), so callers pass them as they
 * are. Never pass a secret or a body. The line goes out by one write(2) that does not
 * block: a full pipe drops the line and counts it (log_dropped()). The process ignores
 * SIGPIPE.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	enum {
		LOG_FIELD_SPAN,
		LOG_FIELD_ADDRESSES,
		LOG_FIELD_SIGNED,
		LOG_FIELD_UNSIGNED
	} type;
	const char *key;
	struct span s;
	int64_t i;
	uint64_t u;
};

#define LOG_S(k, v)                                                                      \
	((struct log_field){.type = LOG_FIELD_SPAN, .key = (k), .s = span_of(v)})
#define LOG_SP(k, v) ((struct log_field){.type = LOG_FIELD_SPAN, .key = (k), .s = (v)})
/* Text that may name recipients (log_hide_local_parts()). */
#define LOG_A(k, v) LOG_AP(k, span_of(v))
#define LOG_AP(k, v)                                                                     \
	((struct log_field){.type = LOG_FIELD_ADDRESSES, .key = (k), .s = (v)})
#define LOG_I(k, v) ((struct log_field){.type = LOG_FIELD_SIGNED, .key = (k), .i = (v)})
#define LOG_U(k, v) ((struct log_field){.type = LOG_FIELD_UNSIGNED, .key = (k), .u = (v)})

/* id may be NULL or "": printed as "-". Takes any number of fields, none included. */
#define log_event(level, id, event, ...)                                                 \
	log_write((level), (id), (event),                                                \
		(const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

/* A value longer than this (escaped) is cut and ends with "..."; a line is cut between two
 * fields at LOG_LINE_MAX bytes and then says cut=true. */
#define LOG_VALUE_MAX 1024
#define LOG_LINE_MAX  4096

/* fields end with one whose key is NULL. Below the level in force it does nothing. */
void log_write(enum log_level level, const char *id, const char *event,
	const struct log_field *fields);

/* Opens the log of this process: file "" is standard error. May be called again; where it
 * fails, the log before stays. Before the first call, lines go to
 * standard error as text at LOG_INFO. -1 where the file cannot be opened. */
int log_open(const char *file, enum log_format format, enum log_level level,
	struct err *err) MUST_CHECK;

/* Opens the file anew (SIGUSR1, after logrotate); keeps the old one where that fails. */
int log_reopen(struct err *err);

/* The descriptor in use (close-on-exec where it is a file), for handing it to a child. */
int log_fd(void);

/* Uses an open descriptor instead of a file: in a child that may open nothing. It stays
 * the caller's, who keeps it open as long as the process logs. */
void log_use_fd(int fd, enum log_format format, enum log_level level);

/* Whether LOG_A shows bob@example.com, and any such in a text, as ***@example.com. */
void log_hide_local_parts(bool hide);

/* Lines lost because the descriptor would block or was full. */
uint64_t log_dropped(void);

#endif
