/* SPDX-License-Identifier: MIT */
/* The configuration as a file again, and the list of all options. */
#include "config/conf.h"

#include "config/conf_private.h"

static bool is_unused(
	const struct conf_section *s, const struct conf_option *o, const void *base)
{
	return strcmp(s->name, "listener") == 0 &&
	       (o->group & conf_check_listener_unused(base)) != 0;
}

static int print_options(const struct conf_section *s, const void *base, struct buf *out)
{
	const char *indent = s->name[0] != '\0' ? "\t" : "";

	for (size_t i = 0; i < s->n_options; i++) {
		if (is_unused(s, &s->options[i], base))
			continue;
		if (buf_appendf(out, "%s%s = ", indent, s->options[i].key) < 0 ||
			conf_value_print(base, &s->options[i], out) < 0 ||
			buf_append_byte(out, '\n') < 0)
			return -1;
	}
	return 0;
}

static int print_section(const struct conf_section *s, void *base, struct buf *out)
{
	if (s->name[0] == '\0')
		return print_options(s, base, out);
	if (buf_appendf(out, "\n%s ", s->name) < 0)
		return -1;
	if (s->titled && (conf_value_quote(*conf_section_title(s, base), out) < 0 ||
				 buf_append_byte(out, ' ') < 0))
		return -1;
	if (buf_append_str(out, "{\n") < 0 || print_options(s, base, out) < 0)
		return -1;
	return buf_append_str(out, "}\n");
}

int conf_print(const struct conf *conf, struct buf *out)
{
	for (size_t i = 0; i < conf_n_sections; i++) {
		const struct conf_section *s = &conf_sections[i];

		for (size_t k = 0; k < conf_section_count(conf, s); k++)
			if (print_section(s, conf_section_at(conf, s, k), out) < 0)
				return -1;
	}
	return 0;
}

static int print_row(
	const struct conf_section *s, const struct conf_option *o, struct buf *out)
{
	if (buf_appendf(out, "%s%s%s\t", s->name, s->name[0] != '\0' ? "." : "", o->key) <
			0 ||
		conf_value_print_type(o, out) < 0)
		return -1;
	return buf_appendf(
		out, "\t%s\t%s\n", o->def != NULL ? o->def : "required", o->help);
}

int conf_print_options(struct buf *out)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		for (size_t k = 0; k < conf_sections[i].n_options; k++)
			if (print_row(&conf_sections[i], &conf_sections[i].options[k],
				    out) < 0)
				return -1;
	return 0;
}
