// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "errors.h"
#include "files.h"
#include "image_digests.h"
#include "pack.h"
#include "progress.h"

/* Each worker has two segments in memory; with this many that stays far below 64 MiB. */
#define WORKERS_MAX 16
#define LOOK_US 50000

struct pack {
	struct provpkg_builder *builder;
	const struct image_area *area;
	int fd;
	uint64_t payload; /* offset in the file */
	uint64_t segments;
	atomic_uint_fast64_t next;
	atomic_uint_fast64_t done;
	atomic_uint running;
	atomic_int error; /* the first one: a refusal code or a negative errno */
	struct image_digests *digests;
	pthread_mutex_t writing; /* a file system lets one writer into a file at a time; waiting here costs no processor */
};

static int write_at(int fd, uint64_t offset, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t put = pwrite(fd, data, size, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		data += put;
		offset += put;
		size -= put;
	}
	return 0;
}

static int read_segment(struct pack *pack, uint64_t index, uint8_t *plain, uint64_t *offset, size_t *size)
{
	provpkg_builder_need(pack->builder, index, offset, size);
	return image_read(pack->area, *offset, plain, *size);
}

static int seal_segment(struct pack *pack, uint64_t index, const uint8_t *plain, size_t size, uint8_t *cipher)
{
	size_t cipher_size;
	int error = provpkg_builder_segment(pack->builder, index, (struct provpkg_view){ plain, size }, cipher, &cipher_size);

	if (error)
		return error;
	pthread_mutex_lock(&pack->writing);
	error = write_at(pack->fd, pack->payload + index * PROVPKG_SEGMENT_SIZE, cipher, cipher_size);
	pthread_mutex_unlock(&pack->writing);
	return error;
}

/* Segment 0 holds the digests, so it is sealed when all others have passed. */
static int pack_segment(struct pack *pack, uint64_t index, uint8_t *plain, uint8_t *cipher)
{
	uint64_t offset;
	size_t size;
	int error = read_segment(pack, index, plain, &offset, &size);

	if (!error)
		error = image_digests_pass(pack->digests, offset, plain, size);
	return error || !index ? error : seal_segment(pack, index, plain, size, cipher);
}

static void fail(struct pack *pack, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&pack->error, &none, error);
}

static void *work(void *context)
{
	struct pack *pack = context;
	uint8_t *plain = malloc(PROVPKG_SEGMENT_SIZE), *cipher = malloc(PROVPKG_SEGMENT_SIZE);
	uint64_t index;

	if (!plain || !cipher)
		fail(pack, -ENOMEM);
	while (!atomic_load(&pack->error) && (index = atomic_fetch_add(&pack->next, 1)) < pack->segments) {
		int error = pack_segment(pack, index, plain, cipher);

		if (error)
			fail(pack, error);
		atomic_fetch_add(&pack->done, 1);
	}
	if (plain)
		OPENSSL_cleanse(plain, PROVPKG_SEGMENT_SIZE);
	free(plain);
	free(cipher);
	atomic_fetch_sub(&pack->running, 1);
	return NULL;
}

static unsigned int count_workers(uint64_t segments)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t workers = processors > 0 ? processors : 1;

	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	return workers < segments ? workers : segments;
}

static int pack_segments(struct pack *pack)
{
	pthread_t worker[WORKERS_MAX];
	unsigned int count = count_workers(pack->segments), begun;

	for (begun = 0; begun < count; begun++) {
		atomic_fetch_add(&pack->running, 1);
		if (pthread_create(&worker[begun], NULL, work, pack)) {
			atomic_fetch_sub(&pack->running, 1);
			break;
		}
	}
	if (!begun)
		fail(pack, -EAGAIN);
	while (progress_wanted() && atomic_load(&pack->running)) {
		usleep(LOOK_US);
		progress_bytes("packing", atomic_load(&pack->done) * PROVPKG_SEGMENT_SIZE, pack->segments * PROVPKG_SEGMENT_SIZE);
	}
	while (begun)
		pthread_join(worker[--begun], NULL);
	progress_clear();
	return atomic_load(&pack->error);
}

static int pack_first(struct pack *pack, struct provpkg_rot *rot)
{
	uint8_t *plain = malloc(PROVPKG_SEGMENT_SIZE), *cipher = malloc(PROVPKG_SEGMENT_SIZE);
	uint64_t offset;
	size_t size;
	int error = plain && cipher ? 0 : -ENOMEM;

	if (!error)
		error = image_digests_finish(pack->digests, rot);
	if (!error)
		error = read_segment(pack, 0, plain, &offset, &size);
	if (!error)
		error = seal_segment(pack, 0, plain, size, cipher);
	if (plain)
		OPENSSL_cleanse(plain, PROVPKG_SEGMENT_SIZE);
	free(plain);
	free(cipher);
	return error;
}

/* Header, manifest and leaves, now that every segment is known. */
static int pack_front(struct pack *pack, struct provpkg_blob *manifest)
{
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct provpkg_blob leaves = { 0 };
	const struct provpkg_layout *layout;
	int error = provpkg_builder_finish(pack->builder, header, manifest, &leaves);

	if (error)
		return error;
	layout = provpkg_builder_layout(pack->builder);
	error = write_at(pack->fd, layout->manifest.offset, manifest->data, manifest->size);
	if (!error)
		error = write_at(pack->fd, layout->leaves.offset, leaves.data, leaves.size);
	if (!error)
		error = write_at(pack->fd, 0, header, sizeof(header));
	provpkg_blob_free(&leaves);
	return error;
}

int pack_write(struct provpkg_builder *builder, struct provpkg_rot *rot, const struct image_area *area, const char *path,
	       struct provpkg_blob *manifest, uint64_t *size)
{
	const struct provpkg_layout *layout = provpkg_builder_layout(builder);
	struct pack pack = {
		.builder = builder,
		.area = area,
		.payload = layout->payload.offset,
		.segments = provpkg_builder_segments(builder),
		.digests = image_digests_new(rot, area),
		.writing = PTHREAD_MUTEX_INITIALIZER,
	};
	struct new_file file;
	int code = file_begin(&file, path, 0666);
	int error = pack.digests ? 0 : -ENOMEM;

	if (code) {
		image_digests_free(pack.digests);
		return code;
	}
	pack.fd = file.fd;
	if (!error)
		error = pack_segments(&pack);
	if (!error)
		error = pack_first(&pack, rot);
	if (!error)
		error = pack_front(&pack, manifest);
	*size = layout->payload.offset + layout->payload.size;
	/* Not forced to storage: a package that a power cut tore is recognised by whoever reads it, and made again from its
	 * sources. */
	code = error ? report_provpkg(path, error, "while packing") : file_finish(&file, false);
	file_abandon(&file);
	image_digests_free(pack.digests);
	return code;
}
