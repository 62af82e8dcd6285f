// SPDX-License-Identifier: GPL-2.0-or-later
#include "staging.h"

#include <errno.h>
#include <stdlib.h>

#include "job.h"

struct extent {
	uint64_t start;
	uint64_t end;
};

static int by_start(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void add(struct extent *extents, size_t *count, uint64_t start, uint64_t size)
{
	if (size)
		extents[(*count)++] = (struct extent){ start, start + size };
}

/* What is taken, in order. A closed job keeps its issuing chain only. */
static int taken(struct core *core, struct extent **extents, size_t *count)
{
	struct ledger *ledger = &core->ledger;

	mtx_lock(&ledger->lock);
	*count = 0;
	*extents = calloc(2 * (size_t)ledger->jobs + 1, sizeof(**extents));
	for (uint32_t i = 0; *extents && i < ledger->jobs; i++) {
		const struct ledger_job *job = ledger->job[i];

		/* A closing that is not durable yet may be undone. */
		if (!job->told.closed)
			add(*extents, count, job->terms.staging_offset, job->terms.staging_size);
		add(*extents, count, job->terms.chain_offset, job->terms.chain_size);
	}
	mtx_unlock(&ledger->lock);
	if (!*extents)
		return -ENOMEM;
	if (core->staging.writer)
		add(*extents, count, core->staging.offset, core->staging.size);
	qsort(*extents, *count, sizeof(**extents), by_start);
	return 0;
}

int staging_place(struct core *core, uint64_t size, uint64_t *offset)
{
	uint64_t all = core->port->ops->nv_size(core->port->context, PORT_NV_STAGING), at = 0;
	struct extent *extents;
	size_t count, i;
	int error;

	if (size > all)
		return PROVCARD_REFUSAL_PACKAGE_TOO_LARGE;
	error = taken(core, &extents, &count);
	if (error)
		return error;
	for (i = 0; i < count && (extents[i].start < at || extents[i].start - at < size); i++)
		if (extents[i].end > at)
			at = (extents[i].end + PROVPKG_ALIGNMENT - 1) / PROVPKG_ALIGNMENT * PROVPKG_ALIGNMENT;
	free(extents);
	*offset = at;
	return at <= all && all - at >= size ? 0 : PROVCARD_REFUSAL_OUT_OF_MEMORY;
}

void staging_release(struct core *core, uint32_t writer)
{
	mtx_lock(&core->staging.lock);
	if (core->staging.writer == writer) {
		core->staging.writer = 0;
		core->staging.committing = false;
		core->staging.size = 0;
		core->staging.written = 0;
	}
	mtx_unlock(&core->staging.lock);
}

/* Nobody owns the writing of a firmware, so nobody's going would end it. */
static bool gives_way(const struct staging *staging, uint32_t writer)
{
	return !staging->writer || staging->writer == writer || (staging->writer == STAGING_FIRMWARE && !staging->committing);
}

int staging_begin(struct core *core, uint32_t writer, uint64_t size)
{
	struct staging *staging = &core->staging;
	int code;

	if (!gives_way(staging, writer))
		return PROVCARD_REFUSAL_JOB_BUSY;
	staging->writer = 0;
	code = staging_place(core, size, &staging->offset);
	if (code)
		return code;
	staging->writer = writer;
	staging->size = size;
	staging->written = 0;
	return 0;
}

static int copy_in(struct core *core, const struct core_command *command)
{
	struct staging *staging = &core->staging;
	uint8_t *piece = malloc(PROVPKG_SEGMENT_SIZE);
	int code = piece ? 0 : -ENOMEM;

	for (size_t done = 0; done < command->in.size && !code;) {
		size_t size = command->in.size - done < PROVPKG_SEGMENT_SIZE ? command->in.size - done : PROVPKG_SEGMENT_SIZE;

		code = input_read(command, done, piece, size);
		if (!code && core->port->ops->nv_write(core->port->context, PORT_NV_STAGING, staging->offset + staging->written,
						       piece, size))
			code = PROVCARD_REFUSAL_STORAGE_FAILED;
		if (!code)
			staging->written += size;
		done += size;
	}
	free(piece);
	return code;
}

int staging_add(struct core *core, const struct core_command *command, uint64_t offset, uint64_t size)
{
	const struct staging *staging = &core->staging;

	if (size != staging->size || offset != staging->written || command->in.size > size - offset)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	return copy_in(core, command);
}

static int write_package(struct core *core, const struct core_command *command)
{
	struct staging *staging = &core->staging;
	uint64_t offset = command->arg[0], size = command->arg[1];
	int code;

	if (!command->in.size || staging->committing)
		return staging->committing ? PROVCARD_REFUSAL_JOB_BUSY : PROVCARD_REFUSAL_INVALID_FIELD;
	if (offset == 0) {
		code = staging_begin(core, command->job, size);
		if (code)
			return code;
	}
	if (staging->writer != command->job)
		return PROVCARD_REFUSAL_JOB_BUSY;
	return staging_add(core, command, offset, size);
}

int command_package_write(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct job_handle *handle;
	int code;

	(void)result;
	code = job_enter(core, command->job, &handle);
	if (code)
		return code;
	mtx_lock(&core->staging.lock);
	/* A handle is bound once. */
	code = handle->job == LEDGER_NO_JOB ? write_package(core, command) : PROVCARD_REFUSAL_INVALID_FIELD;
	mtx_unlock(&core->staging.lock);
	job_leave(core, handle);
	return code;
}
