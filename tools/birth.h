/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Birth bundles: what is to be known of one device, in one file, to be checked alone and offline. Functions return 0 or the exit code,
 * after a message.
 */
#ifndef TOOL_BIRTH_H
#define TOOL_BIRTH_H

#include "delivery.h"

#define BIRTH_VERSION 1
#define CHAIN_MAX 16 /* certificates above a device */

/* Of a hand-over that was checked: of the unit with @uid into the file @path; of each good unit into @path/UID.json when it is NULL. */
int birth_export(struct context *context, const char *folder, const char *uid, const char *path);

/* Check one and report what it is; of @check, what is said of whom to believe. */
int birth_verify(struct context *context, const char *path, const struct delivery_check *check);

#endif
