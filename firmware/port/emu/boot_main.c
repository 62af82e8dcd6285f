// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * provcard-card: the emulated card's boot stage, its read-only memory. It executes the image that it has verified, and no other: the
 * image is copied into a memory file, sealed, measured there, and executed from there. The process stays the same one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot.h"
#include "log.h"
#include "options.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define FACTORY_FILE "provcard-firmware.pfw"
#define ARGUMENTS_MAX 256

extern const uint8_t boot_rom_anchors[], boot_rom_anchors_end[];

/* The one card that this process is. */
struct rom {
	struct state state;
	struct emu_port emu;
	struct options options;
	STACK_OF(X509) *anchors;
	int argc;
	char **argv;
	int image; /* sealed memory file of the slot loaded last, -1 for none */
	void *mapped;
	size_t size;
};

static void unload(struct rom *rom)
{
	if (rom->mapped)
		munmap(rom->mapped, rom->size);
	if (rom->image >= 0)
		close(rom->image);
	rom->mapped = NULL;
	rom->image = -1;
}

static int memory_file(void)
{
	int fd = memfd_create("provcard-firmware", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	/* Kernels before 6.3 do not know the flag, and let everything be executed. */
	return fd < 0 && errno == EINVAL ? memfd_create("provcard-firmware", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static int copy(struct rom *rom, const struct boot_place *place, const struct provpkg_section *section)
{
	uint8_t piece[65536];
	uint64_t done = 0;

	while (done < section->size) {
		size_t size = section->size - done < sizeof(piece) ? (size_t)(section->size - done) : sizeof(piece);
		int error = nv_read(&rom->state, place->region, place->offset + section->offset + done, piece, size);

		if (error)
			return error;
		if (write(rom->image, piece, size) != (ssize_t)size)
			return -EIO;
		done += size;
	}
	return 0;
}

static int load(void *context, const struct boot_place *place, const struct provpkg_section *section, struct provpkg_view *image)
{
	struct rom *rom = context;
	int error;

	unload(rom);
	rom->image = memory_file();
	if (rom->image < 0)
		return -errno;
	error = copy(rom, place, section);
	if (error)
		return error;
	if (fcntl(rom->image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return -errno;
	rom->size = (size_t)section->size;
	rom->mapped = mmap(NULL, rom->size, PROT_READ, MAP_PRIVATE, rom->image, 0);
	if (rom->mapped == MAP_FAILED) {
		rom->mapped = NULL;
		return -errno;
	}
	*image = (struct provpkg_view){ rom->mapped, rom->size };
	return 0;
}

static int hand_over(const struct port_firmware *firmware)
{
	struct boot_report report = { .firmware = *firmware };

	report.anchors_size = (uint32_t)(boot_rom_anchors_end - boot_rom_anchors);
	if (report.anchors_size > sizeof(report.anchors))
		return -E2BIG;
	memcpy(report.anchors, boot_rom_anchors, report.anchors_size);
	return boot_report_write(&report);
}

/* The state folder stays locked across the exec: no second card can begin in between. */
static int start(void *context, const struct port_firmware *firmware)
{
	struct rom *rom = context;
	char booted[32], *arguments[ARGUMENTS_MAX + 3];
	int report = hand_over(firmware), error;

	if (report < 0)
		return report;
	snprintf(booted, sizeof(booted), "%d,%d", report, rom->state.lock);
	memcpy(arguments, rom->argv, (size_t)rom->argc * sizeof(*arguments));
	arguments[rom->argc] = (char *)"--booted";
	arguments[rom->argc + 1] = booted;
	arguments[rom->argc + 2] = NULL;
	emu_log("starts firmware %s, security version %u, from slot %c", firmware->version, firmware->security_version,
		firmware->slot ? 'B' : 'A');
	if (!fcntl(rom->state.lock, F_SETFD, 0))
		fexecve(rom->image, arguments, environ);
	error = -errno;
	fcntl(rom->state.lock, F_SETFD, FD_CLOEXEC);
	close(report);
	return error;
}

static const char *reason(int code)
{
	const struct provcard_refusal_info *info = code > 0 ? provcard_refusal_find((unsigned int)code) : NULL;

	return info ? info->sentence : strerror(-code);
}

static void passed_over(void *context, unsigned int slot, int code)
{
	(void)context;
	emu_log("slot %c is passed over: %s", slot ? 'B' : 'A', reason(code));
}

/* Where the build puts it. */
static int factory_path(const struct options *options, char path[PATH_MAX])
{
	ssize_t size;
	char *end;

	if (options->factory)
		return snprintf(path, PATH_MAX, "%s", options->factory) < PATH_MAX ? 0 : -ENAMETOOLONG;
	size = readlink("/proc/self/exe", path, PATH_MAX - sizeof(FACTORY_FILE) - 1);
	if (size < 0)
		return -errno;
	path[size] = 0;
	end = strrchr(path, '/');
	strcpy(end ? end + 1 : path, FACTORY_FILE);
	return 0;
}

static int write_slot(struct rom *rom, int fd)
{
	struct stat stat;
	uint8_t *file;
	int error;

	if (fstat(fd, &stat))
		return -errno;
	if ((uint64_t)stat.st_size > rom->state.nv_size[PORT_NV_FIRMWARE_A])
		return PROVCARD_REFUSAL_FIRMWARE_TOO_LARGE;
	file = stat.st_size ? mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (file == MAP_FAILED)
		return PROVCARD_REFUSAL_FIRMWARE_FILE;
	error = nv_write(&rom->state, PORT_NV_FIRMWARE_A, 0, file, (size_t)stat.st_size);
	munmap(file, (size_t)stat.st_size);
	return error ? error : nv_flush(&rom->state, PORT_NV_FIRMWARE_A);
}

/* As the card's maker does before the card is sold. The flags come last: cut short, it is done again. */
static int furnish(struct rom *rom)
{
	struct boot_place place = boot_slot_place(&rom->emu.port, 0);
	struct boot_flags flags = { .slot = { { .state = BOOT_GOOD } } };
	struct boot_image image = { 0 };
	char path[PATH_MAX];
	int fd, code = factory_path(&rom->options, path);

	if (code)
		return code;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		emu_log("there is no firmware for a new card in %s: %s", path, strerror(errno));
		return -ENOENT;
	}
	code = write_slot(rom, fd);
	close(fd);
	if (!code)
		code = boot_image_open(&rom->emu.port, &place, rom->anchors, &image);
	if (!code)
		code = boot_image_check(&rom->emu.port, &place, &image);
	boot_image_clear(&image);
	if (code) {
		emu_log("%s is no firmware for this card: %s", path, reason(code));
		return code;
	}
	return boot_flags_write(&rom->emu.port, &flags);
}

static int boot(struct rom *rom)
{
	const struct boot_board board = { rom, load, start, passed_over };
	struct boot_flags flags;
	enum boot_found found;
	int code;

	emu_port_init(&rom->emu, &rom->state, rom->options.serial, 0, NULL, 0);
	rom->anchors = boot_anchors(boot_rom_anchors, (size_t)(boot_rom_anchors_end - boot_rom_anchors));
	if (!rom->anchors)
		return -EINVAL;
	code = boot_flags_read(&rom->emu.port, &flags, &found);
	if (!code && found == BOOT_FLAGS_FRESH)
		code = furnish(rom);
	return code ? code : boot_run(&rom->emu.port, rom->anchors, &board);
}

int main(int argc, char **argv)
{
	static struct rom rom = { .options = OPTIONS_DEFAULT, .image = -1 };
	int status = options_parse(argc, argv, &rom.options), error;

	if (status)
		return status - 1;
	if (rom.options.report >= 0 || argc > ARGUMENTS_MAX) {
		fprintf(stderr, "provcard-card: %s\n", argc > ARGUMENTS_MAX ? "too many arguments" : "--booted is not for you");
		return 2;
	}
	rom.argc = argc;
	rom.argv = argv;
	error = state_open(&rom.state, rom.options.state, rom.options.nv_sizes);
	if (error) {
		emu_log("cannot use the state in %s: %s", rom.options.state, options_state_complaint(error));
		return 1;
	}
	error = boot(&rom);
	emu_log("no firmware can be started: %s", reason(error));
	state_close(&rom.state);
	return 1;
}
