/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CORE_LOG_COMMANDS_H
#define CORE_LOG_COMMANDS_H

#include "internal.h"

int command_log_read(struct core *core, const struct core_command *command, struct core_result *result);
int command_log_proof(struct core *core, const struct core_command *command, struct core_result *result);
int command_log_consistency(struct core *core, const struct core_command *command, struct core_result *result);
int command_log_run(struct core *core, const struct core_command *command, struct core_result *result);

#endif
