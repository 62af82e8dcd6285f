// SPDX-License-Identifier: LGPL-2.1-or-later
/* List cards: those of this machine, or those whose addresses are given. cc list-cards.c $(pkg-config --cflags --libs provcard) */
#include <stdio.h>
#include <string.h>

#include <provcard.h>

static int show(void *context, const char *address)
{
	struct provcard_answer answer;
	struct provcard_status status;
	struct provcard *card;
	int error = provcard_open(address, &card);

	(void)context;
	if (error) {
		fprintf(stderr, "%s: %s\n", address, strerror(-error));
		return error;
	}
	error = provcard_status_read(card, &status, &answer);
	if (error)
		fprintf(stderr, "%s: %s\n", address, strerror(-error));
	else if (answer.refusal)
		fprintf(stderr, "%s: the card refused: %s\n", address, provcard_refusal_find(answer.refusal)->sentence);
	else
		printf("%s: serial %s, firmware %s, %u heads, %u jobs\n", address, status.serial, status.firmware, status.heads,
		       status.jobs);
	provcard_close(card);
	return error;
}

int main(int argc, char **argv)
{
	int error = 0;

	if (argc == 1)
		return provcard_address_each(show, NULL) ? 1 : 0;
	for (int i = 1; i < argc; i++)
		error |= show(NULL, argv[i]);
	return error ? 1 : 0;
}
