/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secrets that a hand-over brings back for the OEM. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_SECRETS_H
#define TOOL_SECRETS_H

#include "delivery.h"

/* Check @check's hand-over, open its secrets as the options say, and write them; they appear when all of it was right. */
int secrets_write(struct context *context, const struct options *options, struct delivery_check *check);

#endif
