/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "internal.h"

/* Signed anew for each nonce. result: size of the CMS; BUFFER_TOO_SMALL when it does not fit. */
int command_evidence(struct core *core, const struct core_command *command, struct core_result *result);

#endif
