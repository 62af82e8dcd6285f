// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "head/family.h"
#include "provcard-refusal.h"

/* Long enough without supply to forget, and long enough with it to start. */
#define POWER_OFF_US 5000u
#define POWER_ON_US 1000u

struct head {
	const struct port *port;
	unsigned int number;
	bool plugged; /* cable_open succeeded */
	struct target target;
};

static const struct family *const families[] = { &family_nrf52840 };

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static const struct head_part *find(const char *name, const struct family **family)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		*family = families[i];
		for (size_t j = 0; j < families[i]->part_count; j++)
			if (!strcmp(families[i]->parts[j].part, name))
				return &families[i]->parts[j];
	}
	return NULL;
}

const struct head_part *head_part_find(const char *part)
{
	const struct family *family;

	return find(part, &family);
}

static int plug(struct head *head)
{
	int error = head->port->ops->cable_open(head->port->context, head->number);

	head->plugged = !error;
	if (!error)
		return 0;
	if (error == -ENODEV)
		return PROVCARD_REFUSAL_NO_PART;
	return error == -EBUSY ? PROVCARD_REFUSAL_HEAD_BUSY : PROVCARD_REFUSAL_CABLE;
}

static void unplug(struct head *head)
{
	if (head->plugged)
		head->port->ops->cable_close(head->port->context, head->number);
	head->plugged = false;
}

static int power(struct head *head, bool on)
{
	return swd_cable_error(head->port->ops->cable_power(head->port->context, head->number, on));
}

/* Supply off and on: whatever we did to the core is forgotten, and the part reads its lock. */
static int restart(struct head *head)
{
	int error = power(head, false);

	if (!error)
		error = swd_delay(&head->target.swd, POWER_OFF_US);
	if (!error)
		error = power(head, true);
	if (!error)
		error = swd_delay(&head->target.swd, POWER_ON_US);
	if (!error)
		head->target.halted = false;
	return error;
}

static int connect(struct head *head)
{
	return adiv5_connect(&head->target.dap, &head->target.swd);
}

/* Is it still the part of the beginning? A part that was locked then cannot be told from another. */
static int check_identity(struct head *head)
{
	const struct head_identity *identity = &head->target.identity;
	uint8_t uid[HEAD_UID_MAX];
	int error;

	if (!identity->uid_size)
		return 0;
	error = head->target.family->unique_id(&head->target, uid);
	if (!error && memcmp(uid, identity->uid, identity->uid_size))
		error = PROVCARD_REFUSAL_PART_SWAPPED;
	return error;
}

/* A part that went, or stopped obeying, may have been exchanged for another: look who is there now. */
static int explain(struct head *head, int error)
{
	int found;

	if (error == PROVCARD_REFUSAL_NO_PART) /* there was one */
		error = PROVCARD_REFUSAL_PART_GONE;
	if (error != PROVCARD_REFUSAL_PART_GONE && error != PROVCARD_REFUSAL_SWD_FAULT)
		return error;
	if (error == PROVCARD_REFUSAL_PART_GONE) {
		unplug(head);
		if (plug(head))
			return error;
	}
	found = connect(head);
	if (!found)
		found = check_identity(head);
	return found == PROVCARD_REFUSAL_PART_SWAPPED ? found : error;
}

static int attach(struct head *head)
{
	int error = plug(head);

	if (!error)
		error = power(head, true);
	if (!error)
		error = swd_delay(&head->target.swd, POWER_ON_US);
	if (!error)
		error = connect(head);
	if (error == PROVCARD_REFUSAL_PART_GONE)
		error = PROVCARD_REFUSAL_NO_PART;
	return error ? error : head->target.family->identify(&head->target);
}

/*
 * A part obeys the lock that it read in its last reset. One whose erasure was cut short is blank and still closed, so a closed
 * part is started afresh before it is believed.
 */
static int attach_afresh(struct head *head)
{
	int error = attach(head);

	if (error || !head->target.identity.locked)
		return error;
	error = restart(head);
	if (!error)
		error = connect(head);
	return error ? error : head->target.family->identify(&head->target);
}

int head_attach(const struct port *port, unsigned int number, const char *part, struct head **result)
{
	const struct family *family;
	const struct head_part *known = find(part, &family);
	struct head *head;
	int error;

	*result = NULL;
	if (number >= port->ops->heads(port->context))
		return PROVCARD_REFUSAL_HEAD_UNKNOWN;
	if (!known)
		return PROVCARD_REFUSAL_FAMILY_UNKNOWN;
	head = calloc(1, sizeof(*head));
	if (!head)
		return -ENOMEM;
	head->port = port;
	head->number = number;
	head->target.family = family;
	head->target.part = known;
	error = swd_open(&head->target.swd, port, number);
	if (!error)
		error = attach_afresh(head);
	if (!error) {
		*result = head;
		return 0;
	}
	head_detach(head);
	return error;
}

void head_detach(struct head *head)
{
	if (!head)
		return;
	/* A part that cannot be restarted any more is gone, and nobody is left to tell. */
	if (head->plugged && head->target.halted)
		(void)restart(head);
	unplug(head);
	swd_close(&head->target.swd);
	explicit_bzero(head, sizeof(*head));
	free(head);
}

const struct head_identity *head_identity(const struct head *head)
{
	return &head->target.identity;
}

int head_erase(struct head *head, head_progress progress, void *context)
{
	struct target *target = &head->target;
	struct work work = { .progress = progress, .context = context, .total = 1 };
	int error = target->identity.locked ? target->family->recover(target, &work) : target->family->erase(target, &work);

	return explain(head, error);
}

int head_program(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	struct work work = { .progress = progress, .context = context, .total = work_total(regions, count) };

	if (head->target.identity.locked)
		return PROVCARD_REFUSAL_PART_LOCKED;
	return explain(head, head->target.family->program(&head->target, regions, count, &work));
}

int head_verify(struct head *head, const struct head_region *regions, size_t count, head_progress progress, void *context)
{
	struct work work = { .progress = progress, .context = context, .total = work_total(regions, count) };

	if (head->target.identity.locked)
		return PROVCARD_REFUSAL_PART_LOCKED;
	return explain(head, head->target.family->verify(&head->target, regions, count, &work));
}

int head_lock(struct head *head, enum head_lock lock)
{
	int error;

	if (head->target.identity.locked)
		return PROVCARD_REFUSAL_PART_LOCKED;
	error = connect(head);
	if (!error)
		error = check_identity(head);
	if (!error)
		error = head->target.family->lock(&head->target, lock);
	if (!error)
		error = restart(head);
	return explain(head, error);
}

int head_read_lock(struct head *head, bool *locked)
{
	int error = connect(head);

	*locked = false;
	if (!error)
		error = head->target.family->read_lock(&head->target, locked);
	if (!error)
		head->target.identity.locked = *locked;
	return explain(head, error);
}

int head_uart(struct head *head, const void *tx, size_t tx_size, void *rx, size_t rx_size, uint32_t timeout_us)
{
	size_t received = 0;
	int error = head->target.halted ? restart(head) : 0;

	if (!error)
		error = swd_cable_error(head->port->ops->cable_uart(head->port->context, head->number, tx, tx_size, rx, rx_size,
								    timeout_us, &received));
	if (!error && received < rx_size)
		error = PROVCARD_REFUSAL_PROOF_FAILED;
	return error;
}

uint64_t head_clocks(const struct head *head)
{
	return head->target.swd.clocks;
}
