/* SPDX-License-Identifier: MIT */
/* What the compiler can check for the sandbox, and the few macros that it needs. */
#ifndef SANDBOX_ATTR_H
#define SANDBOX_ATTR_H

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))

#endif
