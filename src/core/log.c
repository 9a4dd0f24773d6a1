/* SPDX-License-Identifier: MIT */
/* One fact, one line, one write. */
#include "core/log.h"

#include "core/mem.h"
#include "core/metrics.h"
#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Kept free after the fields: room to end a cut value and the line. */
#define TAIL 32

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The log of this process: the one thing that every room reaches without a pointer. */
static struct {
	int fd;
	bool owned;  /* fd was opened here */
	bool socket; /* fd takes send(2): journald gives one */
	bool plain;  /* fd is a regular file: a write never waits for a reader */
	bool broken; /* the last line was not written to its end */
	bool hides;  /* local parts of addresses, in fields that say so */
	char *file;  /* owned; NULL for standard error and given descriptors */
	enum log_format format;
	enum log_level level;
	uint64_t dropped;
} ctx = {.fd = STDERR_FILENO, .format = LOG_TEXT, .level = LOG_INFO};

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* --- a line ----------------------------------------------------------------------------- */

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
	size_t limit; /* put() stops here */
};

/* After a cut value the limit is already passed. */
static size_t room_left(const struct line *l)
{
	return l->limit > l->len ? l->limit - l->len : 0;
}

/* All of it or nothing. */
static bool put(struct line *l, struct span s)
{
	if (s.len > room_left(l))
		return false;
	memcpy(l->text + l->len, s.p, s.len);
	l->len += s.len;
	return true;
}

static bool put_str(struct line *l, const char *s)
{
	return put(l, span_of(s));
}

/* "\x1b" or "\u2028". */
static bool put_hex(struct line *l, bool wide, uint32_t c)
{
	char text[16];

	if (wide)
		snprintf(text, sizeof(text), "\\u%04" PRIx32, c);
	else
		snprintf(text, sizeof(text), "\\x%02" PRIx32, c);
	return put_str(l, text);
}

/* What follows a backslash, in both formats; 0: nothing short. */
static char short_escape(uint32_t cp)
{
	switch (cp) {
	case '"':
	case '\\': return (char)cp;
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	default: return 0;
	}
}

/* Puts the n bytes (0: one invalid byte) at c, that are the code point cp, escaped. */
static bool put_char(struct line *l, struct span c, size_t n, uint32_t cp)
{
	char s[3] = {'\\', n > 0 ? short_escape(cp) : 0, '\0'};
	bool json = ctx.format == LOG_JSON;

	if (n == 0)
		return json ? put_str(l, REPLACEMENT)
		            : put_hex(l, false, (uint8_t)c.p[0]);
	if (s[1] != 0)
		return put_str(l, s);
	if (utf8_unfit_for_line(cp))
		return put_hex(l, json || cp >= 0x80, cp);
	return put(l, span_make(c.p, n));
}

/* How many characters at the start stand for themselves in either format. */
static size_t plain_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && ascii_isgraph(s.p[n]) && s.p[n] != '"' && s.p[n] != '\\' &&
		s.p[n] != '=')
		n++;
	return n;
}

/* Puts a value, cut where the line's limit or its own is met. */
static void put_escaped(struct line *l, struct span s)
{
	size_t limit = l->limit;

	if (room_left(l) > LOG_VALUE_MAX)
		l->limit = l->len + LOG_VALUE_MAX;
	while (s.len > 0) {
		size_t room = room_left(l), n, step;
		uint32_t cp = 0;

		step = plain_len(span_make(s.p, s.len < room ? s.len : room));
		if (step > 0 && put(l, span_make(s.p, step))) {
			s = span_make(s.p + step, s.len - step);
			continue;
		}
		n = utf8_next(s, &cp);
		step = n > 0 ? n : 1;
		if (!put_char(l, s, n, cp))
			break;
		s = span_make(s.p + step, s.len - step);
	}
	l->limit = limit;
	if (s.len > 0) {
		memcpy(l->text + l->len, "...", 3);
		l->len += 3;
	}
}

static void put_quoted(struct line *l, struct span s)
{
	/* The quotes may come out of the tail: a cut value is closed as well. */
	l->text[l->len++] = '"';
	put_escaped(l, s);
	l->text[l->len++] = '"';
}

/* In the text format, whether a value reads as one word as it is. */
static bool is_word(struct span s)
{
	uint32_t cp;

	for (size_t i = plain_len(s), n; i < s.len; i += n) {
		n = utf8_next(span_make(s.p + i, s.len - i), &cp);
		if (n == 0 || cp <= ' ' || cp == '"' || cp == '\\' || cp == '=' ||
			utf8_unfit_for_line(cp))
			return false;
	}
	return s.len > 0;
}

static void put_value(struct line *l, struct span s)
{
	if (ctx.format == LOG_JSON || !is_word(s))
		put_quoted(l, s);
	else
		put_escaped(l, s);
}

/* Where the local part at the end of text begins. A quoted one may hold anything. */
static size_t local_part(const char *text, size_t len)
{
	bool quoted = len > 1 && text[len - 1] == '"';

	if (quoted)
		for (len--; len > 0 && text[len - 1] != '"'; len--)
			;
	if (quoted)
		return len > 0 ? len - 1 : 0;
	while (len > 0 && !ascii_isspace(text[len - 1]) &&
		memchr("<>(),;:\"", text[len - 1], 8) == NULL)
		len--;
	return len;
}

/* At most what a value may show; a word that is cut could be a local part, and goes. */
static void put_hidden(struct line *l, struct span s)
{
	static const struct span stars = {"***", 3};
	char text[LOG_VALUE_MAX + 8];
	size_t len = 0, i;

	for (i = 0; i < s.len && len < LOG_VALUE_MAX; i++) {
		if (s.p[i] == '@') {
			len = local_part(text, len);
			memcpy(text + len, stars.p, stars.len);
			len += stars.len;
		}
		text[len++] = s.p[i];
	}
	if (i < s.len)
		len = local_part(text, len);
	put_value(l, span_make(text, len));
}

static bool put_field(struct line *l, const struct log_field *f)
{
	size_t before = l->len;
	char number[24];

	if (!put_str(l, ctx.format == LOG_JSON ? ",\"" : " ") || !put_str(l, f->key) ||
		!put_str(l, ctx.format == LOG_JSON ? "\":" : "="))
		goto full;
	switch (f->type) {
	case LOG_FIELD_SPAN:
		/* A value of which nothing fits is no value. */
		if (room_left(l) < 8)
			goto full;
		put_value(l, f->s);
		return true;
	case LOG_FIELD_ADDRESSES:
		if (room_left(l) < 8)
			goto full;
		if (ctx.hides)
			put_hidden(l, f->s);
		else
			put_value(l, f->s);
		return true;
	case LOG_FIELD_SIGNED: snprintf(number, sizeof(number), "%" PRId64, f->i); break;
	case LOG_FIELD_UNSIGNED:
		snprintf(number, sizeof(number), "%" PRIu64, f->u);
		break;
	}
	if (put_str(l, number))
		return true;
full:
	l->len = before;
	return false;
}

static void put_time(struct line *l)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%FT%T", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
	(void)put_str(l, text);
}

static void put_head(
	struct line *l, enum log_level level, const char *id, const char *event)
{
	bool json = ctx.format == LOG_JSON;
	struct span who = span_of(id != NULL && id[0] != '\0' ? id : "-");

	(void)put_str(l, json ? "{\"time\":\"" : "");
	put_time(l);
	(void)put_str(l, json ? "\",\"level\":\"" : " ");
	(void)put_str(l, level_names[level]);
	(void)put_str(l, json ? "\",\"id\":" : " ");
	put_value(l, who);
	(void)put_str(l, json ? ",\"event\":" : " ");
	put_value(l, span_of(event));
}

static void line_end(struct line *l, bool cut)
{
	l->limit = sizeof(l->text);
	if (cut)
		(void)put_str(l, ctx.format == LOG_JSON ? ",\"cut\":true" : " cut=true");
	(void)put_str(l, ctx.format == LOG_JSON ? "}\n" : "\n");
}

/* --- writing ---------------------------------------------------------------------------- */

/* A pipe or terminal that others share cannot be made non-blocking for them: ask first.
 * Lines are no longer than PIPE_BUF, so what is ready takes the whole line. A pipe that
 * nobody reads any more is in error. */
static bool ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

static void write_line(const char *text, size_t len)
{
	ssize_t n = -1;

	if (ctx.socket)
		n = send(ctx.fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (ctx.plain || ready(ctx.fd))
		n = write(ctx.fd, text, len);
	if (n != (ssize_t)len) {
		ctx.dropped++;
		metrics_add(METRIC_LOG_DROPPED, 0, 1);
	}
	if (n > 0)
		ctx.broken = n != (ssize_t)len;
}

void log_write(enum log_level level, const char *id, const char *event,
	const struct log_field *fields)
{
	struct line l = {.len = 0, .limit = sizeof(l.text) - TAIL};
	int saved = errno;
	bool cut = false;

	if (level < ctx.level)
		return;
	/* The end of a line that a full disk cut short: the new one starts a line. */
	if (ctx.broken)
		(void)put_str(&l, "\n");
	put_head(&l, level, id, event);
	for (; fields->key != NULL && !cut; fields++)
		cut = !put_field(&l, fields);
	line_end(&l, cut);
	write_line(l.text, l.len);
	errno = saved;
}

/* --- opening ---------------------------------------------------------------------------- */

static void use(int fd, bool owned)
{
	struct stat st;
	bool known = fstat(fd, &st) == 0;

	if (ctx.owned && ctx.fd != fd)
		close(ctx.fd);
	ctx.fd = fd;
	ctx.owned = owned;
	ctx.socket = known && S_ISSOCK(st.st_mode);
	ctx.plain = known && S_ISREG(st.st_mode);
	ctx.broken = false;
}

static int open_file(const char *file, struct err *err)
{
	int fd = open(file,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	return fd < 0 ? err_errno(err, "cannot open the log file %s", file) : fd;
}

int log_open(
	const char *file, enum log_format format, enum log_level level, struct err *err)
{
	bool named = file[0] != '\0';
	int fd = named ? open_file(file, err) : STDERR_FILENO;

	if (fd < 0)
		return -1;
	log_use_fd(fd, format, level);
	ctx.owned = named;
	if (named)
		ctx.file = mem_strdup(file);
	return 0;
}

int log_reopen(struct err *err)
{
	int fd;

	if (ctx.file == NULL)
		return 0;
	fd = open_file(ctx.file, err);
	if (fd < 0)
		return -1;
	use(fd, true);
	return 0;
}

void log_use_fd(int fd, enum log_format format, enum log_level level)
{
	use(fd, false);
	free(ctx.file);
	ctx.file = NULL;
	ctx.format = format;
	ctx.level = level;
}

int log_fd(void)
{
	return ctx.fd;
}

uint64_t log_dropped(void)
{
	return ctx.dropped;
}

void log_hide_local_parts(bool hide)
{
	ctx.hides = hide;
}
