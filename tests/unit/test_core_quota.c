// SPDX-License-Identifier: GPL-2.0-or-later
/* A package whose quantities are a quota authority's, and which demands people's approvals: what the card makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/internal.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define MEMBERS 3

static struct pki_oem member[MEMBERS];
static struct provpkg_authority authority;
static const struct provpkg_approval demanded[] = {
	{ PROVPKG_OPERATION_ALLOCATE, PROVPKG_ROLE_OPERATOR, 2 },
	{ PROVPKG_OPERATION_CLOSE, PROVPKG_ROLE_AUDITOR, 1 },
};
static struct station station;
static uint8_t package_id[PROVPKG_ID_SIZE];
static uint32_t job;

static int make_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_new(&member[i], "member");
	pki_authority(member, MEMBERS, 2, &authority);
	return 0;
}

static int free_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < MEMBERS; i++)
		pki_oem_free(&member[i]);
	return 0;
}

static void load_package(const struct provpkg_authority *by, const struct provpkg_approval *approvals, size_t count)
{
	struct provpkg_blob file;
	struct order order;

	station_new(&station, 2);
	station_prepare(&station);
	station_order(&station, &order);
	order.build.authority = by;
	order.build.approvals = approvals;
	order.build.approval_count = count;
	if (by)
		order.recipient.ceiling_good = order.recipient.ceiling_scrap = 0;
	file = station_pack(&order, package_id);
	job = station_job(&station);
	assert_int_equal(station_load(&station, job, &file, NULL), 0);
	provpkg_blob_free(&file);
}

static int set_up_quota(void **state)
{
	(void)state;
	load_package(&authority, NULL, 0);
	return 0;
}

static int set_up_approvals(void **state)
{
	(void)state;
	load_package(NULL, demanded, 2);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "auditor", station.auditor.certificate), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_remove_all();
	station_free(&station);
	return 0;
}

/* The grant that follows the one in force. */
static struct provpkg_grant following(uint64_t good, uint64_t scrap)
{
	const struct ledger_grant *last = &station.core->ledger.job[0]->terms.grant;
	struct provpkg_grant grant = { .sequence = last->sequence + 1, .ceiling_good = good, .ceiling_scrap = scrap };

	memcpy(grant.package_id, package_id, sizeof(grant.package_id));
	memcpy(grant.card_id, station.card->card_id, sizeof(grant.card_id));
	memcpy(grant.previous, last->digest, sizeof(grant.previous));
	return grant;
}

static uint16_t send_cms(const struct provpkg_blob *cms)
{
	return station_command(&station, PROVCARD_OP_GRANT, 0, NULL, provpkg_blob_view(cms), NULL, 0, NULL);
}

/* Signed by the members whose bits are set, one after another, each without the others' keys. */
static struct provpkg_blob sign_by(const struct provpkg_grant *grant, unsigned int members)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };

	assert_int_equal(provpkg_grant_encode(grant, &der), 0);
	for (size_t i = 0; i < MEMBERS; i++) {
		struct provpkg_blob before = cms;

		if (!(members & 1u << i))
			continue;
		cms = (struct provpkg_blob){ 0 };
		if (before.data)
			assert_int_equal(provpkg_sign_add(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&before), member[i].signers, 2, &cms), 0);
		else
			assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), member[i].signers, 2, &cms), 0);
		provpkg_blob_free(&before);
	}
	provpkg_blob_free(&der);
	return cms;
}

static uint16_t send_by(const struct provpkg_grant *grant, unsigned int members)
{
	struct provpkg_blob cms = sign_by(grant, members);
	uint16_t status = send_cms(&cms);

	provpkg_blob_free(&cms);
	return status;
}

static uint16_t send_with(const struct provpkg_grant *grant, const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	uint16_t status;

	assert_int_equal(provpkg_grant_encode(grant, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_GRANT, provpkg_blob_view(&der), signers, count, &cms), 0);
	status = send_cms(&cms);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return status;
}

/* The package alone lets nobody make anything. */
static void test_nothing_before_the_first_grant(void **state)
{
	struct provcard_service_job report = station_report(&station, job);

	(void)state;
	assert_int_equal(report.grant_sequence, 0);
	assert_int_equal(report.ceiling_good + report.ceiling_scrap, 0);
	assert_int_equal(report.quota_threshold, 2);
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(GRANT_MISSING));
	fake_insert(0, 1);
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(GRANT_MISSING));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	job = station_job(&station);
	assert_int_equal(station_bind(&station, job, package_id), 0);
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(GRANT_MISSING));
	assert_int_equal(station_run(&station, job, 0, NULL), REFUSED(GRANT_MISSING));
}

static void test_who_grants(void **state)
{
	struct provpkg_signer mixed[4] = { member[0].signers[0], member[0].signers[1], station.oem.signers[0], station.oem.signers[1] };
	struct provpkg_grant grant = following(5, 1);

	(void)state;
	assert_int_equal(send_with(&grant, station.oem.signers, 2), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(send_with(&grant, mixed, 4), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(send_by(&grant, 1), REFUSED(GRANT_APPROVALS));
	mixed[2] = member[1].signers[0];
	assert_int_equal(send_with(&grant, mixed, 3), REFUSED(GRANT_APPROVALS));
	assert_int_equal(station_report(&station, job).grant_sequence, 0);
	assert_int_equal(send_by(&grant, 5), 0);
	assert_int_equal(station_report(&station, job).grant_sequence, 1);
	assert_int_equal(station_report(&station, job).ceiling_good, 5);
	/* The OEM's signature is worth nothing later, either; another two of the three are. */
	grant = following(9, 1);
	assert_int_equal(send_with(&grant, station.oem.signers, 2), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(send_by(&grant, 6), 0);
	assert_int_equal(station_report(&station, job).ceiling_good, 9);
}

/* By the card's time. */
static void test_members_expire(void **state)
{
	struct provpkg_grant grant = following(5, 1);

	(void)state;
	station.board.clock = PKI_NOW + 400 * PKI_DAY;
	assert_int_equal(send_by(&grant, 7), REFUSED(SIGNER_EXPIRED));
}

static void test_sequence(void **state)
{
	struct provpkg_grant first = following(2, 1), fork = first, second, late;
	struct provcard_service_status before;

	(void)state;
	second = first;
	second.sequence = 2;
	second.ceiling_good = 4;
	assert_int_equal(provpkg_grant_digest(&first, second.previous), 0);
	assert_int_equal(send_by(&second, 3), REFUSED(GRANT_SEQUENCE));
	assert_int_equal(send_by(&first, 3), 0);
	/* The same grant by others of the authority is the same grant. */
	before = station_status(&station);
	assert_int_equal(send_by(&first, 6), 0);
	assert_int_equal(station_status(&station).log_size, before.log_size);
	fork.ceiling_good = 100;
	assert_int_equal(send_by(&fork, 7), REFUSED(GRANT_SEQUENCE));
	assert_int_equal(provpkg_grant_digest(&fork, second.previous), 0);
	assert_int_equal(send_by(&second, 7), REFUSED(GRANT_SEQUENCE));
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	second = following(4, 1);
	assert_int_equal(send_by(&second, 3), 0);
	assert_int_equal(send_by(&first, 3), REFUSED(GRANT_SEQUENCE));
	late = following(3, 1);
	assert_int_equal(send_by(&late, 3), REFUSED(GRANT_LOWERED));
}

static void test_production(void **state)
{
	struct provpkg_grant grant = following(1, 0);

	(void)state;
	assert_int_equal(send_by(&grant, 3), 0);
	assert_int_equal(station_allocate(&station, package_id, 2), REFUSED(ALLOCATION_ABOVE_GRANT));
	assert_int_equal(station_allocate(&station, package_id, 1), 0);
	for (uint32_t i = 0; i < 2; i++) {
		fake_insert(0, i);
		assert_int_equal(station_run(&station, job, 0, NULL), i ? REFUSED(GRANT_EXHAUSTED) : 0);
	}
	/* Loading the package once more gives nothing back and takes nothing away. */
	assert_int_equal(station_report(&station, job).good, 1);
}

/* The first record of the job keeps the authority, and each grant has a record of its own. */
static void test_log(void **state)
{
	static const enum provpkg_event expected[] = { PROVPKG_EVENT_LOADED, PROVPKG_EVENT_GRANTED, PROVPKG_EVENT_CLOSED };
	struct provpkg_grant grant = following(3, 0);
	struct provpkg_authority kept;
	struct station_entry entry;
	size_t found = 0;

	(void)state;
	assert_int_equal(send_by(&grant, 3), 0);
	grant = following(0, 0);
	grant.termination = true;
	assert_int_equal(send_by(&grant, 3), 0);
	for (uint64_t index = 0; station_log(&station, index, &entry); index++) {
		if (entry.record.has_job) {
			assert_true(found < 3);
			assert_int_equal(entry.record.event, expected[found]);
			assert_string_equal(entry.record.actor, "Acme");
			if (!found) {
				assert_int_equal(provpkg_authority_decode(entry.attachment, &kept), 0);
				assert_memory_equal(&kept, &authority, sizeof(kept));
			}
			found++;
		}
		provpkg_blob_free(&entry.bytes);
	}
	assert_int_equal(found, 3);
}

static void check_end(uint64_t good, uint64_t granted)
{
	struct provpkg_blob end = station_object(&station, PROVCARD_OBJECT_END_CERTIFICATE,
						 (struct provpkg_view){ package_id, sizeof(package_id) });
	struct provpkg_verifier *verifier;

	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&end), station.card, NULL, &verifier), 0);
	assert_int_equal(provpkg_verifier_end(verifier)->good, good);
	assert_int_equal(provpkg_verifier_end(verifier)->granted, granted);
	provpkg_verifier_free(verifier);
	provpkg_blob_free(&end);
}

/* It needs the authority as well, and can be the first word that the card hears of it. */
static void test_termination(void **state)
{
	struct provpkg_grant end = following(0, 0);

	(void)state;
	end.termination = true;
	assert_int_equal(send_with(&end, station.oem.signers, 2), REFUSED(GRANT_AUTHORITY));
	assert_int_equal(send_by(&end, 2), REFUSED(GRANT_APPROVALS));
	assert_int_equal(send_by(&end, 3), 0);
	assert_int_equal(station_allocate(&station, package_id, 1), REFUSED(JOB_CLOSED));
	check_end(0, 0);
	assert_int_equal(send_by(&end, 3), 0);
	end.grant_id[0] ^= 1;
	assert_int_equal(send_by(&end, 3), REFUSED(JOB_CLOSED));
}

/* The authority is read from memory outside of the security boundary: another one there is not believed. */
static void test_altered_staging(void **state)
{
	const struct ledger_load *terms = &station.core->ledger.job[0]->terms;
	struct provpkg_grant grant = following(5, 1);
	uint8_t *manifest = station.board.region[PORT_NV_STAGING].now + terms->staging_offset;
	struct provpkg_authority other;
	struct provpkg_blob file;
	struct order order;

	(void)state;
	manifest[PROVPKG_HEADER_SIZE + 2000] ^= 1;
	assert_int_not_equal(send_by(&grant, 3), 0);
	manifest[PROVPKG_HEADER_SIZE + 2000] ^= 1;
	/* A whole package by the same OEM, with an authority that one can satisfy. */
	pki_authority(member, 1, 1, &other);
	station_order(&station, &order);
	order.build.authority = &other;
	order.recipient.ceiling_good = order.recipient.ceiling_scrap = 0;
	file = station_pack(&order, NULL);
	assert_true(file.size <= terms->staging_size);
	memcpy(manifest, file.data, file.size);
	memset(manifest + file.size, 0, terms->staging_size - file.size);
	assert_int_equal(send_by(&grant, 1), REFUSED(PACKAGE_ID_REUSED));
	assert_int_equal(station_report(&station, job).grant_sequence, 0);
	provpkg_blob_free(&file);
}

/* ---- Approvals ---- */

static uint16_t ask(struct provpkg_request *request, const struct person *const *people, size_t count)
{
	struct provpkg_blob cms;
	uint16_t status;

	station_address(&station, request);
	cms = station_sign(request, people, count);
	status = station_send(&station, &cms, NULL);
	provpkg_blob_free(&cms);
	return status;
}

static void test_approvals_for_allocating(void **state)
{
	const struct person *people[] = { &station.operator, &station.stranger, &station.auditor };
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = 3 };

	(void)state;
	memcpy(request.allocate.package_id, package_id, PROVPKG_ID_SIZE);
	assert_int_equal(station_report(&station, job).allocate_approvals[PROVPKG_ROLE_OPERATOR - 1], 2);
	assert_int_equal(station_report(&station, job).close_approvals[PROVPKG_ROLE_AUDITOR - 1], 1);
	assert_int_equal(ask(&request, people, 1), REFUSED(APPROVALS_MISSING));
	assert_int_equal(ask(&request, (const struct person *[]){ &station.operator, &station.auditor }, 2), REFUSED(APPROVALS_MISSING));
	assert_int_equal(ask(&request, people, 2), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OPERATOR, "second", station.stranger.certificate), 0);
	assert_int_equal(ask(&request, people, 2), 0);
	assert_int_equal(station_report(&station, job).allocated, 3);
	/* What is demanded outlives a power cut. */
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
	assert_int_equal(ask(&request, people, 1), REFUSED(APPROVALS_MISSING));
	assert_int_equal(ask(&request, people, 3), 0);
}

static void test_approvals_for_closing(void **state)
{
	const struct person *people[] = { &station.operator, &station.auditor };
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_CLOSE };

	(void)state;
	memcpy(request.close.package_id, package_id, PROVPKG_ID_SIZE);
	assert_int_equal(ask(&request, people, 1), REFUSED(APPROVALS_MISSING));
	assert_int_equal(ask(&request, people + 1, 1), REFUSED(APPROVER_ROLE));
	assert_int_equal(ask(&request, people, 2), 0);
	check_end(0, 12);
}

#define QUOTA(name) cmocka_unit_test_setup_teardown(name, set_up_quota, tear_down)
#define APPROVALS(name) cmocka_unit_test_setup_teardown(name, set_up_approvals, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUOTA(test_nothing_before_the_first_grant),
		QUOTA(test_who_grants),
		QUOTA(test_members_expire),
		QUOTA(test_sequence),
		QUOTA(test_production),
		QUOTA(test_log),
		QUOTA(test_termination),
		QUOTA(test_altered_staging),
		APPROVALS(test_approvals_for_allocating),
		APPROVALS(test_approvals_for_closing),
	};

	return cmocka_run_group_tests(tests, make_members, free_members);
}
