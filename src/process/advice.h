/* SPDX-License-Identifier: MIT */
/*
 * Settings that are legal and probably mistakes. They are reported, never refused: the operator
 * may know a region or a code that is newer than this program.
 */
#ifndef PROCESS_ADVICE_H
#define PROCESS_ADVICE_H

#include "config/conf.h"

/* text: "FILE:LINE: what is odd; what was meant, perhaps". Borrowed. */
typedef void advice_say(void *arg, const char *text);

/* Calls say() for each: regions that the account's site is not known to have; unknown codes of
 * reply rows; a log that this user may not write and another may; too few descriptors for
 * limits.sessions; a stop that may cut calls. */
void advice_give(const struct conf *conf, advice_say *say, void *arg);

/* The log of this configuration could not be opened: its folder is missing, or may not be
 * written. -1: the error has file and line. Writes nothing. */
int advice_check_log(const struct conf *conf, struct err *err) MUST_CHECK;

#endif
