// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF: what PT_LOAD segments have in the file goes to their physical addresses. Of a segment only what sections name is taken, for
 * a linker may extend the first segment over the file's own headers, far below the image. A file without sections has its
 * segments taken whole.
 */
#include <stdbool.h>

#include <gelf.h>
#include <libelf.h>

#include "image.h"

struct elf_file {
	Elf *elf;
	int fd;
	uint64_t size;
	struct image_chunks *chunks;
};

static bool is_in_file(const struct elf_file *file, uint64_t offset, uint64_t size)
{
	return size <= file->size && offset <= file->size - size;
}

static const char *take(const struct elf_file *file, const GElf_Phdr *segment, uint64_t offset, uint64_t size)
{
	struct image_chunk *chunk = image_chunk_new(file->chunks);

	if (!chunk)
		return "out of memory";
	*chunk = (struct image_chunk){
		.address = segment->p_paddr + (offset - segment->p_offset),
		.size = size,
		.fd = file->fd,
		.file_offset = offset,
	};
	return NULL;
}

/* Does the section bring bytes that lie in this segment? */
static bool is_inside(const GElf_Shdr *section, const GElf_Phdr *segment)
{
	if (!(section->sh_flags & SHF_ALLOC) || section->sh_type == SHT_NOBITS || !section->sh_size)
		return false;
	return section->sh_offset >= segment->p_offset && section->sh_size <= segment->p_filesz &&
	       section->sh_offset - segment->p_offset <= segment->p_filesz - section->sh_size;
}

static const char *take_segment(const struct elf_file *file, size_t index, bool has_sections)
{
	const char *wrong = NULL;
	Elf_Scn *scan = NULL;
	GElf_Phdr segment;
	GElf_Shdr section;

	if (!gelf_getphdr(file->elf, index, &segment))
		return "a program header cannot be read";
	if (segment.p_type != PT_LOAD || !segment.p_filesz)
		return NULL;
	if (!is_in_file(file, segment.p_offset, segment.p_filesz))
		return "a segment lies outside the file";
	if (!has_sections)
		return take(file, &segment, segment.p_offset, segment.p_filesz);
	while (!wrong && (scan = elf_nextscn(file->elf, scan)))
		if (!gelf_getshdr(scan, &section))
			wrong = "a section header cannot be read";
		else if (is_inside(&section, &segment))
			wrong = take(file, &segment, section.sh_offset, section.sh_size);
	return wrong;
}

/* Section headers stand at the end: a file that was cut has lost them first, and must not pass for one that never had any. */
static bool has_its_sections(const struct elf_file *file, const GElf_Ehdr *header, size_t sections)
{
	return !header->e_shoff || (sections && is_in_file(file, header->e_shoff, sections * (uint64_t)header->e_shentsize));
}

static const char *take_segments(const struct elf_file *file)
{
	size_t segments, sections;
	const char *wrong = NULL;
	GElf_Ehdr header;

	if (!gelf_getehdr(file->elf, &header) || header.e_type != ET_EXEC)
		return "it is no executable ELF file";
	if (elf_getphdrnum(file->elf, &segments) || elf_getshdrnum(file->elf, &sections))
		return "its headers cannot be read";
	if (!has_its_sections(file, &header, sections))
		return "its section headers lie outside the file";
	for (size_t i = 0; i < segments && !wrong; i++)
		wrong = take_segment(file, i, sections > 0);
	return wrong;
}

const char *image_parse_elf(int fd, uint64_t file_size, struct image_chunks *chunks)
{
	struct elf_file file = { .fd = fd, .size = file_size, .chunks = chunks };
	const char *wrong = "it is no ELF file";

	if (elf_version(EV_CURRENT) == EV_NONE)
		return "libelf is too old";
	file.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (file.elf && elf_kind(file.elf) == ELF_K_ELF)
		wrong = take_segments(&file);
	elf_end(file.elf);
	return wrong;
}
