// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One session of a head with the part behind a cable, without a card: for tests and benches that set our head beside others'
 * tools. Steps are done in order until one is refused; what happened goes to standard output as JSON.
 *
 *	head-session SOCKET PART [erase | program ADDRESS FILE | verify ADDRESS FILE | lock | read-lock]...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "head/head.h"
#include "provcard-refusal.h"
#include "tests/unit/cable_port.h"

struct session {
	struct head *head;
	uint64_t clocks; /* up to the last step */
	bool locked;
	char **next; /* argument */
};

static char *take(struct session *session)
{
	if (*session->next)
		return *session->next++;
	fprintf(stderr, "usage: head-session SOCKET PART [erase | program ADDRESS FILE | verify ADDRESS FILE | lock | read-lock]...\n");
	exit(2);
}

static uint8_t *load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long end;

	if (!file || fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) ||
	    !(data = malloc((size_t)end + 1)) || fread(data, 1, (size_t)end, file) != (size_t)end) {
		perror(path);
		exit(2);
	}
	fclose(file);
	*size = (size_t)end;
	return data;
}

static int with_region(struct session *session,
		       int (*work)(struct head *, const struct head_region *, size_t, head_progress, void *))
{
	struct head_region region = { .address = (uint32_t)strtoul(take(session), NULL, 0) };
	uint8_t *data = load(take(session), &region.size);
	int error;

	region.data = data;
	error = work(session->head, &region, 1, NULL, NULL);
	free(data);
	return error;
}

static int step(struct session *session, const char *name)
{
	if (!strcmp(name, "erase"))
		return head_erase(session->head, NULL, NULL);
	if (!strcmp(name, "program"))
		return with_region(session, head_program);
	if (!strcmp(name, "verify"))
		return with_region(session, head_verify);
	if (!strcmp(name, "lock"))
		return head_lock(session->head, HEAD_LOCK_RECOVERABLE);
	if (!strcmp(name, "read-lock"))
		return head_read_lock(session->head, &session->locked);
	fprintf(stderr, "head-session: %s: no such step\n", name);
	exit(2);
}

static void print_clocks(struct session *session, const char *name)
{
	uint64_t now = head_clocks(session->head);

	printf("{\"step\": \"%s\", \"clocks\": %" PRIu64 "}", name, now - session->clocks);
	session->clocks = now;
}

static void print_end(const struct session *session, int error)
{
	const struct provcard_refusal_info *refusal = error > 0 ? provcard_refusal_find((unsigned int)error) : NULL;
	const struct head_identity *identity = session->head ? head_identity(session->head) : NULL;

	printf("], \"uid\": \"");
	for (size_t i = 0; identity && i < identity->uid_size; i++)
		printf("%02x", identity->uid[i]);
	printf("\", \"locked\": %s, \"refusal\": ", session->locked ? "true" : "false");
	if (refusal)
		printf("\"%s\"}\n", refusal->name);
	else
		printf("%s}\n", error ? "\"errno\"" : "null");
}

int main(int argc, char **argv)
{
	struct session session = { .next = argv + (argc > 0) };
	struct cable_port cable_port;
	int error;

	cable_port_init(&cable_port, take(&session));
	error = head_attach(&cable_port.port, 0, take(&session), &session.head);
	printf("{\"schema_version\": 1, \"steps\": [");
	if (!error) {
		session.locked = head_identity(session.head)->locked;
		print_clocks(&session, "attach");
	}
	while (!error && *session.next) {
		const char *name = take(&session);

		error = step(&session, name);
		printf(", ");
		print_clocks(&session, name);
	}
	print_end(&session, error);
	head_detach(session.head);
	return error ? 1 : 0;
}
