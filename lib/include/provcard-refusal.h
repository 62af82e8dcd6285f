/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Refusals: the stable codes by which card, libraries and tools say no. The table is provcard-refusals.def.
 */
#ifndef PROVCARD_REFUSAL_H
#define PROVCARD_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum provcard_refusal {
	PROVCARD_OK = 0,
#define X(code, name, class, sentence, remedy) PROVCARD_REFUSAL_##name = code,
#include "provcard-refusals.def"
#undef X
};

/**
 * struct provcard_refusal_info - what is known of one refusal; static storage
 * @code: stable number, 1 to 0x7fff
 * @name: stable name, upper case with underscores
 * @permanent: the same input will be refused again
 * @sentence: what is wrong, no capital, no full stop
 * @remedy: what to do, same form
 */
struct provcard_refusal_info {
	uint16_t code;
	const char *name;
	bool permanent;
	const char *sentence;
	const char *remedy;
};

#pragma GCC visibility push(default)

/* The entry for a code, NULL for 0 and for a code that the table does not hold. */
const struct provcard_refusal_info *provcard_refusal_find(unsigned int code);

/* Entry @index of the table in ascending order of codes, NULL past the end. */
const struct provcard_refusal_info *provcard_refusal_at(size_t index);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
