/* SPDX-License-Identifier: MIT */
/* Numbers, sizes ("8M") and durations ("50s") as text, and back without a loss. */
#include "config/conf_private.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char *name; /* as printed; read in any case */
	uint64_t factor;
};

/* Largest first; the last is the one that a value can always be written in. */
static const struct unit size_units[] = {
	{"G", 1024 * 1024 * 1024},
	{"M", 1024 * 1024},
	{"k", 1024},
	{"", 1},
};

static const struct unit duration_units[] = {
	{"h", 60 * 60 * 1000},
	{"m", 60 * 1000},
	{"s", 1000},
	{"ms", 1},
};

static const struct unit no_units[] = {{"", 1}};

struct kind {
	const struct unit *units;
	size_t n_units;
	const char *what; /* is not ...; write ... */
};

static struct kind kind_of(enum conf_type type)
{
	switch (type) {
	case CONF_TYPE_SIZE:
		return (struct kind){size_units, ARRAY_LEN(size_units),
			"a size; write a number of bytes, or with k, M or G: 8M"};
	case CONF_TYPE_DURATION:
		return (struct kind){duration_units, ARRAY_LEN(duration_units),
			"a duration; write a number with ms, s, m or h: 50s"};
	default:
		return (struct kind){no_units, ARRAY_LEN(no_units),
			"a number; write decimal digits only"};
	}
}

/* Digits at the start of *text; false where there are none or too many. */
static bool parse_digits(const char **text, uint64_t *value)
{
	const char *p = *text;

	*value = 0;
	for (; ascii_isdigit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	if (p == *text)
		return false;
	*text = p;
	return true;
}

int conf_number_parse(
	enum conf_type type, const char *text, uint64_t *value, struct err *why)
{
	struct kind kind = kind_of(type);
	const char *p = text;

	if (!parse_digits(&p, value))
		return err_set(why, "\"%s\" is not %s", text, kind.what);
	for (size_t i = 0; i < kind.n_units; i++) {
		const struct unit *unit = &kind.units[i];

		if (!str_ieq(p, unit->name))
			continue;
		if (*value > UINT64_MAX / unit->factor)
			return err_set(why, "\"%s\" is too much; write less", text);
		*value *= unit->factor;
		return 0;
	}
	return err_set(why, "\"%s\" is not %s", text, kind.what);
}

void conf_number_format(enum conf_type type, uint64_t value, char text[CONF_NUMBER_LEN])
{
	struct kind kind = kind_of(type);
	const struct unit *unit = kind.units;

	while (value % unit->factor != 0)
		unit++;
	snprintf(
		text, CONF_NUMBER_LEN, "%" PRIu64 "%s", value / unit->factor, unit->name);
}
