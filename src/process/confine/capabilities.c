/* SPDX-License-Identifier: MIT */
/* Capabilities by system call: glibc has no wrappers for them. */
#include "process/confine/capabilities.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/*
 * To start children as another user (SETUID, SETGID) and end them (KILL); at a reload to bind
 * a port below 1024, to read certificates and keys that belong to others, to make, own and
 * remove unix sockets and open logs in folders of others.
 */
#define SUPERVISOR                                                                       \
	(BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | \
		BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN) |      \
		BIT(CAP_FOWNER))

static int get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capget, &head, data);
}

static int set(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capset, &head, data);
}

/* The bounding set may be narrowed with CAP_SETPCAP only, so before the others. */
static void narrow_bounding(uint64_t kept)
{
	for (unsigned cap = 0; cap < 64; cap++)
		if (!(kept & BIT(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int keep(uint64_t kept, struct err *err)
{
	struct __user_cap_data_struct data[2];

	narrow_bounding(kept);
	/* Kernels without ambient capabilities have none to clear. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (get(data) != 0)
		return err_errno(err, "cannot read the capabilities");
	for (unsigned i = 0; i < 2; i++) {
		uint32_t part = (uint32_t)(kept >> (32 * i));

		data[i].permitted &= part;
		data[i].effective &= part;
		data[i].inheritable = 0;
	}
	if (set(data) != 0)
		return err_errno(err, "cannot give up capabilities");
	return 0;
}

int capabilities_keep_supervisor(struct err *err)
{
	return keep(SUPERVISOR, err);
}

int capabilities_drop(struct err *err)
{
	return keep(0, err);
}
