/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver share.
 *
 * Lifetime: struct provcard is freed by the release function of its struct device, which every
 * open descriptor keeps. Its rings, registers and interrupts exist from probe to remove only;
 * whoever touches them, or maps memory for the card, stands between provcard_enter() and
 * provcard_leave(), or works on a request, and remove waits for both.
 *
 * Locks, outermost first: nodes_lock; reset_lock; the list of cards (netlink.c); jobs_lock; a job's
 * lock; a queue's bell; its lock.
 */
#ifndef PROVCARD_CARD_H
#define PROVCARD_CARD_H

#include <linux/bitmap.h>
#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/provcard.h>
#include <linux/provcard_netlink.h>
#include <linux/scatterlist.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "provcard_hif.h"

#define PROVCARD_MAX_IO_QUEUES 32
/*
 * A completion ring holds twice what can be in flight. So its head need not be told to the card but
 * with the next submission, or, to a card that cannot take it there, once per half ring. A command
 * identifier has the slot in its low byte.
 */
#define PROVCARD_SQ_ENTRIES 64
#define PROVCARD_CQ_ENTRIES (2 * PROVCARD_SQ_ENTRIES)
/* Slots of the admin queue that user commands leave to the driver, so that it can always abort. */
#define PROVCARD_ADMIN_RESERVED 16
#define PROVCARD_MAX_TRANSFER SZ_1M
#define PROVCARD_OPCODES 256
/* Commands of one job in flight or with a completion that nobody has read. */
#define PROVCARD_JOB_COMMANDS 1024

#define PROVCARD_ADMIN_TIMEOUT_MS 5000
#define PROVCARD_JOB_DELETE_TIMEOUT_MS 30000
#define PROVCARD_ABORT_GRACE_MS 10000

/* Resets that a dump of a dead card tells of. */
#define PROVCARD_HISTORY 8

struct cred;
struct io_uring_cmd;
struct provcard;
struct provcard_hwmon;
struct provcard_job;
struct provcard_request;
struct provcard_rng;
struct provcard_upload;

/*
 * struct provcard_queue - a submission ring and its completion ring
 * @room: woken when a slot becomes free or the queue's state changes
 * @ended: requests that have a finish function and wait for @finish_work to call it
 * @timer: runs at the latest when the first command in flight has had its time
 * @bell: held by who writes the submission doorbell, which may take long where it leaves a virtual
 *        machine; completions are taken meanwhile
 * @lock: protects what follows it
 * @enabled: the card works on the rings
 * @releases: the submission doorbell tells the completion ring's head as well
 * @sq_rung: what the card was last told of @sq_tail
 * @closed: 0, or the errno user commands get: -EAGAIN in a reset, -EIO dead, -ENODEV gone
 * @slots: taken from submission until the command's memory is released
 * @requests: in flight, by slot; the card has them
 * @overdue: the watchdog saw an entry that nobody has taken since
 * @completions: entries taken, ever; read without the lock
 * @depths: submissions that made it so many in flight: 2^n to 2^(n+1) - 1
 */
struct provcard_queue {
	struct provcard *card;
	unsigned int id;
	unsigned int vector;
	unsigned int sq_entries;
	unsigned int cq_entries;
	unsigned int slots_user;
	unsigned int slots_all;
	struct provcard_hif_sqe *sq;
	struct provcard_hif_cqe *cq;
	dma_addr_t sq_dma;
	dma_addr_t cq_dma;
	wait_queue_head_t room;
	struct llist_head ended;
	struct work_struct finish_work;
	struct timer_list timer;
	spinlock_t bell; /* see above */

	spinlock_t lock ____cacheline_aligned_in_smp; /* see above */
	bool enabled;
	bool releases;
	int closed;
	unsigned int sq_tail;
	unsigned int sq_rung;
	unsigned int cq_head;
	unsigned int cq_unreleased;
	unsigned int phase;
	u8 cid_generation;
	bool overdue;
	unsigned int completions;
	DECLARE_BITMAP(slots, PROVCARD_SQ_ENTRIES);
	struct provcard_request *requests[PROVCARD_SQ_ENTRIES];
	unsigned long depths[ilog2(PROVCARD_SQ_ENTRIES)];
};

/*
 * struct provcard_vector - an interrupt; but for @silenced its handler alone uses it
 * @idle: interrupts since @since that found nothing to do
 * @completions: those of its queues at @since
 * @silenced: disabled by its handler because it stormed, until the next reset
 */
struct provcard_vector {
	struct provcard *card;
	unsigned int index;
	unsigned int idle;
	unsigned int completions;
	unsigned long since;
	bool silenced;
};

/*
 * struct provcard_access - a node under /dev, and what may be sent through its descriptors
 * @dev: the node's device, which this is part of; who keeps a pointer to this keeps a reference
 * @restricted: only what is in @commands; the card's own node is not
 * @commands: bit n: opcode n. Single words are written while others look
 * @withdrawn: the node was destroyed; set once
 */
struct provcard_access {
	struct cdev cdev;
	struct provcard *card;
	struct device *dev;
	bool restricted;
	bool withdrawn;
	DECLARE_BITMAP(commands, PROVCARD_OPCODES);
};

/*
 * struct provcard_reset_record - what is remembered of a controller reset
 * @when: seconds of the boot clock
 * @status: CSTS as it was found
 * @result: 0 when the card came back, or an errno
 */
struct provcard_reset_record {
	time64_t when;
	u32 status;
	int result;
};

/*
 * struct provcard - a card
 * @config: configuration space when the driver came, for what loses it
 * @gate: read by all who use @pdev, @regs or the queues on behalf of a descriptor
 * @gone: the card was removed or does not answer; set once, before the gate is drained
 * @error: as a queue's closed, for the card as a whole
 * @generation: counts controller resets; job handles of older generations are void
 * @reset_lock: one thread starts, stops or resets the controller; protects the history and what
 *              it names
 * @frozen: the PCI core or the power management has the card: it is stopped, users wait, and
 *          nobody touches it before provcard_controller_unfreeze()
 * @frozen_since: when that began, in jiffies
 * @reset_generation: the generation that the reset asked for is to end
 * @stopping: whoever brings the card up gives way to the thread that wants to stop it
 * @deadline: when the holder of @reset_lock loses patience with the card, in jiffies
 * @writable: pollers who wait for a slot of any queue
 * @history: the last resets, the latest at (@resets_total - 1) % PROVCARD_HISTORY
 * @finishers: runs what ends commands nobody waits for
 * @listed: among the cards that netlink knows; protected by its lock
 * @recovery: runs what ends commands when nothing else does: resets, and the time-outs of the
 *            commands that resets and aborts consist of. Never queue behind those who wait for them
 */
struct provcard {
	struct device dev;
	struct provcard_access access;
	int minor;
	struct pci_dev *pdev;
	struct pci_saved_state *config;
	void __iomem *regs;
	struct srcu_struct gate;
	bool gone;

	u64 cap;
	u32 version;
	u32 features;
	u64 max_transfer;
	u32 heads;
	char serial[36];
	char firmware[36];

	unsigned int vectors_count;
	struct provcard_vector vectors[PROVCARD_MAX_IO_QUEUES + 1];
	unsigned int io_queues;
	struct provcard_queue queues[PROVCARD_MAX_IO_QUEUES + 1];
	wait_queue_head_t writable;

	int error;
	u32 generation;
	struct mutex reset_lock; /* see above */
	bool frozen;
	unsigned long frozen_since;
	u32 reset_generation;
	bool stopping;
	unsigned long deadline;
	struct work_struct reset_work;
	unsigned int resets;
	unsigned long resets_since;
	unsigned int resets_total;
	struct provcard_reset_record history[PROVCARD_HISTORY];
	struct delayed_work watchdog;
	struct delayed_work event_work;
	struct workqueue_struct *finishers;
	struct workqueue_struct *recovery;

	spinlock_t jobs_lock; /* protects jobs */
	struct list_head jobs;

	struct mutex nodes_lock; /* protects what follows it */
	struct list_head nodes;
	unsigned int nodes_count;
	bool nodes_closed;

	struct list_head listed;
	struct dentry *debugfs;
	struct provcard_hwmon *hwmon;
	struct provcard_rng *rng;
	struct provcard_upload *upload;
};

/* pci.c */
extern unsigned int provcard_default_timeout_ms;

/* What the card said to a command, or why it said nothing. */
struct provcard_answer {
	int error;
	u16 status;
	u32 result;
	u32 length;
};

/*
 * struct provcard_buffer - user memory the card reads or writes in place
 * @page: the pinned page when one does, mapped at @address; else NULL
 * @table: pinned pages, mapped for the card; unused while @length is 0 or there is @page
 * @list: descriptors, when one does not do
 * @owner: keeps the user who is charged for @pages
 */
struct provcard_buffer {
	u64 length;
	enum dma_data_direction direction;
	struct page *page;
	dma_addr_t address;
	struct sg_table table;
	struct provcard_hif_sgl *list;
	dma_addr_t list_dma;
	size_t list_bytes;
	const struct cred *owner;
	unsigned long pages;
};

/* Whose command it is: a user's; the driver's own; or one of those that bring the controller up. */
enum provcard_origin {
	PROVCARD_ORIGIN_USER,
	PROVCARD_ORIGIN_DRIVER,
	PROVCARD_ORIGIN_SETUP,
};

/*
 * struct provcard_request - one command from submission until its memory is released
 * @finish: called from @card->finishers when the command has ended; it owns the request. NULL when
 *          a thread waits for @done, which owns it then. Protected by the queue's lock
 * @out_limit: most bytes the card may say it wrote
 * @generation: the reset generation it was sent in; @bound: may be sent in that one only
 * @timeout_ms: 0 for none
 * @submitted_at: in jiffies
 * @deadline: when its time is over, in jiffies
 * @expiring: @expiry was queued. Protected by the queue's lock until the command has ended
 * @expired, @cancelled: why it was aborted, if it was
 * @job: reference, given back by who frees the request; on that job's list from being bound until
 *       it is released
 * @uring: the ring's command; @uring_issued, @uring_ended: what both sides have done. Protected by
 *         the queue's lock
 * @traced_ns: when it was sent, 0 unless its end is traced
 */
struct provcard_request {
	struct provcard_queue *queue;
	enum provcard_origin origin;
	struct provcard_hif_sqe sqe;
	struct provcard_buffer in;
	struct provcard_buffer out;
	u32 out_limit;
	unsigned int slot;
	u32 generation;
	bool bound;
	unsigned int timeout_ms;
	u64 traced_ns;
	unsigned long deadline;
	bool expiring;
	bool submitted;
	unsigned long submitted_at;
	bool expired;
	bool cancelled;
	struct provcard_answer answer;
	void (*finish)(struct provcard_request *request);
	struct completion done;
	struct llist_node ended;
	struct work_struct expiry;
	struct provcard_job *job;
	u64 user_data;
	struct list_head node;
	struct io_uring_cmd *uring;
	bool uring_issued;
	bool uring_ended;
};

/*
 * struct provcard_job - a job's descriptor
 * @access: of the node it was made through; reference
 * @deletion: the command that ends it, made beforehand; NULL once it is sent
 * @wait: readers, pollers, and submitters who wait for @commands to fall
 * @lock: protects what follows it
 * @flight: requests from being bound until they are released, sent or not yet
 * @done: requests whose completion nobody has read
 * @commands: submitted ones in flight and unread
 * @refused: the queue that had no slot for the last submission, NULL when there was one
 */
struct provcard_job {
	struct kref references;
	struct provcard *card;
	const struct provcard_access *access;
	u32 handle;
	u32 generation;
	struct provcard_request *deletion;
	struct list_head node;
	wait_queue_head_t wait;
	spinlock_t lock; /* see above */
	struct list_head flight;
	struct list_head done;
	unsigned int commands;
	struct provcard_queue *refused;
	bool closed;
};

/* cdev.c */
extern struct class provcard_class;
void provcard_access_init(struct provcard_access *access, struct provcard *card,
			  struct device *dev);
int provcard_minor_get(struct device *dev, bool node);
void provcard_minor_put(struct device *dev);
int provcard_cdev_init(void);
void provcard_cdev_exit(void);
struct provcard *provcard_alloc(struct pci_dev *pdev);
int provcard_enter(struct provcard *card, int *index);
void provcard_leave(struct provcard *card, int index);

/* ioctl.c */
long provcard_card_ioctl(struct file *file, unsigned int number, unsigned long argument);
long provcard_job_ioctl(struct file *file, unsigned int number, unsigned long argument);
struct provcard_request *provcard_command_prepare(const struct provcard_access *access,
						  struct provcard_job *job,
						  const struct provcard_command *command);

/* job.c */
struct provcard_job *provcard_job_alloc(const struct provcard_access *access);
struct file *provcard_job_open(struct provcard_job *job, unsigned int flags);
void provcard_job_bind(struct provcard_job *job, struct provcard_request *request);
void provcard_job_unlist(struct provcard_request *request);
void provcard_job_put(struct provcard_job *job);
int provcard_job_submit(struct provcard_job *job, struct provcard_request *request, bool nonblock);
unsigned int provcard_job_cancel(struct provcard_job *job, u64 user_data, bool all);
void provcard_jobs_wake(struct provcard *card);

/* uring.c, where the kernel has what it takes */
int provcard_card_uring(struct io_uring_cmd *uring, unsigned int issue_flags);
int provcard_job_uring(struct io_uring_cmd *uring, unsigned int issue_flags);

/* controller.c */
int provcard_controller_probe(struct provcard *card);
int provcard_controller_start(struct provcard *card);
int provcard_controller_patience(struct provcard *card);
void provcard_controller_halt(struct provcard *card, int error);
void provcard_controller_stop(struct provcard *card);
void provcard_controller_freeze(struct provcard *card);
bool provcard_controller_is_frozen(struct provcard *card);
void provcard_controller_cut_off(struct provcard *card);
bool provcard_controller_reconnect(struct provcard *card);
void provcard_controller_abandon(struct provcard *card);
int provcard_controller_unfreeze(struct provcard *card);
void provcard_controller_suspend(struct provcard *card);
int provcard_controller_resume(struct provcard *card);
void provcard_reset_schedule(struct provcard *card, u32 generation);
void provcard_reset_work(struct work_struct *work);
void provcard_watchdog(struct work_struct *work);
void provcard_watchdog_start(struct provcard *card);

/* queue.c */
int provcard_queues_alloc(struct provcard *card);
void provcard_queues_free(struct provcard *card);
void provcard_queue_enable(struct provcard_queue *queue);
void provcard_queues_set(struct provcard *card, int error);
void provcard_queues_cancel(struct provcard *card, int error);
void provcard_queue_hasten(struct provcard_request *request);
void provcard_queue_ring(struct provcard_queue *queue);
int provcard_queue_submit(struct provcard_queue *queue, struct provcard_request *request);
void provcard_queue_put_slot(struct provcard_queue *queue, unsigned int slot);
bool provcard_queue_has_room(struct provcard_queue *queue);
bool provcard_queue_reap(struct provcard_queue *queue);
void provcard_queues_look(struct provcard *card);

/* request.c */
struct provcard_request *provcard_request_alloc(struct provcard_queue *queue,
						enum provcard_origin origin, u8 opcode);
void provcard_request_release(struct provcard_request *request);
void provcard_request_free(struct provcard_request *request);
int provcard_request_execute(struct provcard_request *request, bool nonblock,
			     struct provcard_answer *answer);
int provcard_request_send(struct provcard_request *request);
int provcard_request_start(struct provcard_request *request,
			   void (*finish)(struct provcard_request *request), bool nonblock);
bool provcard_request_abandon(struct provcard_request *request);
bool provcard_request_cancel(struct provcard_request *request);
void provcard_request_drop(struct provcard_request *request);

/* dma.c */
int provcard_buffer_map(struct provcard *card, struct provcard_buffer *buffer, u64 address,
			u64 length, enum dma_data_direction direction,
			struct provcard_hif_sgl *sgl);
void provcard_buffer_unmap(struct provcard *card, struct provcard_buffer *buffer);

/* admin.c */
int provcard_admin_identify(struct provcard *card);
int provcard_admin_create_queues(struct provcard *card);
int provcard_admin_set_coalescing(struct provcard *card);
int provcard_admin_job_create(struct provcard *card, u32 *handle, u32 *generation, u16 *status);
struct provcard_request *provcard_admin_job_deletion(struct provcard *card);
void provcard_admin_job_delete(struct provcard_request *request, u32 handle, u32 generation);
int provcard_admin_abort(struct provcard_request *request);
void provcard_event_work(struct work_struct *work);
int provcard_admin_call(struct provcard *card, const struct provcard_hif_sqe *sqe, u32 out_limit,
			unsigned int timeout_ms, bool nonblock, struct provcard_answer *answer);

/* irq.c */
int provcard_irq_alloc(struct provcard *card);
int provcard_irq_request(struct provcard *card);
void provcard_irq_free(struct provcard *card);
void provcard_irq_rearm(struct provcard *card);

/* mask.c */
int provcard_access_permits(const struct provcard_access *access, u8 opcode);
void provcard_access_tell(const struct provcard_access *access, u64 *commands);
void provcard_nodes_remove(struct provcard *card);
extern const struct attribute_group provcard_nodes_group;

/* power.c */
extern const struct dev_pm_ops provcard_pm_ops;
extern const struct pci_error_handlers provcard_error_handlers;

/* coredump.c */
void provcard_coredump_begin(struct provcard *card, struct seq_buf *dump);
void provcard_coredump_publish(struct provcard *card, struct seq_buf *dump, int error);
void provcard_coredump_discard(struct seq_buf *dump);

/* hwmon.c */
#if IS_ENABLED(CONFIG_HWMON)
void provcard_hwmon_add(struct provcard *card);
void provcard_hwmon_remove(struct provcard *card);
#else
static inline void provcard_hwmon_add(struct provcard *card)
{
}

static inline void provcard_hwmon_remove(struct provcard *card)
{
}
#endif

/* hwrng.c */
#if IS_ENABLED(CONFIG_HW_RANDOM)
void provcard_hwrng_add(struct provcard *card);
void provcard_hwrng_remove(struct provcard *card);
#else
static inline void provcard_hwrng_add(struct provcard *card)
{
}

static inline void provcard_hwrng_remove(struct provcard *card)
{
}
#endif

/* fwupload.c */
void provcard_upload_add(struct provcard *card);
void provcard_upload_remove(struct provcard *card);

/* sysfs.c */
extern const struct attribute_group *provcard_groups[];

/* netlink.c */
int provcard_netlink_init(void);
void provcard_netlink_exit(void);
void provcard_netlink_add(struct provcard *card);
void provcard_netlink_remove(struct provcard *card);
void provcard_tell(const struct provcard *card, u8 command, u32 value);
enum provcard_driver_state provcard_driver_state(const struct provcard *card);

/* debugfs.c */
void provcard_debugfs_init(void);
void provcard_debugfs_exit(void);
void provcard_debugfs_add(struct provcard *card);
void provcard_debugfs_remove(struct provcard *card);

#endif
