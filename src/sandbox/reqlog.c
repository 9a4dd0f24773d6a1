/* SPDX-License-Identifier: MIT */
/* The last API requests. */
#include "sandbox/reqlog.h"

void reqlog_init(struct reqlog *l, size_t max)
{
	l->entries = json_array();
	l->max = max;
	l->last_seq = 0;
}

void reqlog_clear(struct reqlog *l)
{
	json_decref(l->entries);
	l->entries = NULL;
}

void reqlog_add(struct reqlog *l, json_t *entry)
{
	json_object_set_new(entry, "seq", json_integer(++l->last_seq));
	json_array_append_new(l->entries, entry);
	if (json_array_size(l->entries) > l->max)
		json_array_remove(l->entries, 0);
}
