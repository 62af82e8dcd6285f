// SPDX-License-Identifier: GPL-2.0-or-later
/* The transport commands: identify, queues, features, abort, events, job handles. */
#include <endian.h>
#include <string.h>

#include "controller_private.h"

/* What a transport command defines; everything else in its entry is 0. */
static const struct {
	uint64_t argument[2]; /* bits that mean something */
	bool known;
	bool out;
	bool stays; /* in flight until it is due, and then run by the pool */
	uint32_t feature; /* exists with it only */
} commands[PROVCARD_OPC_SERVICE_BASE] = {
	[PROVCARD_OPC_IDENTIFY] = { .known = true, .out = true },
	[PROVCARD_OPC_CREATE_CQ] = { { UINT64_MAX, 0xffffffffffff }, .known = true },
	[PROVCARD_OPC_CREATE_SQ] = { { UINT64_MAX, PROVCARD_SQ_RELEASE | 0xffffffffffff }, .known = true },
	[PROVCARD_OPC_DELETE_CQ] = { { UINT64_MAX, 0 }, .known = true },
	[PROVCARD_OPC_DELETE_SQ] = { { UINT64_MAX, 0 }, .known = true, .stays = true },
	[PROVCARD_OPC_SET_FEATURE] = { { UINT64_MAX, UINT64_MAX }, .known = true },
	[PROVCARD_OPC_ABORT] = { { UINT32_MAX, 0 }, .known = true },
	[PROVCARD_OPC_ASYNC_EVENT] = { { 0, 0 }, .known = true, .stays = true },
	[PROVCARD_OPC_RANDOM] = { .known = true, .out = true, .stays = true, .feature = PROVCARD_FEATURE_RANDOM },
	[PROVCARD_OPC_TELEMETRY] = { .known = true, .out = true, .stays = true, .feature = PROVCARD_FEATURE_TELEMETRY },
	[PROVCARD_OPC_JOB_CREATE] = { { 0, 0 }, .known = true },
	[PROVCARD_OPC_JOB_DELETE] = { { UINT64_MAX, 0 }, .known = true, .stays = true },
};

static uint64_t argument(const struct command *command, size_t i)
{
	return le64toh(command->sqe.arg[i]);
}

static bool is_empty(const struct provcard_hif_sgl *sgl)
{
	return !sgl->length && sgl->type == PROVCARD_SGL_DATA && !sgl->reserved[0] && !sgl->reserved[1] && !sgl->reserved[2];
}

/* The I/O queue number that arg0 is, or 0. */
static uint16_t io_queue(const struct controller *c, uint64_t value)
{
	return value <= c->config.heads ? (uint16_t)value : 0;
}

static uint16_t check_delete_sq(const struct controller *c, const struct command *command)
{
	uint16_t id = io_queue(c, argument(command, 0));

	return id && c->sq[id].used && !c->sq[id].draining ? 0 : PROVCARD_SC_INVALID_QUEUE;
}

static uint16_t check_async_event(const struct controller *c)
{
	const struct command *other;
	size_t count = 0;

	/* The command itself is in the list already. */
	for (other = c->sq[0].commands; other; other = other->next)
		count += other->sqe.opcode == PROVCARD_OPC_ASYNC_EVENT && other->state != COMMAND_DONE;
	return count <= ASYNC_EVENTS_MAX ? 0 : PROVCARD_SC_INVALID_FIELD;
}

uint16_t transport_check(struct controller *c, const struct command *command)
{
	uint8_t opcode = command->sqe.opcode;

	if (!commands[opcode].known || (commands[opcode].feature && !controller_offers(c, commands[opcode].feature)))
		return PROVCARD_SC_INVALID_OPCODE;
	if (command->sqe.job || !is_empty(&command->sqe.in) || (!commands[opcode].out && !is_empty(&command->sqe.out)) ||
	    argument(command, 0) & ~commands[opcode].argument[0] || argument(command, 1) & ~commands[opcode].argument[1] ||
	    argument(command, 2))
		return PROVCARD_SC_INVALID_FIELD;
	if (opcode == PROVCARD_OPC_DELETE_SQ)
		return check_delete_sq(c, command);
	return opcode == PROVCARD_OPC_ASYNC_EVENT ? check_async_event(c) : 0;
}

/* Visits the commands of a job that are older than its deletion; returns how many there are. */
static size_t older_of_job(struct controller *c, const struct command *deletion, bool abort)
{
	struct command *command;
	size_t count = 0, i;

	for (i = 0; i < QUEUES_MAX; i++) {
		for (command = c->sq[i].used ? c->sq[i].commands : NULL; command; command = command->next) {
			if (!command->sqe.job || le32toh(command->sqe.job) != argument(deletion, 0) ||
			    command->sequence > deletion->sequence)
				continue;
			count++;
			if (abort)
				command_abort(c, command);
		}
	}
	return count;
}

bool transport_begin(struct controller *c, struct command *command)
{
	struct submission_queue *sq;
	struct command *other;

	if (command->sqe.opcode == PROVCARD_OPC_JOB_DELETE)
		older_of_job(c, command, true);
	if (command->sqe.opcode == PROVCARD_OPC_DELETE_SQ) {
		sq = &c->sq[argument(command, 0)];
		sq->draining = true;
		for (other = sq->commands; other; other = other->next)
			command_abort(c, other);
		pthread_cond_broadcast(&sq->moved);
	}
	return commands[command->sqe.opcode].stays;
}

bool transport_due(struct controller *c, const struct command *command)
{
	const struct submission_queue *sq;

	switch (command->sqe.opcode) {
	case PROVCARD_OPC_ASYNC_EVENT:
		return c->event_count;
	case PROVCARD_OPC_JOB_DELETE:
		return !older_of_job(c, command, false);
	case PROVCARD_OPC_RANDOM:
	case PROVCARD_OPC_TELEMETRY:
		return true;
	default:
		sq = &c->sq[argument(command, 0)];
		return sq->fetched && !sq->count;
	}
}

static uint16_t identify(struct controller *c, struct command *command)
{
	struct provcard_hif_identify data = { .heads = htole32(c->config.heads), .max_jobs = htole32(CORE_MAX_JOBS) };
	struct buffer out;
	uint16_t status = buffer_parse(c, &command->sqe.out, &out);

	strncpy((char *)data.serial, c->config.port->serial, sizeof(data.serial) - 1);
	strncpy((char *)data.firmware, core_version(), sizeof(data.firmware) - 1);
	if (!status && out.size < sizeof(data))
		status = PROVCARD_SC_BUFFER_TOO_SMALL;
	if (!status && buffer_write(&out, 0, &data, sizeof(data)))
		status = PROVCARD_SC_DATA_TRANSFER;
	buffer_release(&out);
	command->result.length = status ? 0 : sizeof(data);
	return status;
}

static uint16_t random_bytes(struct controller *c, struct command *command)
{
	uint8_t bytes[PROVCARD_RANDOM_MAX];
	struct buffer out;
	uint16_t status = buffer_parse(c, &command->sqe.out, &out);

	if (!status && (!out.size || out.size > sizeof(bytes)))
		status = PROVCARD_SC_INVALID_FIELD;
	if (!status)
		status = core_random(c->core, bytes, out.size);
	if (!status && buffer_write(&out, 0, bytes, out.size))
		status = PROVCARD_SC_DATA_TRANSFER;
	command->result.length = status ? 0 : (uint32_t)out.size;
	explicit_bzero(bytes, sizeof(bytes));
	buffer_release(&out);
	return status;
}

static uint16_t telemetry(struct controller *c, struct command *command)
{
	struct port_sensors sensors = { 0 };
	struct provcard_hif_telemetry data = { .sensors = htole32(PROVCARD_SENSOR_TEMPERATURE | PROVCARD_SENSOR_SUPPLY) };
	struct buffer out;
	uint16_t status = buffer_parse(c, &command->sqe.out, &out);

	if (!status && c->config.port->ops->sensors(c->config.port->context, &sensors))
		data.sensors = 0;
	data.temperature = htole32((uint32_t)sensors.temperature);
	data.temperature_max = htole32((uint32_t)sensors.temperature_max);
	data.temperature_crit = htole32((uint32_t)sensors.temperature_crit);
	data.supply = htole32(sensors.supply);
	data.supply_min = htole32(sensors.supply_min);
	data.supply_max = htole32(sensors.supply_max);
	if (!status && out.size < sizeof(data))
		status = PROVCARD_SC_BUFFER_TOO_SMALL;
	if (!status && buffer_write(&out, 0, &data, sizeof(data)))
		status = PROVCARD_SC_DATA_TRANSFER;
	buffer_release(&out);
	command->result.length = status ? 0 : sizeof(data);
	return status;
}

static uint16_t create_queue(struct controller *c, const struct command *command, bool submission)
{
	uint16_t id = io_queue(c, argument(command, 1) & 0xffff);
	uint32_t entries = (argument(command, 1) >> 16 & 0xffff) + 1;
	uint16_t target = (uint16_t)(argument(command, 1) >> 32);
	uint64_t address = argument(command, 0);

	if (!id || (submission ? c->sq[id].used : c->cq[id].used))
		return PROVCARD_SC_INVALID_QUEUE;
	if (entries < 2 || entries > QUEUE_ENTRIES_MAX || address % 4096 || address > UINT64_MAX - QUEUE_ENTRIES_MAX * 64)
		return PROVCARD_SC_INVALID_FIELD;
	if (!submission) {
		if (target >= c->config.irqs->count)
			return PROVCARD_SC_INVALID_FIELD;
		cq_create(c, id, address, entries, target);
		return 0;
	}
	if (!io_queue(c, target) || !c->cq[target].used)
		return PROVCARD_SC_INVALID_QUEUE;
	if (sq_create(c, id, address, entries, target))
		return PROVCARD_SC_INTERNAL;
	c->sq[id].releases = argument(command, 1) & PROVCARD_SQ_RELEASE;
	return 0;
}

static uint16_t delete_cq(struct controller *c, const struct command *command)
{
	uint16_t id = io_queue(c, argument(command, 0));
	size_t i;

	if (!id || !c->cq[id].used)
		return PROVCARD_SC_INVALID_QUEUE;
	for (i = 0; i < QUEUES_MAX; i++)
		if (c->sq[i].used && c->sq[i].cq == id)
			return PROVCARD_SC_INVALID_QUEUE;
	c->cq[id].used = false;
	return 0;
}

static uint16_t delete_sq(struct controller *c, const struct command *command)
{
	sq_destroy(&c->sq[argument(command, 0)]);
	return 0;
}

static uint16_t set_feature(struct controller *c, struct command *command)
{
	if (argument(command, 0) != PROVCARD_FEAT_COALESCING || argument(command, 1) > 0xffff)
		return PROVCARD_SC_INVALID_FIELD;
	c->coalescing = (uint32_t)argument(command, 1);
	command->result.result = c->coalescing;
	return 0;
}

static uint16_t abort_command(struct controller *c, struct command *command)
{
	uint16_t id = (uint16_t)argument(command, 0);
	uint16_t cid = (uint16_t)(argument(command, 0) >> 16);
	struct command *other;

	if (id >= QUEUES_MAX || !c->sq[id].used)
		return PROVCARD_SC_INVALID_QUEUE;
	if (id)
		sq_catch_up(c, &c->sq[id]);
	command->result.result = 1;
	for (other = c->sq[id].used ? c->sq[id].commands : NULL; other; other = other->next) {
		if (le16toh(other->sqe.cid) != cid || other->sqe.opcode == PROVCARD_OPC_ABORT)
			continue;
		command_abort(c, other);
		command->result.result = 0;
		break;
	}
	return 0;
}

static uint16_t async_event(struct controller *c, struct command *command)
{
	struct port_event event;

	event = c->events[0];
	c->event_count--;
	memmove(c->events, c->events + 1, c->event_count * sizeof(event));
	command->result.result = event.type | event.info << 8;
	return 0;
}

/* Calls the core, so gives the lock up. */
static uint16_t job_create(struct controller *c, struct command *command)
{
	uint32_t handle = 0;
	uint16_t status;

	pthread_mutex_unlock(&c->lock);
	status = core_job_create(c->core, &handle);
	pthread_mutex_lock(&c->lock);
	if (status)
		return status;
	if (c->job_count == CORE_MAX_JOBS)
		return PROVCARD_SC_INTERNAL;
	c->jobs[c->job_count++] = handle;
	command->result.result = handle;
	return 0;
}

static uint16_t job_delete(struct controller *c, const struct command *command)
{
	uint16_t status;
	size_t i;

	for (i = 0; i < c->job_count; i++)
		if (c->jobs[i] == argument(command, 0))
			break;
	if (i == c->job_count)
		return PROVCARD_SC_UNKNOWN_JOB;
	c->jobs[i] = c->jobs[--c->job_count];
	pthread_mutex_unlock(&c->lock);
	status = core_job_delete(c->core, (uint32_t)argument(command, 0));
	pthread_mutex_lock(&c->lock);
	return status;
}

static uint16_t execute_locked(struct controller *c, struct command *command)
{
	switch (command->sqe.opcode) {
	case PROVCARD_OPC_CREATE_CQ:
		return create_queue(c, command, false);
	case PROVCARD_OPC_CREATE_SQ:
		return create_queue(c, command, true);
	case PROVCARD_OPC_DELETE_CQ:
		return delete_cq(c, command);
	case PROVCARD_OPC_DELETE_SQ:
		return delete_sq(c, command);
	case PROVCARD_OPC_SET_FEATURE:
		return set_feature(c, command);
	case PROVCARD_OPC_ABORT:
		return abort_command(c, command);
	case PROVCARD_OPC_ASYNC_EVENT:
		return async_event(c, command);
	case PROVCARD_OPC_JOB_CREATE:
		return job_create(c, command);
	default:
		return job_delete(c, command);
	}
}

void transport_execute(struct controller *c, struct command *command)
{
	switch (command->sqe.opcode) {
	case PROVCARD_OPC_IDENTIFY:
		command->result.status = identify(c, command);
		return;
	case PROVCARD_OPC_RANDOM:
		command->result.status = random_bytes(c, command);
		return;
	case PROVCARD_OPC_TELEMETRY:
		command->result.status = telemetry(c, command);
		return;
	}
	pthread_mutex_lock(&c->lock);
	command->result.status = execute_locked(c, command);
	pthread_mutex_unlock(&c->lock);
}

static bool same_event(const struct port_event *a, const struct port_event *b)
{
	return a->type == b->type && a->info == b->info;
}

void controller_event(void *controller, const struct port_event *event)
{
	struct controller *c = controller;
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < c->event_count; i++)
		if (same_event(&c->events[i], event))
			break;
	/* Events are hints to look; a full list hints already. */
	if (i == c->event_count && i < EVENTS_MAX) {
		c->events[c->event_count++] = *event;
		pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
}
