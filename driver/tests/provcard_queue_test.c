// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the rings: slots and command identifiers, phase and wrap, what is released when,
 * and completions that no honest card writes. The test plays the card: registers are memory.
 */
#define NOTRACE
#include "../queue.c"

#include <kunit/test.h>
#include <linux/module.h>

#define UNTOUCHED 0xdeadbeef

static unsigned int resets;

/* In place of the controller's and of netlink's. */
void provcard_reset_schedule(struct provcard *card, u32 generation)
{
	resets++;
}

void provcard_tell(const struct provcard *card, u8 command, u32 value)
{
}

/* A card's view of one completion ring. */
struct fake {
	struct provcard *card;
	u32 *regs;
	unsigned int tail;
	unsigned int phase;
};

static void fake_start(struct kunit *test, u64 mqes)
{
	struct fake *fake = test->priv;
	struct provcard *card = fake->card;

	card->cap = mqes;
	KUNIT_ASSERT_EQ(test, provcard_queues_alloc(card), 0);
	for (unsigned int id = 0; id <= card->io_queues; id++)
		provcard_queue_enable(&card->queues[id]);
	provcard_queues_set(card, 0);
	for (unsigned int id = 0; id <= card->io_queues; id++)
		card->queues[id].enabled = true;
}

static int fake_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	struct provcard *card = kunit_kzalloc(test, sizeof(*card), GFP_KERNEL);
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	KUNIT_ASSERT_NOT_NULL(test, card);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	fake->regs = kunit_kzalloc(test, PROVCARD_BAR_REGS_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fake->regs);
	pdev->dev.init_name = "provcard-test";
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(64);
	pdev->dev.dma_mask = &pdev->dev.coherent_dma_mask;
	card->pdev = pdev;
	card->regs = (void __iomem __force *)fake->regs;
	card->io_queues = 2;
	init_waitqueue_head(&card->writable);
	fake->card = card;
	fake->phase = PROVCARD_CQE_PHASE;
	test->priv = fake;
	resets = 0;
	return 0;
}

static void fake_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (fake)
		provcard_queues_free(fake->card);
}

static u32 *doorbell(struct fake *fake, unsigned int id, bool completion)
{
	return fake->regs + (PROVCARD_REG_DOORBELL + 8 * id + 4 * completion) / 4;
}

static struct provcard_request *make_request(struct kunit *test, struct provcard_queue *queue,
					     enum provcard_origin origin)
{
	struct provcard_request *request = kunit_kzalloc(test, sizeof(*request), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, request);
	request->queue = queue;
	request->origin = origin;
	request->out_limit = 100;
	init_completion(&request->done);
	return request;
}

/* Submitted, or the errno why not. */
static int send(struct kunit *test, struct provcard_queue *queue, enum provcard_origin origin,
		struct provcard_request **request)
{
	*request = make_request(test, queue, origin);
	return provcard_queue_submit(queue, *request);
}

static u16 cid_of(const struct provcard_request *request)
{
	return le16_to_cpu(request->sqe.cid);
}

static void complete_as(struct kunit *test, struct provcard_queue *queue,
			struct provcard_hif_cqe cqe)
{
	struct fake *fake = test->priv;

	cqe.status |= cpu_to_le16(fake->phase);
	queue->cq[fake->tail] = cqe;
	fake->tail = (fake->tail + 1) % queue->cq_entries;
	if (!fake->tail)
		fake->phase ^= PROVCARD_CQE_PHASE;
}

static void complete_request(struct kunit *test, struct provcard_request *request)
{
	const struct provcard_hif_cqe cqe = {
		.sq_id = cpu_to_le16(request->queue->id),
		.cid = request->sqe.cid,
	};

	complete_as(test, request->queue, cqe);
}

static void release(struct provcard_request *request)
{
	provcard_queue_put_slot(request->queue, request->slot);
}

struct size_case {
	u64 mqes;
	unsigned int cq_entries, sq_entries, slots_all, slots_user;
};

static const struct size_case size_cases[] = {
	{ 15, 16, 8, 7, 4 },
	{ 16, 17, 8, 7, 4 },
	{ 63, 64, 32, 31, 16 },
	{ 127, 128, 64, 63, 47 },
	{ 0xffff, 128, 64, 63, 47 },
};

static void size_name(const struct size_case *param, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "mqes-%llu", param->mqes);
}

KUNIT_ARRAY_PARAM(size, size_cases, size_name);

static void test_sizes(struct kunit *test)
{
	const struct size_case *param = test->param_value;
	struct fake *fake = test->priv;

	fake_start(test, param->mqes);
	for (unsigned int id = 0; id <= 1; id++) {
		struct provcard_queue *queue = &fake->card->queues[id];

		KUNIT_EXPECT_EQ(test, queue->cq_entries, param->cq_entries);
		KUNIT_EXPECT_EQ(test, queue->sq_entries, param->sq_entries);
		KUNIT_EXPECT_EQ(test, queue->slots_all, param->slots_all);
		KUNIT_EXPECT_EQ(test, queue->slots_user, id ? param->slots_all : param->slots_user);
	}
}

static void test_slots_and_identifiers(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_request *requests[PROVCARD_SQ_ENTRIES], *more;
	struct provcard_queue *queue;
	u16 before;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	for (unsigned int i = 0; i < queue->slots_all; i++) {
		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &requests[i]), 0);
		KUNIT_EXPECT_EQ(test, requests[i]->slot, i);
		KUNIT_EXPECT_EQ(test, cid_of(requests[i]) & 0xff, i);
		KUNIT_EXPECT_EQ(test, queue->sq[i].cid, requests[i]->sqe.cid);
		KUNIT_EXPECT_EQ(test, *doorbell(fake, 1, false), i + 1);
	}
	KUNIT_EXPECT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &more), -EAGAIN);
	KUNIT_EXPECT_EQ(test, send(test, queue, PROVCARD_ORIGIN_DRIVER, &more), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, provcard_queue_has_room(queue));

	/* A slot is free again when its memory is, not when the card has answered. */
	before = cid_of(requests[7]);
	complete_request(test, requests[7]);
	KUNIT_EXPECT_TRUE(test, provcard_queue_reap(queue));
	KUNIT_EXPECT_TRUE(test, completion_done(&requests[7]->done));
	KUNIT_EXPECT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &more), -EAGAIN);
	release(requests[7]);
	KUNIT_EXPECT_TRUE(test, provcard_queue_has_room(queue));
	KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &more), 0);
	KUNIT_EXPECT_EQ(test, more->slot, 7);
	KUNIT_EXPECT_NE(test, cid_of(more), before);
}

static void test_admin_slots_are_reserved(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_request *request;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[0];
	for (unsigned int i = 0; i < queue->slots_user; i++)
		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
	KUNIT_EXPECT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), -EAGAIN);
	for (unsigned int i = 0; i < PROVCARD_ADMIN_RESERVED; i++)
		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_DRIVER, &request), 0);
	KUNIT_EXPECT_EQ(test, send(test, queue, PROVCARD_ORIGIN_DRIVER, &request), -EAGAIN);
}

/* Three passes, one command at a time: the entries of the pass before are never taken for new. */
static void test_wrap_and_phase(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_queue *queue;

	fake_start(test, 15);
	queue = &fake->card->queues[1];
	for (unsigned int i = 0; i < 3 * queue->cq_entries; i++) {
		struct provcard_request *request;

		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
		KUNIT_EXPECT_FALSE(test, provcard_queue_reap(queue));
		complete_request(test, request);
		KUNIT_EXPECT_TRUE(test, provcard_queue_reap(queue));
		KUNIT_EXPECT_TRUE(test, completion_done(&request->done));
		KUNIT_EXPECT_EQ(test, queue->cq_head, (i + 1) % queue->cq_entries);
		release(request);
	}
	KUNIT_EXPECT_EQ(test, queue->completions, 3 * queue->cq_entries);
	KUNIT_EXPECT_EQ(test, resets, 0);
}

static void test_head_is_released_at_half_a_ring(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	*doorbell(fake, 1, true) = UNTOUCHED;
	for (unsigned int i = 1; i <= 2 * queue->cq_entries; i++) {
		struct provcard_request *request;
		bool half = !(i % (queue->cq_entries / 2));

		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
		complete_request(test, request);
		provcard_queue_reap(queue);
		release(request);
		KUNIT_EXPECT_EQ(test, *doorbell(fake, 1, true),
				half ? i % queue->cq_entries : UNTOUCHED);
		*doorbell(fake, 1, true) = UNTOUCHED;
	}
}

static void test_head_is_released_with_the_next_submission(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_queue *queue;

	fake->card->features = PROVCARD_FEATURE_RELEASE;
	fake_start(test, 127);
	queue = &fake->card->queues[1];
	*doorbell(fake, 1, true) = UNTOUCHED;
	for (unsigned int i = 0; i < 2 * queue->cq_entries; i++) {
		struct provcard_request *request;

		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
		KUNIT_EXPECT_EQ(test, *doorbell(fake, 1, false),
				PROVCARD_DOORBELL((i + 1) % queue->sq_entries,
						  i % queue->cq_entries));
		complete_request(test, request);
		provcard_queue_reap(queue);
		release(request);
	}
	KUNIT_EXPECT_EQ(test, *doorbell(fake, 1, true), UNTOUCHED);
}

struct lie {
	const char *name;
	int cid; /* added */
	unsigned int sq_id;
	u32 length;
};

static const struct lie lies[] = {
	{ "the-next-slot-is-free", 1, 1, 0 },
	{ "beyond-the-last-slot", PROVCARD_SQ_ENTRIES - 1, 1, 0 },
	{ "the-highest-slot", 0xff, 1, 0 },
	{ "an-older-generation", -0x100, 1, 0 },
	{ "a-newer-generation", 0x100, 1, 0 },
	{ "another-queue", 0, 2, 0 },
	{ "no-queue", 0, 0xffff, 0 },
	{ "a-byte-too-many", 0, 1, 101 },
	{ "as-many-as-there-are", 0, 1, U32_MAX },
};

static void lie_name(const struct lie *param, char *name)
{
	strscpy(name, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(lie, lies, lie_name);

/* The queue stops, a reset is asked for once, and the command ends with the reset. */
static void test_lies(struct kunit *test)
{
	const struct lie *param = test->param_value;
	struct fake *fake = test->priv;
	struct provcard_hif_cqe cqe = {};
	struct provcard_request *request;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
	cqe.cid = cpu_to_le16(cid_of(request) + param->cid);
	cqe.sq_id = cpu_to_le16(param->sq_id);
	cqe.length = cpu_to_le32(param->length);
	complete_as(test, queue, cqe);
	complete_request(test, request);
	provcard_queue_reap(queue);
	provcard_queue_reap(queue);
	KUNIT_EXPECT_EQ(test, resets, 1);
	KUNIT_EXPECT_FALSE(test, queue->enabled);
	KUNIT_EXPECT_FALSE(test, completion_done(&request->done));

	provcard_queues_cancel(fake->card, -EIO);
	KUNIT_EXPECT_TRUE(test, completion_done(&request->done));
	KUNIT_EXPECT_EQ(test, request->answer.error, -EIO);
	KUNIT_EXPECT_EQ(test, request->answer.length, 0);
}

static void test_second_completion(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_request *request;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
	complete_request(test, request);
	complete_request(test, request);
	KUNIT_EXPECT_TRUE(test, provcard_queue_reap(queue));
	KUNIT_EXPECT_TRUE(test, completion_done(&request->done));
	KUNIT_EXPECT_EQ(test, request->answer.error, 0);
	KUNIT_EXPECT_EQ(test, resets, 1);
	KUNIT_EXPECT_EQ(test, queue->completions, 1);
}

static const u16 statuses[] = { 0, 1, 2, 0x40, 0x3fff, 0x7fff };

/* What the card answers reaches the caller as it is, whatever the phase: it is never an errno. */
static void test_status(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_queue *queue;

	fake_start(test, 15);
	queue = &fake->card->queues[1];
	for (unsigned int i = 0; i < 4 * queue->cq_entries; i++) {
		struct provcard_hif_cqe cqe = { .sq_id = cpu_to_le16(1) };
		u16 status = statuses[i % ARRAY_SIZE(statuses)];
		struct provcard_request *request;

		KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
		cqe.cid = request->sqe.cid;
		cqe.status = cpu_to_le16(status << 1);
		cqe.result = cpu_to_le32(0x80000000 + i);
		cqe.length = cpu_to_le32(i);
		complete_as(test, queue, cqe);
		provcard_queue_reap(queue);
		KUNIT_EXPECT_EQ(test, request->answer.status, status);
		KUNIT_EXPECT_EQ(test, request->answer.result, 0x80000000 + i);
		KUNIT_EXPECT_EQ(test, request->answer.length, i);
		KUNIT_EXPECT_EQ(test, request->answer.error, 0);
		release(request);
	}
}

struct closed_case {
	int closed;
	bool enabled;
	int user, driver, setup;
};

static const struct closed_case closed_cases[] = {
	{ 0, true, 0, 0, 0 },
	{ 0, false, -EAGAIN, -EAGAIN, -EIO },
	{ -EAGAIN, true, -EAGAIN, -EAGAIN, 0 },
	{ -EAGAIN, false, -EAGAIN, -EAGAIN, -EIO },
	{ -EIO, false, -EIO, -EIO, -EIO },
	{ -ENODEV, false, -ENODEV, -ENODEV, -EIO },
};

static void test_closed_queues(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[0];
	for (unsigned int i = 0; i < ARRAY_SIZE(closed_cases); i++) {
		const struct closed_case *param = &closed_cases[i];
		struct provcard_request *request;

		provcard_queues_set(fake->card, param->closed);
		queue->enabled = param->enabled;
		KUNIT_EXPECT_EQ_MSG(test, send(test, queue, PROVCARD_ORIGIN_USER, &request),
				    param->user, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, send(test, queue, PROVCARD_ORIGIN_DRIVER, &request),
				    param->driver, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, send(test, queue, PROVCARD_ORIGIN_SETUP, &request),
				    param->setup, "case %u", i);
	}
}

static void test_handles_of_an_older_generation(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_request *request;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	request = make_request(test, queue, PROVCARD_ORIGIN_USER);
	request->bound = true;
	fake->card->generation = 1;
	KUNIT_EXPECT_EQ(test, provcard_queue_submit(queue, request), -EIO);
	request->generation = 1;
	KUNIT_EXPECT_EQ(test, provcard_queue_submit(queue, request), 0);
}

/* The first look may be too early, the second finds what nobody has announced. */
static void test_lost_interrupt(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct provcard_request *request;
	struct provcard_queue *queue;

	fake_start(test, 127);
	queue = &fake->card->queues[1];
	KUNIT_ASSERT_EQ(test, send(test, queue, PROVCARD_ORIGIN_USER, &request), 0);
	provcard_queues_look(fake->card);
	complete_request(test, request);
	provcard_queues_look(fake->card);
	KUNIT_EXPECT_FALSE(test, completion_done(&request->done));
	provcard_queues_look(fake->card);
	KUNIT_EXPECT_TRUE(test, completion_done(&request->done));
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE_PARAM(test_sizes, size_gen_params),
	KUNIT_CASE(test_slots_and_identifiers),
	KUNIT_CASE(test_admin_slots_are_reserved),
	KUNIT_CASE(test_wrap_and_phase),
	KUNIT_CASE(test_head_is_released_at_half_a_ring),
	KUNIT_CASE(test_head_is_released_with_the_next_submission),
	KUNIT_CASE_PARAM(test_lies, lie_gen_params),
	KUNIT_CASE(test_second_completion),
	KUNIT_CASE(test_status),
	KUNIT_CASE(test_closed_queues),
	KUNIT_CASE(test_handles_of_an_older_generation),
	KUNIT_CASE(test_lost_interrupt),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "provcard-queue",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);

MODULE_DESCRIPTION("KUnit tests of provcard's rings");
MODULE_LICENSE("GPL");
