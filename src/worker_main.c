/* SPDX-License-Identifier: MIT */
/* `sesrelay-worker`: the workers, and `explain`. It is run by `sesrelay` only. */
#include "cli/command.h"
#include "cli/explain.h"
#include "config/conf.h"
#include "mail/message.h"
#include "process/child.h"

#include <stdio.h>

static int command_explain(const struct options *o)
{
	struct explain_options options = o->explain;
	struct conf *conf;
	struct err err;
	int rc;

	options.file = o->operands[0];
	if (conf_load_public(o->file, &conf, &err) != 0)
		return command_fail(&err);
	message_library_init();
	rc = explain(conf, &options, stdout, &err);
	message_library_shutdown();
	conf_free(&conf);
	return rc < 0 ? command_fail(&err) : rc;
}

static int command_worker(const struct options *o)
{
	return child_command(o->operands, worker_main);
}

static const struct command commands[] = {
	{"explain", "clsrfw", 1, 1, NULL, NULL, command_explain},
	{"worker", "", 2, 2, NULL, NULL, command_worker},
	{.name = NULL},
};

int main(int argc, char **argv)
{
	return command_main(commands, argc, argv);
}
