/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the path of MAIL and RCPT, strict and lenient. What is taken is clean UTF-8
 * within its length, and is the same address when it is written in brackets and read again.
 */
#include "core/utf8.h"
#include "smtp/address.h"
#include "smtp/param.h"

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

static void check_address(const struct smtp_address *a)
{
	size_t len = strnlen(a->text, sizeof(a->text));

	must(len <= ADDRESS_MAX);
	must(utf8_valid(span_make(a->text, len)));
	for (size_t i = 0; i < len; i++)
		must((unsigned char)a->text[i] >= ' ' && a->text[i] != 0x7f);
	if (len > 0)
		must(a->at > 0 && a->at < len - 1 && a->text[a->at] == '@');
	else
		must(a->at == 0);
}

static void check_again(const struct smtp_address *a)
{
	char line[ADDRESS_MAX + 3];
	struct smtp_address again;
	struct span in;

	snprintf(line, sizeof(line), "<%s>", a->text);
	in = span_of(line);
	must(address_parse_path(&in, true, &again) == ADDRESS_OK);
	must(in.len == 0);
	must(strcmp(again.text, a->text) == 0 && again.at == a->at);
	must(again.non_ascii == a->non_ascii);
}

static void try_path(const char *text, size_t size)
{
	struct span in = span_make(text, size);
	struct smtp_address a;

	if (address_parse_path(&in, true, &a) != ADDRESS_OK)
		return;
	must(in.p >= text && in.p + in.len == text + size);
	check_address(&a);
	check_again(&a);
}

static void try_param(const char *text, size_t size, enum param_role role, bool lenient)
{
	struct span args = span_make(text, size);
	struct smtp_address a;
	struct reply reply;

	if (param_path(&args, role, lenient, &a, &reply) < 0) {
		must(reply.code >= 500 && reply.code < 600);
		return;
	}
	must(args.p >= text && args.p + args.len == text + size);
	check_address(&a);
	must(role == PARAM_SENDER || a.text[0] != '\0');
	check_again(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + (size == 0));

	must(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	try_path(copy, size);
	for (int i = 0; i < 4; i++)
		try_param(copy, size, (i & 1) != 0 ? PARAM_SENDER : PARAM_RECIPIENT,
			(i & 2) != 0);
	free(copy);
	return 0;
}
