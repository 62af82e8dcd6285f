/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ways into a part. Each hands its file descriptors to one poll loop and is called when one of them is ready. */
#ifndef PART_FRONTEND_H
#define PART_FRONTEND_H

#include <stdbool.h>

struct part;
struct cable;
struct bus_pirate;

/* Write what the part counted to the file of --stats, if there is one. */
void stats_write(const struct part *part);

/* The card's cable, firmware/port/emu/cable.h. Functions that return a pointer return NULL after a message on stderr. */
struct cable *cable_open(struct part *part, const char *path);
void cable_close(struct cable *cable);
int cable_descriptor(const struct cable *cable); /* readable: call cable_ready */
void cable_ready(struct cable *cable);

/* A Bus Pirate in raw-wire mode on a pseudo terminal, with a symbolic link to it. */
struct bus_pirate *bus_pirate_open(struct part *part, const char *link);
void bus_pirate_close(struct bus_pirate *pirate);
int bus_pirate_descriptor(const struct bus_pirate *pirate);
void bus_pirate_ready(struct bus_pirate *pirate);

#endif
