/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands; their table is commands.c, their functions stand in the cmd_*.c files. Each returns an exit code. */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

#include "context.h"

#define COMMANDS(X)                                                                                                                        \
	X(status)                                                                                                                          \
	X(heads)                                                                                                                           \
	X(monitor)                                                                                                                         \
	X(jobs)                                                                                                                            \
	X(cert)                                                                                                                            \
	X(csr)                                                                                                                             \
	X(init)                                                                                                                            \
	X(enrol)                                                                                                                   \
	X(remove)                                                                                                                  \
	X(policy)                                                                                                                  \
	X(unlock)                                                                                                                  \
	X(submit)                                                                                                                  \
	X(audit)                                                                                                                   \
	X(pack)                                                                                                                            \
	X(grant)                                                                                                                           \
	X(sign)                                                                                                                            \
	X(inspect)                                                                                                                         \
	X(load)                                                                                                                            \
	X(allocate)                                                                                                                        \
	X(run)                                                                                                                             \
	X(close)                                                                                                                           \
	X(verify)                                                                                                                          \
	X(export)                                                                                                                          \
	X(secrets)                                                                                                                         \
	X(state)                                                                                                                           \
	X(time)                                                                                                                            \
	X(evidence)                                                                                                                        \
	X(zeroise)                                                                                                                         \
	X(log)                                                                                                                             \
	X(log_export)                                                                                                                      \
	X(log_verify)                                                                                                                      \
	X(firmware_status)                                                                                                                 \
	X(firmware_load)                                                                                                                   \
	X(firmware_activate)                                                                                                               \
	X(firmware_inspect)                                                                                                                \
	X(firmware_pack)                                                                                                                   \
	X(refusals)                                                                                                                        \
	X(completion)

#define X(name)                                                                                                                            \
	extern const struct option_spec options_of_##name[];                                                                               \
	int command_##name(struct context *context, const struct options *options);
COMMANDS(X)
#undef X

#endif
