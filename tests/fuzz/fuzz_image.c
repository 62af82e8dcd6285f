// SPDX-License-Identifier: GPL-2.0-or-later
/* Image files an OEM packs: ELF, Intel HEX and raw binaries, through to the bytes of the image area and their digests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <elf.h>

#include "fuzz.h"
#include "tools/image_digests.h"

static int file;

void fuzz_begin(void)
{
	file = memfd_create("image", MFD_CLOEXEC);
	FUZZ_MUST(file >= 0);
}

/* What came out piece by piece is what comes out of the whole. */
static void check_digests(const struct image_area *area, const struct provpkg_rot *rot)
{
	for (size_t i = 0; i < rot->images; i++) {
		uint8_t *bytes = malloc(rot->image[i].size + 1u), digest[PROVPKG_HASH_SIZE];

		FUZZ_MUST(bytes && !image_read(area, rot->image[i].offset, bytes, rot->image[i].size));
		FUZZ_MUST(!provpkg_image_digest((struct provpkg_view){ bytes, rot->image[i].size }, digest));
		FUZZ_MUST(!memcmp(digest, rot->image[i].digest, sizeof(digest)));
		free(bytes);
	}
}

/* Every byte of the area can be read, in pieces of any size, and the digests come out. */
static void read_area(const struct image_area *area, struct provpkg_rot *rot)
{
	static uint8_t piece[40000];
	struct image_digests *digests = image_digests_new(rot, area);

	FUZZ_MUST(digests);
	for (uint64_t at = 0; at < area->size;) {
		size_t size = area->size - at < sizeof(piece) ? (size_t)(area->size - at) : sizeof(piece);

		FUZZ_MUST(!image_read(area, at, piece, size) && !image_digests_pass(digests, at, piece, size));
		at += size;
	}
	FUZZ_MUST(!image_digests_finish(digests, rot));
	image_digests_free(digests);
	check_digests(area, rot);
}

void fuzz_one(struct provpkg_view input)
{
	char path[64];
	struct image_area area = { 0 };
	struct provpkg_rot rot = { 0 };
	struct image_request request = { .name = "image", .path = path };

	request.format = (enum image_format)(fuzz_u8(&input) % (IMAGE_HEX + 1));
	request.has_address = request.format == IMAGE_BINARY || fuzz_u8(&input) % 2;
	request.address = 0x1000;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	FUZZ_MUST(!ftruncate(file, 0) && pwrite(file, input.data, input.size, 0) == (ssize_t)input.size);
	if (!image_add(&area, &rot, &request)) {
		fuzz_accepted();
		FUZZ_MUST(rot.images && rot.images <= PROVPKG_IMAGES_MAX);
		for (size_t i = 0; i < rot.images; i++)
			FUZZ_MUST(rot.image[i].offset <= area.size && rot.image[i].size <= area.size - rot.image[i].offset);
		if (area.size <= 4u << 20)
			read_area(&area, &rot);
	}
	image_free(&area);
}

static void seed(const char *name, enum image_format format, const void *data, size_t size)
{
	struct fuzz_writer out = { .size = 0 };

	fuzz_put_u8(&out, (uint8_t)format);
	if (format != IMAGE_BINARY)
		fuzz_put_u8(&out, 0);
	fuzz_put(&out, data, size);
	fuzz_seed(name, out.data, out.size);
}

struct elf_file {
	Elf32_Ehdr header;
	Elf32_Phdr segment[2];
	Elf32_Shdr section[2];
	uint8_t bytes[64];
};

/* An executable of two segments, with and without sections. */
static void seed_elf(const char *name, bool sections)
{
	struct elf_file elf = { .bytes = "code" };

	elf.header = (Elf32_Ehdr){ .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
				   .e_type = ET_EXEC, .e_machine = EM_ARM, .e_version = EV_CURRENT,
				   .e_phoff = offsetof(struct elf_file, segment), .e_ehsize = sizeof(Elf32_Ehdr),
				   .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 2, .e_shentsize = sizeof(Elf32_Shdr) };
	elf.segment[0] = (Elf32_Phdr){ PT_LOAD, offsetof(struct elf_file, bytes), 0x1000, 0x1000, 48, 48, PF_R | PF_X, 4 };
	elf.segment[1] = (Elf32_Phdr){ PT_LOAD, offsetof(struct elf_file, bytes) + 48, 0x20000000, 0x1100, 16, 64, PF_R | PF_W, 4 };
	if (sections) {
		elf.header.e_shoff = offsetof(struct elf_file, section);
		elf.header.e_shnum = 2;
		elf.section[1] = (Elf32_Shdr){ .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addr = 0x1000,
					       .sh_offset = offsetof(struct elf_file, bytes), .sh_size = 40 };
	}
	seed(name, IMAGE_GUESS, &elf, sizeof(elf));
}

void fuzz_seeds(void)
{
	static const char hex[] = ":020000040001F9\n:10000000000102030405060708090A0B0C0D0E0F78\n"
				  ":04200000DEADBEEFA4\n:0400000500010000F6\n:00000001FF\n";
	static const char segments[] = ":020000021000EC\n:0400000001020304F2\n:00000001FF\n";

	seed("ihex", IMAGE_HEX, hex, sizeof(hex) - 1);
	seed("ihex-segments", IMAGE_HEX, segments, sizeof(segments) - 1);
	seed("binary", IMAGE_BINARY, "some bytes", 10);
	seed_elf("elf", false);
	seed_elf("elf-sections", true);
}
