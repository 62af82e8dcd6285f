// SPDX-License-Identifier: GPL-2.0-or-later
/* Power on, power off. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "firmware.h"
#include "internal.h"
#include "job.h"
#include "object.h"

/* Room for the images of several jobs; locked into memory where the system allows it. */
#define SECURE_HEAP (64u << 20)
#define SECURE_HEAP_MIN 32

/* The secure heap is the process's: whoever comes first makes it. */
static int prepare_secure_heap(void)
{
	return CRYPTO_secure_malloc_initialized() || CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_MIN) ? 0 : -1;
}

#define LOCKS 9

static void list_locks(struct core *core, mtx_t *locks[LOCKS])
{
	locks[0] = &core->gate_lock;
	locks[1] = &core->vault_lock;
	locks[2] = &core->request_lock;
	locks[3] = &core->job_lock;
	locks[4] = &core->head_lock;
	locks[5] = &core->object_lock;
	locks[6] = &core->staging.lock;
	locks[7] = &core->clock.lock;
	locks[8] = &core->firmware_lock;
}

static int make_locks(struct core *core)
{
	mtx_t *locks[LOCKS];

	list_locks(core, locks);
	for (size_t i = 0; i < LOCKS; i++)
		if (mtx_init(locks[i], mtx_plain) != thrd_success)
			return -1;
	if (cnd_init(&core->gate_free) != thrd_success || cnd_init(&core->job_idle) != thrd_success)
		return -1;
	return entropy_init(&core->health) ? -1 : commit_init(&core->commits);
}

void core_log_boot(struct core *core)
{
	struct provpkg_record record;
	struct commit commit = { .record = &record };

	record_begin(core, &record, PROVPKG_EVENT_BOOT, "");
	/* A full log does not keep the card from starting: its content must stay readable. */
	(void)commit_run(core, &commit);
}

/* What the boot stage, or the port in its place, measured of the image that runs now. */
static int check_firmware(struct core *core)
{
	struct port_firmware firmware;
	char digest[2 * sizeof(firmware.digest) + 1];

	if (core->port->ops->firmware_identity(core->port->context, &firmware))
		return PROVCARD_REFUSAL_FIRMWARE_INTEGRITY;
	for (size_t i = 0; i < sizeof(firmware.digest); i++)
		snprintf(digest + 2 * i, 3, "%02x", firmware.digest[i]);
	core_log(core, "firmware %.31s, security version %u, SHA-256 %s", firmware.version, firmware.security_version, digest);
	return 0;
}

static void power_on(struct core *core, const struct selftest *tests, size_t count)
{
	const struct selftest *failed;
	int code;

	if (core_starts_tampered(core))
		return;
	failed = selftest_run(tests, count);

	if (failed) {
		core_log(core, "self-test of %s failed", failed->name);
		core_stop_production(core, PROVCARD_REFUSAL_SELF_TEST);
		return;
	}
	code = check_firmware(core);
	if (!code)
		code = entropy_start(core->port);
	if (!code)
		code = core_recover(core);
	if (code) {
		core_stop_production(core, code);
		return;
	}
	clock_start(core);
	core_log_boot(core);
	firmware_settle(core);
}

struct core *core_start_with(const struct port *port, const struct selftest *tests, size_t count)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->board = *port;
	core->board.health = &core->health;
	core->port = &core->board;
	core->heads = port->ops->heads(port->context);
	core->head = calloc(core->heads ? core->heads : 1, sizeof(*core->head));
	if (!core->head || prepare_secure_heap() || make_locks(core)) {
		free(core->head);
		free(core);
		return NULL;
	}
	for (unsigned int i = 0; i < core->heads; i++)
		core->head[i].report.head = i;
	core->started = port->ops->monotonic_ns(port->context);
	snprintf(core->serial, sizeof(core->serial), "%s", port->serial);
	power_on(core, tests, count);
	return core;
}

struct core *core_start(const struct port *port)
{
	size_t count;
	const struct selftest *tests = selftest_all(&count);

	return core_start_with(port, tests, count);
}

void core_stop(struct core *core)
{
	mtx_t *locks[LOCKS];

	if (!core)
		return;
	for (size_t i = 0; i < CORE_MAX_JOBS; i++)
		if (core->handle[i].id)
			core_job_delete(core, core->handle[i].id);
	if (core->storage_open && !atomic_load(&core->fault))
		(void)commit_superblock(core);
	object_forget_all(core);
	core_close_storage(core);
	core_set_vault(core, NULL);
	OPENSSL_cleanse(core->nonce, sizeof(core->nonce));
	commit_clear(&core->commits);
	entropy_clear(&core->health);
	list_locks(core, locks);
	for (size_t i = 0; i < LOCKS; i++)
		mtx_destroy(locks[i]);
	cnd_destroy(&core->gate_free);
	cnd_destroy(&core->job_idle);
	free(core->head);
	free(core);
}
