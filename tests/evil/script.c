// SPDX-License-Identifier: GPL-2.0-or-later
/* The script: what a test tells the evil card, line by line, over a socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "evil.h"

#define WORDS_MAX 8
#define STORM_BURST 256

/* "name=number" among the words, else @otherwise. */
static uint64_t option(char *const *words, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (; *words; words++)
		if (!strncmp(*words, name, length) && (*words)[length] == '=')
			return strtoull(*words + length + 1, NULL, 0);
	return otherwise;
}

static const char *add_rule(struct evil *evil, char *const *words)
{
	const struct misdeed *misdeed = misdeed_find(words[0]);

	if (!misdeed)
		return "no such word";
	if (evil->rule_count == EVIL_RULES)
		return "too many rules";
	evil->rules[evil->rule_count++] = (struct rule){
		.misdeed = misdeed,
		.queue = (int)option(words, "queue", UINT64_MAX),
		.opcode = (int)option(words, "opcode", UINT64_MAX),
		.after = (unsigned int)option(words, "after", 0),
		.times = (unsigned int)option(words, "times", 0),
		.value = option(words, "value", 1),
	};
	return NULL;
}

/* As fast as it goes; the vector's descriptor adds up what the host has not seen. */
static void *storm_main(void *context)
{
	struct evil *evil = context;

	while (__atomic_load_n(&evil->storm, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < STORM_BURST; i++)
			irqs_fire(evil->irqs, evil->storm_vector);
		usleep(10);
	}
	return NULL;
}

static void storm_end(struct evil *evil)
{
	if (!evil->storm)
		return;
	__atomic_store_n(&evil->storm, false, __ATOMIC_RELAXED);
	pthread_join(evil->stormer, NULL);
}

static void storm_begin(struct evil *evil, char *const *words)
{
	storm_end(evil);
	evil->storm_vector = (uint32_t)option(words, "vector", 0) % evil->irqs->count;
	evil->storm = true;
	if (pthread_create(&evil->stormer, NULL, storm_main, evil))
		evil->storm = false;
}

static void turn_good(struct evil *evil)
{
	storm_end(evil);
	evil->rule_count = 0;
	evil->chance = 0;
}

static void release(struct evil *evil)
{
	while (evil->held_count) {
		struct post post = evil->held[--evil->held_count];

		evil_post(evil, &post);
	}
}

static const char *outcome(int error)
{
	return error == -EFAULT ? "unreachable" : error ? "refused" : "reached";
}

/* Memory of the last service command, of an I/O queue, or at an address. */
static struct reach place(const struct evil *evil, char *const *words)
{
	const char *what = words[1] ? words[1] : "";

	if (!strcmp(what, "in"))
		return evil->in;
	if (!strcmp(what, "out"))
		return evil->out;
	if (!strcmp(what, "list"))
		return evil->list;
	if (!strcmp(what, "ring"))
		return (struct reach){ evil->rings[1].sq, 64 };
	return (struct reach){ option(words, "address", 0), 64 };
}

/* A card that is evil does not ask its own Bus Master Enable. What it writes is what it read, or a pattern. */
static void poke(struct evil *evil, char *const *words, FILE *answer)
{
	static const struct dma_gate open;
	struct reach reach = place(evil, words);
	uint64_t address = reach.address + option(words, "offset", 0);
	uint8_t byte = 0xee;
	bool master = evil->dma->master;
	int read, write;

	dma_set_master(evil->dma, true);
	read = dma_read(evil->dma, &open, address, &byte, 1);
	write = dma_write(evil->dma, &open, address, &byte, 1);
	dma_set_master(evil->dma, master);
	fprintf(answer, "read %s write %s", outcome(read), outcome(write));
}

/* What the card could reach now. */
static void tell_maps(struct evil *evil, FILE *answer)
{
	uint64_t bytes = 0;

	pthread_rwlock_rdlock(&evil->dma->lock);
	for (size_t i = 0; i < evil->dma->count; i++)
		bytes += evil->dma->maps[i].size;
	fprintf(answer, "%zu %llu", evil->dma->count, (unsigned long long)bytes);
	pthread_rwlock_unlock(&evil->dma->lock);
}

static void command(struct evil *evil, char *const *words, FILE *answer)
{
	const char *wrong = NULL;

	if (!strcmp(words[0], "good"))
		turn_good(evil);
	else if (!strcmp(words[0], "hits"))
		fprintf(answer, "%u", evil->hits);
	else if (!strcmp(words[0], "misdeeds"))
		misdeeds_list(answer);
	else if (!strcmp(words[0], "release"))
		release(evil);
	else if (!strcmp(words[0], "event"))
		evil_event(evil, (uint32_t)option(words, "value", 3));
	else if (!strcmp(words[0], "storm"))
		storm_begin(evil, words);
	else if (!strcmp(words[0], "poke"))
		poke(evil, words, answer);
	else if (!strcmp(words[0], "maps"))
		tell_maps(evil, answer);
	else if (!strcmp(words[0], "chance")) {
		evil->random = option(words, "seed", 1) * 2 + 1;
		evil->chance = (unsigned int)option(words, "one-in", 50);
	} else
		wrong = add_rule(evil, words);
	if (wrong)
		fprintf(answer, "error: %s", wrong);
}

void script_line(char *line, FILE *answer)
{
	char *words[WORDS_MAX + 1] = { NULL };
	char *rest = NULL;
	size_t count = 0;

	for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS_MAX; word = strtok_r(NULL, " \n", &rest))
		words[count++] = word;
	if (count) {
		pthread_mutex_lock(&evil_card->lock);
		command(evil_card, words, answer);
		pthread_mutex_unlock(&evil_card->lock);
	}
	fputc('\n', answer);
	fflush(answer);
}

static void serve(int client)
{
	FILE *lines = fdopen(client, "r"), *answers = fdopen(dup(client), "w");
	char line[512];

	while (lines && answers && fgets(line, sizeof(line), lines))
		script_line(line, answers);
	if (answers)
		fclose(answers);
	if (lines)
		fclose(lines);
}

static void *serve_main(void *context)
{
	int listener = (int)(intptr_t)context;

	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client >= 0)
			serve(client);
	}
	return NULL;
}

int script_serve(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	if (listener < 0 || strlen(path) >= sizeof(address.sun_path))
		return -EINVAL;
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    pthread_create(&thread, NULL, serve_main, (void *)(intptr_t)listener)) {
		close(listener);
		return -EIO;
	}
	return 0;
}
