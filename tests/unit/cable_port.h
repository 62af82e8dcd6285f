/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A port that is nothing but one head on an emulated cable: for heads without a card around them. */
#ifndef CABLE_PORT_H
#define CABLE_PORT_H

#include "port.h"
#include "port/emu/cable_client.h"

struct cable_port {
	struct cable cable;
	struct port_ops ops;
	struct port port;
};

/* @socket must stay. */
void cable_port_init(struct cable_port *cable_port, const char *socket);

#endif
