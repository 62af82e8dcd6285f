// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

static int add_issuing_keys(const struct vault_person *person, struct provpkg_evidence *evidence)
{
	int code = 0;

	for (size_t k = 0; k < PROVPKG_ISSUING_KINDS && !code; k++)
		if (person->issuing_key[k])
			code = provpkg_evidence_add_key(evidence, PROVPKG_KEY_ISSUING, person->name, person->issuing_key[k]);
	return code;
}

static int add_keys(const struct vault *vault, struct provpkg_evidence *evidence)
{
	const struct {
		enum provpkg_key_role role;
		EVP_PKEY *key;
	} own[] = {
		{ PROVPKG_KEY_IDENTITY_CLASSICAL, vault->keys.identity_classical },
		{ PROVPKG_KEY_IDENTITY_PQ, vault->keys.identity_pq },
		{ PROVPKG_KEY_AGREEMENT, vault->keys.agreement },
		{ PROVPKG_KEY_KEM, vault->keys.kem_768 },
		{ PROVPKG_KEY_KEM, vault->keys.kem_1024 },
	};
	int code = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && !code; i++)
		if (own[i].key)
			code = provpkg_evidence_add_key(evidence, own[i].role, NULL, own[i].key);
	for (size_t i = 0; i < vault->people && !code; i++)
		code = add_issuing_keys(&vault->person[i], evidence);
	return code;
}

static void count(struct core *core, struct provpkg_evidence *evidence)
{
	struct ledger *ledger = &core->ledger;

	mtx_lock(&ledger->lock);
	evidence->jobs = ledger->jobs_told;
	for (uint32_t i = 0; i < ledger->jobs_told; i++) {
		evidence->good += ledger->job[i]->told.counts.good;
		evidence->scrap += ledger->job[i]->told.counts.scrap;
	}
	mtx_unlock(&ledger->lock);
}

static int describe(struct core *core, const struct vault *vault, struct provpkg_evidence *evidence)
{
	struct port_firmware firmware = { 0 };

	if (core->port->ops->firmware_identity(core->port->context, &firmware) ||
	    core->port->ops->fuse_read(core->port->context, &evidence->ledger_generation))
		return PROVCARD_REFUSAL_FIRMWARE_INTEGRITY;
	memcpy(evidence->card_id, vault->card_id, sizeof(evidence->card_id));
	snprintf(evidence->serial, sizeof(evidence->serial), "%s", core->serial);
	snprintf(evidence->firmware, sizeof(evidence->firmware), "%.31s", firmware.version);
	memcpy(evidence->firmware_digest, firmware.digest, sizeof(evidence->firmware_digest));
	evidence->security_version = firmware.security_version;
	evidence->state = core_state(core);
	evidence->boots = (uint32_t)core->boots;
	evidence->time = (int64_t)core_time(core);
	evidence->time_authenticated = core_time_authenticated(core);
	count(core, evidence);
	return log_head(&core->log, &evidence->log_size, evidence->log_root);
}

static int sign(const struct vault *vault, const struct provpkg_evidence *evidence, struct provpkg_blob *cms)
{
	struct provpkg_signer signers[2];
	struct provpkg_blob der = { 0 };
	int code = provpkg_evidence_encode(evidence, &der);

	object_own_signers(vault, signers);
	if (!code)
		code = provpkg_sign(PROVPKG_CONTENT_EVIDENCE, provpkg_blob_view(&der), signers, 2, cms);
	provpkg_blob_free(&der);
	return code;
}

int command_evidence(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct provpkg_evidence *evidence;
	struct provpkg_blob cms = { 0 };
	struct vault *vault;
	int code;

	if (command->in.size != PROVPKG_NONCE_SIZE)
		return PROVCARD_REFUSAL_INVALID_FIELD;
	evidence = calloc(1, sizeof(*evidence));
	if (!evidence)
		return -ENOMEM;
	vault = core_vault(core);
	code = input_read(command, 0, evidence->nonce, sizeof(evidence->nonce));
	if (!code)
		code = describe(core, vault, evidence);
	if (!code)
		code = add_keys(vault, evidence);
	if (!code)
		code = sign(vault, evidence, &cms);
	if (!code) {
		code = output_all(command, result, cms.data, cms.size);
		result->result = (uint32_t)cms.size;
	}
	provpkg_blob_free(&cms);
	vault_put(vault);
	free(evidence);
	return code;
}
