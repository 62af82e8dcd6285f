/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CORE_LOG_PRIVATE_H
#define CORE_LOG_PRIVATE_H

#include "log.h"

#define LOG_FRAME_MAGIC 0x474c4350 /* "PCLG" */
#define LOG_RECORD_MAX 4096

/* The MAC of an entry. */
int log_frame_mac(struct log *log, const struct log_frame *frame, const uint8_t *record, const uint8_t *attachment,
		  uint8_t mac[32]);
static inline uint64_t log_entry_size(const struct log_frame *frame)
{
	return sizeof(*frame) + (uint64_t)frame->record_size + frame->attachment_size;
}
/* Take an entry into memory; under the lock, or while nobody reads. -ENOMEM, -EIO. */
int log_take(struct log *log, const struct log_frame *frame, const uint8_t leaf[PROVPKG_HASH_SIZE], const uint8_t *attachment);

#endif
