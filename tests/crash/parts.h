/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heads for the crash states: the functions of firmware/head/head.h over parts that do nothing but tell what reaches them. */
#ifndef CRASH_PARTS_H
#define CRASH_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "head/head.h"
#include "provpkg.h"

#define PARTS_HEADS 4
#define PARTS_UID_SIZE 8

/* What becomes of a part. */
enum part_fate {
	PART_WELL,
	PART_PULLED, /* gone while it is programmed: can be tried again */
	PART_BROKEN, /* verification fails: beyond help */
};

/* Told by the heads; from the thread of the head. */
struct parts_watch {
	void *context;
	void (*met)(void *context, uint32_t part);
	/* Secrets of the job reach the part: digests of its private key and of its certificate. */
	void (*exposed)(void *context, uint32_t part, uint32_t job, const uint8_t *key, const uint8_t *certificate);
	void (*broken)(void *context, uint32_t part);
	void (*finished)(void *context, uint32_t part);
};

void parts_watch(const struct parts_watch *watch);
/* A part of this number in the socket, for a job of the line. */
void parts_insert(unsigned int head, uint32_t part, enum part_fate fate, uint32_t job);
/* The number of the part with this UID. */
uint32_t parts_number(const uint8_t *uid, size_t size);
void parts_uid(uint32_t part, uint8_t uid[PARTS_UID_SIZE]);

#endif
