/* SPDX-License-Identifier: MIT */
/* options: prints every option. options FILE: prints what the file puts in force. */
#include "config/conf.h"

#include <stdio.h>

static int print_file(const char *file, struct buf *out)
{
	struct conf *conf = NULL;
	struct err err;

	if (conf_load(file, &conf, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	if (conf_print(conf, out) < 0)
		perror(file);
	conf_free(&conf);
	return 0;
}

int main(int argc, char **argv)
{
	struct buf out;
	int rc;

	buf_init(&out, 1024 * 1024, NULL);
	rc = argc > 1 ? print_file(argv[1], &out) : conf_print_options(&out);
	if (rc == 0)
		fputs(out.data, stdout);
	buf_free(&out);
	return rc == 0 ? 0 : 1;
}
