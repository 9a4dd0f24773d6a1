/* SPDX-License-Identifier: MIT */
/* The bounds of a drain. */
#include "process/drain_times.h"

uint64_t drain_times_needed(const struct conf *conf)
{
	return conf->limits.deadline + DRAIN_CALL_GRACE_MS;
}

struct drain_times drain_times_reload(const struct conf *conf)
{
	return (struct drain_times){.uploads_ms = conf->shutdown_timeout,
		.calls_ms = conf->shutdown_timeout + drain_times_needed(conf)};
}

struct drain_times drain_times_stop(const struct conf *conf, uint64_t timeout_ms)
{
	uint64_t calls = drain_times_needed(conf);

	return (struct drain_times){
		.uploads_ms = timeout_ms > calls ? timeout_ms - calls : 0,
		.calls_ms = timeout_ms};
}

bool drain_times_cut_calls(const struct conf *conf)
{
	return conf->shutdown_timeout < drain_times_needed(conf);
}
