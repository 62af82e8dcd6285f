// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lets the kernel copy a known number of bytes from user memory: extended attributes are taken by copy_from_user(). A probe that
 * does not see these copies sees no others either. Usage: copy_control FILE; prints the number of bytes.
 */
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define SIZE 60000
#define TIMES 100

int main(int argc, char **argv)
{
	static char value[SIZE];

	memset(value, 'c', sizeof(value));
	for (int i = 0; i < TIMES; i++)
		if (argc < 2 || setxattr(argv[1], "trusted.control", value, sizeof(value), 0)) {
			perror("setxattr");
			return 1;
		}
	printf("%d\n", SIZE * TIMES);
	return 0;
}
