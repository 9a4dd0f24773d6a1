/* SPDX-License-Identifier: MIT */
/* What the compiler can check for us, by short names. */
#ifndef CORE_ATTR_H
#define CORE_ATTR_H

/* The caller must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Argument FMT is a printf format, its arguments start at FIRST. */
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
