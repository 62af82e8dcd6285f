// SPDX-License-Identifier: GPL-2.0-or-later
/* ELF: what its PT_LOAD segments have in the file goes to their physical addresses. */
#include <gelf.h>
#include <libelf.h>

#include "image.h"

static const char *take_segment(Elf *elf, size_t index, int fd, uint64_t file_size, struct image_chunks *chunks)
{
	struct image_chunk *chunk;
	GElf_Phdr segment;

	if (!gelf_getphdr(elf, index, &segment))
		return "a program header cannot be read";
	if (segment.p_type != PT_LOAD || !segment.p_filesz)
		return NULL;
	if (segment.p_filesz > file_size || segment.p_offset > file_size - segment.p_filesz)
		return "a segment lies outside the file";
	chunk = image_chunk_new(chunks);
	if (!chunk)
		return "out of memory";
	*chunk = (struct image_chunk){
		.address = segment.p_paddr,
		.size = segment.p_filesz,
		.fd = fd,
		.file_offset = segment.p_offset,
	};
	return NULL;
}

static const char *take_segments(Elf *elf, int fd, uint64_t file_size, struct image_chunks *chunks)
{
	const char *wrong = NULL;
	GElf_Ehdr header;
	size_t count;

	if (!gelf_getehdr(elf, &header) || header.e_type != ET_EXEC)
		return "it is no executable ELF file";
	if (elf_getphdrnum(elf, &count))
		return "its program headers cannot be read";
	for (size_t i = 0; i < count && !wrong; i++)
		wrong = take_segment(elf, i, fd, file_size, chunks);
	return wrong;
}

const char *image_parse_elf(int fd, uint64_t file_size, struct image_chunks *chunks)
{
	const char *wrong = "it is no ELF file";
	Elf *elf;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return "libelf is too old";
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		wrong = take_segments(elf, fd, file_size, chunks);
	elf_end(elf);
	return wrong;
}
