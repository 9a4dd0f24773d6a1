/* SPDX-License-Identifier: MIT */
/* process/files and process/tickets. */
#include "core/mem.h"
#include "process/files.h"
#include "process/tickets.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	char *cert, *ca; /* owned */
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void folder_init(struct folder *f)
{
	(void)str_copy(f->path, sizeof(f->path), "/tmp/sesrelay-files-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->cert = mem_sprintf("%s/cert", f->path);
	f->ca = mem_sprintf("%s/ca", f->path);
	write_file(f->cert, "certificate");
	write_file(f->ca, "");
}

static void folder_free(struct folder *f)
{
	(void)unlink(f->cert);
	(void)unlink(f->ca);
	assert_int_equal(rmdir(f->path), 0);
	free(f->cert);
	free(f->ca);
}

/* A configuration with one listener that names both files, one of them twice. */
struct named {
	struct conf conf;
	struct conf_listener listener;
	struct conf_account account;
	char *items[2];
};

static void name(struct named *n, const struct folder *f)
{
	*n = (struct named){.items = {f->cert, f->cert}};
	n->listener = (struct conf_listener){
		.tls_certificate = {.items = n->items, .n = 2}, .tls_client_ca = f->ca};
	n->account = (struct conf_account){.ca_file = f->ca};
	n->conf = (struct conf){.users_file = (char *)"",
		.listeners = &n->listener,
		.n_listeners = 1,
		.accounts = &n->account,
		.n_accounts = 1};
}

static void hands_over_what_the_configuration_names(void **state)
{
	struct folder f;
	struct named n;
	struct files *files, *taken;
	struct err err;
	struct span s;
	int fd;

	(void)state;
	folder_init(&f);
	name(&n, &f);
	assert_int_equal(files_read(&n.conf, &files, &err), 0);
	fd = files_seal(files, &err);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(files_unseal(fd, &taken, &err), 0);
	s = files_get(taken, f.cert);
	assert_true(span_ieq_str(s, "certificate"));
	assert_int_equal(files_get(taken, f.ca).len, 0);
	assert_int_equal(files_get(taken, "/other").len, 0);
	files_free(&files);
	files_free(&taken);
	assert_null(taken);
	close(fd);
	folder_free(&f);
}

static void sees_another_file_under_the_same_name(void **state)
{
	struct folder f;
	struct named n;
	struct files *files;
	char *other;

	(void)state;
	folder_init(&f);
	name(&n, &f);
	assert_int_equal(files_read(&n.conf, &files, NULL), 0);
	assert_false(files_changed(files));
	other = mem_sprintf("%s/other", f.path);
	write_file(other, "certificate");
	assert_int_equal(rename(other, f.cert), 0);
	assert_true(files_changed(files));
	files_free(&files);
	assert_int_equal(files_read(&n.conf, &files, NULL), 0);
	assert_false(files_changed(files));
	assert_int_equal(unlink(f.ca), 0);
	assert_true(files_changed(files));
	files_free(&files);
	free(other);
	folder_free(&f);
}

static void says_which_file_cannot_be_read(void **state)
{
	struct folder f;
	struct named n;
	struct files *files = NULL;
	struct err err;

	(void)state;
	folder_init(&f);
	name(&n, &f);
	assert_int_equal(truncate(f.ca, (off_t)FILES_ONE_MAX + 1), 0);
	assert_int_equal(files_read(&n.conf, &files, &err), -1);
	assert_non_null(strstr(err.text, f.ca));
	assert_non_null(strstr(err.text, "longer than"));
	assert_int_equal(unlink(f.ca), 0);
	assert_int_equal(mkfifo(f.ca, 0600), 0);
	assert_int_equal(files_read(&n.conf, &files, &err), -1);
	assert_non_null(strstr(err.text, "no regular file"));
	assert_int_equal(unlink(f.ca), 0);
	assert_int_equal(files_read(&n.conf, &files, &err), -1);
	assert_non_null(strstr(err.text, "tls_client_ca: cannot open"));
	folder_free(&f);
}

/* The CAs of the API as well: a worker may not be able to read them. */
static void hands_over_the_ca_file_of_an_account(void **state)
{
	struct folder f;
	struct named n;
	struct files *files = NULL;
	struct err err;

	(void)state;
	folder_init(&f);
	name(&n, &f);
	n.listener.tls_client_ca = (char *)"";
	write_file(f.ca, "authorities");
	assert_int_equal(files_read(&n.conf, &files, &err), 0);
	assert_true(span_ieq_str(files_get(files, f.ca), "authorities"));
	files_free(&files);
	assert_int_equal(unlink(f.ca), 0);
	assert_int_equal(files_read(&n.conf, &files, &err), -1);
	assert_non_null(strstr(err.text, "ca_file: cannot open"));
	folder_free(&f);
}

static void refuses_what_is_no_set(void **state)
{
	struct files *files = NULL;
	int pipes[2];
	FILE *f = tmpfile();

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(files_unseal(pipes[0], &files, NULL), -1);
	close(pipes[0]);
	close(pipes[1]);
	for (int len = 1; len < 64; len++) {
		assert_int_equal(fputc('\1', f), '\1');
		assert_int_equal(fflush(f), 0);
		assert_int_equal(files_unseal(fileno(f), &files, NULL), -1);
	}
	fclose(f);
}

static void keeps_the_last_ticket_key_for_one_more_life(void **state)
{
	struct tickets t = {.since = 0};
	unsigned char first[TLS_TICKET_KEY_LEN];

	(void)state;
	assert_true(tickets_rotate(&t, 5));
	assert_int_equal(t.keys.n, 1);
	memcpy(first, t.keys.key[0], sizeof(first));
	assert_false(tickets_rotate(&t, 5 + TICKETS_LIFE - 1));
	assert_true(tickets_rotate(&t, 5 + TICKETS_LIFE));
	assert_int_equal(t.keys.n, 2);
	assert_memory_equal(t.keys.key[1], first, sizeof(first));
	assert_memory_not_equal(t.keys.key[0], first, sizeof(first));
	assert_true(tickets_rotate(&t, 5 + 2 * TICKETS_LIFE));
	assert_memory_not_equal(t.keys.key[1], first, sizeof(first));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_over_what_the_configuration_names),
		cmocka_unit_test(sees_another_file_under_the_same_name),
		cmocka_unit_test(says_which_file_cannot_be_read),
		cmocka_unit_test(hands_over_the_ca_file_of_an_account),
		cmocka_unit_test(refuses_what_is_no_set),
		cmocka_unit_test(keeps_the_last_ticket_key_for_one_more_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
