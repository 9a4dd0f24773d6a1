/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: parameters of MAIL and RCPT, and of XCLIENT. Each is a piece of the input; a
 * value that one of the parsers takes comes out clean.
 */
#include "smtp/dsn.h"
#include "smtp/param.h"
#include "smtp/xclient.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_printable(const char *text)
{
	for (; *text != '\0'; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check_owned(bool taken, char *text)
{
	if (taken)
		check_printable(text);
	free(text);
}

static void try_value(struct span value)
{
	char text[100], notify_text[DSN_NOTIFY_LEN], *envid = NULL, *orcpt = NULL;
	enum dsn_ret ret = DSN_RET_UNSAID;
	unsigned notify = 0, again = 0;
	bool taken;

	if (param_decode_xtext(value, text, sizeof(text)))
		check_printable(text);
	taken = dsn_parse_envid(value, &envid);
	check_owned(taken, envid);
	taken = dsn_parse_orcpt(value, &orcpt);
	check_owned(taken, orcpt);
	if (dsn_parse_ret(value, &ret))
		must(ret != DSN_RET_UNSAID);
	if (dsn_parse_notify(value, &notify)) {
		must(notify != 0);
		dsn_format_notify(notify, notify_text);
		must(dsn_parse_notify(span_of(notify_text), &again) && again == notify);
	}
}

static void try_params(struct span args)
{
	const char *begin = args.p, *end = args.p + args.len;
	struct param p;

	while (param_next(&args, &p) == 1) {
		must(p.name.len > 0 && p.name.p >= begin && p.name.p < end);
		if (!p.has_value)
			continue;
		must(p.value.p >= begin && p.value.p + p.value.len <= end);
		try_value(p.value);
	}
}

static void try_xclient(struct span args, const char *names)
{
	struct xclient x;
	struct reply reply;

	if (xclient_parse(args, names, &x, &reply) < 0) {
		must(reply.code == 501);
		return;
	}
	check_printable(x.name);
	check_printable(x.address);
	check_printable(x.helo);
	check_printable(x.ident);
	check_printable(x.login);
	must(x.port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + (size == 0));

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	try_params(span_make(copy, size));
	try_value(span_make(copy, size));
	try_xclient(span_make(copy, size), XCLIENT_NAMES);
	try_xclient(span_make(copy, size), XFORWARD_NAMES);
	free(copy);
	return 0;
}
