// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loopback.h"

/* The transport's handles are the script itself. */
static struct loopback *script_of(void *transport)
{
	return transport;
}

static int loopback_transport_open(const char *address, struct provcard_transport **transport)
{
	*transport = (struct provcard_transport *)(uintptr_t)strtoull(address, NULL, 16);
	return 0;
}

static void loopback_close(struct provcard_transport *transport)
{
	script_of(transport)->closes++;
}

static int loopback_info(struct provcard_transport *transport, struct provcard_info *info)
{
	*info = script_of(transport)->info;
	return 0;
}

static void check_step(const struct loopback_step *step, bool on_job, const struct provcard_command *command)
{
	assert_int_equal(command->opcode, step->opcode);
	assert_int_equal(on_job, step->on_job);
	assert_int_equal(command->arg[0], step->arg[0]);
	assert_int_equal(command->arg[1], step->arg[1]);
	assert_int_equal(command->arg[2], 0);
	assert_int_equal(command->size, sizeof(*command));
	assert_int_equal(command->flags, 0);
	if (step->in_size)
		assert_int_equal(command->in_len, step->in_size);
	if (step->in)
		assert_memory_equal((void *)(uintptr_t)command->in_uptr, step->in, step->in_size);
	if (step->in_place)
		assert_ptr_equal((void *)(uintptr_t)command->in_uptr, step->in_place);
}

static const struct loopback_step *next_step(struct loopback *script)
{
	assert_true(script->done < script->count);
	return &script->steps[script->done++];
}

static int loopback_command(struct provcard_transport *transport, struct provcard_transport_job *job, struct provcard_command *command)
{
	const struct loopback_step *step = next_step(script_of(transport));

	check_step(step, job != NULL, command);
	if (step->error)
		return step->error;
	assert_true(step->out_size <= command->out_len);
	if (step->out_size)
		memcpy((void *)(uintptr_t)command->out_uptr, step->out, step->out_size);
	command->out_length = step->out_claim ? step->out_claim : step->out_size;
	command->out_status = step->status;
	command->out_result = step->result;
	return 0;
}

static int loopback_job_create(struct provcard_transport *transport, struct provcard_transport_job **job)
{
	script_of(transport)->open_jobs++;
	*job = (struct provcard_transport_job *)transport;
	return 0;
}

static void loopback_job_close(struct provcard_transport_job *job)
{
	script_of(job)->open_jobs--;
}

static int loopback_submit(struct provcard_transport_job *job, const struct provcard_command *command)
{
	struct loopback *script = script_of(job);

	assert_true(script->flying < sizeof(script->flight) / sizeof(script->flight[0]));
	script->cancelled[script->flying] = false;
	script->flight[script->flying++] = *command;
	return 0;
}

static int loopback_reap(struct provcard_transport_job *job, struct provcard_completion *completion, int timeout_ms)
{
	struct loopback *script = script_of(job);
	const struct loopback_step *step;
	const struct provcard_command *command;

	(void)timeout_ms;
	if (!script->flying)
		return -EAGAIN;
	command = &script->flight[--script->flying];
	if (script->cancelled[script->flying]) {
		*completion = (struct provcard_completion){ .user_data = command->user_data, .error = ECANCELED };
		return 0;
	}
	step = next_step(script);
	check_step(step, true, command);
	if (step->out_size)
		memcpy((void *)(uintptr_t)command->out_uptr, step->out, step->out_size);
	*completion = (struct provcard_completion){
		.user_data = command->user_data,
		.status = step->status,
		.result = step->result,
		.length = step->out_size,
		.error = -step->error,
	};
	return 0;
}

/* Those that were cancelled are not of the script any more. */
static int loopback_cancel(struct provcard_transport_job *job, uint64_t user_data, bool all)
{
	struct loopback *script = script_of(job);
	int found = -ENOENT;

	for (size_t i = 0; i < script->flying; i++) {
		if (!all && script->flight[i].user_data != user_data)
			continue;
		script->cancelled[i] = true;
		found = 0;
	}
	return found;
}

static int loopback_job_fd(struct provcard_transport_job *job)
{
	(void)job;
	return -1;
}

static const struct provcard_transport_ops loopback_ops = {
	.open = loopback_transport_open,
	.close = loopback_close,
	.info = loopback_info,
	.command = loopback_command,
	.job_create = loopback_job_create,
	.job_close = loopback_job_close,
	.submit = loopback_submit,
	.reap = loopback_reap,
	.cancel = loopback_cancel,
	.job_fd = loopback_job_fd,
};

struct provcard *loopback_open(struct loopback *script, const struct loopback_step *steps, size_t count, size_t max_transfer)
{
	struct provcard *card = NULL;
	char address[32];

	*script = (struct loopback){
		.steps = steps,
		.count = count,
		.info = { .size = sizeof(script->info), .out_max_transfer = max_transfer, .out_queues = 4, .out_heads = 4,
			  .out_serial = "PC0001", .out_firmware = "0.1.0", .out_hif_version = 0x10000 },
	};
	snprintf(address, sizeof(address), "%llx", (unsigned long long)(uintptr_t)script);
	assert_int_equal(provcard_open_transport(&loopback_ops, address, &card), 0);
	return card;
}
