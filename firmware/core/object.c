// SPDX-License-Identifier: GPL-2.0-or-later
#include "object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "request.h"

void object_own_signers(const struct vault *vault, struct provpkg_signer signers[2])
{
	const struct provpkg_card_certificates *certificates = &vault->certificates;

	signers[0] = (struct provpkg_signer){ vault->keys.identity_classical, certificates->identity_classical, NULL };
	signers[1] = (struct provpkg_signer){ vault->keys.identity_pq, certificates->identity_pq, NULL };
}

static int get_end(struct core *core, const uint8_t package_id[PROVPKG_ID_SIZE], struct provpkg_end_certificate *end)
{
	int code = PROVCARD_REFUSAL_JOB_NOT_LOADED;
	uint32_t number;

	mtx_lock(&core->ledger.lock);
	number = ledger_find_job(&core->ledger, package_id);
	if (number != LEDGER_NO_JOB) {
		const struct ledger_job *job = core->ledger.job[number];

		code = job->told.closed ? 0 : PROVCARD_REFUSAL_NO_SUCH_OBJECT;
		memcpy(end->package_id, package_id, sizeof(end->package_id));
		memcpy(end->product, job->terms.product, sizeof(end->product));
		memcpy(end->oem, job->terms.oem, sizeof(end->oem));
		end->granted_good = job->told.grant.ceiling_good;
		end->granted_scrap = job->told.grant.ceiling_scrap;
		end->granted = end->granted_good + end->granted_scrap;
		end->good = job->told.counts.good;
		end->scrap = job->told.counts.scrap;
		end->unused = end->granted - end->good - end->scrap;
		end->last_index = job->closed_index;
		end->closed_at = (int64_t)job->closed_at;
	}
	mtx_unlock(&core->ledger.lock);
	return code;
}

int object_end_certificate(struct core *core, const uint8_t package_id[PROVPKG_ID_SIZE], struct provpkg_blob *cms)
{
	struct provpkg_end_certificate end = { 0 };
	struct provpkg_signer signers[2];
	struct provpkg_blob der = { 0 };
	struct vault *vault;
	int code = get_end(core, package_id, &end);

	if (!code)
		code = log_job_summary(&core->log, package_id, &end.first_index, &end.records, end.certificates_root);
	end.log_size = end.last_index + 1;
	if (!code)
		code = log_root_at(&core->log, end.log_size, end.log_root);
	if (code)
		return code;
	vault = core_vault(core);
	memcpy(end.card_id, vault->card_id, sizeof(end.card_id));
	object_own_signers(vault, signers);
	code = provpkg_end_certificate_encode(&end, &der);
	if (!code)
		code = provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&der), signers, 2, cms);
	provpkg_blob_free(&der);
	vault_put(vault);
	return code;
}

static int sign_checkpoint(struct core *core, const struct vault *vault, struct provpkg_checkpoint *checkpoint,
			   struct provpkg_blob *note)
{
	struct provpkg_signer signers[2];

	if (!vault_is_initialised(vault))
		return PROVCARD_REFUSAL_NO_SUCH_OBJECT;
	snprintf(checkpoint->origin, sizeof(checkpoint->origin), "provcard/%s", core->serial);
	object_own_signers(vault, signers);
	return provpkg_checkpoint_sign(checkpoint, signers, 2, note);
}

static int make_checkpoint(struct core *core, const struct vault *vault, struct provpkg_blob *note)
{
	struct provpkg_checkpoint checkpoint = { 0 };
	int code = log_head(&core->log, &checkpoint.size, checkpoint.root);

	return code ? code : sign_checkpoint(core, vault, &checkpoint, note);
}

/* Of the tree that the end certificate names. The log only grows, so what it was may be said at any time. */
static int make_job_checkpoint(struct core *core, const struct vault *vault, const uint8_t package_id[PROVPKG_ID_SIZE],
			       struct provpkg_blob *note)
{
	struct provpkg_end_certificate end = { 0 };
	struct provpkg_checkpoint checkpoint = { 0 };
	int code = get_end(core, package_id, &end);

	if (code)
		return code;
	checkpoint.size = end.last_index + 1;
	code = log_root_at(&core->log, checkpoint.size, checkpoint.root);
	return code ? code : sign_checkpoint(core, vault, &checkpoint, note);
}

/* @selector: the OEM's name, zero padded; behind a zero, the kind of key, where it is not the first. */
static int make_issuer_csr(struct core *core, const struct vault *vault, const char *selector, size_t size, struct provpkg_blob *pem)
{
	const struct vault_person *person = vault_find_name(vault, selector);
	const char *kind = strlen(selector) < size ? selector + strlen(selector) + 1 : provpkg_issuing_kind(0)->name;

	if (!person || person->role != PROVPKG_ROLE_OEM || !person->issuing_key[0])
		return PROVCARD_REFUSAL_NO_SUCH_OBJECT;
	for (size_t i = 0; i < PROVPKG_ISSUING_KINDS; i++)
		if (!strcmp(kind, provpkg_issuing_kind(i)->name))
			return provpkg_issuer_csr(person->issuing_key[i], core->serial, selector, pem);
	return PROVCARD_REFUSAL_NO_SUCH_OBJECT;
}

/* The issuing chain was put aside when the package was loaded. */
static int make_chain(struct core *core, const uint8_t package_id[PROVPKG_ID_SIZE], struct provpkg_blob *pem)
{
	struct ledger_load terms = { 0 };
	uint8_t digest[PROVPKG_HASH_SIZE];
	uint32_t job;
	int code;

	mtx_lock(&core->ledger.lock);
	job = ledger_find_job(&core->ledger, package_id);
	if (job != LEDGER_NO_JOB)
		terms = core->ledger.job[job]->terms;
	mtx_unlock(&core->ledger.lock);
	if (job == LEDGER_NO_JOB)
		return PROVCARD_REFUSAL_JOB_NOT_LOADED;
	if (!terms.chain_size)
		return PROVCARD_REFUSAL_NO_SUCH_OBJECT;
	pem->data = OPENSSL_malloc(terms.chain_size);
	if (!pem->data)
		return -ENOMEM;
	pem->size = terms.chain_size;
	if (core->port->ops->nv_read(core->port->context, PORT_NV_STAGING, terms.chain_offset, pem->data, pem->size))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	code = crypto_sha256(pem->data, pem->size, digest);
	if (!code && memcmp(digest, terms.chain_digest, sizeof(digest)))
		code = PROVCARD_REFUSAL_STORAGE_FAILED;
	return code;
}

static int make(struct core *core, uint32_t kind, const char *selector, size_t selector_size, struct provpkg_blob *bytes)
{
	struct vault *vault = core_vault(core);
	bool is_id = selector_size == PROVPKG_ID_SIZE;
	int code = PROVCARD_REFUSAL_NO_SUCH_OBJECT;

	if (kind == PROVCARD_OBJECT_IDENTITY_CSR)
		code = provpkg_card_csr(&vault->keys, core->serial, bytes);
	else if (kind == PROVCARD_OBJECT_CARD_CERTIFICATES && vault_is_initialised(vault))
		code = provpkg_card_encode(&vault->certificates, bytes);
	else if (kind == PROVCARD_OBJECT_ISSUER_CSR)
		code = make_issuer_csr(core, vault, selector, selector_size, bytes);
	else if (kind == PROVCARD_OBJECT_CHECKPOINT)
		code = make_checkpoint(core, vault, bytes);
	else if (kind == PROVCARD_OBJECT_JOB_CHECKPOINT && is_id)
		code = make_job_checkpoint(core, vault, (const uint8_t *)selector, bytes);
	else if (kind == PROVCARD_OBJECT_END_CERTIFICATE && is_id)
		code = object_end_certificate(core, (const uint8_t *)selector, bytes);
	else if (kind == PROVCARD_OBJECT_PACKAGE_CHAIN && is_id)
		code = make_chain(core, (const uint8_t *)selector, bytes);
	else if (kind == PROVCARD_OBJECT_PEOPLE)
		code = people_list(core, vault, bytes);
	else if (kind == PROVCARD_OBJECT_POLICY && vault_is_initialised(vault))
		code = people_policy(core, vault, bytes);
	vault_put(vault);
	return code;
}

/* Objects are signed anew each time they are made, so one that is read in pieces is kept until its beginning is read again. */
static int find(struct core *core, const struct object *wanted, bool anew, struct object **found)
{
	struct object *object = NULL;
	struct provpkg_blob bytes = { 0 };
	int code;

	for (size_t i = 0; i < OBJECT_CACHE && !object; i++)
		if (core->object[i].kind == wanted->kind &&
		    !memcmp(core->object[i].selector, wanted->selector, sizeof(wanted->selector)))
			object = &core->object[i];
	*found = object;
	if (object && !anew)
		return 0;
	code = make(core, wanted->kind, wanted->selector, wanted->selector_size, &bytes);
	if (code) {
		provpkg_blob_free(&bytes);
		return code;
	}
	if (!object)
		object = &core->object[core->object_next++ % OBJECT_CACHE];
	provpkg_blob_free(&object->bytes);
	*object = *wanted;
	object->bytes = bytes;
	*found = object;
	return 0;
}

void object_forget_all(struct core *core)
{
	mtx_lock(&core->object_lock);
	for (size_t i = 0; i < OBJECT_CACHE; i++) {
		provpkg_blob_free(&core->object[i].bytes);
		memset(&core->object[i], 0, sizeof(core->object[i]));
	}
	mtx_unlock(&core->object_lock);
}

static int read_object(const struct core_command *command, const struct object *object, struct core_result *result)
{
	size_t size = object->bytes.size, room = command->out.size;
	uint64_t offset = command->arg[1];

	result->result = (uint32_t)size;
	if (offset >= size)
		return 0;
	if (size - offset < room)
		room = size - offset;
	return output_all(command, result, object->bytes.data + offset, room);
}

int command_object_read(struct core *core, const struct core_command *command, struct core_result *result)
{
	struct object wanted = { .kind = (uint32_t)command->arg[0], .selector_size = command->in.size }, *object;
	int code;

	if (command->in.size > OBJECT_SELECTOR_MAX || command->arg[0] != wanted.kind)
		return PROVCARD_REFUSAL_NO_SUCH_OBJECT;
	code = input_read(command, 0, wanted.selector, command->in.size);
	if (code)
		return code;
	mtx_lock(&core->object_lock);
	code = find(core, &wanted, command->arg[1] == 0, &object);
	if (!code)
		code = read_object(command, object, result);
	mtx_unlock(&core->object_lock);
	return code;
}
