/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the card's mind needs of the board it runs on. A port is a table of functions: the emulated card is firmware/port/emu,
 * tests bring their own. firmware/core and firmware/head reach the outside only through this table; locks come from ISO C
 * (threads.h). Every function may be called from several threads unless it says otherwise.
 *
 * Functions return 0 or a negative errno.
 */
#ifndef PROVCARD_PORT_H
#define PROVCARD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Non-volatile memory, byte addressed. New memory reads as zeroes. A write may be torn at any 512-byte boundary, and writes
 * between two flushes may become durable in any order or not at all, until nv_flush of that region has returned 0.
 */
enum port_region {
	PORT_NV_VAULT, /* keys, people, anchors: two slots */
	PORT_NV_LEDGER, /* superblocks and journal */
	PORT_NV_LOG, /* log entries, append only */
	PORT_NV_STAGING, /* packages as they came, ciphertext */
	PORT_NV_FIRMWARE_A, /* firmware files, one a slot; a port without a boot stage has them with size 0 */
	PORT_NV_FIRMWARE_B,
	PORT_NV_BOOT, /* which slot to start: firmware/boot/flags.h */
	PORT_NV_REGIONS
};

#define PORT_NO_SLOT UINT32_MAX

/* The firmware that runs, as the boot stage measured it. */
struct port_firmware {
	uint8_t digest[32]; /* SHA-256 of the image */
	char version[32]; /* zero padded */
	uint32_t security_version;
	uint32_t slot; /* 0: A, 1: B; PORT_NO_SLOT: started without a boot stage, measured by itself */
};

/* One run of SWD clocks: bit i is bit i % 8 of byte i / 8. */
struct port_swd {
	size_t clocks;
	const uint8_t *out; /* level the head drives where it drives */
	const uint8_t *drive; /* 1: the head drives SWDIO in this clock, 0: it listens */
	uint8_t *in; /* level on the line, sampled in each clock; meaningful where the head listens */
};

/* What the board's sensors say: 1/1000 degrees Celsius and mV, as the host interface's TELEMETRY has them. */
struct port_sensors {
	int32_t temperature;
	int32_t temperature_max;
	int32_t temperature_crit;
	uint32_t supply;
	uint32_t supply_min;
	uint32_t supply_max;
};

/* Events for the host: PROVCARD_EVENT_* of the host interface. */
struct port_event {
	uint8_t type;
	uint32_t info;
};

struct port_ops {
	uint64_t (*nv_size)(void *port, enum port_region region);
	int (*nv_read)(void *port, enum port_region region, uint64_t offset, void *data, size_t size);
	int (*nv_write)(void *port, enum port_region region, uint64_t offset, const void *data, size_t size);
	int (*nv_flush)(void *port, enum port_region region);

	/* A counter that hardware only lets rise. Durable when fuse_increment returns 0. */
	int (*fuse_read)(void *port, uint64_t *count);
	int (*fuse_increment)(void *port);

	/*
	 * Firmware. The anchors of the firmware's maker, DER certificates one behind the other, stand in read-only memory: they live
	 * as long as the port, and there are none (size 0) without a boot stage. The floor is the least security version that may
	 * start: fuses that only rise. A power cut in floor_raise leaves the old value, the new one or one between.
	 */
	int (*firmware_identity)(void *port, struct port_firmware *identity);
	void (*firmware_anchors)(void *port, const uint8_t **der, size_t *size);
	int (*floor_read)(void *port, uint32_t *floor);
	int (*floor_raise)(void *port, uint32_t floor);

	/* 32 bytes unique to this piece of silicon, readable by its firmware alone: the root under which NV secrets are wrapped. */
	int (*root_secret)(void *port, uint8_t secret[32]);
	int (*root_destroy)(void *port);

	/*
	 * The tamper input of the board; all three are NULL where it has none. The board itself latches that the input fired, also
	 * without power, and tells the core by core_tamper() when that runs. tamper_clear fails with -EBUSY while the input is active.
	 */
	int (*tampered)(void *port, bool *latched);
	int (*tamper_clear)(void *port);
	/* Somebody stands before the card: a jumper or button that no host can reach. NULL: never. */
	bool (*presence)(void *port);

	/* Raw bytes of the noise source, or conditioned ones; the core tests them as they come (entropy.h). */
	int (*entropy)(void *port, void *data, size_t size);
	/* For the transport; NULL where the board has no sensors. Nothing in the core depends on them. */
	int (*sensors)(void *port, struct port_sensors *sensors);
	/* The card's battery clock, seconds since 1970; may jump, the core guards against that as far as it can (clock.h). */
	uint64_t (*clock_seconds)(void *port);
	uint64_t (*monotonic_ns)(void *port); /* since the power came; nobody sets it */

	/*
	 * Heads. cable_open finds out whether the socket's cable answers (-ENODEV: nothing plugged in); between open and close
	 * the head belongs to one caller. swd and the others fail with -EPIPE when the part was pulled.
	 */
	unsigned int (*heads)(void *port);
	int (*cable_open)(void *port, unsigned int head);
	void (*cable_close)(void *port, unsigned int head);
	int (*cable_swd)(void *port, unsigned int head, const struct port_swd *swd);
	int (*cable_reset)(void *port, unsigned int head, bool asserted); /* the part's reset pin */
	int (*cable_power)(void *port, unsigned int head, bool on);
	int (*cable_delay)(void *port, unsigned int head, uint32_t microseconds); /* let the part's time pass */
	int (*cable_uart)(void *port, unsigned int head, const void *tx, size_t tx_size, void *rx, size_t rx_size,
			  uint32_t timeout_us, size_t *received); /* talk to the running part; ends at rx_size or time-out */

	/* Tell the host; must not block. */
	void (*event)(void *port, const struct port_event *event);
	/* One line for the card's own log; never a secret. */
	void (*log)(void *port, const char *line);
};

struct port {
	const struct port_ops *ops;
	void *context; /* first argument of every function */
	const char *serial; /* the card's serial number, at most 31 characters */
	const char *board; /* what firmware must be made for; likewise */
	struct entropy_health *health; /* the core's; NULL in what a port hands over */
};

#endif
