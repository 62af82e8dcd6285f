/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's end of the emulated cable. Functions return 0 or a negative errno; -EPIPE when the part was pulled. */
#ifndef PROVCARD_EMU_CABLE_CLIENT_H
#define PROVCARD_EMU_CABLE_CLIENT_H

#include <pthread.h>

#include "port.h"

struct cable {
	const char *path; /* socket of the part; NULL for a head without a cable */
	pthread_mutex_t mutex; /* of open */
	bool open;
	int fd; /* -1: pulled */
};

void cable_init(struct cable *cable, const char *path);
/* -ENODEV: nothing is plugged in. -EBUSY: open already. -EPROTO: what answers is no part. */
int cable_open(struct cable *cable);
void cable_close(struct cable *cable);
int cable_swd(struct cable *cable, const struct port_swd *swd);
/* CABLE_RESET, CABLE_POWER and CABLE_DELAY: one number, no answer data. */
int cable_control(struct cable *cable, uint32_t type, uint32_t value);
int cable_uart(struct cable *cable, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us,
	       size_t *received);

#endif
