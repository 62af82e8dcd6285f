/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file without a name, in $TMPDIR or /var/tmp, for what memory shall not hold. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_SCRATCH_H
#define TOOL_SCRATCH_H

#include <provpkg.h>

struct scratch;

int scratch_open(struct scratch **scratch);
void scratch_close(struct scratch *scratch); /* NULL is allowed */
/* Sink and source for the nodes of a tree. */
int scratch_keep(void *scratch, uint64_t place, const uint8_t hash[PROVPKG_HASH_SIZE]);
int scratch_give(void *scratch, uint64_t place, uint8_t hash[PROVPKG_HASH_SIZE]);
/* As the library takes it; valid as long as @scratch. */
const struct provpkg_spool *scratch_spool(struct scratch *scratch);

#endif
