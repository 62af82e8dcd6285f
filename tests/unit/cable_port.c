// SPDX-License-Identifier: GPL-2.0-or-later
#include "cable_port.h"

#include "port/emu/cable.h"

static unsigned int heads(void *port)
{
	(void)port;
	return 1;
}

static int socket_open(void *port, unsigned int head)
{
	(void)head;
	return cable_open(&((struct cable_port *)port)->cable);
}

static void socket_close(void *port, unsigned int head)
{
	(void)head;
	cable_close(&((struct cable_port *)port)->cable);
}

static int socket_swd(void *port, unsigned int head, const struct port_swd *swd)
{
	(void)head;
	return cable_swd(&((struct cable_port *)port)->cable, swd);
}

static int socket_power(void *port, unsigned int head, bool on)
{
	(void)head;
	return cable_control(&((struct cable_port *)port)->cable, CABLE_POWER, on);
}

static int socket_delay(void *port, unsigned int head, uint32_t microseconds)
{
	(void)head;
	return cable_control(&((struct cable_port *)port)->cable, CABLE_DELAY, microseconds);
}

static int socket_uart(void *port, unsigned int head, const void *tx, size_t tx_size, void *rx, size_t rx_size,
		     uint32_t timeout_us, size_t *received)
{
	(void)head;
	return cable_uart(&((struct cable_port *)port)->cable, tx, tx_size, rx, rx_size, timeout_us, received);
}

void cable_port_init(struct cable_port *cable_port, const char *socket)
{
	cable_init(&cable_port->cable, socket);
	cable_port->ops = (struct port_ops){
		.heads = heads,
		.cable_open = socket_open,
		.cable_close = socket_close,
		.cable_swd = socket_swd,
		.cable_power = socket_power,
		.cable_delay = socket_delay,
		.cable_uart = socket_uart,
	};
	cable_port->port = (struct port){ .ops = &cable_port->ops, .context = cable_port, .serial = "test" };
}
