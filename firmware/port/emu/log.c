// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"

/* One write per line, so that lines of several threads do not mix. A control character would let a client forge lines. */
void emu_log(const char *format, ...)
{
	char line[512] = "provcard-card: ";
	size_t start = 15, used, i;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + start, sizeof(line) - start - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	used = start + (size_t)length;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	for (i = start; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
