// SPDX-License-Identifier: GPL-2.0-or-later
/* The log's entries: recovering and reading them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "log_private.h"
#include "provcard-refusal.h"

static int read_at(const struct log *log, uint64_t offset, void *data, size_t size)
{
	return log->port->ops->nv_read(log->port->context, PORT_NV_LOG, offset, data, size) ? PROVCARD_REFUSAL_STORAGE_FAILED : 0;
}

/* An entry as it lies in memory, while recovering. */
struct found {
	struct log_frame frame;
	uint8_t *bytes; /* record, then attachment */
	size_t room;
};

static struct provpkg_view found_record(const struct found *found)
{
	return (struct provpkg_view){ found->bytes, found->frame.record_size };
}

static struct provpkg_view found_attachment(const struct found *found)
{
	return (struct provpkg_view){ found->bytes + found->frame.record_size, found->frame.attachment_size };
}

static bool frame_plausible(const struct log *log, const struct log_frame *frame)
{
	return frame->magic == LOG_FRAME_MAGIC && frame->index == log->size && frame->record_size <= LOG_RECORD_MAX &&
	       frame->attachment_size <= LOG_ATTACHMENT_MAX && log_has_room(log, log_entry_size(frame)) &&
	       !memcmp(frame->previous, log->previous, sizeof(frame->previous));
}

/* The next entry, if a whole and genuine one stands there. */
static int find_next(struct log *log, struct found *found, bool *genuine)
{
	struct log_frame *frame = &found->frame;
	uint8_t mac[32];
	size_t size;
	int code;

	*genuine = false;
	if (!log_has_room(log, sizeof(*frame)))
		return 0;
	code = read_at(log, log->used, frame, sizeof(*frame));
	if (code || !frame_plausible(log, frame))
		return code;
	size = (size_t)frame->record_size + frame->attachment_size;
	if (size > found->room) {
		free(found->bytes);
		found->room = 0;
		found->bytes = malloc(2 * size);
		if (!found->bytes)
			return -ENOMEM;
		found->room = 2 * size;
	}
	code = read_at(log, log->used + sizeof(*frame), found->bytes, size);
	if (code)
		return code;
	if (log_frame_mac(log, frame, found->bytes, found->bytes + frame->record_size, mac))
		return -EIO;
	*genuine = !CRYPTO_memcmp(mac, frame->mac, sizeof(mac));
	return 0;
}

static int judge_entry(const struct found *found, log_judge judge, void *context, const uint8_t leaf[PROVPKG_HASH_SIZE], bool *keep)
{
	struct provpkg_record record;

	*keep = false;
	if (provpkg_record_decode(found_record(found), &record))
		return 0;
	return judge(context, &record, found_attachment(found), leaf, keep);
}

static int check_mark(const struct log *log, const uint8_t mark_root[PROVPKG_HASH_SIZE])
{
	uint8_t root[PROVPKG_HASH_SIZE];

	if (provpkg_tree_root(&log->tree, root))
		return -EIO;
	return memcmp(root, mark_root, sizeof(root)) ? PROVCARD_REFUSAL_LEDGER_CORRUPT : 0;
}

/* Forget what stands behind the end, so that a later entry cannot run into it. */
static int cut(struct log *log)
{
	static const struct log_frame zero;
	const struct port *port = log->port;

	if (!log_has_room(log, sizeof(zero)))
		return 0;
	if (port->ops->nv_write(port->context, PORT_NV_LOG, log->used, &zero, sizeof(zero)) ||
	    port->ops->nv_flush(port->context, PORT_NV_LOG))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	return 0;
}

int log_recover(struct log *log, uint64_t acknowledged, uint64_t mark_size, const uint8_t mark_root[PROVPKG_HASH_SIZE],
		log_judge judge, void *context)
{
	struct found found = { 0 };
	uint8_t leaf[PROVPKG_HASH_SIZE];
	bool genuine, keep;
	int code;

	for (;;) {
		code = log->size == mark_size ? check_mark(log, mark_root) : 0;
		if (!code)
			code = find_next(log, &found, &genuine);
		if (code || !genuine)
			break;
		if (provpkg_merkle_leaf(found_record(&found), leaf)) {
			code = -EIO;
			break;
		}
		keep = true;
		if (log->size >= acknowledged && log->size >= mark_size)
			code = judge_entry(&found, judge, context, leaf, &keep);
		if (code || !keep)
			break;
		code = crypto_sha256(found.bytes, found.frame.record_size, log->previous);
		if (!code)
			code = log_take(log, &found.frame, leaf, found_attachment(&found).data);
		if (code)
			break;
	}
	free(found.bytes);
	if (!code && (log->size < acknowledged || log->size < mark_size))
		code = PROVCARD_REFUSAL_LEDGER_CORRUPT;
	return code ? code : cut(log);
}

int log_proof(struct log *log, uint64_t index, uint64_t size, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	if (size <= log->size && index < size)
		code = provpkg_inclusion_proof(provpkg_nodes_give, &log->nodes, index, size, proof, count);
	mtx_unlock(&log->lock);
	return code;
}

int log_consistency(struct log *log, uint64_t older, uint64_t newer, uint8_t proof[PROVPKG_PROOF_MAX][PROVPKG_HASH_SIZE],
		    size_t *count)
{
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	if (older && older <= newer && newer <= log->size)
		code = provpkg_consistency_proof(provpkg_nodes_give, &log->nodes, older, newer, proof, count);
	mtx_unlock(&log->lock);
	return code;
}

int log_run(struct log *log, uint64_t first, uint64_t size, uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE], size_t *count)
{
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	if (size && size <= log->size && first <= log->size - size)
		code = provpkg_run(provpkg_nodes_give, &log->nodes, first, size, hash, count);
	mtx_unlock(&log->lock);
	return code;
}

int log_root_at(struct log *log, uint64_t size, uint8_t root[PROVPKG_HASH_SIZE])
{
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	if (size <= log->size)
		code = provpkg_root_at(provpkg_nodes_give, &log->nodes, size, root);
	mtx_unlock(&log->lock);
	return code;
}

int log_entry(struct log *log, uint64_t index, struct log_frame *frame, uint64_t *offset)
{
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	mtx_lock(&log->lock);
	if (index < log->size) {
		*offset = log->offset[index];
		code = 0;
	}
	mtx_unlock(&log->lock);
	return code ? code : read_at(log, *offset, frame, sizeof(*frame));
}
