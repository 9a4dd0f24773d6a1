/* SPDX-License-Identifier: MIT */
/* argv and wiring: one row a command. */
#include "config.h"

#include "cli/explain.h"
#include "cli/hash_password.h"
#include "cli/health.h"
#include "config/conf.h"
#include "config/env_file.h"
#include "core/mem.h"
#include "mail/message.h"
#include "process/advice.h"
#include "process/child.h"
#include "process/children.h"
#include "process/generation.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FILE SYSCONFDIR "/sesrelay.conf"

#define EXIT_USAGE 2

#define PRINT_MAX (16 * 1024 * 1024)

/* What the command line said. Each command takes the options of its row. */
struct options {
	const char *file;
	bool file_given;
	const char *environment; /* a file of variables; NULL: none */
	bool list_options;
	bool ready;
	struct explain_options explain;
	size_t recipients_cap;
	char **operands;
	int n_operands;
};

struct command {
	const char *name;
	const char *letters; /* the options that it takes, of long_options below */
	int min, max;        /* operands */
	const char *usage;   /* NULL: hidden, for the supervisor only */
	const char *help;
	int (*run)(const struct options *o);
};

/* --- commands ------------------------------------------------------------------------- */

static int fail(const struct err *err)
{
	fprintf(stderr, "sesrelay: %s\n", err->text);
	return EXIT_FAILURE;
}

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
		return fail(&err);
	if (generation_check(conf, &err) != 0) {
		conf_free(&conf);
		return fail(&err);
	}
	advice_give(conf, warn, NULL);
	rc = print(&text, conf_print(conf, &text));
	conf_free(&conf);
	return rc;
}

static int command_explain(const struct options *o)
{
	struct explain_options options = o->explain;
	struct conf *conf;
	struct err err;
	int rc;

	options.file = o->operands[0];
	if (conf_load_public(o->file, &conf, &err) != 0)
		return fail(&err);
	message_library_init();
	rc = explain(conf, &options, stdout, &err);
	message_library_shutdown();
	conf_free(&conf);
	return rc < 0 ? fail(&err) : rc;
}

static int command_health(const struct options *o)
{
	struct conf *conf;
	struct err err;
	int rc;

	if (conf_load_public(o->file, &conf, &err) != 0)
		return fail(&err);
	rc = health(conf, o->ready, stdout, &err);
	conf_free(&conf);
	return rc < 0 ? fail(&err) : EXIT_SUCCESS;
}

/* The table is worth reading before there is a configuration. */
static int command_replies(const struct options *o)
{
	static const struct conf built_in;
	struct conf *conf = NULL;
	struct err err;
	int rc;

	if ((o->file_given || access(o->file, F_OK) == 0) &&
		conf_load_public(o->file, &conf, &err) != 0)
		return fail(&err);
	rc = explain_replies(conf != NULL ? conf : &built_in,
		o->n_operands > 0 ? o->operands[0] : NULL, stdout, &err);
	conf_free(&conf);
	return rc < 0 ? fail(&err) : rc;
}

static int command_hash_password(const struct options *o)
{
	struct err err;

	(void)o;
	return hash_password(STDIN_FILENO, stdout, &err) < 0 ? fail(&err) : EXIT_SUCCESS;
}

static bool parse_slot(const char *text, unsigned *slot)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*slot = (unsigned)n;
	return *end == '\0' && n > 0 && n < CHILD_SLOTS;
}

static int command_child(const struct options *o, int (*run)(unsigned slot))
{
	unsigned slot;

	if (!parse_slot(o->operands[0], &slot)) {
		fputs("sesrelay: not a slot\n", stderr);
		return EXIT_USAGE;
	}
	return run(slot);
}

static int command_worker(const struct options *o)
{
	return command_child(o, worker_main);
}

static int command_admin(const struct options *o)
{
	return command_child(o, admin_main);
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
	{"explain", "clsrf", 1, 1,
		"explain [-c FILE] [-l LISTENER] [-s SENDER] [-r RECIPIENT]... [--full] FILE.eml",
		"print the API requests that a message becomes, and what they cannot carry",
		command_explain},
	{"replies", "c", 0, 1, "replies [-c FILE] [CODE]",
		"print which SMTP reply each API code becomes, or one", command_replies},
	{"hash-password", "", 0, 0, "hash-password",
		"read a password, and print its hash for the users file", command_hash_password},
	{"worker", "", 1, 1, NULL, NULL, command_worker},
	{"admin", "", 1, 1, NULL, NULL, command_admin},
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"environment", required_argument, NULL, 'e'},
	{"options", no_argument, NULL, 'o'},
	{"ready", no_argument, NULL, 'R'},
	{"listener", required_argument, NULL, 'l'},
	{"sender", required_argument, NULL, 's'},
	{"recipient", required_argument, NULL, 'r'},
	{"full", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};
/* clang-format on */

/* --- the command line ----------------------------------------------------------------- */

static void print_help(FILE *out)
{
	fputs("sesrelay: an SMTP-to-API relay gateway for Tencent Cloud SES\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].usage != NULL)
			fprintf(out, "sesrelay %s\n        %s\n", commands[i].usage,
				commands[i].help);
	fputs("sesrelay --version | --help\n\n"
	      "FILE is " DEFAULT_FILE " where -c does not name another.\n"
	      "See sesrelay(8), and sesrelay.conf(5) for its syntax.\n",
		out);
}

static int usage_error(const char *what, const char *which)
{
	fprintf(stderr, "sesrelay: %s%s; see sesrelay --help\n", what, which);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void add_recipient(struct options *o, const char *recipient)
{
	mem_grow(&o->explain.recipients, &o->recipients_cap, o->explain.n_recipients + 1,
		sizeof(*o->explain.recipients));
	o->explain.recipients[o->explain.n_recipients++] = recipient;
}

static void take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'c':
		o->file = optarg;
		o->file_given = true;
		break;
	case 'e': o->environment = optarg; break;
	case 'o': o->list_options = true; break;
	case 'R': o->ready = true; break;
	case 'l': o->explain.listener = optarg; break;
	case 's': o->explain.sender = optarg; break;
	case 'r': add_recipient(o, optarg); break;
	case 'f': o->explain.full = true; break;
	default: break;
	}
}

/* Runs it: argv[0] is the command's name. */
static int run_command(
	const struct command *command, struct options *o, int argc, char **argv)
{
	struct err err;
	int letter;

	while ((letter = getopt_long(argc, argv, "c:l:s:r:hV", long_options, NULL)) !=
		-1) {
		if (letter == 'h') {
			print_help(stdout);
			return EXIT_SUCCESS;
		}
		if (letter == '?')
			return EXIT_USAGE;
		if (strchr(command->letters, letter) == NULL)
			return usage_error(
				"an option that is not one of ", command->name);
		take_option(o, letter);
	}
	o->operands = argv + optind;
	o->n_operands = argc - optind;
	if (o->n_operands < command->min)
		return usage_error("an argument is missing for ", command->name);
	if (o->n_operands > command->max)
		return usage_error("too many arguments for ", command->name);
	if (o->environment != NULL && env_file_load(o->environment, &err) != 0)
		return fail(&err);
	return command->run(o);
}

int main(int argc, char **argv)
{
	struct options o = {.file = DEFAULT_FILE};
	const struct command *command;
	int status;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("sesrelay " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	command = find_command(argv[1]);
	if (command == NULL)
		return usage_error("there is no command ", argv[1]);
	status = run_command(command, &o, argc - 1, argv + 1);
	free(o.explain.recipients);
	return status;
}
