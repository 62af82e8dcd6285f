// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of functions by which core and heads reach the emulated board. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cable.h"
#include "emu_port.h"
#include "log.h"

static struct state *state_of(void *port)
{
	return ((struct emu_port *)port)->state;
}

static struct cable *cable_of(void *port, unsigned int head)
{
	struct emu_port *emu = port;

	return head < emu->heads ? &emu->cables[head] : NULL;
}

static uint64_t port_nv_size(void *port, enum port_region region)
{
	return (unsigned int)region < PORT_NV_REGIONS ? state_of(port)->nv_size[region] : 0;
}

static int port_nv_read(void *port, enum port_region region, uint64_t offset, void *data, size_t size)
{
	return nv_read(state_of(port), region, offset, data, size);
}

static int port_nv_write(void *port, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	return nv_write(state_of(port), region, offset, data, size);
}

static int port_nv_flush(void *port, enum port_region region)
{
	return nv_flush(state_of(port), region);
}

static int port_fuse_read(void *port, uint64_t *count)
{
	struct state *state = state_of(port);

	pthread_mutex_lock(&state->mutex);
	*count = state->fuse;
	pthread_mutex_unlock(&state->mutex);
	return 0;
}

static int port_fuse_increment(void *port)
{
	return fuse_increment(state_of(port));
}

/* Without a boot stage measured when somebody asks: many a test never does. */
static int port_firmware_identity(void *port, struct port_firmware *identity)
{
	struct emu_port *emu = port;
	int error = 0;

	pthread_mutex_lock(&emu->mutex);
	if (!emu->boot.firmware.version[0])
		error = boot_report_measure(&emu->boot);
	*identity = emu->boot.firmware;
	pthread_mutex_unlock(&emu->mutex);
	return error;
}

static void port_firmware_anchors(void *port, const uint8_t **der, size_t *size)
{
	const struct boot_report *boot = &((struct emu_port *)port)->boot;

	*der = boot->anchors;
	*size = boot->anchors_size;
}

static int port_floor_read(void *port, uint32_t *floor)
{
	struct state *state = state_of(port);

	pthread_mutex_lock(&state->mutex);
	*floor = (uint32_t)state->floor;
	pthread_mutex_unlock(&state->mutex);
	return 0;
}

static int port_floor_raise(void *port, uint32_t floor)
{
	return floor_raise(state_of(port), floor);
}

static int port_root_secret(void *port, uint8_t secret[32])
{
	return root_secret(state_of(port), secret);
}

static int port_root_destroy(void *port)
{
	return root_destroy(state_of(port));
}

static int port_tampered(void *port, bool *latched)
{
	*latched = tamper_is_set(state_of(port));
	return 0;
}

static int port_tamper_clear(void *port)
{
	return tamper_clear(state_of(port));
}

static bool port_presence(void *port)
{
	return ((struct emu_port *)port)->present;
}

/* A noise source that is not what it was: the file's bytes, again and again. False where there is no such file. */
static bool worn_entropy(struct state *state, uint8_t *bytes, size_t size)
{
	uint8_t noise[64];
	ssize_t got;
	int fd = openat(state->folder, "noise", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	got = read(fd, noise, sizeof(noise));
	close(fd);
	for (size_t i = 0; i < size && got > 0; i++)
		bytes[i] = noise[i % (size_t)got];
	return got > 0;
}

static int port_entropy(void *port, void *data, size_t size)
{
	uint8_t *bytes = data;
	ssize_t got;

	if (worn_entropy(state_of(port), data, size))
		return 0;
	while (size) {
		got = getrandom(bytes, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		bytes += got;
		size -= (size_t)got;
	}
	return 0;
}

/* A healthy board, as far as the file of the state folder does not say otherwise. */
static int port_sensors(void *port, struct port_sensors *sensors)
{
	char text[128] = "";
	ssize_t got;
	int fd;

	*sensors = (struct port_sensors){ .temperature = 42000, .temperature_max = 85000, .temperature_crit = 105000,
					  .supply = 3300, .supply_min = 3135, .supply_max = 3465 };
	fd = openat(state_of(port)->folder, "sensors", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got < 0)
		return -EIO;
	sscanf(text, "%" SCNd32 "%" SCNu32 "%" SCNd32 "%" SCNd32 "%" SCNu32 "%" SCNu32, &sensors->temperature, &sensors->supply,
	       &sensors->temperature_max, &sensors->temperature_crit, &sensors->supply_min, &sensors->supply_max);
	return 0;
}

static uint64_t port_clock_seconds(void *port)
{
	int64_t now = (int64_t)time(NULL) + ((struct emu_port *)port)->clock_offset;

	return now > 0 ? (uint64_t)now : 0;
}

static uint64_t port_monotonic_ns(void *port)
{
	struct timespec now;

	(void)port;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned int port_heads(void *port)
{
	return ((struct emu_port *)port)->heads;
}

static int port_cable_open(void *port, unsigned int head)
{
	struct cable *cable = cable_of(port, head);

	return cable ? cable_open(cable) : -ENODEV;
}

static void port_cable_close(void *port, unsigned int head)
{
	struct cable *cable = cable_of(port, head);

	if (cable)
		cable_close(cable);
}

static int port_cable_swd(void *port, unsigned int head, const struct port_swd *swd)
{
	struct cable *cable = cable_of(port, head);

	return cable ? cable_swd(cable, swd) : -EPIPE;
}

static int control(void *port, unsigned int head, uint32_t type, uint32_t value)
{
	struct cable *cable = cable_of(port, head);

	return cable ? cable_control(cable, type, value) : -EPIPE;
}

static int port_cable_reset(void *port, unsigned int head, bool asserted)
{
	return control(port, head, CABLE_RESET, asserted);
}

static int port_cable_power(void *port, unsigned int head, bool on)
{
	return control(port, head, CABLE_POWER, on);
}

static int port_cable_delay(void *port, unsigned int head, uint32_t microseconds)
{
	return control(port, head, CABLE_DELAY, microseconds);
}

static int port_cable_uart(void *port, unsigned int head, const void *tx, size_t tx_size, void *rx, size_t rx_size,
			   uint32_t timeout_us, size_t *received)
{
	struct cable *cable = cable_of(port, head);

	return cable ? cable_uart(cable, tx, tx_size, rx, rx_size, timeout_us, received) : -EPIPE;
}

static void port_event(void *port, const struct port_event *event)
{
	struct emu_port *emu = port;

	pthread_mutex_lock(&emu->mutex);
	if (emu->event)
		emu->event(emu->event_context, event);
	pthread_mutex_unlock(&emu->mutex);
}

static void port_log(void *port, const char *line)
{
	(void)port;
	emu_log("%s", line);
}

static const struct port_ops ops = {
	.nv_size = port_nv_size,
	.nv_read = port_nv_read,
	.nv_write = port_nv_write,
	.nv_flush = port_nv_flush,
	.fuse_read = port_fuse_read,
	.fuse_increment = port_fuse_increment,
	.firmware_identity = port_firmware_identity,
	.firmware_anchors = port_firmware_anchors,
	.floor_read = port_floor_read,
	.floor_raise = port_floor_raise,
	.root_secret = port_root_secret,
	.root_destroy = port_root_destroy,
	.tampered = port_tampered,
	.tamper_clear = port_tamper_clear,
	.presence = port_presence,
	.entropy = port_entropy,
	.sensors = port_sensors,
	.clock_seconds = port_clock_seconds,
	.monotonic_ns = port_monotonic_ns,
	.heads = port_heads,
	.cable_open = port_cable_open,
	.cable_close = port_cable_close,
	.cable_swd = port_cable_swd,
	.cable_reset = port_cable_reset,
	.cable_power = port_cable_power,
	.cable_delay = port_cable_delay,
	.cable_uart = port_cable_uart,
	.event = port_event,
	.log = port_log,
};

void emu_port_init(struct emu_port *emu, struct state *state, const char *serial, unsigned int heads, const char *const *cables,
		   int64_t clock_offset)
{
	unsigned int i;

	*emu = (struct emu_port){ .state = state, .clock_offset = clock_offset, .heads = heads };
	emu->port = (struct port){ .ops = &ops, .context = emu, .serial = serial, .board = EMU_BOARD };
	pthread_mutex_init(&emu->mutex, NULL);
	for (i = 0; i < heads; i++)
		cable_init(&emu->cables[i], cables[i]);
}

void emu_port_listen(struct emu_port *emu, void (*event)(void *context, const struct port_event *event), void *context)
{
	pthread_mutex_lock(&emu->mutex);
	emu->event = event;
	emu->event_context = context;
	pthread_mutex_unlock(&emu->mutex);
}

void emu_port_tamper(struct emu_port *emu)
{
	if (root_destroy(emu->state) || tamper_set(emu->state))
		emu_log("the tamper input fired, and the state folder did not obey");
}
