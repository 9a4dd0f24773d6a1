/* SPDX-License-Identifier: MIT */
/* argv and wiring. */
#include "config.h"

#include <stdio.h>

int main(void)
{
	puts("sesrelay " PACKAGE_VERSION);
	return 0;
}
