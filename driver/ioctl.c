// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of a card's and of a job's descriptor: sizes, fields, copies. */
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "card.h"
#include "compat.h"

union provcard_arguments {
	struct provcard_info info;
	struct provcard_command command;
	struct provcard_job_create job_create;
	struct provcard_cancel cancel;
};

/* One ioctl on its way. @job is NULL on a card's descriptor. */
struct provcard_call {
	struct provcard *card;
	const struct provcard_access *access;
	struct provcard_job *job;
	bool nonblock;
	void __user *user;
	u32 user_size;
	union provcard_arguments arguments;
};

struct provcard_operation {
	unsigned int number;
	u32 size;
	u32 min_size;
	int (*execute)(struct provcard_call *call);
};

#define PROVCARD_OPERATION(_number, _struct, _last, _execute)                 \
	{ .number = (_number), .size = sizeof(_struct),                       \
	  .min_size = offsetofend(_struct, _last), .execute = (_execute) }

static int provcard_respond(struct provcard_call *call, size_t size)
{
	size_t bytes = min_t(size_t, call->user_size, size);

	return copy_to_user(call->user, &call->arguments, bytes) ? -EFAULT : 0;
}

static u64 provcard_capabilities(void)
{
	u64 capabilities = PROVCARD_CAPABILITY_JOBS | PROVCARD_CAPABILITY_CANCEL;

#ifdef PROVCARD_URING
	capabilities |= PROVCARD_CAPABILITY_URING;
#endif
	return capabilities;
}

static int provcard_ioctl_info(struct provcard_call *call)
{
	struct provcard_info *info = &call->arguments.info;
	struct provcard *card = call->card;

	if (info->flags || info->__reserved)
		return -EOPNOTSUPP;
	info->out_capabilities = provcard_capabilities();
	if (call->access->restricted)
		info->out_capabilities |= PROVCARD_CAPABILITY_RESTRICTED;
	provcard_access_tell(call->access, info->out_commands);
	info->out_max_transfer = card->max_transfer;
	info->out_hif_version = card->version;
	info->out_queues = card->io_queues;
	info->out_heads = card->heads;
	memcpy(info->out_serial, card->serial, sizeof(info->out_serial));
	memcpy(info->out_firmware, card->firmware, sizeof(info->out_firmware));
	return provcard_respond(call, sizeof(*info));
}

static int provcard_command_check(const struct provcard_access *access,
				  const struct provcard_command *command)
{
	if (command->flags & ~PROVCARD_COMMAND_NOWAIT || command->__reserved)
		return -EOPNOTSUPP;
	if (command->opcode > U8_MAX || command->queue > access->card->io_queues)
		return -EINVAL;
	if (command->opcode < PROVCARD_OPC_SERVICE_BASE)
		return -EPERM;
	return provcard_access_permits(access, command->opcode);
}

static int provcard_command_map(struct provcard *card, struct provcard_request *request,
				const struct provcard_command *command)
{
	int ret = provcard_buffer_map(card, &request->in, command->in_uptr, command->in_len,
				      DMA_TO_DEVICE, &request->sqe.in);

	if (ret)
		return ret;
	request->out_limit = command->out_len;
	return provcard_buffer_map(card, &request->out, command->out_uptr, command->out_len,
				   DMA_FROM_DEVICE, &request->sqe.out);
}

/* A request from the command, one of @job's unless that is NULL, with its memory mapped. */
struct provcard_request *provcard_command_prepare(const struct provcard_access *access,
						  struct provcard_job *job,
						  const struct provcard_command *command)
{
	struct provcard *card = access->card;
	struct provcard_request *request;
	unsigned int queue;
	int ret = provcard_command_check(access, command);

	if (ret)
		return ERR_PTR(ret);
	queue = array_index_nospec(command->queue, card->io_queues + 1);
	request = provcard_request_alloc(&card->queues[queue], PROVCARD_ORIGIN_USER,
					 command->opcode);
	if (!request)
		return ERR_PTR(-ENOMEM);
	for (unsigned int i = 0; i < ARRAY_SIZE(command->arg); i++)
		request->sqe.arg[i] = cpu_to_le64(command->arg[i]);
	request->timeout_ms = command->timeout_ms;
	request->user_data = command->user_data;
	if (job)
		provcard_job_bind(job, request);
	ret = provcard_command_map(card, request, command);
	if (!ret)
		return request;
	provcard_request_free(request);
	return ERR_PTR(ret);
}

static bool provcard_call_may_wait(const struct provcard_call *call)
{
	return !call->nonblock && !(call->arguments.command.flags & PROVCARD_COMMAND_NOWAIT);
}

static int provcard_ioctl_command(struct provcard_call *call)
{
	struct provcard_command *command = &call->arguments.command;
	struct provcard_request *request =
		provcard_command_prepare(call->access, call->job, command);
	struct provcard_answer answer;
	int ret;

	if (IS_ERR(request))
		return PTR_ERR(request);
	if (!request->timeout_ms)
		request->timeout_ms = READ_ONCE(provcard_default_timeout_ms);
	ret = provcard_request_execute(request, !provcard_call_may_wait(call), &answer);
	if (ret)
		return ret;
	command->out_status = answer.status;
	command->out_result = answer.result;
	command->out_length = answer.length;
	return provcard_respond(call, sizeof(*command));
}

static int provcard_ioctl_submit(struct provcard_call *call)
{
	struct provcard_request *request =
		provcard_command_prepare(call->access, call->job, &call->arguments.command);
	int ret;

	if (IS_ERR(request))
		return PTR_ERR(request);
	ret = provcard_job_submit(call->job, request, !provcard_call_may_wait(call));
	if (ret)
		provcard_request_free(request);
	return ret;
}

static int provcard_ioctl_cancel(struct provcard_call *call)
{
	struct provcard_cancel *cancel = &call->arguments.cancel;
	bool all = cancel->flags & PROVCARD_CANCEL_ALL;

	if (cancel->flags & ~PROVCARD_CANCEL_ALL || cancel->__reserved)
		return -EOPNOTSUPP;
	if (all && cancel->user_data)
		return -EINVAL;
	cancel->out_commands = provcard_job_cancel(call->job, cancel->user_data, all);
	if (!cancel->out_commands)
		return -ENOENT;
	return provcard_respond(call, sizeof(*cancel));
}

/* The descriptor appears in the caller's table last, when nothing can fail any more. */
static int provcard_job_publish(struct provcard_call *call, int fd, struct provcard_job *job)
{
	struct provcard_job_create *create = &call->arguments.job_create;
	struct file *file = provcard_job_open(job, create->flags & O_NONBLOCK);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	create->out_status = 0;
	create->out_fd = fd;
	ret = provcard_respond(call, sizeof(*create));
	if (ret)
		fput(file);
	else
		fd_install(fd, file);
	return ret;
}

/* The number stays the caller's unless there is a job behind it: 0 and out_fd says so. */
static int provcard_job_make(struct provcard_call *call, int fd)
{
	struct provcard_job_create *create = &call->arguments.job_create;
	struct provcard_job *job = provcard_job_alloc(call->access);
	u16 status;
	int ret;

	if (!job)
		return -ENOMEM;
	ret = provcard_admin_job_create(call->card, &job->handle, &job->generation, &status);
	if (!ret && !status)
		return provcard_job_publish(call, fd, job);
	provcard_job_put(job);
	if (ret)
		return ret;
	create->out_status = status;
	create->out_fd = -1;
	return provcard_respond(call, sizeof(*create));
}

static int provcard_ioctl_job_create(struct provcard_call *call)
{
	struct provcard_job_create *create = &call->arguments.job_create;
	int fd, ret;

	if (create->flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EOPNOTSUPP;
	ret = provcard_access_permits(call->access, PROVCARD_OPC_JOB_CREATE);
	if (ret)
		return ret;
	fd = get_unused_fd_flags(create->flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = provcard_job_make(call, fd);
	if (ret || create->out_fd != fd)
		put_unused_fd(fd);
	return ret;
}

static const struct provcard_operation provcard_card_operations[] = {
	PROVCARD_OPERATION(PROVCARD_INFO, struct provcard_info, out_firmware, provcard_ioctl_info),
	PROVCARD_OPERATION(PROVCARD_COMMAND, struct provcard_command, out_length,
			   provcard_ioctl_command),
	PROVCARD_OPERATION(PROVCARD_JOB_CREATE, struct provcard_job_create, out_status,
			   provcard_ioctl_job_create),
};

static const struct provcard_operation provcard_job_operations[] = {
	PROVCARD_OPERATION(PROVCARD_COMMAND, struct provcard_command, out_length,
			   provcard_ioctl_command),
	PROVCARD_OPERATION(PROVCARD_SUBMIT, struct provcard_command, out_length,
			   provcard_ioctl_submit),
	PROVCARD_OPERATION(PROVCARD_CANCEL, struct provcard_cancel, __reserved,
			   provcard_ioctl_cancel),
};

static const struct provcard_operation *
provcard_operation_find(const struct provcard_operation *table, size_t count, unsigned int number)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return &table[i];
	return NULL;
}

/* The structure is fetched once; from here on the kernel's copy counts. */
static int provcard_arguments_fetch(struct provcard_call *call,
				    const struct provcard_operation *operation)
{
	if (get_user(call->user_size, (u32 __user *)call->user))
		return -EFAULT;
	if (call->user_size < operation->min_size)
		return -EINVAL;
	if (call->user_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(&call->arguments, operation->size, call->user,
				     call->user_size);
}

static long provcard_dispatch(struct provcard_call *call,
			      const struct provcard_operation *operation)
{
	long ret;
	int gate;

	if (!operation)
		return -ENOTTY;
	ret = provcard_arguments_fetch(call, operation);
	if (ret)
		return ret;
	ret = provcard_enter(call->card, &gate);
	if (ret)
		return ret;
	ret = operation->execute(call);
	provcard_leave(call->card, gate);
	return ret;
}

long provcard_card_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	const struct provcard_access *access = file->private_data;
	struct provcard_call call = {
		.card = access->card,
		.access = access,
		.nonblock = file->f_flags & O_NONBLOCK,
		.user = (void __user *)argument,
	};

	return provcard_dispatch(&call,
				 provcard_operation_find(provcard_card_operations,
							 ARRAY_SIZE(provcard_card_operations),
							 number));
}

long provcard_job_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	struct provcard_job *job = file->private_data;
	struct provcard_call call = {
		.card = job->card,
		.access = job->access,
		.job = job,
		.nonblock = file->f_flags & O_NONBLOCK,
		.user = (void __user *)argument,
	};

	return provcard_dispatch(&call,
				 provcard_operation_find(provcard_job_operations,
							 ARRAY_SIZE(provcard_job_operations),
							 number));
}
