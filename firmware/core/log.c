// SPDX-License-Identifier: GPL-2.0-or-later
/* The log's entries: adding them. */
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "log_private.h"
#include "provcard-refusal.h"

struct pending {
	struct log_frame frame;
	size_t start; /* in the batch's bytes */
	uint8_t leaf[PROVPKG_HASH_SIZE];
};

struct log_batch {
	uint8_t *bytes;
	size_t size;
	size_t room;
	struct pending *entry;
	size_t count;
	size_t entry_room;
};

int log_open(struct log *log, const struct port *port, const uint8_t key[32], atomic_ullong *flushes)
{
	memset(log, 0, sizeof(*log));
	if (mtx_init(&log->lock, mtx_plain) != thrd_success)
		return -ENOMEM;
	log->port = port;
	log->flushes = flushes;
	log->capacity = port->ops->nv_size(port->context, PORT_NV_LOG);
	log->mac = crypto_mac_new(key);
	log->batch = calloc(1, sizeof(*log->batch));
	if (log->mac && log->batch)
		return 0;
	log_close(log);
	return -ENOMEM;
}

void log_close(struct log *log)
{
	EVP_MAC_CTX_free(log->mac);
	for (size_t i = 0; i < log->jobs; i++) {
		free(log->job[i]->index);
		free(log->job[i]);
	}
	free(log->job);
	provpkg_nodes_free(&log->nodes);
	free(log->offset);
	if (log->batch) {
		free(log->batch->bytes);
		free(log->batch->entry);
	}
	free(log->batch);
	mtx_destroy(&log->lock);
	memset(log, 0, sizeof(*log));
}

int log_frame_mac(struct log *log, const struct log_frame *frame, const uint8_t *record, const uint8_t *attachment, uint8_t mac[32])
{
	struct crypto_piece piece[] = { { frame, offsetof(struct log_frame, mac) },
					{ record, frame->record_size },
					{ attachment, frame->attachment_size } };

	return crypto_mac(log->mac, piece, frame->attachment_size ? 3 : 2, mac);
}

bool log_has_room(const struct log *log, uint64_t bytes)
{
	uint64_t used = log->used + log->batch->size;

	return used <= log->capacity && bytes <= log->capacity - used;
}

static int batch_reserve(struct log_batch *batch, size_t bytes)
{
	if (batch->size + bytes > batch->room) {
		size_t room = 2 * (batch->size + bytes);
		uint8_t *bigger = realloc(batch->bytes, room);

		if (!bigger)
			return -ENOMEM;
		batch->bytes = bigger;
		batch->room = room;
	}
	if (batch->count == batch->entry_room) {
		size_t room = 2 * batch->entry_room + 16;
		struct pending *bigger = realloc(batch->entry, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		batch->entry = bigger;
		batch->entry_room = room;
	}
	return 0;
}

static int append(struct log *log, struct log_frame *frame, struct provpkg_view record, struct provpkg_view attachment,
		  uint8_t leaf[PROVPKG_HASH_SIZE])
{
	struct log_batch *batch = log->batch;
	uint64_t size = log_entry_size(frame);
	uint8_t *to;

	if (!log_has_room(log, size))
		return PROVCARD_REFUSAL_LOG_FULL;
	if (batch_reserve(batch, size))
		return -ENOMEM;
	if (log_frame_mac(log, frame, record.data, attachment.data, frame->mac) || provpkg_merkle_leaf(record, leaf) ||
	    crypto_sha256(record.data, record.size, log->previous))
		return -EIO;
	to = batch->bytes + batch->size;
	memcpy(to, frame, sizeof(*frame));
	memcpy(to + sizeof(*frame), record.data, record.size);
	if (attachment.size)
		memcpy(to + sizeof(*frame) + record.size, attachment.data, attachment.size);
	batch->entry[batch->count] = (struct pending){ .frame = *frame, .start = batch->size };
	memcpy(batch->entry[batch->count++].leaf, leaf, PROVPKG_HASH_SIZE);
	batch->size += size;
	return 0;
}

int log_add(struct log *log, struct provpkg_record *record, struct provpkg_view attachment, uint8_t leaf[PROVPKG_HASH_SIZE])
{
	struct log_frame frame = { .magic = LOG_FRAME_MAGIC, .event = record->event, .has_job = record->has_job };
	struct provpkg_blob der = { 0 };
	int code;

	record->index = log->size + log->batch->count;
	memcpy(record->previous, log->previous, sizeof(record->previous));
	if (attachment.size && crypto_sha256(attachment.data, attachment.size, record->attachment_digest))
		return -EIO;
	code = provpkg_record_encode(record, &der);
	if (code)
		return code;
	frame.index = record->index;
	frame.record_size = (uint32_t)der.size;
	frame.attachment_size = (uint32_t)attachment.size;
	memcpy(frame.package_id, record->package_id, sizeof(frame.package_id));
	memcpy(frame.previous, record->previous, sizeof(frame.previous));
	code = append(log, &frame, provpkg_blob_view(&der), attachment, leaf);
	provpkg_blob_free(&der);
	return code;
}

const uint8_t *log_leaf(const struct log *log, uint64_t index)
{
	return log->nodes.hash[provpkg_node_place(0, index)];
}

uint64_t log_last(const struct log *log, uint8_t leaf[PROVPKG_HASH_SIZE])
{
	const struct log_batch *batch = log->batch;
	uint64_t size = log->size + batch->count;

	if (batch->count)
		memcpy(leaf, batch->entry[batch->count - 1].leaf, PROVPKG_HASH_SIZE);
	else if (size)
		memcpy(leaf, log_leaf(log, size - 1), PROVPKG_HASH_SIZE);
	return size - 1;
}

int log_write(struct log *log)
{
	const struct port *port = log->port;

	if (!log->batch->count)
		return 0;
	if (port->ops->nv_write(port->context, PORT_NV_LOG, log->used, log->batch->bytes, log->batch->size) ||
	    port->ops->nv_flush(port->context, PORT_NV_LOG))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	atomic_fetch_add(log->flushes, 1);
	return 0;
}

int log_publish(struct log *log)
{
	struct log_batch *batch = log->batch;
	int error = 0;

	mtx_lock(&log->lock);
	for (size_t i = 0; i < batch->count && !error; i++) {
		const struct pending *entry = &batch->entry[i];

		error = log_take(log, &entry->frame, entry->leaf,
				 batch->bytes + entry->start + sizeof(entry->frame) + entry->frame.record_size);
	}
	mtx_unlock(&log->lock);
	batch->count = 0;
	batch->size = 0;
	return error;
}

static int grow(struct log *log)
{
	uint64_t room = 2 * log->room + 1024;
	uint64_t *offset = realloc(log->offset, room * sizeof(*offset));

	if (!offset)
		return -ENOMEM;
	log->offset = offset;
	log->room = room;
	return 0;
}

static struct log_job *find_job(const struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE])
{
	for (size_t i = log->jobs; i-- > 0;)
		if (!memcmp(log->job[i]->package_id, package_id, PROVPKG_ID_SIZE))
			return log->job[i];
	return NULL;
}

static struct log_job *add_job(struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE])
{
	struct log_job **bigger = realloc(log->job, (log->jobs + 1) * sizeof(struct log_job *));
	struct log_job *job = calloc(1, sizeof(*job));

	if (bigger)
		log->job = bigger;
	if (!bigger || !job) {
		free(job);
		return NULL;
	}
	memcpy(job->package_id, package_id, PROVPKG_ID_SIZE);
	log->job[log->jobs++] = job;
	return job;
}

/* A good unit's certificate enters the job's tree; sealed secrets behind it do not. */
static int take_certificate(struct log_job *job, struct provpkg_view attachment)
{
	struct provpkg_attachment parts;
	uint8_t leaf[PROVPKG_HASH_SIZE];

	if (provpkg_attachment_split(attachment, false, &parts))
		return -EIO;
	if (!parts.first.size)
		return 0;
	return provpkg_merkle_leaf(parts.first, leaf) || provpkg_tree_add(&job->certificates, leaf) ? -EIO : 0;
}

static int take_for_job(struct log *log, const struct log_frame *frame, const uint8_t *attachment)
{
	struct log_job *job = find_job(log, frame->package_id);

	if (!job)
		job = add_job(log, frame->package_id);
	if (!job)
		return -ENOMEM;
	if (job->count == job->room) {
		uint64_t room = 2 * job->room + 64;
		uint64_t *bigger = realloc(job->index, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		job->index = bigger;
		job->room = room;
	}
	job->index[job->count++] = frame->index;
	if (frame->event != PROVPKG_EVENT_UNIT_GOOD || !frame->attachment_size)
		return 0;
	return take_certificate(job, (struct provpkg_view){ attachment, frame->attachment_size });
}

int log_take(struct log *log, const struct log_frame *frame, const uint8_t leaf[PROVPKG_HASH_SIZE], const uint8_t *attachment)
{
	int error;

	if (log->size == log->room && grow(log))
		return -ENOMEM;
	if (frame->has_job && take_for_job(log, frame, attachment))
		return -ENOMEM;
	error = provpkg_tree_put(&log->tree, 0, leaf, provpkg_nodes_keep, &log->nodes);
	if (error)
		return error;
	log->offset[log->size++] = log->used;
	log->used += log_entry_size(frame);
	return 0;
}

int log_head(struct log *log, uint64_t *size, uint8_t root[PROVPKG_HASH_SIZE])
{
	int code;

	mtx_lock(&log->lock);
	*size = log->size;
	code = provpkg_tree_root(&log->tree, root);
	mtx_unlock(&log->lock);
	return code;
}

size_t log_job_indexes(struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE], uint64_t first, uint64_t *index, size_t room,
		       uint64_t *all)
{
	const struct log_job *job;
	size_t count = 0;

	mtx_lock(&log->lock);
	job = find_job(log, package_id);
	*all = job ? job->count : 0;
	if (first < *all) {
		count = *all - first < room ? (size_t)(*all - first) : room;
		memcpy(index, job->index + first, count * sizeof(*index));
	}
	mtx_unlock(&log->lock);
	return count;
}

int log_job_summary(struct log *log, const uint8_t package_id[PROVPKG_ID_SIZE], uint64_t *first, uint64_t *records,
		    uint8_t certificates_root[PROVPKG_HASH_SIZE])
{
	const struct log_job *job;
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	job = find_job(log, package_id);
	if (job && job->count) {
		*first = job->index[0];
		*records = job->count;
		code = provpkg_tree_root(&job->certificates, certificates_root);
	}
	mtx_unlock(&log->lock);
	return code;
}
