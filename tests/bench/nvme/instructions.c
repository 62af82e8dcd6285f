// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin of QEMU that counts what a guest's processors do, whatever the time: instructions by where they stand, and stores of the
 * guest's kernel modules to device registers by device.
 *
 *	-plugin instructions.so,socket=PATH
 *
 * Whoever connects to the socket gets "code ADDRESS INSTRUCTIONS" for every 16 bytes of the kernel that ran (functions of the
 *kernel begin at such an address), "user INSTRUCTIONS" and "store DEVICE COUNT". Debian's QEMU comes without the interface's
 *header: what is used of it, version 7, is declared here.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define API_VERSION 7
#define OPERATION_ADD 0
#define FLAGS_NO_REGISTERS 0
#define ACCESS_STORE 2

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_plugin_scoreboard;
struct counter {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
uint64_t qemu_plugin_u64_sum(struct counter counter);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(struct qemu_plugin_tb *block, void *context), void *context);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *block, int operation, struct counter counter,
						       uint64_t value);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction,
				      void (*call)(unsigned int processor, uint32_t access, uint64_t address, void *context),
				      int flags, int accesses, void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t access, uint64_t address);
_Bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *place);
const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *place);

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int count, char **arguments);
EXPORT int qemu_plugin_version = API_VERSION;

#define KERNEL_BEGIN 0xffff800000000000
#define MODULES_BEGIN 0xffffffffc0000000
#define PLACES 524288 /* a power of two; what does not fit is counted with the user's */
#define DEVICES 16

static struct qemu_plugin_scoreboard *board;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static uint64_t places[PLACES];				 /* 16 bytes of kernel code each, place 0 the user's */
static struct {
	const char *name;
	uint64_t stores;
} devices[DEVICES];
static int listener;

static struct counter counter_of(size_t place)
{
	return (struct counter){ board, place * sizeof(uint64_t) };
}

/* The place of an address; a new one if it has none yet. */
static size_t find_place(uint64_t address)
{
	uint64_t key = address >> 4;
	size_t start = key * 0x9e3779b97f4a7c15 >> 45, i;

	for (i = 0; i < PLACES; i++) {
		size_t place = (start + i) % PLACES;

		if (place && !places[place])
			places[place] = key;
		if (place && places[place] == key)
			return place;
	}
	return 0;
}

static void note_store(unsigned int processor, uint32_t access, uint64_t address, void *context)
{
	struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(access, address);
	const char *name;
	size_t i;

	(void)processor, (void)context;
	if (!place || !qemu_plugin_hwaddr_is_io(place))
		return;
	name = qemu_plugin_hwaddr_device_name(place);
	pthread_mutex_lock(&lock);
	for (i = 0; i < DEVICES && devices[i].name && strcmp(devices[i].name, name); i++)
		;
	if (i < DEVICES) {
		devices[i].name = name;
		devices[i].stores++;
	}
	pthread_mutex_unlock(&lock);
}

static void instrument(struct qemu_plugin_tb *block, void *context)
{
	size_t count = qemu_plugin_tb_n_insns(block), place = 0, i;
	uint64_t address = qemu_plugin_tb_vaddr(block);

	(void)context;
	if (address >= KERNEL_BEGIN) {
		pthread_mutex_lock(&lock);
		place = find_place(address);
		pthread_mutex_unlock(&lock);
	}
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, OPERATION_ADD, counter_of(place), count);
	for (i = 0; address >= MODULES_BEGIN && i < count; i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), note_store, FLAGS_NO_REGISTERS, ACCESS_STORE,
						 NULL);
}

static void report(FILE *file)
{
	size_t i;

	pthread_mutex_lock(&lock);
	fprintf(file, "user %llu\n", (unsigned long long)qemu_plugin_u64_sum(counter_of(0)));
	for (i = 1; i < PLACES; i++)
		if (places[i])
			fprintf(file, "code %llx %llu\n", (unsigned long long)places[i] << 4,
				(unsigned long long)qemu_plugin_u64_sum(counter_of(i)));
	for (i = 0; i < DEVICES && devices[i].name; i++)
		fprintf(file, "store %s %llu\n", devices[i].name, (unsigned long long)devices[i].stores);
	pthread_mutex_unlock(&lock);
}

static void *serve(void *context)
{
	(void)context;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

		if (!file)
			return NULL;
		report(file);
		fclose(file);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ? -1 : 0;
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int count, char **arguments)
{
	const char option[] = "socket=";
	pthread_t thread;

	(void)info;
	if (count != 1 || strncmp(arguments[0], option, strlen(option)) || listen_at(arguments[0] + strlen(option)))
		return -1;
	board = qemu_plugin_scoreboard_new(PLACES * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, instrument, NULL);
	return pthread_create(&thread, NULL, serve, NULL);
}
