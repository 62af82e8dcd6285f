/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include "internal.h"

int command_status(struct core *core, const struct core_command *command, struct core_result *result);
int command_head_status(struct core *core, const struct core_command *command, struct core_result *result);

#endif
