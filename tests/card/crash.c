// SPDX-License-Identifier: GPL-2.0-or-later
/* Firmware by its maker that has a defect: it comes to nothing as soon as it runs. */
#include <stdlib.h>

int main(void)
{
	abort();
}
