/* SPDX-License-Identifier: MIT */
/* Shared memory for a test: as the supervisor has it, who may write every slot. */
#ifndef TESTS_UNIT_REGIONS_H
#define TESTS_UNIT_REGIONS_H

#include "core/shm.h"

#include <stdlib.h>

static inline struct shm *regions_new(size_t slots)
{
	struct shm *shm = shm_new(slots);

	for (size_t i = 0; i < slots; i++)
		if (shm_make(shm, i, NULL) < 0)
			abort();
	return shm;
}

#endif
