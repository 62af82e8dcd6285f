// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that this process and the card share. Callers' buffers are anywhere in the process, so they are copied through it:
 * this transport serves tests, the kernel's is the one without copies.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vfio_user_device.h"

int vfio_user_memory_open(struct provcard_transport *device)
{
	device->arena_fd = memfd_create("provcard", MFD_CLOEXEC);
	if (device->arena_fd < 0 || ftruncate(device->arena_fd, (off_t)ARENA_PAGES * PAGE))
		return -ENOMEM;
	device->arena = mmap(NULL, (size_t)ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device->arena_fd, 0);
	if (device->arena != MAP_FAILED)
		return 0;
	device->arena = NULL;
	return -ENOMEM;
}

void vfio_user_memory_close(struct provcard_transport *device)
{
	if (device->arena)
		munmap(device->arena, (size_t)ARENA_PAGES * PAGE);
	if (device->arena_fd >= 0)
		close(device->arena_fd);
}

static bool is_used(const struct provcard_transport *device, uint32_t page)
{
	return device->used[page / 8] >> page % 8 & 1;
}

static void mark(struct provcard_transport *device, const struct vfio_user_memory *memory)
{
	uint32_t page;

	for (page = memory->page; page < memory->page + memory->pages; page++)
		device->used[page / 8] ^= (uint8_t)(1u << page % 8);
}

int vfio_user_memory_get(struct provcard_transport *device, size_t size, struct vfio_user_memory *memory)
{
	uint32_t pages = (uint32_t)((size + PAGE - 1) / PAGE), page, run = 0;

	*memory = (struct vfio_user_memory){ 0 };
	if (!pages)
		return 0;
	for (page = 0; page < ARENA_PAGES; page++) {
		run = is_used(device, page) ? 0 : run + 1;
		if (run < pages)
			continue;
		*memory = (struct vfio_user_memory){ page + 1 - pages, pages };
		mark(device, memory);
		return 0;
	}
	return -EAGAIN;
}

void vfio_user_memory_put(struct provcard_transport *device, struct vfio_user_memory *memory)
{
	mark(device, memory);
	memory->pages = 0;
}

void *vfio_user_memory_at(struct provcard_transport *device, const struct vfio_user_memory *memory)
{
	return device->arena + (size_t)memory->page * PAGE;
}

uint64_t vfio_user_memory_address(const struct vfio_user_memory *memory)
{
	return ARENA_ADDRESS + (uint64_t)memory->page * PAGE;
}

int vfio_user_copy_in(void *to, uint64_t uptr, size_t size)
{
	struct iovec here = { to, size }, there = { (void *)(uintptr_t)uptr, size };

	if (!size)
		return 0;
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

int vfio_user_copy_out(uint64_t uptr, const void *from, size_t size)
{
	struct iovec here = { (void *)from, size }, there = { (void *)(uintptr_t)uptr, size };

	if (!size)
		return 0;
	return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}
