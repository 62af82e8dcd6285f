/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects: what the card can be asked for by name. */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include "internal.h"

/*
 * The end certificate of a closed job, CMS. Made from ledger and log whenever it is asked for: what it says is fixed by the
 * closing, only its signatures are drawn anew. JOB_NOT_LOADED; NO_SUCH_OBJECT while the job is open.
 */
int object_end_certificate(struct core *core, const uint8_t package_id[PROVPKG_ID_SIZE], struct provpkg_blob *cms);

/* The card's own two signers, classical first; borrowed from @vault. */
void object_own_signers(const struct vault *vault, struct provpkg_signer signers[2]);

void object_forget_all(struct core *core);

int command_object_read(struct core *core, const struct core_command *command, struct core_result *result);

#endif
