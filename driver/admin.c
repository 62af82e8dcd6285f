// SPDX-License-Identifier: GPL-2.0-only
/* The commands the driver sends on its own account: what brings queues up, jobs, aborts, events. */
#include <linux/ctype.h>
#include <linux/kobject.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "card.h"
#include "trace.h"

/*
 * Sixteen at once, so that of 32 commands in flight half are always the card's. A lone command, or
 * the last of several, is announced at once; what others delay, for a millisecond at most.
 */
#define PROVCARD_COALESCE_ENTRIES 16
#define PROVCARD_COALESCE_TIME_100US 10

#define PROVCARD_EVENT_INTERVAL_MS 10
/* The interface has eight bits for what a card has one of per head. */
#define PROVCARD_HEADS_MAX 255

static int provcard_admin_command(struct provcard *card, enum provcard_origin origin,
				  const struct provcard_hif_sqe *sqe, u32 out_limit,
				  struct provcard_answer *answer)
{
	struct provcard_request *request =
		provcard_request_alloc(&card->queues[0], origin, sqe->opcode);

	if (!request)
		return -ENOMEM;
	request->sqe = *sqe;
	request->out_limit = out_limit;
	return provcard_request_execute(request, false, answer);
}

/**
 * provcard_admin_call - a command on behalf of another part of the kernel
 * @card: the card; it may be gone
 * @sqe: the command; what it names of memory is the caller's until this returns
 * @out_limit: bytes of its out buffer
 * @timeout_ms: the card's time
 * @nonblock: -EAGAIN rather than wait for the end of a reset
 * @answer: the card's answer when 0 is returned
 *
 * Takes one of the slots that are kept for the driver, so callers see to it that they are few.
 */
int provcard_admin_call(struct provcard *card, const struct provcard_hif_sqe *sqe, u32 out_limit,
			unsigned int timeout_ms, bool nonblock, struct provcard_answer *answer)
{
	struct provcard_request *request;
	int gate, ret;

	ret = provcard_enter(card, &gate);
	if (ret)
		return ret;
	ret = -ENOMEM;
	request = provcard_request_alloc(&card->queues[0], PROVCARD_ORIGIN_DRIVER, sqe->opcode);
	if (request) {
		request->sqe = *sqe;
		request->out_limit = out_limit;
		request->timeout_ms = timeout_ms;
		ret = provcard_request_execute(request, nonblock, answer);
	}
	provcard_leave(card, gate);
	return ret;
}

static struct provcard_request *provcard_admin_request(struct provcard *card, u8 opcode)
{
	return provcard_request_alloc(&card->queues[0], PROVCARD_ORIGIN_DRIVER, opcode);
}

/* A command of the bring-up. A card that refuses one of these is of no use. */
static int provcard_setup_command(struct provcard *card, const struct provcard_hif_sqe *sqe,
				  u32 out_limit)
{
	struct provcard_answer answer;
	int ret = provcard_controller_patience(card);

	if (!ret)
		ret = provcard_admin_command(card, PROVCARD_ORIGIN_SETUP, sqe, out_limit, &answer);
	if (!ret && answer.status) {
		dev_err(&card->pdev->dev, "command %#x refused with status %#x\n", sqe->opcode,
			answer.status);
		ret = -EIO;
	}
	return ret;
}

/* The serial number becomes the name of a link under /dev, so its form matters. */
static bool provcard_serial_valid(const char *serial)
{
	if (!*serial || *serial == '.')
		return false;
	for (; *serial; serial++)
		if (!isascii(*serial) || !(isalnum(*serial) || strchr("-_.", *serial)))
			return false;
	return true;
}

static bool provcard_firmware_valid(const char *firmware)
{
	for (; *firmware; firmware++)
		if (!isascii(*firmware) || !isprint(*firmware))
			return false;
	return true;
}

static int provcard_identity_take(struct provcard *card,
				  const struct provcard_hif_identify *identity)
{
	memcpy(card->serial, identity->serial, sizeof(identity->serial) - 1);
	memcpy(card->firmware, identity->firmware, sizeof(identity->firmware) - 1);
	card->heads = le32_to_cpu(identity->heads);
	if (provcard_serial_valid(card->serial) && provcard_firmware_valid(card->firmware) &&
	    card->heads && card->heads <= PROVCARD_HEADS_MAX)
		return 0;
	dev_err(&card->pdev->dev, "the card's identity is malformed\n");
	return -EIO;
}

/* Once, at probe: what it fills is constant from then on. */
int provcard_admin_identify(struct provcard *card)
{
	struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_IDENTIFY };
	struct device *dma = &card->pdev->dev;
	struct provcard_hif_identify *identity;
	dma_addr_t address;
	int ret;

	identity = dma_alloc_coherent(dma, sizeof(*identity), &address, GFP_KERNEL);
	if (!identity)
		return -ENOMEM;
	sqe.out.address = cpu_to_le64(address);
	sqe.out.length = cpu_to_le32(sizeof(*identity));
	ret = provcard_setup_command(card, &sqe, sizeof(*identity));
	if (!ret)
		ret = provcard_identity_take(card, identity);
	dma_free_coherent(dma, sizeof(*identity), identity, address);
	return ret;
}

static int provcard_admin_create_queue(struct provcard_queue *queue)
{
	struct provcard_hif_sqe cq = {
		.opcode = PROVCARD_OPC_CREATE_CQ,
		.arg = { cpu_to_le64(queue->cq_dma),
			 cpu_to_le64(queue->id | (queue->cq_entries - 1) << 16 |
				     (u64)queue->vector << 32) },
	};
	struct provcard_hif_sqe sq = {
		.opcode = PROVCARD_OPC_CREATE_SQ,
		.arg = { cpu_to_le64(queue->sq_dma),
			 cpu_to_le64(queue->id | (queue->sq_entries - 1) << 16 |
				     (u64)queue->id << 32) },
	};
	int ret;

	if (queue->card->features & PROVCARD_FEATURE_RELEASE)
		sq.arg[1] |= cpu_to_le64(PROVCARD_SQ_RELEASE);
	provcard_queue_enable(queue);
	ret = provcard_setup_command(queue->card, &cq, 0);
	return ret ?: provcard_setup_command(queue->card, &sq, 0);
}

int provcard_admin_create_queues(struct provcard *card)
{
	int ret = 0;

	for (unsigned int id = 1; id <= card->io_queues && !ret; id++)
		ret = provcard_admin_create_queue(&card->queues[id]);
	return ret;
}

int provcard_admin_set_coalescing(struct provcard *card)
{
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_SET_FEATURE,
		.arg = { cpu_to_le64(PROVCARD_FEAT_COALESCING),
			 cpu_to_le64((PROVCARD_COALESCE_ENTRIES - 1) |
				     PROVCARD_COALESCE_TIME_100US << 8) },
	};

	if (!(card->features & PROVCARD_FEATURE_COALESCING))
		return 0;
	return provcard_setup_command(card, &sqe, 0);
}

/*
 * @generation: the one the handle is good in; read before, so a reset in between voids the
 * handle.
 */
int provcard_admin_job_create(struct provcard *card, u32 *handle, u32 *generation, u16 *status)
{
	const struct provcard_hif_sqe sqe = { .opcode = PROVCARD_OPC_JOB_CREATE };
	struct provcard_answer answer;
	int ret;

	*generation = READ_ONCE(card->generation);
	ret = provcard_admin_command(card, PROVCARD_ORIGIN_DRIVER, &sqe, 0, &answer);
	if (ret)
		return ret;
	*handle = answer.result;
	*status = answer.status;
	if (answer.status || answer.result)
		return 0;
	dev_err_ratelimited(&card->pdev->dev, "job handle 0\n");
	provcard_reset_schedule(card, *generation);
	return -EIO;
}

/* Made before the job is: a card must not go on with a job for want of memory to end it. */
struct provcard_request *provcard_admin_job_deletion(struct provcard *card)
{
	return provcard_admin_request(card, PROVCARD_OPC_JOB_DELETE);
}

/*
 * Stop a job's units. Waits for the card, so that who has closed a job can rely on it; a dying
 * process and the kernel's own threads are not kept. The request is consumed.
 */
void provcard_admin_job_delete(struct provcard_request *request, u32 handle, u32 generation)
{
	struct provcard_answer answer;

	request->sqe.arg[0] = cpu_to_le64(handle);
	request->generation = generation;
	request->bound = true;
	request->timeout_ms = PROVCARD_JOB_DELETE_TIMEOUT_MS;
	if (current->flags & (PF_EXITING | PF_KTHREAD))
		provcard_request_send(request);
	else
		provcard_request_execute(request, false, &answer);
}

/*
 * Ask the card to let go of a command, and wait until it has answered that. -ENOENT: the card says
 * that it has completed the command before.
 */
int provcard_admin_abort(struct provcard_request *request)
{
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_ABORT,
		.arg = { cpu_to_le64(request->queue->id |
				     (u64)le16_to_cpu(request->sqe.cid) << 16) },
	};
	struct provcard_answer answer;
	int ret;

	/* The card cannot know a command whose doorbell somebody was about to ring. */
	provcard_queue_ring(request->queue);
	ret = provcard_admin_command(request->queue->card, PROVCARD_ORIGIN_DRIVER, &sqe, 0,
				     &answer);
	if (ret || !answer.result)
		return ret ?: (answer.status ? -EIO : 0);
	return -ENOENT;
}

/* What listeners are told of each type of event; of a type not known here, nothing. */
static const u8 provcard_event_commands[] = {
	[PROVCARD_EVENT_HEAD] = PROVCARD_NL_CMD_HEAD_CHANGED_NTF,
	[PROVCARD_EVENT_JOB] = PROVCARD_NL_CMD_JOB_CHANGED_NTF,
	[PROVCARD_EVENT_CARD] = PROVCARD_NL_CMD_LIFE_CHANGED_NTF,
	[PROVCARD_EVENT_FAULT] = PROVCARD_NL_CMD_FAULT_NTF,
	[PROVCARD_EVENT_TAMPER] = PROVCARD_NL_CMD_TAMPER_NTF,
	[PROVCARD_EVENT_FIRMWARE] = PROVCARD_NL_CMD_FIRMWARE_NTF,
};

/* Monitors hear of everything; udev of the card itself, not of each unit. */
static void provcard_event_tell(struct provcard *card, u32 result)
{
	u8 type = result & 0xff;
	u32 info = result >> 8;

	trace_provcard_event(card, type, info);
	if (type >= ARRAY_SIZE(provcard_event_commands) || !provcard_event_commands[type])
		return;
	if (type == PROVCARD_EVENT_HEAD && info >= card->heads)
		return;
	provcard_tell(card, provcard_event_commands[type], info);
	if (type == PROVCARD_EVENT_HEAD || type == PROVCARD_EVENT_JOB)
		return;
	if (type == PROVCARD_EVENT_FAULT)
		dev_err_ratelimited(&card->pdev->dev, "production stopped, refusal code %#x\n",
				    info);
	if (device_is_registered(&card->dev))
		kobject_uevent(&card->dev.kobj, KOBJ_CHANGE);
}

static void provcard_event_finish(struct provcard_request *request)
{
	struct provcard *card = request->queue->card;
	struct provcard_answer answer;

	provcard_request_release(request);
	answer = request->answer;
	kfree(request);
	if (answer.error || answer.status)
		return;
	provcard_event_tell(card, answer.result);
	/*
	 * Not at once: a card that cries without end costs no more than a hundred events a
	 * second.
	 */
	queue_delayed_work(system_long_wq, &card->event_work,
			   msecs_to_jiffies(PROVCARD_EVENT_INTERVAL_MS));
}

/* Listen for one event. After a reset the start of the controller begins anew. */
void provcard_event_work(struct work_struct *work)
{
	struct provcard *card = container_of(to_delayed_work(work), struct provcard, event_work);
	struct provcard_request *request = provcard_admin_request(card, PROVCARD_OPC_ASYNC_EVENT);

	int ret = -ENOMEM;

	if (request) {
		request->timeout_ms = 0;
		ret = provcard_request_start(request, provcard_event_finish, true);
		if (ret)
			provcard_request_free(request);
	}
	if (ret == -ENOMEM || ret == -EAGAIN)
		queue_delayed_work(system_long_wq, &card->event_work, HZ);
}
