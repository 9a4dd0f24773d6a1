/* SPDX-License-Identifier: MIT */
/* `sesrelay`: the supervisor, admin, and the commands; one row each. */
#include "cli/command.h"
#include "cli/hash_password.h"
#include "cli/health.h"
#include "cli/replies.h"
#include "config/conf.h"
#include "process/advice.h"
#include "process/child.h"
#include "process/generation.h"
#include "process/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINT_MAX (16 * 1024 * 1024)

/* --- commands ------------------------------------------------------------------------- */

static int command_run(const struct options *o)
{
	return supervisor_main(o->file);
}

static int print(struct buf *text, int rc)
{
	if (rc != 0 || fwrite(text->data, 1, text->len, stdout) != text->len ||
		fflush(stdout) != 0) {
		fputs("sesrelay: cannot print the configuration\n", stderr);
		rc = -1;
	}
	buf_free(text);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void warn(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "sesrelay: warning: %s\n", text);
}

static int command_check(const struct options *o)
{
	struct conf *conf;
	struct err err;
	struct buf text;
	int rc;

	buf_init(&text, PRINT_MAX, NULL);
	if (o->list_options)
		return print(&text, conf_print_options(&text));
	if (conf_load(o->file, &conf, &err) != 0)
		return command_fail(&err);
	if (generation_check(conf, &err) != 0) {
		conf_free(&conf);
		return command_fail(&err);
	}
	advice_give(conf, warn, NULL);
	rc = print(&text, conf_print(conf, &text));
	conf_free(&conf);
	return rc;
}

static int command_health(const struct options *o)
{
	struct conf *conf;
	struct err err;
	int rc;

	if (conf_load_public(o->file, &conf, &err) != 0)
		return command_fail(&err);
	rc = health(conf, o->ready, stdout, &err);
	conf_free(&conf);
	return rc < 0 ? command_fail(&err) : EXIT_SUCCESS;
}

/* Without a configuration it prints the built-in table. */
static int command_replies(const struct options *o)
{
	static const struct conf built_in;
	struct conf *conf = NULL;
	struct err err;
	int rc;

	if ((o->file_given || access(o->file, F_OK) == 0) &&
		conf_load_public(o->file, &conf, &err) != 0)
		return command_fail(&err);
	rc = replies_print(conf != NULL ? conf : &built_in,
		o->n_operands > 0 ? o->operands[0] : NULL, stdout, &err);
	conf_free(&conf);
	return rc < 0 ? command_fail(&err) : rc;
}

static int command_hash_password(const struct options *o)
{
	struct err err;

	(void)o;
	return hash_password(STDIN_FILENO, stdout, &err) < 0 ? command_fail(&err)
	                                                     : EXIT_SUCCESS;
}

static int command_admin(const struct options *o)
{
	return child_command(o->operands, admin_main);
}

/* GMime, libcurl, and the forty libraries that they bring, are in that program alone. */
static int command_of_worker(const struct options *o)
{
	struct err err;

	program_run(PROGRAM_WORKER, o->argv, &err);
	return command_fail(&err);
}

/* clang-format off */
static const struct command commands[] = {
	{"run", "c", 0, 0, "run [-c FILE]",
		"start the gateway in the foreground", command_run},
	{"check", "ceo", 0, 0, "check [-c FILE] [--environment FILE] [--options]",
		"check the configuration and print all that is in force, secrets masked;\n"
		"        --environment reads variables as systemd's EnvironmentFile= does,\n"
		"        --options lists every option there is", command_check},
	{"health", "ceR", 0, 0, "health [-c FILE] [--environment FILE] [--ready]",
		"ask the running gateway whether it is well, or ready for mail", command_health},
	{"explain", "clsrfw", 1, 1,
		"explain [-c FILE] [-l LISTENER] [-s SENDER] [-r RECIPIENT]... [--full] [--raw] FILE.eml",
		"print the API requests that a message becomes, and what they cannot carry",
		command_of_worker},
	{"replies", "c", 0, 1, "replies [-c FILE] [CODE]",
		"print which SMTP reply each API code becomes, or one", command_replies},
	{"hash-password", "", 0, 0, "hash-password",
		"read a password, and print its hash for the users file", command_hash_password},
	{"worker", "", 2, 2, NULL, NULL, command_of_worker},
	{"admin", "", 2, 2, NULL, NULL, command_admin},
	{.name = NULL},
};
/* clang-format on */

int main(int argc, char **argv)
{
	return command_main(commands, argc, argv);
}
