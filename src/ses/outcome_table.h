/* SPDX-License-Identifier: MIT */
/* The built-in rows; only ses/outcome.c reads them. */
#ifndef SES_OUTCOME_TABLE_H
#define SES_OUTCOME_TABLE_H

#include "ses/outcome.h"

#include <stddef.h>

extern const struct outcome_row outcome_builtin[];
extern const size_t outcome_builtin_n;

#endif
