/* SPDX-License-Identifier: MIT */
/*
 * The journal: a JSON line for every accepted mail, appended to a file that is never
 * rewritten, by one write(2) a line.
 */
#ifndef SANDBOX_JOURNAL_H
#define SANDBOX_JOURNAL_H

#include "sandbox/mail.h"

#include <stdbool.h>

struct journal {
	int fd; /* -1: none is kept */
	bool sync;
};

/* path NULL: none is kept. -1 and errno where it cannot be opened. */
int journal_open(struct journal *j, const char *path, bool sync) MUST_CHECK;
void journal_close(struct journal *j);

/* -1 and errno where the line is not on disk: then the mail must not be accepted. */
int journal_append(struct journal *j, const struct mail *m) MUST_CHECK;

#endif
