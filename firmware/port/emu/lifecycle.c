// SPDX-License-Identifier: GPL-2.0-or-later
/* Enable, reset, shutdown: decided at once by the register write, carried out by one thread, the janitor. */
#include <endian.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "controller_private.h"
#include "log.h"

/* How often the core is told again to stop everything: a command may just have been on its way to it. */
#define REMIND_MS 100

void controller_fatal(struct controller *c, const char *why)
{
	if (c->fatal || c->gate.closed)
		return;
	emu_log("controller fatal status: %s", why);
	c->fatal = true;
	dma_gate_close(c->config.dma, &c->gate);
	pthread_cond_broadcast(&c->changed);
	pthread_cond_broadcast(&c->work);
}

static bool is_ready(const struct controller *c)
{
	return c->state == CONTROLLER_ON || c->state == CONTROLLER_SHUTTING || c->state == CONTROLLER_SHUT;
}

static void stop_queues(struct controller *c)
{
	size_t i;

	for (i = 0; i < QUEUES_MAX; i++) {
		if (!c->sq[i].used)
			continue;
		c->sq[i].stop = true;
		pthread_cond_broadcast(&c->sq[i].moved);
	}
}

static void reset_queues(struct controller *c)
{
	c->fatal = false;
	if (is_ready(c)) {
		if (!c->gate.closed)
			dma_gate_close(c->config.dma, &c->gate);
		irqs_quiet(c->config.irqs);
		c->state = CONTROLLER_RESETTING;
		stop_queues(c);
	}
	pthread_cond_broadcast(&c->changed);
}

static void begin_shutdown(struct controller *c)
{
	size_t i;

	c->state = CONTROLLER_SHUTTING;
	for (i = 0; i < QUEUES_MAX; i++) {
		c->sq[i].draining = true;
		if (c->sq[i].used)
			pthread_cond_broadcast(&c->sq[i].moved);
	}
	pthread_cond_broadcast(&c->work);
	pthread_cond_broadcast(&c->changed);
}

void lifecycle_control(struct controller *c, uint32_t cc)
{
	uint32_t before = c->cc;

	c->cc = cc;
	if (before & PROVCARD_CC_EN && !(cc & PROVCARD_CC_EN))
		reset_queues(c);
	else if (!(before & PROVCARD_CC_EN) && cc & PROVCARD_CC_EN)
		pthread_cond_broadcast(&c->changed);
	else if (c->state == CONTROLLER_ON && (cc & PROVCARD_CC_SHN_MASK) == PROVCARD_CC_SHN_NORMAL)
		begin_shutdown(c);
}

void controller_reset(struct controller *c)
{
	pthread_mutex_lock(&c->lock);
	c->cc = c->aqa = 0;
	c->asq = c->acq = 0;
	reset_queues(c);
	pthread_mutex_unlock(&c->lock);
}

/* Wait for a change, but not for long: the core may need to be told again. */
static void wait_a_little(struct controller *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += REMIND_MS * 1000000l;
	if (until.tv_nsec >= 1000000000l) {
		until.tv_nsec -= 1000000000l;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&c->changed, &c->lock, &until);
}

static bool queues_quiet(const struct controller *c)
{
	size_t i;

	for (i = 0; i < QUEUES_MAX; i++)
		if (c->sq[i].used && !c->sq[i].fetched)
			return false;
	return !c->running && !c->posting;
}

static bool queues_drained(const struct controller *c)
{
	size_t i;

	for (i = 0; i < QUEUES_MAX; i++)
		if (c->sq[i].used && c->sq[i].count)
			return false;
	return queues_quiet(c);
}

/* Tell the core to stop everything, until the commands have come back. */
static void wait_until(struct controller *c, bool (*over)(const struct controller *c), enum controller_state state)
{
	while (c->state == state && !over(c)) {
		pthread_mutex_unlock(&c->lock);
		core_job_abort(c->core, 0);
		pthread_mutex_lock(&c->lock);
		if (c->state == state && !over(c))
			wait_a_little(c);
	}
}

/* Gives the lock up. */
static void delete_jobs(struct controller *c)
{
	uint32_t handle;

	while (c->job_count) {
		handle = c->jobs[--c->job_count];
		pthread_mutex_unlock(&c->lock);
		core_job_delete(c->core, handle);
		pthread_mutex_lock(&c->lock);
	}
}

static void tear_down(struct controller *c)
{
	size_t i;

	if (c->core)
		wait_until(c, queues_quiet, CONTROLLER_RESETTING);
	for (i = 0; i < QUEUES_MAX; i++) {
		if (c->sq[i].used)
			sq_destroy(&c->sq[i]);
		c->sq[i].draining = false;
		c->cq[i].used = false;
	}
	delete_jobs(c);
	c->event_count = 0;
	c->coalescing = 0;
	c->waiting = 0;
	c->state = CONTROLLER_OFF;
}

/* Gives the lock up. */
static void stop_core(struct controller *c)
{
	struct core *core = c->core;

	c->core = NULL;
	pthread_mutex_unlock(&c->lock);
	core_stop(core);
	pthread_mutex_lock(&c->lock);
}

static void shut_down(struct controller *c)
{
	wait_until(c, queues_drained, CONTROLLER_SHUTTING);
	if (c->state != CONTROLLER_SHUTTING)
		return;
	delete_jobs(c);
	stop_core(c);
	emu_log("shut down by the host");
	if (c->state == CONTROLLER_SHUTTING)
		c->state = CONTROLLER_SHUT;
}

/* Gives the lock up. */
static void start_core(struct controller *c)
{
	struct core *core;

	pthread_mutex_unlock(&c->lock);
	core = core_start(c->config.port);
	pthread_mutex_lock(&c->lock);
	c->core = core;
	c->fatal = !core;
}

static void enable(struct controller *c)
{
	uint32_t sq_entries = (c->aqa & 0xfff) + 1, cq_entries = (c->aqa >> 16 & 0xfff) + 1;
	const uint64_t highest = UINT64_MAX - QUEUE_ENTRIES_MAX * 64;

	if (sq_entries < 2 || cq_entries < 2 || sq_entries > QUEUE_ENTRIES_MAX || cq_entries > QUEUE_ENTRIES_MAX ||
	    c->asq % 4096 || c->acq % 4096 || c->asq > highest || c->acq > highest) {
		emu_log("controller fatal status: the admin queues are not usable");
		c->fatal = true;
		return;
	}
	cq_create(c, 0, c->acq, cq_entries, 0);
	if (sq_create(c, 0, c->asq, sq_entries, 0)) {
		emu_log("controller fatal status: no thread for the admin queue");
		c->cq[0].used = false;
		c->fatal = true;
		return;
	}
	c->sq[0].releases = c->aqa & PROVCARD_AQA_RELEASE;
	dma_gate_open(c->config.dma, &c->gate);
	c->state = CONTROLLER_ON;
}

void controller_tamper(struct controller *c)
{
	pthread_mutex_lock(&c->lock);
	c->tampered = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* Gives the lock up. A core that starts later looks at the board's latch itself. */
static void tell_tampering(struct controller *c)
{
	c->tampered = false;
	if (!c->core)
		return;
	pthread_mutex_unlock(&c->lock);
	core_tamper(c->core);
	pthread_mutex_lock(&c->lock);
}

static void *janitor_main(void *context)
{
	struct controller *c = context;

	pthread_mutex_lock(&c->lock);
	while (!c->ending || c->state != CONTROLLER_OFF) {
		if (c->tampered)
			tell_tampering(c);
		else if (c->state == CONTROLLER_RESETTING)
			tear_down(c);
		else if (c->state == CONTROLLER_SHUTTING)
			shut_down(c);
		else if (c->state == CONTROLLER_OFF && c->cc & PROVCARD_CC_EN && !c->fatal && !c->ending)
			c->core ? enable(c) : start_core(c);
		else
			pthread_cond_wait(&c->changed, &c->lock);
	}
	if (c->core)
		stop_core(c);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void end_threads(struct controller *c)
{
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	c->cc = 0;
	reset_queues(c);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->janitor, NULL);
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	while (c->pool_size)
		pthread_join(c->pool[--c->pool_size], NULL);
}

static void release(struct controller *c)
{
	if (c->timer >= 0)
		close(c->timer);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	pthread_cond_destroy(&c->work);
	free(c);
}

void controller_destroy(struct controller *c)
{
	end_threads(c);
	release(c);
}

/* Every head can have a unit in work while commands beside them run. */
static bool start_threads(struct controller *c)
{
	size_t wanted = c->config.heads * 2 + 4;

	if (pthread_create(&c->janitor, NULL, janitor_main, c))
		return false;
	while (c->pool_size < wanted && !pthread_create(&c->pool[c->pool_size], NULL, pool_main, c))
		c->pool_size++;
	if (c->pool_size == wanted)
		return true;
	end_threads(c);
	return false;
}

struct controller *controller_create(const struct controller_config *config)
{
	struct controller *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->config = *config;
	c->gate.closed = true;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	pthread_cond_init(&c->work, NULL);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	c->core = c->timer < 0 ? NULL : core_start(config->port);
	if (!c->core) {
		release(c);
		return NULL;
	}
	if (start_threads(c))
		return c;
	release(c);
	return NULL;
}
