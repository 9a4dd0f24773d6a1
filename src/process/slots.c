/* SPDX-License-Identifier: MIT */
/* The shared memory of children: who may write which region, and who is told of it. */
#include "process/slots.h"

#include "core/log.h"
#include "core/shm.h"

#include <unistd.h>

#define ID "supervisor"

static void send_slot(struct children *set, unsigned slot, int fd)
{
	const struct channel_message m = {.type = CHANNEL_SLOT, .slot = slot};
	struct child *c;
	struct err err;

	LIST_FOREACH (c, &set->list, next)
		if (c->channel != NULL && channel_send(c->channel, &m, fd, &err) != 0)
			log_event(LOG_WARN, ID, "slot_not_sent", LOG_S("child", c->id),
				LOG_S("error", err.text));
}

/* Makes the region of a slot, and sends it to the children that started earlier. */
static int open_slot(struct children *set, unsigned slot, struct err *err)
{
	int rc = shm_make(set->shm, slot, err), fd;

	if (rc <= 0)
		return rc;
	fd = shm_reader(set->shm, slot, err);
	if (fd < 0)
		return -1;
	send_slot(set, slot, fd);
	close(fd);
	return 0;
}

int slots_prepare(struct children *set, size_t n, struct err *err)
{
	for (unsigned i = 1; i < CHILD_SLOTS && n > 0; i++) {
		if (set->slots[i])
			continue;
		if (open_slot(set, i, err) != 0)
			return -1;
		n--;
	}
	return 0;
}

size_t slots_readers(const struct children *set, int *fds)
{
	size_t n = 0;
	struct err err;

	while (n < shm_count(set->shm)) {
		fds[n] = shm_reader(set->shm, n, &err);
		if (fds[n] < 0) {
			log_event(
				LOG_WARN, ID, "slot_not_sent", LOG_S("error", err.text));
			break;
		}
		n++;
	}
	return n;
}

static unsigned free_slot(struct children *set)
{
	for (unsigned i = 1; i < CHILD_SLOTS; i++)
		if (!set->slots[i])
			return i;
	return 0;
}

int slots_take(struct child *c, struct err *err)
{
	struct children *set = c->set;
	unsigned slot = free_slot(set);

	if (slot == 0)
		return err_set(err, "too many old workers are still finishing");
	if (open_slot(set, slot, err) != 0)
		return -1;
	metrics_begin(set->metrics, slot);
	set->slots[slot] = true;
	c->slot = slot;
	return 0;
}

void slots_leave(struct child *c)
{
	struct children *set = c->set;
	uint64_t lived = loop_now_ms(set->loop) - c->started_ms;

	if (!metrics_end(set->metrics, c->slot, lived))
		log_event(LOG_ERROR, ID, "metrics_damaged", LOG_S("child", c->id));
	for (int i = SHM_SESSIONS; i < SHM_LEDGER; i++)
		shm_clear(set->shm, c->slot, (enum shm_section)i);
	set->slots[c->slot] = false;
	c->slot = 0;
}
