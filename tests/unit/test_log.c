/* SPDX-License-Identifier: MIT */
/* core/log: one line a fact, whatever a client puts into it. */
#include "core/log.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FFFD "\xef\xbf\xbd"
#define SPAN(literal)                                                                    \
	(struct span)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}

/* Where the lines of a test go, and what stands there. */
struct sink {
	int in, out;
	char text[3 * LOG_LINE_MAX];
};

static void sink_open(struct sink *s, enum log_format format, enum log_level level)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	s->in = fds[0];
	s->out = fds[1];
	log_use_fd(s->out, format, level);
}

static const char *sink_read(struct sink *s)
{
	ssize_t n = read(s->in, s->text, sizeof(s->text) - 1);

	s->text[n > 0 ? n : 0] = '\0';
	return s->text;
}

static void sink_close(struct sink *s)
{
	log_use_fd(STDERR_FILENO, LOG_TEXT, LOG_INFO);
	close(s->in);
	close(s->out);
}

/* The line behind its time stamp, which must look like one. */
static const char *behind_time(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd')
			assert_true(ascii_isdigit(line[i]));
		else
			assert_int_equal(line[i], shape[i]);
	return line + sizeof(shape) - 1;
}

static void writes_a_fact_as_text(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s, LOG_TEXT, LOG_INFO);
	log_event(LOG_INFO, "7f3a9c21", "accepted", LOG_S("message_id", "qcloudses-30"),
		LOG_U("ms", 41), LOG_I("skew", -3));
	assert_string_equal(behind_time(sink_read(&s)),
		"info 7f3a9c21 accepted message_id=qcloudses-30 ms=41 skew=-3\n");
	log_event(LOG_ERROR, NULL, "no_fields");
	assert_string_equal(behind_time(sink_read(&s)), "error - no_fields\n");
	log_event(LOG_WARN, "", "numbers", LOG_U("max", UINT64_MAX),
		LOG_I("min", INT64_MIN));
	assert_string_equal(behind_time(sink_read(&s)),
		"warn - numbers max=18446744073709551615 min=-9223372036854775808\n");
	sink_close(&s);
}

static void quotes_and_escapes_text_values(void **state)
{
	static const struct {
		struct span value;
		const char *text;
	} cases[] = {
		{SPAN("plain"), "plain"},
		{SPAN(""), "\"\""},
		{SPAN("two words"), "\"two words\""},
		{SPAN("a=b"), "\"a=b\""},
		{SPAN("say \"x\" \\"), "\"say \\\"x\\\" \\\\\""},
		{SPAN("a\r\nb\tc"), "\"a\\r\\nb\\tc\""},
		{SPAN("\x1b[31m\0\x7f"), "\"\\x1b[31m\\x00\\x7f\""},
		{SPAN("\xe4\xb8\xad"), "\xe4\xb8\xad"},
		{SPAN("\xff\xc3"), "\"\\xff\\xc3\""},
		{SPAN("\xc2\x85\xe2\x80\xa8\xe2\x80\xae"), "\"\\u0085\\u2028\\u202e\""},
	};
	struct sink s;
	char want[200];

	(void)state;
	sink_open(&s, LOG_TEXT, LOG_INFO);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_event(LOG_INFO, "i", "e", LOG_SP("v", cases[i].value), LOG_U("n", 1));
		snprintf(want, sizeof(want), "info i e v=%s n=1\n", cases[i].text);
		assert_string_equal(behind_time(sink_read(&s)), want);
	}
	sink_close(&s);
}

static void writes_json_that_a_parser_reads(void **state)
{
	static const struct {
		struct span value;
		const char *read;
	} cases[] = {
		{SPAN("plain"), "plain"},
		{SPAN(""), ""},
		{SPAN("\",\"level\":\"error"), "\",\"level\":\"error"},
		{SPAN("a\r\nb\t\x01\\"), "a\r\nb\t\x01\\"},
		{SPAN("\xe4\xb8\xad\xf0\x9f\x98\x80"), "\xe4\xb8\xad\xf0\x9f\x98\x80"},
		{SPAN("\xe2\x80\xa8\x7f"), "\xe2\x80\xa8\x7f"},
		{SPAN("x\xff\xc0\x8a"), "x" FFFD FFFD FFFD},
	};
	struct sink s;

	(void)state;
	sink_open(&s, LOG_JSON, LOG_DEBUG);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *o;

		log_event(LOG_DEBUG, "7f", "refused", LOG_SP("v", cases[i].value),
			LOG_U("ms", 41));
		sink_read(&s);
		assert_ptr_equal(strchr(s.text, '\n'), s.text + strlen(s.text) - 1);
		o = json_loads(s.text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(o);
		assert_string_equal(
			json_string_value(json_object_get(o, "level")), "debug");
		assert_string_equal(json_string_value(json_object_get(o, "id")), "7f");
		assert_string_equal(
			json_string_value(json_object_get(o, "event")), "refused");
		assert_string_equal(
			json_string_value(json_object_get(o, "v")), cases[i].read);
		assert_int_equal(json_integer_value(json_object_get(o, "ms")), 41);
		assert_int_equal(
			strlen(json_string_value(json_object_get(o, "time"))), 24);
		json_decref(o);
	}
	sink_close(&s);
}

static void says_nothing_below_its_level(void **state)
{
	struct sink s;

	(void)state;
	sink_open(&s, LOG_TEXT, LOG_WARN);
	log_event(LOG_INFO, NULL, "quiet");
	assert_string_equal(sink_read(&s), "");
	log_event(LOG_WARN, NULL, "loud");
	assert_string_not_equal(sink_read(&s), "");
	sink_close(&s);
}

static void cuts_a_long_value_and_a_long_line_visibly(void **state)
{
	static char big[6000];
	struct span huge = {big, sizeof(big)};
	struct sink s;

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int json = 0; json < 2; json++) {
		sink_open(&s, json ? LOG_JSON : LOG_TEXT, LOG_INFO);
		log_event(LOG_INFO, "i", "e", LOG_SP("a", huge), LOG_U("n", 7));
		sink_read(&s);
		assert_true(strlen(s.text) > LOG_VALUE_MAX);
		assert_true(strlen(s.text) < LOG_VALUE_MAX + 200);
		assert_non_null(
			strstr(s.text, json ? "xx...\",\"n\":7}\n" : "xx... n=7\n"));
		log_event(LOG_INFO, "i", "e", LOG_SP("a", huge), LOG_SP("b", huge),
			LOG_SP("c", huge), LOG_SP("d", huge), LOG_U("n", 7));
		sink_read(&s);
		assert_true(strlen(s.text) <= LOG_LINE_MAX);
		assert_null(strstr(s.text, "n=7"));
		assert_non_null(strstr(
			s.text, json ? "xx...\",\"cut\":true}\n" : "xx... cut=true\n"));
		sink_close(&s);
	}
}

/* Wherever the limit falls, the line is whole: no escape or character is cut in two. */
static void a_cut_line_is_still_json(void **state)
{
	static char big[4096];
	struct sink s;

	(void)state;
	for (size_t i = 0; i + 8 < sizeof(big); i += 8)
		memcpy(big + i, "\x01\"\xe4\xb8\xad\xff\\z", 8);
	sink_open(&s, LOG_JSON, LOG_INFO);
	for (size_t first = 0; first < 60; first++) {
		struct span value = {big, 4000};
		json_t *o;

		log_event(LOG_INFO, big, "e", LOG_SP("f", span_make(big, first * 8)),
			LOG_SP("a", value), LOG_SP("b", value), LOG_SP("c", value),
			LOG_SP("d", value), LOG_U("n", 7));
		sink_read(&s);
		assert_true(strlen(s.text) <= LOG_LINE_MAX);
		o = json_loads(s.text, 0, NULL);
		assert_non_null(o);
		assert_true(json_is_true(json_object_get(o, "cut")));
		json_decref(o);
	}
	sink_close(&s);
}

static void a_full_pipe_drops_the_line_and_counts_it(void **state)
{
	uint64_t before = log_dropped();
	struct sink s;
	int i;

	(void)state;
	sink_open(&s, LOG_TEXT, LOG_INFO);
	/* As standard error is: a descriptor that would block. */
	assert_int_equal(fcntl(s.out, F_SETFL, 0), 0);
	for (i = 0; i < 100000 && log_dropped() == before; i++) {
		errno = E2BIG;
		log_event(LOG_INFO, NULL, "fill");
		assert_int_equal(errno, E2BIG);
	}
	assert_int_equal(log_dropped(), before + 1);
	while (sink_read(&s)[0] != '\0')
		;
	log_event(LOG_INFO, NULL, "again");
	assert_string_equal(behind_time(sink_read(&s)), "info - again\n");
	sink_close(&s);
}

static void a_reader_that_is_gone_costs_lines_only(void **state)
{
	uint64_t before = log_dropped();
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	log_use_fd(fds[1], LOG_TEXT, LOG_INFO);
	log_event(LOG_INFO, NULL, "to_nobody"); /* no SIGPIPE */
	assert_int_equal(log_dropped(), before + 1);
	close(fds[1]);
	log_event(LOG_INFO, NULL, "to_nothing");
	assert_int_equal(log_dropped(), before + 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[0]);
	log_use_fd(fds[1], LOG_TEXT, LOG_INFO);
	log_event(LOG_INFO, NULL, "to_nobody");
	assert_int_equal(log_dropped(), before + 3);
	log_use_fd(STDERR_FILENO, LOG_TEXT, LOG_INFO);
	close(fds[1]);
}

static void a_full_disk_drops_the_line_and_counts_it(void **state)
{
	uint64_t before = log_dropped();
	struct err err;

	(void)state;
	assert_int_equal(log_open("/dev/full", LOG_TEXT, LOG_INFO, &err), 0);
	errno = E2BIG;
	log_event(LOG_INFO, NULL, "lost");
	assert_int_equal(errno, E2BIG);
	assert_int_equal(log_dropped(), before + 1);
	assert_int_equal(log_open("", LOG_TEXT, LOG_INFO, &err), 0);
}

/* A disk that fills in the middle of a line: the next fact still has a line of its own. */
static void a_line_cut_by_a_full_disk_is_ended(void **state)
{
	char file[] = "/tmp/sesrelay-log-XXXXXX", text[400];
	uint64_t before = log_dropped();
	int fd = mkostemp(file, O_CLOEXEC);
	struct rlimit old, small;
	struct err err;
	ssize_t n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(log_open(file, LOG_TEXT, LOG_INFO, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){40, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	log_event(LOG_INFO, NULL, "cut_in_the_middle_of_it");
	log_event(LOG_INFO, NULL, "lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(log_dropped(), before + 2);
	log_event(LOG_INFO, NULL, "whole");
	log_event(LOG_INFO, NULL, "next");
	assert_int_equal(log_open("", LOG_TEXT, LOG_INFO, &err), 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 41);
	text[n] = '\0';
	assert_int_equal(text[40], '\n');
	assert_int_equal(strncmp(behind_time(text + 41), "info - whole\n", 13), 0);
	assert_null(strstr(text, "\n\n"));
	assert_int_equal(unlink(file), 0);
	close(fd);
}

static size_t lines_in(const char *file)
{
	FILE *f = fopen(file, "re");
	size_t n = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void opens_its_file_anew_for_logrotate(void **state)
{
	char dir[] = "/tmp/sesrelay-log-XXXXXX", file[64], old[64];
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	assert_int_equal(log_open(file, LOG_TEXT, LOG_INFO, &err), 0);
	assert_int_equal(fcntl(log_fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	log_event(LOG_INFO, NULL, "one");
	assert_int_equal(rename(file, old), 0);
	log_event(LOG_INFO, NULL, "two");
	assert_int_equal(log_reopen(&err), 0);
	log_event(LOG_INFO, NULL, "three");
	assert_int_equal(lines_in(old), 2);
	assert_int_equal(lines_in(file), 1);

	/* Where it cannot be opened, the lines go on into the old one. */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(unlink(old), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(log_reopen(&err), -1);
	assert_non_null(strstr(err.text, file));
	assert_int_equal(log_open(file, LOG_JSON, LOG_INFO, &err), -1);
	log_event(LOG_INFO, NULL, "four");
	assert_int_equal(lseek(log_fd(), 0, SEEK_CUR) > 0, 1);
	assert_int_equal(log_open("", LOG_TEXT, LOG_INFO, &err), 0);
	assert_int_equal(log_fd(), STDERR_FILENO);
	assert_int_equal(log_reopen(&err), 0);
}

static void hides_local_parts_where_told_to(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"bob@example.com", "***@example.com"},
		{"RCPT TO:<bob@example.com>", "RCPT TO:<***@example.com>"},
		{"sent to a@x.example, b.c+d=e@x.example (f@y.example);g@z.example",
			"sent to ***@x.example, ***@x.example "
			"(***@y.example);***@z.example"},
		{"\"john doe\"@example.com", "***@example.com"},
		{"\"a@b\"@example.com", "***@example.com"},
		{"a@b@example.com", "***@example.com"},
		{"@", "***@"},
		{"no address", "no address"},
	};
	char long_text[LOG_VALUE_MAX + 400];
	struct sink s;

	(void)state;
	sink_open(&s, LOG_TEXT, LOG_INFO);
	log_hide_local_parts(true);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_event(LOG_INFO, "1", "e", LOG_A("to", cases[i].text));
		assert_non_null(strstr(sink_read(&s), cases[i].shown));
		assert_null(strstr(s.text, "bob"));
		assert_null(strstr(s.text, "john"));
	}
	/* A name that is cut before its @ is seen. */
	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text, "to ", 3);
	memcpy(long_text + sizeof(long_text) - 5, "@a.b", 5);
	log_event(LOG_INFO, "1", "e", LOG_A("to", long_text));
	assert_null(strstr(sink_read(&s), "xx"));
	log_event(LOG_INFO, "1", "e", LOG_S("from", "bob@example.com"));
	assert_non_null(strstr(sink_read(&s), "from=bob@example.com"));
	log_hide_local_parts(false);
	log_event(LOG_INFO, "1", "e", LOG_A("to", "bob@example.com"));
	assert_non_null(strstr(sink_read(&s), "to=bob@example.com"));
	sink_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hides_local_parts_where_told_to),
		cmocka_unit_test(writes_a_fact_as_text),
		cmocka_unit_test(quotes_and_escapes_text_values),
		cmocka_unit_test(writes_json_that_a_parser_reads),
		cmocka_unit_test(says_nothing_below_its_level),
		cmocka_unit_test(cuts_a_long_value_and_a_long_line_visibly),
		cmocka_unit_test(a_cut_line_is_still_json),
		cmocka_unit_test(a_full_pipe_drops_the_line_and_counts_it),
		cmocka_unit_test(a_reader_that_is_gone_costs_lines_only),
		cmocka_unit_test(a_full_disk_drops_the_line_and_counts_it),
		cmocka_unit_test(a_line_cut_by_a_full_disk_is_ended),
		cmocka_unit_test(opens_its_file_anew_for_logrotate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
