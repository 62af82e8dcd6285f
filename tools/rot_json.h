/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The RoT configuration in JSON; its schema is Documentation/schema/rot-configuration.schema.json. */
#ifndef TOOL_ROT_JSON_H
#define TOOL_ROT_JSON_H

#include "image.h"

/*
 * Read and check the configuration at @path and the files it names, relative to its folder. 0 or the exit code, after a message
 * that names the place. @rot holds secrets: cleanse it, also after a failure.
 */
int rot_json_load(const char *path, struct provpkg_rot *rot, struct image_area *area);

#endif
