// SPDX-License-Identifier: GPL-2.0-or-later
/* Output for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "progress.h"

static void text_versions(struct output *output, const struct versions *versions)
{
	(void)output;
	printf("provcard %s\nlibprovcard %s\n", versions->tool, versions->library);
	if (versions->card)
		printf("card %s, firmware %s\n", versions->card, versions->firmware);
}

static void text_people(const char *people)
{
	char *text = strdup(people), *lines = text;
	struct enrolment enrolment;

	printf("\nrole      state   failures  name                      SHA-256 of the certificate\n");
	while (text && enrolment_next(&lines, &enrolment))
		printf("%-8s  %-6s  %8s  %-24s  %s\n", enrolment.role, enrolment.state, enrolment.failures, enrolment.name, enrolment.digest);
	free(text);
}

static void text_policy(const char *policy)
{
	char officers[32], failures[32], nonce[32];

	if (!policy_find(policy, "officers", officers, sizeof(officers)) || !policy_find(policy, "failures", failures, sizeof(failures)))
		return;
	printf("\npolicy    %s %s must sign what officers sign; ", officers, strcmp(officers, "1") ? "officers" : "officer");
	if (strcmp(failures, "0"))
		printf("%s failures in a row lock a person out\n", failures);
	else
		printf("nobody is locked out\n");
	if (policy_find(policy, "nonce", nonce, sizeof(nonce)) && !strcmp(nonce, "out"))
		printf("request   one is awaited: a nonce is given out, and drawing another ends its validity\n");
}

static void text_status(struct output *output, const struct provcard_status *status, const struct provcard_firmware *firmware,
			const char *people, const char *policy)
{
	char hex[HEX_SIZE(PROVCARD_CARD_ID_SIZE)], when[32];

	(void)output;
	printf("serial    %s\n", status->serial);
	printf("firmware  %s", status->firmware);
	if (firmware->security_version)
		printf(", security version %u", firmware->security_version);
	if (firmware->running != PROVCARD_NO_SLOT)
		printf(", slot %c", firmware->running ? 'B' : 'A');
	putchar('\n');
	printf("state     %s\n", card_state_name(status->state));
	printf("card id   %s\n", to_hex(hex, status->card_id, sizeof(status->card_id)));
	printf("time      %s%s (start %u)\n", to_time(when, status->time),
	       status->flags & PROVCARD_STATUS_FLAG_TIME_AUTHENTICATED ? ", authenticated" : "", status->boot_count);
	printf("heads     %u\n", status->heads);
	printf("jobs      %u\n", status->jobs);
	printf("log       %" PRIu64 " records, %" PRIu64 " flushes since the start\n", status->log_size, status->flushes);
	printf("staging   %" PRIu64 " bytes\n", status->staging_size);
	if (status->fault) {
		const struct provcard_refusal_info *info = provcard_refusal_find(status->fault);

		printf("FAULT     %s (%s, 0x%04x)\n", info ? info->sentence : "unknown", info ? info->name : "UNKNOWN", status->fault);
	}
	if (people && *people)
		text_people(people);
	if (policy)
		text_policy(policy);
}

/* A column title before the first row of a table. */
static void title(struct output *output, const char *text)
{
	if (!output->lines++)
		printf("%s\n", text);
}

static void text_head(struct output *output, const struct provcard_head *head)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(head->last_refusal);
	char uid[HEX_SIZE(PROVCARD_UID_MAX)];

	title(output, "head  step      done  part              good  scrap  last unit");
	printf("%4u  %-8s  %3u%%  %-16s  %4" PRIu64 "  %5" PRIu64 "  %s\n", head->head, unit_step_name(head->step),
	       head->total ? (unsigned int)(100 * (uint64_t)head->done / head->total) : 0,
	       head->uid_size ? to_hex(uid, head->uid, head->uid_size) : "-", head->good, head->scrap,
	       head->last_refusal ? (info ? info->name : "UNKNOWN") : "-");
}

static void print_plural(unsigned int count, const char *word)
{
	printf("%u %s%s", count, word, count == 1 ? "" : "s");
}

/* "allocate by 2 operators and 1 auditor" */
static void print_approvals(const char *separator, const char *operation, const uint8_t counts[3])
{
	bool begun = false;

	for (enum provpkg_role role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_AUDITOR; role++) {
		if (!counts[role - PROVPKG_ROLE_OFFICER])
			continue;
		if (begun)
			printf(" and ");
		else
			printf("%s%s by ", separator, operation);
		print_plural(counts[role - PROVPKG_ROLE_OFFICER], provpkg_role_name(role));
		begun = true;
	}
}

/* What the job's OEM demands, in lines of their own. */
static void print_demands(const struct provcard_job_status *job)
{
	static const uint8_t nobody[3];
	bool allocate = memcmp(job->allocate_approvals, nobody, sizeof(nobody));
	bool close = memcmp(job->close_approvals, nobody, sizeof(nobody));

	if (job->quota_threshold)
		printf("    grants are signed by %u of a quota authority; number %" PRIu64 " is in force\n", job->quota_threshold,
		       job->grant_sequence);
	if (!allocate && !close)
		return;
	print_approvals("    the OEM demands: ", "allocate", job->allocate_approvals);
	print_approvals(allocate ? ", " : "    the OEM demands: ", "close", job->close_approvals);
	printf("\n");
}

static void text_job(struct output *output, const struct provcard_job_status *job)
{
	char id[HEX_SIZE(PROVCARD_PACKAGE_ID_SIZE)], when[32];

	title(output, "job                               state   granted  allocated  good  scrap  reserved  product, OEM, part");
	printf("%s  %-6s  %7" PRIu64 "  %9" PRIu64 "  %4" PRIu64 "  %5" PRIu64 "  %8" PRIu64 "  %s, %s, %s%s%s\n",
	       to_hex(id, job->package_id, sizeof(job->package_id)), job_state_name(job->state), job->ceiling_good, job->allocated,
	       job->good, job->scrap, job->reserved_units, job->product, job->oem, job->part, job->not_after ? ", until " : "",
	       job->not_after ? to_time(when, job->not_after) : "");
	print_demands(job);
}

static void text_unit(struct output *output, const struct provcard_unit *unit)
{
	const struct provcard_refusal_info *info = provcard_refusal_find(unit->refusal);
	char uid[HEX_SIZE(PROVCARD_UID_MAX)];

	(void)output;
	to_hex(uid, unit->uid, unit->uid_size);
	progress_clear();
	if (!unit->refusal) {
		printf("head %u: %s good, locked%s\n", unit->head, uid,
		       unit->proof == PROVCARD_PROOF_CHALLENGE ? ", proved its key" : "");
	} else {
		printf("head %u: %s%s%s: %s (%s, 0x%04x)\n", unit->head, uid, unit->uid_size ? " " : "",
		       unit->state == PROVCARD_UNIT_SCRAP ? "scrap" : "not made", info ? info->sentence : "unknown refusal",
		       info ? info->name : "UNKNOWN", unit->refusal);
	}
	fflush(stdout);
}

static void text_run_summary(struct output *output, const struct run_summary *summary)
{
	(void)output;
	progress_clear();
	printf("%" PRIu64 " good, %" PRIu64 " scrap, %" PRIu64 " not made in %.1f s", summary->good, summary->scrap, summary->refused,
	       summary->seconds);
	if (summary->has_job)
		printf("; job: %" PRIu64 " good, %" PRIu64 " scrap, %" PRIu64 " left of %" PRIu64 " allocated, %" PRIu64 " granted",
		       summary->job.good, summary->job.scrap,
		       summary->job.allocated - summary->job.good - summary->job.reserved_units, summary->job.allocated,
		       summary->job.ceiling_good);
	printf("\n");
}

static void text_record(struct output *output, const struct provpkg_record *record)
{
	const char *event = provpkg_event_name(record->event);
	char when[32], hex[HEX_SIZE(PROVPKG_UID_MAX)];

	(void)output;
	printf("%8" PRIu64 "  %s%s  %-16s", record->index, to_time(when, record->time), record->time_authenticated ? " " : "~",
	       event ? event : "unknown");
	if (*record->actor)
		printf("  by %s", record->actor);
	if (record->has_job)
		printf("  job %s", to_hex(hex, record->package_id, sizeof(record->package_id)));
	if (record->has_unit)
		printf("  head %u part %s", record->head, to_hex(hex, record->uid, record->uid_size));
	if (record->has_job)
		printf("  good %" PRIu64 " scrap %" PRIu64 " reserved %" PRIu64 " allocated %" PRIu64, record->after.good,
		       record->after.scrap, record->after.reserved, record->after.allocated);
	if (record->code) {
		const struct provcard_refusal_info *info = provcard_refusal_find(record->code);

		printf("  (%s, 0x%04x)", info ? info->name : "UNKNOWN", record->code);
	}
	printf("\n");
}

static void text_refusal(struct output *output, const struct provcard_refusal_info *refusal)
{
	(void)output;
	printf("0x%04x %s%s\n        %s\n        what to do: %s\n", refusal->code, refusal->name,
	       refusal->permanent ? "" : " (trying again may help)", refusal->sentence, refusal->remedy);
}

static void print_manifest_demands(const struct provpkg_manifest_fields *fields)
{
	const struct provpkg_authority *authority = fields->authority;
	char hex[HEX_SIZE(PROVPKG_HASH_SIZE)];

	for (size_t i = 0; i < fields->approvals; i++) {
		const struct provpkg_approval *approval = &fields->approval[i];

		printf("demands   %s by ", provpkg_operation_name(approval->operation));
		print_plural(approval->count, provpkg_role_name(approval->role));
		printf("\n");
	}
	if (!authority)
		return;
	printf("authority %u of %zu members sign each grant\n", authority->threshold, authority->members);
	for (size_t i = 0; i < authority->members; i++)
		for (size_t k = 0; k < authority->member[i].signers; k++)
			printf("member    %s: certificate %s\n", authority->member[i].name,
			       to_hex(hex, authority->member[i].signer[k], PROVPKG_HASH_SIZE));
}

static void text_packed(struct output *output, const struct package_report *package)
{
	const struct provpkg_manifest_fields *fields = package->fields;
	char hex[HEX_SIZE(PROVPKG_ID_SIZE)];

	(void)output;
	progress_clear();
	printf("%s: package %s, %" PRIu64 " bytes, for %zu card%s, %" PRIu64 " good and %" PRIu64 " scrap each\n", package->path,
	       to_hex(hex, fields->package_id, sizeof(fields->package_id)), package->size, fields->recipients,
	       fields->recipients == 1 ? "" : "s", fields->grants ? fields->grant[0].ceiling_good : 0,
	       fields->grants ? fields->grant[0].ceiling_scrap : 0);
	print_manifest_demands(fields);
}

static void text_package(struct output *output, const struct package_report *package)
{
	const struct provpkg_manifest_fields *fields = package->fields;
	char hex[HEX_SIZE(PROVPKG_CARD_ID_SIZE)], begin[32], end[32];

	(void)output;
	printf("package   %s, %" PRIu64 " bytes\n", package->path, package->size);
	printf("id        %s\n", to_hex(hex, fields->package_id, sizeof(fields->package_id)));
	printf("product   %s, security version %u, suite %u\n", fields->product, fields->security_version, fields->suite);
	printf("window    %s to %s\n", fields->window.not_before ? to_time(begin, fields->window.not_before) : "any time",
	       fields->window.not_after ? to_time(end, fields->window.not_after) : "any time");
	printf("payload   %" PRIu64 " bytes in %" PRIu64 " segments%s\n", fields->payload_size, fields->segments,
	       package->checked ? ", each as signed" : "");
	printf("signer    %s%s\n", package->signer, package->trusted ? ", trusted" : ", not checked against any anchor");
	for (size_t i = 0; i < fields->grants; i++)
		printf("grant     card %s: %" PRIu64 " good, %" PRIu64 " scrap\n",
		       to_hex(hex, fields->grant[i].card_id, sizeof(fields->grant[i].card_id)), fields->grant[i].ceiling_good,
		       fields->grant[i].ceiling_scrap);
	for (size_t i = 0; fields->authority && i < fields->recipients; i++)
		printf("card      %s\n", to_hex(hex, fields->card_ids[i], PROVPKG_CARD_ID_SIZE));
	print_manifest_demands(fields);
}

static void print_authority(const struct provpkg_authority *authority, uint32_t signed_by)
{
	const char *separator = "";

	printf("authority %u of %zu members must sign; signed by ", authority->threshold, authority->members);
	for (size_t i = 0; i < authority->members; i++) {
		if (!(signed_by & 1u << i))
			continue;
		printf("%s%s", separator, authority->member[i].name);
		separator = ", ";
	}
	printf("%s\n", signed_by ? "" : "none");
}

static void text_grant(struct output *output, const struct grant_report *report)
{
	const struct provpkg_grant *grant = report->grant;
	char hex[HEX_SIZE(PROVPKG_CARD_ID_SIZE)], begin[32], end[32];

	(void)output;
	printf("grant     %s: number %" PRIu64 " of its sequence%s\n", report->path, grant->sequence,
	       grant->termination ? ", ends the job" : "");
	printf("job       %s\n", to_hex(hex, grant->package_id, sizeof(grant->package_id)));
	printf("card      %s\n", to_hex(hex, grant->card_id, sizeof(grant->card_id)));
	printf("in all    %" PRIu64 " good, %" PRIu64 " scrap\n", grant->ceiling_good, grant->ceiling_scrap);
	printf("window    %s to %s\n", grant->window.not_before ? to_time(begin, grant->window.not_before) : "any time",
	       grant->window.not_after ? to_time(end, grant->window.not_after) : "any time");
	if (report->authority)
		print_authority(report->authority, report->signed_by);
	else
		printf("signer    %s%s\n", report->signer, report->trusted ? ", trusted" : ", not checked against any anchor");
}

static void text_field(void *context, const char *name, const char *value)
{
	(void)context;
	printf("%-8s  %s\n", name, value);
}

static void text_request(struct output *output, const struct request_report *report)
{
	const struct provpkg_request *request = report->request;
	const char *operation = provpkg_operation_name(request->operation);
	char hex[HEX_SIZE(PROVPKG_CARD_ID_SIZE)];

	(void)output;
	printf("request   %s: %s\n", report->path, operation ? operation : "unknown operation");
	if (request->operation == PROVPKG_OPERATION_ALLOCATE)
		printf("units     %" PRIu64 " more, job %s\n", request->allocate.count,
		       to_hex(hex, request->allocate.package_id, PROVPKG_ID_SIZE));
	if (request->operation == PROVPKG_OPERATION_CLOSE)
		printf("job       %s\n", to_hex(hex, request->close.package_id, PROVPKG_ID_SIZE));
	if (request->operation == PROVPKG_OPERATION_ENROL)
		printf("enrols    %s as %s\n", request->enrol.name, provpkg_role_name(request->enrol.role));
	request_fields(request, text_field, NULL);
	printf("card      %s\n", to_hex(hex, request->card_id, sizeof(request->card_id)));
	printf("nonce     %s\n", to_hex(hex, request->nonce, sizeof(request->nonce)));
}

static void text_signer(struct output *output, const struct signer_report *signer)
{
	char hex[HEX_SIZE(PROVPKG_HASH_SIZE)], begin[32], end[32];

	(void)output;
	printf("signed by %s\n          %s certificate %s, valid %s to %s\n", signer->subject, signer->key,
	       to_hex(hex, signer->certificate_digest, sizeof(signer->certificate_digest)), to_time(begin, signer->not_before),
	       to_time(end, signer->not_after));
}

/* Whose word the moment is. */
static const char *judged_by(const struct delivery_report *delivery)
{
	if (delivery->at_given)
		return "as you said";
	if (delivery->uid)
		return "when the card says that it closed the job";
	return delivery->time_authenticated ? "when it closed the job, by a clock that was set by a signed token" :
					      "when it closed the job, by its own clock, which nobody vouches for";
}

static void text_evidence(struct output *output, const struct evidence_report *report)
{
	const struct provpkg_evidence *evidence = report->evidence;
	char hex[HEX_SIZE(PROVPKG_HASH_SIZE)], when[32];

	(void)output;
	printf("evidence  %s%s\n", report->path, report->verified ? ", verified" : "");
	printf("card      %s, %s, start %u\n", evidence->serial, card_state_name(evidence->state), evidence->boots);
	printf("card id   %s\n", to_hex(hex, evidence->card_id, sizeof(evidence->card_id)));
	printf("nonce     %s\n", to_hex(hex, evidence->nonce, sizeof(evidence->nonce)));
	printf("firmware  %s, security version %u\n", evidence->firmware, evidence->security_version);
	printf("          %s\n", to_hex(hex, evidence->firmware_digest, sizeof(evidence->firmware_digest)));
	printf("time      %s, %s\n", to_time(when, evidence->time), evidence->time_authenticated ? "authenticated" : "not authenticated");
	printf("counters  %" PRIu64 " jobs, %" PRIu64 " good, %" PRIu64 " scrap; ledger generation %" PRIu64 "\n", evidence->jobs,
	       evidence->good, evidence->scrap, evidence->ledger_generation);
	printf("log       %" PRIu64 " records, root %s\n", evidence->log_size,
	       to_hex(hex, evidence->log_root, sizeof(evidence->log_root)));
	for (size_t i = 0; i < evidence->keys; i++) {
		const struct provpkg_evidence_key *key = &evidence->key[i];

		printf("key       %s %s%s%s  %s\n", provpkg_key_role_name(key->role), key->algorithm, key->owner[0] ? " for " : "",
		       key->owner, to_hex(hex, key->digest, sizeof(key->digest)));
	}
}

static void text_delivery(struct output *output, const struct delivery_report *delivery)
{
	const struct provpkg_end_certificate *end = delivery->end;
	char hex[HEX_SIZE(PROVPKG_ID_SIZE)], when[32];

	(void)output;
	printf("job %s of %s (%s), card %s, closed %s\n", to_hex(hex, end->package_id, sizeof(end->package_id)), end->product, end->oem,
	       delivery->serial, to_time(when, end->closed_at));
	printf("granted %" PRIu64 " good and %" PRIu64 " scrap; made %" PRIu64 " good, %" PRIu64 " scrap; %" PRIu64 " records\n",
	       end->granted_good, end->granted_scrap, end->good, end->scrap, end->records);
	if (delivery->verified)
		printf("the card's certificates hold at %s, %s\n", to_time(when, delivery->judged_at), judged_by(delivery));
	if (delivery->uid)
		printf("part %s: record, certificate and proof are right\n", delivery->uid);
	else
		printf("%s: %" PRIu64 " device certificates and every record, %s\n", delivery->path, delivery->certificates,
		       delivery->verified ? "all verified" : "written");
}

static void text_birth(struct output *output, const struct birth_report *birth)
{
	const struct provpkg_record *record = birth->record;
	char uid[HEX_SIZE(PROVPKG_UID_MAX)], job[HEX_SIZE(PROVPKG_ID_SIZE)], when[32];

	(void)output;
	printf("part %s (%s): made good by card %s on %s, %s, proof %s\n", to_hex(uid, record->uid, record->uid_size), record->part,
	       birth->serial, to_time(when, record->time), record->locked ? "locked" : "not locked", proof_name(record->proof));
	printf("job %s, entry %" PRIu64 " of a log of %" PRIu64 "; record, proof, checkpoint%s%s are right\n",
	       to_hex(job, record->package_id, sizeof(record->package_id)), record->index, birth->log_size,
	       birth->sealed ? ", sealed secrets" : "", birth->certified ? " and certificate" : "");
	printf("the card's certificates hold at %s, %s\n", to_time(when, birth->judged_at),
	       birth->at_given		  ? "as you said" :
	       record->time_authenticated ? "when it made the part, by a clock that was set by a signed token" :
					    "when it made the part, by its own clock, which nobody vouches for");
}

static void text_log(struct output *output, const struct log_report *log)
{
	char when[32];

	(void)output;
	printf("log of card %s: %" PRIu64 " entries, signed; %" PRIu64 " from %" PRIu64 " on in %s, all right\n", log->serial, log->log_size,
	       log->entries, log->from, log->path);
	if (log->after)
		printf("it begins with the log of %" PRIu64 " entries of %s\n", log->earlier_size, log->after);
	printf("the card's certificates hold at %s, %s\n", to_time(when, log->judged_at),
	       log->at_given	       ? "by your clock" :
	       log->time_authenticated ? "the last entry's time, by a clock that was set by a signed token" :
					 "the last entry's time, by the card's own clock, which nobody vouches for");
}

static void print_slot(unsigned int number, const struct provcard_firmware *firmware)
{
	const struct provcard_firmware_slot *slot = &firmware->slot[number];
	const struct provcard_refusal_info *info = provcard_refusal_find(slot->refusal);
	char hex[HEX_SIZE(sizeof(slot->digest))];

	printf("slot %c    %s", number ? 'B' : 'A', slot_state_name(slot->state));
	if (slot->state == PROVCARD_SLOT_TRYING)
		printf(" (start %u)", slot->attempts);
	if (slot->version[0])
		printf(", %s, security version %u, %s", slot->version, slot->security_version,
		       to_hex(hex, slot->digest, sizeof(slot->digest)));
	if (number == firmware->running)
		printf(", runs");
	if (info)
		printf(", cannot be started: %s", info->sentence);
	putchar('\n');
}

static void text_firmware(struct output *output, const struct provcard_firmware *firmware)
{
	char hex[HEX_SIZE(sizeof(firmware->digest))];

	(void)output;
	printf("firmware  %s, security version %u\n", firmware->version, firmware->security_version);
	printf("image     %s\n", to_hex(hex, firmware->digest, sizeof(firmware->digest)));
	printf("board     %s\n", firmware->board);
	printf("floor     security version %u\n", firmware->floor);
	if (firmware->running == PROVCARD_NO_SLOT)
		printf("slots     none: the card was started without its boot stage\n");
	for (unsigned int i = 0; i < 2 && firmware->running != PROVCARD_NO_SLOT; i++)
		print_slot(i, firmware);
}

static void text_firmware_file(struct output *output, const struct firmware_report *report)
{
	const struct provpkg_firmware *firmware = report->firmware;
	char hex[HEX_SIZE(sizeof(firmware->sha256))];

	(void)output;
	printf("%s: firmware %s for %s, security version %u\n", report->path, firmware->version, firmware->board,
	       firmware->security_version);
	printf("image     %s, %" PRIu64 " bytes\n", to_hex(hex, firmware->sha256, sizeof(firmware->sha256)), firmware->size);
	printf("signers   both signatures are good%s\n", report->trusted ? ", trusted" : ", not checked against any anchor");
}

static void text_text(struct output *output, const char *key, const char *text, size_t size)
{
	(void)output;
	(void)key;
	fwrite(text, 1, size, stdout);
}

static void text_done(struct output *output, const char *line)
{
	(void)output;
	progress_clear();
	printf("%s\n", line);
}

static void text_error(struct output *output, const struct error_report *error)
{
	(void)output;
	(void)error; /* stands on the error stream already */
}

static void text_finish(struct output *output)
{
	(void)output;
	fflush(stdout);
}

const struct print_ops print_text = {
	.versions = text_versions,
	.status = text_status,
	.head = text_head,
	.job = text_job,
	.unit = text_unit,
	.event = text_event,
	.run_summary = text_run_summary,
	.record = text_record,
	.refusal = text_refusal,
	.packed = text_packed,
	.package = text_package,
	.grant = text_grant,
	.request = text_request,
	.signer = text_signer,
	.delivery = text_delivery,
	.birth = text_birth,
	.log = text_log,
	.evidence = text_evidence,
	.firmware = text_firmware,
	.firmware_file = text_firmware_file,
	.text = text_text,
	.done = text_done,
	.error = text_error,
	.finish = text_finish,
};
