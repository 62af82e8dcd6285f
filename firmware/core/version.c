// SPDX-License-Identifier: GPL-2.0-or-later
/* What firmware this is. An image of another version is the same objects and another one of these (firmware/build.mk). */
#include "core.h"

const char *core_version(void)
{
	return FIRMWARE_VERSION;
}

uint32_t core_security_version(void)
{
	return FIRMWARE_SECURITY_VERSION;
}
