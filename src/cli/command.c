/* SPDX-License-Identifier: MIT */
/* argv: finds the command, and reads its options. */
#include "config.h"

#include "cli/command.h"

#include "config/env_file.h"
#include "core/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FILE SYSCONFDIR "/sesrelay.conf"

/* clang-format off */
static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"environment", required_argument, NULL, 'e'},
	{"options", no_argument, NULL, 'o'},
	{"ready", no_argument, NULL, 'R'},
	{"listener", required_argument, NULL, 'l'},
	{"sender", required_argument, NULL, 's'},
	{"recipient", required_argument, NULL, 'r'},
	{"full", no_argument, NULL, 'f'},
	{"raw", no_argument, NULL, 'w'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};
/* clang-format on */

int command_fail(const struct err *err)
{
	fprintf(stderr, "sesrelay: %s\n", err->text);
	return EXIT_FAILURE;
}

static void print_help(const struct command *commands, FILE *out)
{
	fputs("sesrelay: an SMTP-to-API relay gateway for Tencent Cloud SES\n\n", out);
	for (const struct command *c = commands; c->name != NULL; c++)
		if (c->usage != NULL)
			fprintf(out, "sesrelay %s\n        %s\n", c->usage, c->help);
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

static const struct command *find_command(
	const struct command *commands, const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
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
	case 'w': o->explain.raw = true; break;
	default: break;
	}
}

/* Runs it: argv[0] is the command's name. */
static int run_command(const struct command *command, const struct command *commands,
	struct options *o, int argc, char **argv)
{
	struct err err;
	int letter;

	while ((letter = getopt_long(argc, argv, "c:l:s:r:hV", long_options, NULL)) !=
		-1) {
		if (letter == 'h') {
			print_help(commands, stdout);
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
		return command_fail(&err);
	return command->run(o);
}

int command_main(const struct command *commands, int argc, char **argv)
{
	struct options o = {.file = DEFAULT_FILE, .argv = argv};
	const struct command *command;
	int status;

	if (argc < 2) {
		print_help(commands, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("sesrelay " PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(commands, stdout);
		return EXIT_SUCCESS;
	}
	command = find_command(commands, argv[1]);
	if (command == NULL)
		return usage_error("there is no command ", argv[1]);
	status = run_command(command, commands, &o, argc - 1, argv + 1);
	free(o.explain.recipients);
	return status;
}
