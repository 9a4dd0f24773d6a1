/* SPDX-License-Identifier: MIT */
/*
 * Files of variables in the syntax of systemd's EnvironmentFile= (systemd.exec(5)), so that a
 * check sees what the service will see.
 */
#ifndef CONFIG_ENV_FILE_H
#define CONFIG_ENV_FILE_H

#include "core/attr.h"
#include "core/err.h"

/*
 * Sets the variables of the file in the environment of this process; they go before those
 * that are set already. A path that begins with '-' may be missing, as in a unit.
 *
 * A line is NAME=VALUE, a comment (# or ;) or empty. White space around both sides goes. A
 * value is taken to the end of its line, '#' and '$' included; in 'single' or "double"
 * quotes it keeps its spaces and may have more lines. A backslash takes the next byte as it
 * stands (within double quotes only " \ ` and $), and before a line end it joins two lines;
 * within single quotes it is none.
 *
 * -1: the file cannot be read, is longer than ENV_FILE_MAX, has a NUL or a quote that never
 * ends, or a line that systemd would pass over without a word. The error names file and line
 * and never a value.
 */
#define ENV_FILE_MAX ((size_t)256 * 1024)
int env_file_load(const char *path, struct err *err) MUST_CHECK;

#endif
