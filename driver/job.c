// SPDX-License-Identifier: GPL-2.0-only
/*
 * A job's descriptor: commands in flight, completions to read, and the promise that closing it
 * stops the job's units. The descriptor may outlive the card; it then only gives out what is left
 * to read.
 */
#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "card.h"
#include "compat.h"

static void provcard_job_destroy(struct kref *references)
{
	struct provcard_job *job = container_of(references, struct provcard_job, references);

	put_device(job->access->dev);
	kfree(job->deletion);
	kfree(job);
}

void provcard_job_put(struct provcard_job *job)
{
	kref_put(&job->references, provcard_job_destroy);
}

/* Make a command one of this job's. It can be sent until the next reset only. */
void provcard_job_bind(struct provcard_job *job, struct provcard_request *request)
{
	request->sqe.job = cpu_to_le32(job->handle);
	request->generation = job->generation;
	request->bound = true;
	kref_get(&job->references);
	request->job = job;
	scoped_guard(spinlock, &job->lock)
		list_add_tail(&request->node, &job->flight);
}

/* From here on nobody can cancel it. */
void provcard_job_unlist(struct provcard_request *request)
{
	guard(spinlock)(&request->job->lock);
	list_del_init(&request->node);
}

/*
 * A command of the job has ended: its memory is the user's again, then its completion can be
 * read.
 */
static void provcard_job_finish(struct provcard_request *request)
{
	struct provcard_job *job = request->job;
	bool closed;

	provcard_request_release(request);
	request->job = NULL;
	scoped_guard(spinlock, &job->lock) {
		closed = job->closed;
		if (!closed)
			list_add_tail(&request->node, &job->done);
	}
	if (closed)
		provcard_request_drop(request);
	else
		wake_up_interruptible_poll(&job->wait, EPOLLIN | EPOLLRDNORM);
	provcard_job_put(job);
}

/* Why the job takes no further command: -ENODEV, -EIO; 0 while it does. */
static int provcard_job_ended(struct provcard_job *job)
{
	struct provcard *card = job->card;

	if (READ_ONCE(card->gone) || READ_ONCE(job->access->withdrawn))
		return -ENODEV;
	return READ_ONCE(card->error) == -EIO || READ_ONCE(card->generation) != job->generation ?
		       -EIO :
		       0;
}

static bool provcard_job_admitted(struct provcard_job *job)
{
	guard(spinlock)(&job->lock);
	if (job->commands == PROVCARD_JOB_COMMANDS)
		return false;
	job->commands++;
	return true;
}

static bool provcard_job_tried(struct provcard_job *job, int *ended)
{
	*ended = 0;
	if (provcard_job_admitted(job))
		return true;
	*ended = provcard_job_ended(job);
	return *ended;
}

static int provcard_job_admit(struct provcard_job *job, bool nonblock)
{
	int ended, ret;

	if (provcard_job_admitted(job))
		return 0;
	if (nonblock)
		return -EAGAIN;
	ret = wait_event_interruptible(job->wait, provcard_job_tried(job, &ended));
	return ret ?: ended;
}

static void provcard_job_dismiss(struct provcard_job *job)
{
	scoped_guard(spinlock, &job->lock)
		job->commands--;
	wake_up_interruptible(&job->wait);
}

/* Returns when the card has the command. On an error the request stays the caller's. */
int provcard_job_submit(struct provcard_job *job, struct provcard_request *request, bool nonblock)
{
	struct provcard_queue *queue = request->queue;
	int ret = provcard_job_admit(job, nonblock);

	if (ret)
		return ret;
	ret = provcard_request_start(request, provcard_job_finish, nonblock);
	scoped_guard(spinlock, &job->lock)
		job->refused = ret == -EAGAIN ? queue : NULL;
	if (ret)
		provcard_job_dismiss(job);
	return ret;
}

/* How many commands are being ended: those in flight with this name, or all. */
unsigned int provcard_job_cancel(struct provcard_job *job, u64 user_data, bool all)
{
	struct provcard_request *request;
	unsigned int commands = 0;

	guard(spinlock)(&job->lock);
	list_for_each_entry(request, &job->flight, node)
		if (all || request->user_data == user_data)
			commands += provcard_request_cancel(request);
	return commands;
}

static struct provcard_request *provcard_job_take(struct provcard_job *job)
{
	struct provcard_request *request;

	guard(spinlock)(&job->lock);
	request = list_first_entry_or_null(&job->done, struct provcard_request, node);
	if (!request)
		return NULL;
	list_del(&request->node);
	return request;
}

/* Its completion was read, so there is room for another command. */
static void provcard_job_forget(struct provcard_job *job, struct provcard_request *request)
{
	provcard_request_drop(request);
	provcard_job_dismiss(job);
}

static void provcard_job_untake(struct provcard_job *job, struct provcard_request *request)
{
	guard(spinlock)(&job->lock);
	list_add(&request->node, &job->done);
}

/* Why there will be nothing more to read: -ENODEV, -EIO; 0 while there may be. */
static int provcard_job_over(struct provcard_job *job)
{
	guard(spinlock)(&job->lock);
	return job->commands ? 0 : provcard_job_ended(job);
}

static bool provcard_job_readable(struct provcard_job *job)
{
	guard(spinlock)(&job->lock);
	return !list_empty(&job->done);
}

/* There is something to read, or nothing will come any more. */
static bool provcard_job_settled(struct provcard_job *job)
{
	return provcard_job_readable(job) || provcard_job_over(job);
}

static int provcard_job_copy(struct provcard_request *request, char __user *to)
{
	const struct provcard_completion completion = {
		.user_data = request->user_data,
		.status = request->answer.status,
		.result = request->answer.result,
		.length = request->answer.length,
		.error = -request->answer.error,
	};

	return copy_to_user(to, &completion, sizeof(completion)) ? -EFAULT : 0;
}

/* Whole completions, as many as there are and fit. One that cannot be copied stays to be read. */
static ssize_t provcard_job_drain(struct provcard_job *job, char __user *to, size_t size)
{
	size_t copied = 0;

	while (size - copied >= sizeof(struct provcard_completion)) {
		struct provcard_request *request = provcard_job_take(job);
		int ret;

		if (!request)
			break;
		ret = provcard_job_copy(request, to + copied);
		if (ret) {
			provcard_job_untake(job, request);
			return copied ?: ret;
		}
		provcard_job_forget(job, request);
		copied += sizeof(struct provcard_completion);
	}
	return copied;
}

static ssize_t provcard_job_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	struct provcard_job *job = file->private_data;

	if (size < sizeof(struct provcard_completion))
		return -EINVAL;
	for (;;) {
		ssize_t ret = provcard_job_drain(job, to, size) ?: provcard_job_over(job);

		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(job->wait, provcard_job_settled(job));
		if (ret)
			return ret;
	}
}

/* Whoever was refused for want of a slot waits for one of that queue. */
static bool provcard_job_writable(struct provcard_job *job)
{
	guard(spinlock)(&job->lock);
	if (provcard_job_ended(job))
		return false;
	return job->commands < PROVCARD_JOB_COMMANDS &&
	       (!job->refused || provcard_queue_has_room(job->refused));
}

static __poll_t provcard_job_poll(struct file *file, struct poll_table_struct *table)
{
	struct provcard_job *job = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &job->wait, table);
	poll_wait(file, &job->card->writable, table);
	if (provcard_job_readable(job))
		mask |= EPOLLIN | EPOLLRDNORM;
	else if (provcard_job_over(job))
		mask |= EPOLLHUP | EPOLLERR;
	if (provcard_job_writable(job))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static void provcard_job_discard(struct provcard_job *job)
{
	struct provcard_request *request, *next;
	LIST_HEAD(unread);

	scoped_guard(spinlock, &job->lock) {
		job->closed = true;
		list_splice_init(&job->done, &unread);
	}
	list_for_each_entry_safe(request, next, &unread, node)
		provcard_request_drop(request);
}

static void provcard_job_unlink(struct provcard_job *job)
{
	guard(spinlock)(&job->card->jobs_lock);
	list_del(&job->node);
}

static void provcard_job_delete(struct provcard_job *job)
{
	provcard_admin_job_delete(job->deletion, job->handle, job->generation);
	job->deletion = NULL;
}

/*
 * Commands still in flight hold the job until the card has ended them, which deleting makes it
 * do.
 */
static int provcard_job_release(struct inode *inode, struct file *file)
{
	struct provcard_job *job = file->private_data;
	struct provcard *card = job->card;
	int gate;

	provcard_job_unlink(job);
	provcard_job_discard(job);
	if (!provcard_enter(card, &gate)) {
		provcard_job_delete(job);
		provcard_leave(card, gate);
	}
	provcard_job_put(job);
	return 0;
}

static const struct file_operations provcard_job_fops = {
	.owner = THIS_MODULE,
	.read = provcard_job_read,
	.poll = provcard_job_poll,
	.unlocked_ioctl = provcard_job_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef PROVCARD_URING
	.uring_cmd = provcard_job_uring,
#endif
	.release = provcard_job_release,
};

/* A job the card does not know yet. Everything that its end needs is had here. */
struct provcard_job *provcard_job_alloc(const struct provcard_access *access)
{
	struct provcard_job *job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);

	if (!job)
		return NULL;
	job->deletion = provcard_admin_job_deletion(access->card);
	if (!job->deletion) {
		kfree(job);
		return NULL;
	}
	kref_init(&job->references);
	get_device(access->dev);
	job->access = access;
	job->card = access->card;
	init_waitqueue_head(&job->wait);
	spin_lock_init(&job->lock);
	INIT_LIST_HEAD(&job->flight);
	INIT_LIST_HEAD(&job->done);
	return job;
}

/* False when the handle is another job's: one of the two would work on what is not its own. */
static bool provcard_job_link(struct provcard_job *job)
{
	struct provcard_job *other;

	guard(spinlock)(&job->card->jobs_lock);
	list_for_each_entry(other, &job->card->jobs, node)
		if (other->handle == job->handle && other->generation == job->generation)
			return false;
	list_add(&job->node, &job->card->jobs);
	return true;
}

/*
 * A file for a job whose handle the card has just given. It keeps the job. On failure the job and
 * its handle are given back, or, when the handle was given twice, all are voided by a reset.
 */
struct file *provcard_job_open(struct provcard_job *job, unsigned int flags)
{
	struct provcard *card = job->card;
	struct file *file;

	if (!provcard_job_link(job)) {
		dev_err_ratelimited(&card->pdev->dev, "job handle %u was given twice\n",
				    job->handle);
		provcard_reset_schedule(card, job->generation);
		provcard_job_put(job);
		return ERR_PTR(-EIO);
	}
	file = anon_inode_getfile("[provcard-job]", &provcard_job_fops, job, O_RDWR | flags);
	if (!IS_ERR(file)) {
		stream_open(file_inode(file), file);
		return file;
	}
	provcard_job_unlink(job);
	provcard_job_delete(job);
	provcard_job_put(job);
	return file;
}

/* Readers and pollers look again: the card has ended, or a reset has voided their handles. */
void provcard_jobs_wake(struct provcard *card)
{
	struct provcard_job *job;

	guard(spinlock)(&card->jobs_lock);
	list_for_each_entry(job, &card->jobs, node)
		wake_up_all(&job->wait);
}
