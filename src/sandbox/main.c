/* SPDX-License-Identifier: MIT */
/* argv and wiring of the sandbox. */
#include "config.h"

#include <stdio.h>

int main(void)
{
	puts("sesrelay-sandbox " PACKAGE_VERSION);
	return 0;
}
