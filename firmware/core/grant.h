/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants that come after the manifest's: a file of their own, signed by the OEM of the job or by the quota authority that it set up. */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include "internal.h"

/* A grant as the ledger keeps it. */
int grant_terms(const struct provpkg_grant *grant, struct ledger_grant *terms);

int command_grant(struct core *core, const struct core_command *command, struct core_result *result);

#endif
