/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a configuration file. An error names the file; what is taken is printed as a
 * configuration that is read again to the same print.
 */
#include "config/conf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int load(const void *data, size_t size, struct conf **conf, struct err *err)
{
	FILE *in = fmemopen((void *)data, size, "r");
	int rc;

	must(in != NULL);
	rc = conf_load_masked(in, "file", conf, err);
	fclose(in);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = NULL, *again = NULL;
	struct buf first, second;
	struct err err;

	if (size == 0)
		return 0;
	if (load(data, size, &conf, &err) < 0) {
		must(conf == NULL && strncmp(err.text, "file:", 5) == 0);
		return 0;
	}
	buf_init(&first, SIZE_MAX / 2, NULL);
	buf_init(&second, SIZE_MAX / 2, NULL);
	must(conf_print(conf, &first) == 0);
	must(load(first.data, first.len, &again, &err) == 0);
	must(conf_print(again, &second) == 0);
	must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	buf_free(&first);
	buf_free(&second);
	conf_free(&conf);
	conf_free(&again);
	return 0;
}
