// SPDX-License-Identifier: GPL-2.0-or-later
/* The first code of the device: settles who may debug, looks whether there is an application, and starts it. */
#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "registers.h"

int main(void);

struct application {
	uint32_t stack, start;
};

/* Silicon from revision F0 on keeps the debug port closed unless the UICR and the firmware both open it. */
static void follow_uicr(void)
{
	if ((UICR_APPROTECT & 0xff) == APPROTECT_HW_DISABLED)
		APPROTECT_DISABLE = APPROTECT_HW_DISABLED;
}

static bool plausible(const volatile struct application *application)
{
	return application->stack > MEMORY_RAM && application->stack <= MEMORY_RAM_END && application->stack % 8 == 0 &&
	       application->start > MEMORY_APPLICATION && application->start < MEMORY_KEY && application->start % 2 == 1;
}

static void start(const volatile struct application *application)
{
	SCB_VTOR = MEMORY_APPLICATION;
	__asm__ volatile("msr msp, %0\n\t"
			 "bx %1"
			 :
			 : "r"(application->stack), "r"(application->start)
			 : "memory");
}

int main(void)
{
	const volatile struct application *application = (const volatile struct application *)MEMORY_APPLICATION;

	follow_uicr();
	if (plausible(application))
		start(application);
	for (;;)
		;
}
