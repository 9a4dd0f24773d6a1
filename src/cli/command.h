/* SPDX-License-Identifier: MIT */
/* The command line: a table of commands, and the options that they take. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/explain.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define EXIT_USAGE 2

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
	char **argv; /* of the program, to run another one with it */
};

struct command {
	const char *name;
	const char *letters; /* the options that it takes, of the table in command.c */
	int min, max;        /* operands */
	const char *usage;   /* NULL: hidden, for the supervisor only */
	const char *help;
	int (*run)(const struct options *o); /* returns the exit status */
};

/* Reads argv, and runs the command that it names: the last row of the table has no name.
 * Returns the exit status. */
int command_main(const struct command *commands, int argc, char **argv);

/* Prints the error, and returns the exit status. */
int command_fail(const struct err *err);

#endif
