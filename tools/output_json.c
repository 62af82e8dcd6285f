// SPDX-License-Identifier: GPL-2.0-or-later
/* Output for programs; described by Documentation/schema/output.schema.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

static struct json_object *root_of(struct output *output)
{
	if (!output->root) {
		output->root = json_object_new_object();
		json_add_number(output->root, "schema_version", OUTPUT_SCHEMA_VERSION);
	}
	return output->root;
}

/* A new object in the list @key of the output. */
static struct json_object *append(struct output *output, const char *key)
{
	struct json_object *entry = json_object_new_object();
	struct json_object *list;

	if (!json_object_object_get_ex(root_of(output), key, &list)) {
		list = json_object_new_array();
		json_object_object_add(output->root, key, list);
	}
	json_object_array_add(list, entry);
	return entry;
}

static struct json_object *section(struct output *output, const char *key)
{
	struct json_object *entry = json_object_new_object();

	json_object_object_add(root_of(output), key, entry);
	return entry;
}

void json_add_refusal(struct json_object *object, const char *key, unsigned int code)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(code);
	struct json_object *entry = NULL;

	if (code) {
		entry = json_object_new_object();
		json_add_number(entry, "code", code);
		json_add_text(entry, "name", info ? info->name : "UNKNOWN");
		json_add_text(entry, "sentence", info ? info->sentence : "");
	}
	json_object_object_add(object, key, entry);
}

static void json_versions(struct output *output, const struct versions *versions)
{
	struct json_object *entry = section(output, "version");

	json_add_text(entry, "tool", versions->tool);
	json_add_text(entry, "library", versions->library);
	if (versions->card) {
		json_add_text(entry, "card", versions->card);
		json_add_text(entry, "firmware", versions->firmware);
	}
}

static struct json_object *people_to_json(const char *people)
{
	struct json_object *list = json_object_new_array();
	char *text = strdup(people), *lines = text;
	struct enrolment enrolment;

	while (text && enrolment_next(&lines, &enrolment)) {
		struct json_object *entry = json_object_new_object();

		json_add_text(entry, "role", enrolment.role);
		json_add_text(entry, "name", enrolment.name);
		json_add_text(entry, "certificate_sha256", enrolment.digest);
		json_add_text(entry, "state", enrolment.state);
		json_add_number(entry, "failures", strtoull(enrolment.failures, NULL, 10));
		json_object_array_add(list, entry);
	}
	free(text);
	return list;
}

static struct json_object *policy_to_json(const char *policy)
{
	struct json_object *entry = json_object_new_object();
	char value[32];

	if (policy_find(policy, "officers", value, sizeof(value)))
		json_add_number(entry, "officers", strtoull(value, NULL, 10));
	if (policy_find(policy, "failures", value, sizeof(value)))
		json_add_number(entry, "failures", strtoull(value, NULL, 10));
	if (policy_find(policy, "nonce", value, sizeof(value)))
		json_object_object_add(entry, "request_awaited", json_object_new_boolean(!strcmp(value, "out")));
	return entry;
}

static void json_status(struct output *output, const struct provcard_status *status, const struct provcard_firmware *firmware,
			const char *people, const char *policy)
{
	struct json_object *entry = section(output, "status");

	json_add_text(entry, "serial", status->serial);
	json_add_text(entry, "firmware", status->firmware);
	if (firmware->security_version)
		json_add_number(entry, "security_version", firmware->security_version);
	json_add_text(entry, "state", card_state_name(status->state));
	json_add_hex(entry, "card_id", status->card_id, sizeof(status->card_id));
	json_add_time(entry, "time", status->time);
	json_object_object_add(entry, "time_authenticated",
			       json_object_new_boolean(status->flags & PROVCARD_STATUS_FLAG_TIME_AUTHENTICATED));
	json_add_number(entry, "boot_count", status->boot_count);
	json_add_number(entry, "heads", status->heads);
	json_add_number(entry, "jobs", status->jobs);
	json_add_number(entry, "log_size", status->log_size);
	json_add_number(entry, "flushes", status->flushes);
	json_add_number(entry, "staging_size", status->staging_size);
	json_add_refusal(entry, "fault", status->fault);
	if (people)
		json_object_object_add(entry, "enrolled", people_to_json(people));
	if (policy)
		json_object_object_add(entry, "policy", policy_to_json(policy));
}

static void json_head(struct output *output, const struct provcard_head *head)
{
	struct json_object *entry = append(output, "heads");

	json_add_number(entry, "head", head->head);
	json_add_text(entry, "step", unit_step_name(head->step));
	json_add_number(entry, "done", head->done);
	json_add_number(entry, "total", head->total);
	json_add_hex(entry, "uid", head->uid, head->uid_size);
	json_add_number(entry, "good", head->good);
	json_add_number(entry, "scrap", head->scrap);
	json_add_refusal(entry, "last_refusal", head->last_refusal);
}

static void add_approval(struct json_object *approvals, enum provpkg_operation operation, enum provpkg_role role, unsigned int count)
{
	struct json_object *entry = json_object_new_object();

	json_add_text(entry, "operation", provpkg_operation_name(operation));
	json_add_text(entry, "role", provpkg_role_name(role));
	json_add_number(entry, "count", count);
	json_object_array_add(approvals, entry);
}

static struct json_object *approvals_of_job(const struct provcard_job_status *job)
{
	struct json_object *approvals = json_object_new_array();

	for (enum provpkg_role role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_AUDITOR; role++) {
		unsigned int allocate = job->allocate_approvals[role - PROVPKG_ROLE_OFFICER];
		unsigned int close = job->close_approvals[role - PROVPKG_ROLE_OFFICER];

		if (allocate)
			add_approval(approvals, PROVPKG_OPERATION_ALLOCATE, role, allocate);
		if (close)
			add_approval(approvals, PROVPKG_OPERATION_CLOSE, role, close);
	}
	return approvals;
}

static void fill_job(struct json_object *entry, const struct provcard_job_status *job)
{
	json_add_hex(entry, "id", job->package_id, sizeof(job->package_id));
	json_add_text(entry, "state", job_state_name(job->state));
	json_add_text(entry, "product", job->product);
	json_add_text(entry, "oem", job->oem);
	json_add_text(entry, "part", job->part);
	json_add_number(entry, "granted", job->ceiling_good);
	json_add_number(entry, "granted_scrap", job->ceiling_scrap);
	json_add_number(entry, "allocated", job->allocated);
	json_add_number(entry, "good", job->good);
	json_add_number(entry, "scrap", job->scrap);
	json_add_number(entry, "reserved", job->reserved_units);
	json_add_number(entry, "grant_sequence", job->grant_sequence);
	if (job->not_before)
		json_add_time(entry, "not_before", job->not_before);
	if (job->not_after)
		json_add_time(entry, "not_after", job->not_after);
	json_add_number(entry, "quota_threshold", job->quota_threshold);
	json_object_object_add(entry, "approvals", approvals_of_job(job));
	json_object_object_add(entry, "already_loaded", json_object_new_boolean(job->flags & PROVCARD_JOB_FLAG_ALREADY_LOADED));
}

static void json_job(struct output *output, const struct provcard_job_status *job)
{
	fill_job(append(output, "jobs"), job);
}

static void json_unit(struct output *output, const struct provcard_unit *unit)
{
	struct json_object *entry = append(output, "units");

	json_add_number(entry, "head", unit->head);
	json_add_text(entry, "state", unit_state_name(unit->state));
	json_add_text(entry, "proof", proof_name(unit->proof));
	json_add_hex(entry, "uid", unit->uid, unit->uid_size);
	if (unit->log_index != UINT64_MAX)
		json_add_number(entry, "log_index", unit->log_index);
	json_add_hex(entry, "certificate_sha256", unit->certificate_digest, sizeof(unit->certificate_digest));
	json_add_refusal(entry, "refusal", unit->refusal);
}

static void json_run_summary(struct output *output, const struct run_summary *summary)
{
	struct json_object *entry = section(output, "summary");

	json_add_number(entry, "good", summary->good);
	json_add_number(entry, "scrap", summary->scrap);
	json_add_number(entry, "not_made", summary->refused);
	json_object_object_add(entry, "seconds", json_object_new_double(summary->seconds));
	if (summary->has_job)
		json_job(output, &summary->job);
}

static void add_counters(struct json_object *object, const char *key, const struct provpkg_counters *counters)
{
	struct json_object *entry = json_object_new_object();

	json_add_number(entry, "good", counters->good);
	json_add_number(entry, "scrap", counters->scrap);
	json_add_number(entry, "reserved", counters->reserved);
	json_add_number(entry, "allocated", counters->allocated);
	json_object_object_add(object, key, entry);
}

struct json_object *record_to_json(const struct provpkg_record *record)
{
	struct json_object *entry = json_object_new_object();
	const char *event = provpkg_event_name(record->event);

	json_add_number(entry, "index", record->index);
	json_add_text(entry, "event", event ? event : "unknown");
	json_add_time(entry, "time", record->time);
	json_object_object_add(entry, "time_authenticated", json_object_new_boolean(record->time_authenticated));
	json_add_number(entry, "boot", record->boot);
	if (*record->actor)
		json_add_text(entry, "actor", record->actor);
	if (record->has_job) {
		json_add_hex(entry, "job", record->package_id, sizeof(record->package_id));
		add_counters(entry, "before", &record->before);
		add_counters(entry, "after", &record->after);
	}
	if (record->has_unit) {
		json_add_number(entry, "head", record->head);
		json_add_hex(entry, "uid", record->uid, record->uid_size);
		json_add_text(entry, "part", record->part);
		json_add_hex(entry, "certificate_sha256", record->certificate_digest, sizeof(record->certificate_digest));
		json_object_object_add(entry, "locked", json_object_new_boolean(record->locked));
		json_add_text(entry, "proof", proof_name(record->proof));
	}
	json_add_refusal(entry, "refusal", record->code);
	return entry;
}

static void json_record(struct output *output, const struct provpkg_record *record)
{
	struct json_object *list;

	if (!json_object_object_get_ex(root_of(output), "records", &list)) {
		list = json_object_new_array();
		json_object_object_add(output->root, "records", list);
	}
	json_object_array_add(list, record_to_json(record));
}

static void json_refusal(struct output *output, const struct provcard_refusal_info *refusal)
{
	struct json_object *entry = append(output, "refusals");

	json_add_number(entry, "code", refusal->code);
	json_add_text(entry, "name", refusal->name);
	json_object_object_add(entry, "permanent", json_object_new_boolean(refusal->permanent));
	json_add_text(entry, "sentence", refusal->sentence);
	json_add_text(entry, "remedy", refusal->remedy);
}

static struct json_object *member_to_json(const struct provpkg_member *from)
{
	struct json_object *member = json_object_new_object(), *signers = json_object_new_array();
	char hex[HEX_SIZE(PROVPKG_HASH_SIZE)];

	json_add_text(member, "name", from->name);
	for (size_t i = 0; i < from->signers; i++)
		json_object_array_add(signers, json_object_new_string(to_hex(hex, from->signer[i], PROVPKG_HASH_SIZE)));
	json_object_object_add(member, "certificates_sha256", signers);
	return member;
}

/* @signed_by: who signed, NULL where that is no question. */
static void add_authority(struct json_object *to, const struct provpkg_authority *authority, const uint32_t *signed_by)
{
	struct json_object *entry = json_object_new_object(), *members = json_object_new_array();

	json_add_number(entry, "threshold", authority->threshold);
	for (size_t i = 0; i < authority->members; i++) {
		struct json_object *member = member_to_json(&authority->member[i]);

		if (signed_by)
			json_object_object_add(member, "signed", json_object_new_boolean(*signed_by >> i & 1));
		json_object_array_add(members, member);
	}
	json_object_object_add(entry, "members", members);
	json_object_object_add(to, "quota_authority", entry);
}

static void add_demands(struct json_object *entry, const struct provpkg_manifest_fields *fields)
{
	struct json_object *approvals = json_object_new_array(), *cards = json_object_new_array();
	char hex[HEX_SIZE(PROVPKG_CARD_ID_SIZE)];

	for (size_t i = 0; i < fields->approvals; i++)
		add_approval(approvals, fields->approval[i].operation, fields->approval[i].role, fields->approval[i].count);
	for (size_t i = 0; i < fields->recipients; i++)
		json_object_array_add(cards, json_object_new_string(to_hex(hex, fields->card_ids[i], PROVPKG_CARD_ID_SIZE)));
	json_object_object_add(entry, "approvals", approvals);
	json_object_object_add(entry, "cards", cards);
	if (fields->authority)
		add_authority(entry, fields->authority, NULL);
}

static void json_package(struct output *output, const struct package_report *package)
{
	const struct provpkg_manifest_fields *fields = package->fields;
	struct json_object *entry = section(output, "package");
	struct json_object *grants = json_object_new_array();

	json_add_text(entry, "path", package->path);
	json_add_number(entry, "size", package->size);
	json_add_hex(entry, "id", fields->package_id, sizeof(fields->package_id));
	json_add_text(entry, "product", fields->product);
	json_add_number(entry, "security_version", fields->security_version);
	json_add_number(entry, "suite", fields->suite);
	json_add_number(entry, "payload_size", fields->payload_size);
	json_add_number(entry, "segments", fields->segments);
	if (fields->window.not_before)
		json_add_time(entry, "not_before", fields->window.not_before);
	if (fields->window.not_after)
		json_add_time(entry, "not_after", fields->window.not_after);
	json_add_text(entry, "signer", package->signer);
	json_object_object_add(entry, "trusted", json_object_new_boolean(package->trusted));
	json_object_object_add(entry, "checked", json_object_new_boolean(package->checked));
	for (size_t i = 0; i < fields->grants; i++) {
		struct json_object *grant = json_object_new_object();

		json_add_hex(grant, "card_id", fields->grant[i].card_id, sizeof(fields->grant[i].card_id));
		json_add_number(grant, "good", fields->grant[i].ceiling_good);
		json_add_number(grant, "scrap", fields->grant[i].ceiling_scrap);
		json_object_array_add(grants, grant);
	}
	json_object_object_add(entry, "grants", grants);
	add_demands(entry, fields);
}

static void json_grant(struct output *output, const struct grant_report *report)
{
	const struct provpkg_grant *grant = report->grant;
	struct json_object *entry = section(output, "grant");

	json_add_text(entry, "path", report->path);
	json_add_hex(entry, "id", grant->grant_id, sizeof(grant->grant_id));
	json_add_hex(entry, "card_id", grant->card_id, sizeof(grant->card_id));
	json_add_hex(entry, "job", grant->package_id, sizeof(grant->package_id));
	json_add_number(entry, "sequence", grant->sequence);
	json_add_number(entry, "good", grant->ceiling_good);
	json_add_number(entry, "scrap", grant->ceiling_scrap);
	if (grant->window.not_before)
		json_add_time(entry, "not_before", grant->window.not_before);
	if (grant->window.not_after)
		json_add_time(entry, "not_after", grant->window.not_after);
	json_object_object_add(entry, "termination", json_object_new_boolean(grant->termination));
	json_add_text(entry, "signer", report->signer);
	json_object_object_add(entry, "trusted", json_object_new_boolean(report->trusted));
	if (report->authority)
		add_authority(entry, report->authority, &report->signed_by);
}

static void json_field(void *context, const char *name, const char *value)
{
	json_add_text(context, name, value);
}

static void json_request(struct output *output, const struct request_report *report)
{
	const struct provpkg_request *request = report->request;
	const char *operation = provpkg_operation_name(request->operation);
	struct json_object *entry = section(output, "request");

	json_add_text(entry, "path", report->path);
	json_add_text(entry, "operation", operation ? operation : "unknown");
	json_add_hex(entry, "card_id", request->card_id, sizeof(request->card_id));
	json_add_hex(entry, "nonce", request->nonce, sizeof(request->nonce));
	if (request->operation == PROVPKG_OPERATION_ALLOCATE) {
		json_add_hex(entry, "job", request->allocate.package_id, sizeof(request->allocate.package_id));
		json_add_number(entry, "count", request->allocate.count);
	}
	if (request->operation == PROVPKG_OPERATION_CLOSE)
		json_add_hex(entry, "job", request->close.package_id, sizeof(request->close.package_id));
	if (request->operation == PROVPKG_OPERATION_ENROL) {
		json_add_text(entry, "role", provpkg_role_name(request->enrol.role));
		json_add_text(entry, "name", request->enrol.name);
	}
	request_fields(request, json_field, entry);
}

static void json_signer(struct output *output, const struct signer_report *signer)
{
	struct json_object *entry = append(output, "signers");

	json_add_text(entry, "subject", signer->subject);
	json_add_text(entry, "key", signer->key);
	json_add_hex(entry, "certificate_sha256", signer->certificate_digest, sizeof(signer->certificate_digest));
	json_add_time(entry, "not_before", signer->not_before);
	json_add_time(entry, "not_after", signer->not_after);
}

static struct json_object *held_keys(const struct provpkg_evidence *evidence)
{
	struct json_object *keys = json_object_new_array();

	for (size_t i = 0; i < evidence->keys; i++) {
		struct json_object *key = json_object_new_object();

		json_add_text(key, "role", provpkg_key_role_name(evidence->key[i].role));
		json_add_text(key, "algorithm", evidence->key[i].algorithm);
		if (evidence->key[i].owner[0])
			json_add_text(key, "oem", evidence->key[i].owner);
		json_add_hex(key, "digest", evidence->key[i].digest, sizeof(evidence->key[i].digest));
		json_object_array_add(keys, key);
	}
	return keys;
}

static void json_evidence(struct output *output, const struct evidence_report *report)
{
	const struct provpkg_evidence *evidence = report->evidence;
	struct json_object *entry = section(output, "evidence");

	json_add_text(entry, "path", report->path);
	json_object_object_add(entry, "verified", json_object_new_boolean(report->verified));
	json_add_hex(entry, "nonce", evidence->nonce, sizeof(evidence->nonce));
	json_add_text(entry, "card", evidence->serial);
	json_add_hex(entry, "card_id", evidence->card_id, sizeof(evidence->card_id));
	json_add_text(entry, "state", card_state_name(evidence->state));
	json_add_text(entry, "firmware", evidence->firmware);
	json_add_hex(entry, "firmware_digest", evidence->firmware_digest, sizeof(evidence->firmware_digest));
	json_add_number(entry, "security_version", evidence->security_version);
	json_add_time(entry, "time", evidence->time);
	json_object_object_add(entry, "time_authenticated", json_object_new_boolean(evidence->time_authenticated));
	json_add_number(entry, "boot_count", evidence->boots);
	json_add_number(entry, "jobs", evidence->jobs);
	json_add_number(entry, "good", evidence->good);
	json_add_number(entry, "scrap", evidence->scrap);
	json_add_number(entry, "ledger_generation", evidence->ledger_generation);
	json_add_number(entry, "log_size", evidence->log_size);
	json_add_hex(entry, "log_root", evidence->log_root, sizeof(evidence->log_root));
	json_object_object_add(entry, "keys", held_keys(evidence));
}

static void json_delivery(struct output *output, const struct delivery_report *delivery)
{
	const struct provpkg_end_certificate *end = delivery->end;
	struct json_object *entry = section(output, "delivery");

	json_add_text(entry, "path", delivery->path);
	json_add_text(entry, "card", delivery->serial);
	json_add_hex(entry, "card_id", end->card_id, sizeof(end->card_id));
	json_add_hex(entry, "job", end->package_id, sizeof(end->package_id));
	json_add_text(entry, "product", end->product);
	json_add_text(entry, "oem", end->oem);
	json_add_number(entry, "granted", end->granted);
	json_add_number(entry, "granted_good", end->granted_good);
	json_add_number(entry, "granted_scrap", end->granted_scrap);
	json_add_number(entry, "good", end->good);
	json_add_number(entry, "scrap", end->scrap);
	json_add_number(entry, "unused", end->unused);
	json_add_time(entry, "closed_at", end->closed_at);
	json_add_number(entry, "records", delivery->records);
	json_add_number(entry, "certificates", delivery->certificates);
	json_object_object_add(entry, "verified", json_object_new_boolean(delivery->verified));
	if (delivery->verified) {
		json_add_time(entry, "judged_at", delivery->judged_at);
		json_add_text(entry, "judged_by", delivery->at_given ? "caller" : "card");
	}
	if (delivery->verified && !delivery->uid)
		json_object_object_add(entry, "time_authenticated", json_object_new_boolean(delivery->time_authenticated));
	if (delivery->uid)
		json_add_text(entry, "uid", delivery->uid);
}

static void json_birth(struct output *output, const struct birth_report *birth)
{
	struct json_object *entry = section(output, "device");

	json_add_text(entry, "path", birth->path);
	json_add_text(entry, "card", birth->serial);
	json_object_object_add(entry, "record", record_to_json(birth->record));
	json_add_number(entry, "log_size", birth->log_size);
	json_object_object_add(entry, "certified", json_object_new_boolean(birth->certified));
	json_object_object_add(entry, "sealed_secrets", json_object_new_boolean(birth->sealed));
	json_add_time(entry, "judged_at", birth->judged_at);
	json_add_text(entry, "judged_by", birth->at_given ? "caller" : "card");
	json_object_object_add(entry, "verified", json_object_new_boolean(true));
}

static void json_log(struct output *output, const struct log_report *log)
{
	struct json_object *entry = section(output, "log");

	json_add_text(entry, "path", log->path);
	json_add_text(entry, "card", log->serial);
	json_add_number(entry, "from", log->from);
	json_add_number(entry, "entries", log->entries);
	json_add_number(entry, "log_size", log->log_size);
	if (log->after) {
		json_add_text(entry, "after", log->after);
		json_add_number(entry, "after_size", log->earlier_size);
	}
	json_add_time(entry, "judged_at", log->judged_at);
	json_add_text(entry, "judged_by", log->at_given ? "caller" : "card");
	json_object_object_add(entry, "time_authenticated", json_object_new_boolean(!log->at_given && log->time_authenticated));
	json_object_object_add(entry, "verified", json_object_new_boolean(true));
}

static struct json_object *slot_to_json(const struct provcard_firmware_slot *slot)
{
	struct json_object *entry = json_object_new_object();

	json_add_text(entry, "state", slot_state_name(slot->state));
	json_add_number(entry, "attempts", slot->attempts);
	if (slot->version[0]) {
		json_add_text(entry, "version", slot->version);
		json_add_number(entry, "security_version", slot->security_version);
		json_add_hex(entry, "sha256", slot->digest, sizeof(slot->digest));
	}
	json_add_refusal(entry, "refusal", slot->refusal);
	return entry;
}

static void add_slot_letter(struct json_object *entry, const char *key, uint32_t slot)
{
	json_object_object_add(entry, key, slot == PROVCARD_NO_SLOT ? NULL : json_object_new_string(slot ? "b" : "a"));
}

static void json_firmware(struct output *output, const struct provcard_firmware *firmware)
{
	struct json_object *entry = section(output, "firmware"), *slots;

	json_add_text(entry, "version", firmware->version);
	json_add_number(entry, "security_version", firmware->security_version);
	json_add_hex(entry, "sha256", firmware->digest, sizeof(firmware->digest));
	json_add_text(entry, "board", firmware->board);
	json_add_number(entry, "floor", firmware->floor);
	add_slot_letter(entry, "active", firmware->active);
	add_slot_letter(entry, "running", firmware->running);
	if (firmware->running == PROVCARD_NO_SLOT)
		return;
	slots = json_object_new_object();
	json_object_object_add(slots, "a", slot_to_json(&firmware->slot[0]));
	json_object_object_add(slots, "b", slot_to_json(&firmware->slot[1]));
	json_object_object_add(entry, "slots", slots);
}

static void json_firmware_file(struct output *output, const struct firmware_report *report)
{
	struct json_object *entry = section(output, "firmware_file");

	json_add_text(entry, "path", report->path);
	json_add_text(entry, "version", report->firmware->version);
	json_add_text(entry, "board", report->firmware->board);
	json_add_number(entry, "security_version", report->firmware->security_version);
	json_add_number(entry, "size", report->firmware->size);
	json_add_hex(entry, "sha256", report->firmware->sha256, sizeof(report->firmware->sha256));
	json_add_hex(entry, "sha384", report->firmware->sha384, sizeof(report->firmware->sha384));
	json_object_object_add(entry, "trusted", json_object_new_boolean(report->trusted));
}

static void json_text(struct output *output, const char *key, const char *text, size_t size)
{
	json_object_object_add(root_of(output), key, json_object_new_string_len(text, size));
}

static void json_done(struct output *output, const char *line)
{
	json_add_text(root_of(output), "message", line);
}

static void json_error(struct output *output, const struct error_report *error)
{
	struct json_object *entry = append(output, "errors");

	json_add_text(entry, "what", error->what);
	if (error->code)
		json_add_number(entry, "code", error->code);
	if (error->name)
		json_add_text(entry, "name", error->name);
	json_add_text(entry, "sentence", error->sentence);
	if (error->remedy)
		json_add_text(entry, "remedy", error->remedy);
	if (error->detail)
		json_add_text(entry, "detail", error->detail);
}

static void json_finish(struct output *output)
{
	int form = output->is_stream ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY;

	if (output->root || !output->is_stream)
		printf("%s\n", json_object_to_json_string_ext(root_of(output), form | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(output->root);
	output->root = NULL;
}

const struct print_ops print_json = {
	.versions = json_versions,
	.status = json_status,
	.head = json_head,
	.job = json_job,
	.unit = json_unit,
	.event = json_event,
	.run_summary = json_run_summary,
	.record = json_record,
	.refusal = json_refusal,
	.packed = json_package,
	.package = json_package,
	.grant = json_grant,
	.request = json_request,
	.signer = json_signer,
	.delivery = json_delivery,
	.birth = json_birth,
	.log = json_log,
	.evidence = json_evidence,
	.firmware = json_firmware,
	.firmware_file = json_firmware_file,
	.text = json_text,
	.done = json_done,
	.error = json_error,
	.finish = json_finish,
};
