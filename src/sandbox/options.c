/* SPDX-License-Identifier: MIT */
/* The command line of the sandbox, as a table. */
#include "sandbox/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SECRET_ID  "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
#define DEFAULT_SECRET_KEY "SKEXAMPLEexampleSKEXAMPLEexample"
#define SECRET_FILE_MAX    4096
#define MiB                ((int64_t)1 << 20)
#define ADDRESSES_MAX      16

enum kind { TEXT, TEXT_FILE, LIST, COMMAS, NUMBER, YES_NO, FLAG };

struct option_row {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t min, max, preset; /* NUMBER; preset also for YES_NO */
	const char *arg;
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
	{"listen", LIST, AT(listen), 0, 0, 0, "ADDR:PORT",
		"serve http there (127.0.0.1:8180 if no --https is given either); may be "
		"repeated"},
	{"https", LIST, AT(https), 0, 0, 0, "ADDR:PORT",
		"serve https there; may be repeated"},
	{"host", LIST, AT(hosts), 0, 0, 0, "NAME",
		"serve requests that ask for this name or address in Host, too; may be "
		"repeated"},
	{"cert", TEXT, AT(cert), 0, 0, 0, "FILE", "certificate chain for --https, PEM"},
	{"key", TEXT, AT(key), 0, 0, 0, "FILE", "its private key, PEM"},
	{"https-self-signed", TEXT, AT(self_signed), 0, 0, 0, "DIR",
		"make a CA and a certificate for localhost at start; DIR/ca.pem is to be "
		"trusted"},
	{"secret-id", TEXT, AT(secret_id), 0, 0, 0, "ID",
		"the SecretId that exists (or SANDBOX_SECRET_ID; a fake one)"},
	{"secret-key", TEXT, AT(secret_key), 0, 0, 0, "KEY",
		"its SecretKey (or SANDBOX_SECRET_KEY; a fake one)"},
	{"secret-key-file", TEXT_FILE, AT(secret_key), 0, 0, 0, "FILE",
		"read the SecretKey from the first line of a file"},
	{"token", TEXT, AT(token), 0, 0, 0, "TOKEN",
		"the X-TC-Token that temporary keys need (none)"},
	{"journal", TEXT, AT(journal), 0, 0, 0, "FILE",
		"append a JSON line for every accepted mail"},
	{"fsync", FLAG, AT(fsync), 0, 0, 0, NULL, "sync the journal before each answer"},
	{"clock-offset", NUMBER, AT(clock_offset), -3155760000, 3155760000, 0, "SECONDS",
		"pretend that it is so much later (earlier if negative)"},
	{"simple-allowed", YES_NO, AT(simple_allowed), 0, 0, 1, "yes|no",
		"whether the account may send Simple content (yes)"},
	{"any-region", YES_NO, AT(any_region), 0, 0, 0, "yes|no",
		"accept regions that the service does not have (no)"},
	{"other-types", YES_NO, AT(other_types), 0, 0, 1, "yes|no",
		"accept attachment types that are on no list (yes)"},
	{"subject-max", NUMBER, AT(subject_max), 1, 100000, 998, "N",
		"longest subject in characters (998; the API's error text says 100)"},
	{"rate", NUMBER, AT(rate), 0, 1000000, 20, "N",
		"calls per second and action, 0: no limit (20)"},
	{"quota", NUMBER, AT(quota), 0, 1000000000, 0, "N",
		"mails a day, 0: no limit (0)"},
	{"senders", COMMAS, AT(senders), 0, 0, 0, "LIST",
		"verified senders: a@b and @domain, separated by commas (any)"},
	{"templates", TEXT, AT(templates), 0, 0, 0, "FILE",
		"JSON array of templates; without it every id exists and takes any "
		"variables"},
	{"max-mails", NUMBER, AT(max_mails), 1, 10000000, 10000, "N",
		"mails kept in memory, the oldest go first (10000)"},
	{"max-memory", NUMBER, AT(max_memory), 1 * MiB, 65536 * MiB, 256 * MiB, "BYTES",
		"memory for kept mails (268435456)"},
	{"max-requests", NUMBER, AT(max_requests), 1, 100000, 200, "N",
		"API requests kept for /sandbox/v1/requests (200)"},
	{"seed", NUMBER, AT(seed), 0, INT64_MAX, 1, "N",
		"for faults with a probability: same seed, same luck (1)"},
	{"port-file", TEXT, AT(port_file), 0, 0, 0, "FILE",
		"write the addresses listened on, one URL a line"},
	{"ready-fd", NUMBER, AT(ready_fd), 0, 1 << 20, -1, "FD",
		"write a line to this file descriptor when ready, and close it"},
	{"quiet", FLAG, AT(quiet), 0, 0, 0, NULL, "no line a request on standard error"},
	{"help", FLAG, AT(help), 0, 0, 0, NULL, "print this and exit"},
	{"version", FLAG, AT(version), 0, 0, 0, NULL, "print the version and exit"},
};

static void set_text(char **slot, const char *value)
{
	char *copy = mem_strdup(value);

	free(*slot);
	*slot = copy;
}

static int set_from_file(char **slot, const char *path, char **why)
{
	size_t len;
	char *text = text_read_file(path, SECRET_FILE_MAX, &len);

	if (text == NULL) {
		*why = mem_printf("%s: %s", path, strerror(errno));
		return -1;
	}
	text[strcspn(text, "\r\n")] = '\0';
	set_text(slot, text);
	explicit_bzero(text, len);
	free(text);
	return 0;
}

static void add_commas(struct strings *l, const char *value)
{
	while (*value != '\0') {
		size_t len = strcspn(value, ",");
		char *item = mem_strndup(value, len);

		if (len > 0)
			strings_add(l, item);
		free(item);
		value += len + (value[len] == ',');
	}
}

static int set_yes_no(
	bool *slot, const struct option_row *row, const char *value, char **why)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		*why = mem_printf(
			"--%s is \"yes\" or \"no\", not \"%s\"", row->name, value);
		return -1;
	}
	*slot = value[0] == 'y';
	return 0;
}

static int set_option(
	struct options *o, const struct option_row *row, const char *value, char **why)
{
	void *slot = (char *)o + row->offset;

	switch (row->kind) {
	case TEXT: set_text(slot, value); return 0;
	case TEXT_FILE: return set_from_file(slot, value, why);
	case LIST:
		if (((struct strings *)slot)->n == ADDRESSES_MAX) {
			*why = mem_printf("--%s is given too often", row->name);
			return -1;
		}
		strings_add(slot, value);
		return 0;
	case COMMAS: add_commas(slot, value); return 0;
	case FLAG: *(bool *)slot = true; return 0;
	case YES_NO: return set_yes_no(slot, row, value, why);
	case NUMBER:
		if (text_number(value, row->min, row->max, slot) == 0)
			return 0;
		*why = mem_printf("--%s is a number from %lld to %lld, not \"%s\"",
			row->name, (long long)row->min, (long long)row->max, value);
		return -1;
	}
	return -1;
}

static void set_defaults(struct options *o)
{
	const char *id = getenv("SANDBOX_SECRET_ID"), *key = getenv("SANDBOX_SECRET_KEY");

	*o = (struct options){0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		void *slot = (char *)o + rows[i].offset;

		if (rows[i].kind == NUMBER)
			*(int64_t *)slot = rows[i].preset;
		else if (rows[i].kind == YES_NO)
			*(bool *)slot = rows[i].preset != 0;
	}
	set_text(&o->secret_id, id != NULL && *id != '\0' ? id : DEFAULT_SECRET_ID);
	set_text(&o->secret_key, key != NULL && *key != '\0' ? key : DEFAULT_SECRET_KEY);
	set_text(&o->token, "");
}

/* What only several options together can get wrong. */
static int check_together(struct options *o, char **why)
{
	bool files = o->cert != NULL || o->key != NULL;

	if (o->listen.n == 0 && o->https.n == 0)
		strings_add(&o->listen, "127.0.0.1:8180");
	if ((o->cert == NULL) != (o->key == NULL))
		*why = mem_strdup("--cert and --key need each other");
	else if (o->https.n > 0 && !files && o->self_signed == NULL)
		*why = mem_strdup(
			"--https needs --cert and --key, or --https-self-signed DIR");
	else if (files && o->self_signed != NULL)
		*why = mem_strdup("either --cert and --key, or --https-self-signed");
	return *why == NULL ? 0 : -1;
}

int options_read(struct options *o, int argc, char **argv, char **why)
{
	struct option longs[ARRAY_LEN(rows) + 1] = {0};
	int which = 0, got;

	set_defaults(o);
	*why = NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = rows[i].kind == FLAG ? no_argument : required_argument;
	}
	opterr = 0;
	optind = 1;
	while ((got = getopt_long(argc, argv, "+:", longs, &which)) != -1) {
		if (got == ':') {
			*why = mem_printf("%s needs a value", argv[optind - 1]);
			return -1;
		}
		if (got != 0) {
			*why = mem_printf(
				"unknown option \"%s\" (see --help)", argv[optind - 1]);
			return -1;
		}
		if (set_option(o, &rows[which], optarg, why) != 0)
			return -1;
	}
	if (optind < argc) {
		*why = mem_printf("\"%s\" is no option (see --help)", argv[optind]);
		return -1;
	}
	return check_together(o, why);
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		void *slot = (char *)o + rows[i].offset;

		if (rows[i].kind == TEXT) {
			char **text = slot;

			if (*text != NULL)
				explicit_bzero(*text, strlen(*text));
			free(*text);
			*text = NULL;
		} else if (rows[i].kind == LIST || rows[i].kind == COMMAS) {
			strings_free(slot);
		}
	}
}

void options_print_help(FILE *out)
{
	fputs("Usage: sesrelay-sandbox [OPTION]...\n"
	      "An emulator of the Tencent Cloud SES API (2020-10-02) to test "
	      "applications against.\n"
	      "It checks signatures and parameters, keeps what it accepted, and never "
	      "sends mail.\n\n",
		out);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			rows[i].arg != NULL ? " " : "",
			rows[i].arg != NULL ? rows[i].arg : "");
		fprintf(out, "  %-27s %s\n", left, rows[i].help);
	}
	fputs("\nWhat arrived is shown at /sandbox and, as JSON, below /sandbox/v1/ of "
	      "the same "
	      "address.\n",
		out);
}
