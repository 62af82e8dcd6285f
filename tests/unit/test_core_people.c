// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may approve what, with how many others, and what becomes of those who fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/lockout.h"
#include "tests/unit/station.h"

#define REFUSED(name) PROVCARD_REFUSAL_##name
#define NOTHING ((struct provpkg_view){ 0 })
#define MINUTE_NS (60ull * 1000000000)

static struct station station;
static struct person oscar, odette, spare; /* two more officers; and olga's second key */

static void make(struct person *person, const char *subject)
{
	person->key = pki_key("P-256");
	person->certificate = pki_certificate(person->key, &(struct pki_profile){ .subject = subject }, NULL, NULL);
}

static void discard(struct person *person)
{
	EVP_PKEY_free(person->key);
	X509_free(person->certificate);
}

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	make(&oscar, "oscar");
	make(&odette, "odette");
	make(&spare, "olga");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	discard(&oscar);
	discard(&odette);
	discard(&spare);
	station_free(&station);
	return 0;
}

/* ---- Requests ---- */

static uint16_t send(struct provpkg_request request, const struct person *const *people, size_t count)
{
	struct provpkg_blob cms;
	uint16_t status;

	station_address(&station, &request);
	cms = station_sign(&request, people, count);
	status = station_send(&station, &cms, NULL);
	provpkg_blob_free(&cms);
	return status;
}

#define SIGNED_BY(request, ...)                                                                                                    \
	send(request, (const struct person *const[]){ __VA_ARGS__ },                                                               \
	     sizeof((const struct person *const[]){ __VA_ARGS__ }) / sizeof(struct person *))

static struct provpkg_request policy(uint32_t officers, uint32_t failures)
{
	return (struct provpkg_request){ .operation = PROVPKG_OPERATION_POLICY, .policy = { officers, failures } };
}

static struct provpkg_request removal(const char *name)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_REMOVE };

	snprintf(request.remove.name, sizeof(request.remove.name), "%s", name);
	return request;
}

static struct provpkg_request unlocking(const char *name)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_UNLOCK };

	snprintf(request.unlock.name, sizeof(request.unlock.name), "%s", name);
	return request;
}

static struct provpkg_request zeroising(void)
{
	return (struct provpkg_request){ .operation = PROVPKG_OPERATION_ZEROISE };
}

/* What an operator may do; there is no such job, so being approved shows as JOB_NOT_LOADED. */
static struct provpkg_request allocation(void)
{
	return (struct provpkg_request){ .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = 1 };
}

#define APPROVED REFUSED(JOB_NOT_LOADED)

static uint16_t enrol(enum provpkg_role role, const char *name, const struct person *person)
{
	return station_enrol(&station, role, name, person->certificate);
}

/* A request in @person's name that it did not sign. The nonce is the right one, or none. */
static uint16_t forge(const struct person *person)
{
	struct provpkg_request request = allocation();
	struct provpkg_blob cms;
	uint16_t status;

	station_address(&station, &request);
	cms = station_sign(&request, &person, 1);
	cms.data[cms.size - 1] ^= 1;
	status = station_send(&station, &cms, NULL);
	provpkg_blob_free(&cms);
	return status;
}

/* How the list of the enrolled says that @name stands. */
static void assert_stands(const char *name, const char *expected)
{
	struct provpkg_blob list = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);
	char line[PROVPKG_NAME_MAX + 4], *text = OPENSSL_strndup((char *)list.data, list.size), *at, *end;

	snprintf(line, sizeof(line), "\t%s\t", name);
	at = strstr(text, line);
	assert_non_null(at);
	at += strlen(line) + 2 * PROVPKG_HASH_SIZE + 1;
	end = strchr(at, '\n');
	*end = 0;
	assert_string_equal(at, expected);
	OPENSSL_free(text);
	provpkg_blob_free(&list);
}

static bool is_listed(const char *name)
{
	struct provpkg_blob list = station_object(&station, PROVCARD_OBJECT_PEOPLE, NOTHING);
	char line[PROVPKG_NAME_MAX + 4];
	bool listed;

	snprintf(line, sizeof(line), "\t%s\t", name);
	listed = memmem(list.data, list.size, line, strlen(line));
	provpkg_blob_free(&list);
	return listed;
}

static void restart(void)
{
	station_power_cut(&station, FAKE_CUT_LOSE_ALL, 0);
}

static void wait(uint64_t minutes)
{
	station.board.monotonic_extra += minutes * MINUTE_NS;
}

/* How many records of an event the log has; the last one's code and actor. */
static unsigned int events(enum provpkg_event event, uint16_t *code, char actor[PROVPKG_NAME_MAX + 1])
{
	struct station_entry entry;
	unsigned int count = 0;

	for (uint64_t index = 0; station_log(&station, index, &entry); index++) {
		if (entry.record.event == event) {
			count++;
			if (code)
				*code = entry.record.code;
			if (actor)
				memcpy(actor, entry.record.actor, sizeof(entry.record.actor));
		}
		provpkg_blob_free(&entry.bytes);
	}
	return count;
}

/* ---- Counting approvers ---- */

/* Officers, operators who signed a request by these people. */
static void assert_signed(const struct person *const *people, size_t count, unsigned int officers, unsigned int operators)
{
	struct provpkg_request body = zeroising();
	struct request request = { .core = station.core, .vault = core_vault(station.core) };

	station_address(&station, &body);
	request.cms = station_sign(&body, people, count);
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&request.cms), &request.object), 0);
	assert_int_equal(people_signed(&request, PROVPKG_ROLE_OFFICER), officers);
	assert_int_equal(people_signed(&request, PROVPKG_ROLE_OPERATOR), operators);
	provpkg_signed_free(request.object);
	provpkg_blob_free(&request.cms);
	vault_put(request.vault);
}

/* Signatures do not count, people do: the same certificate twice, or a spare of the same subject, is one. */
static void test_distinct_people(void **state)
{
	const struct person *alone[] = { &station.officer }, *twice[] = { &station.officer, &station.officer };
	const struct person *with_spare[] = { &spare, &station.officer };
	const struct person *four[] = { &station.officer, &oscar, &spare, &station.operator };
	const struct person *strangers[] = { &station.stranger, &station.auditor };

	(void)state;
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "olga's spare", &spare), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "oscar", &oscar), 0);
	assert_signed(alone, 1, 1, 0);
	assert_signed(twice, 2, 1, 0);
	assert_signed(with_spare, 2, 1, 0);
	assert_signed(four, 4, 2, 1);
	assert_signed(strangers, 2, 0, 0);
}

/* ---- Policy ---- */

static void enrol_officers(void)
{
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "oscar", &oscar), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "odette", &odette), 0);
}

static void test_policy_is_reachable(void **state)
{
	(void)state;
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.officer), REFUSED(QUORUM_UNREACHABLE));
	/* A second key of the same person makes no second person. */
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "olga's spare", &spare), 0);
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.officer, &spare), REFUSED(QUORUM_UNREACHABLE));
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.operator), REFUSED(APPROVER_ROLE));
	enrol_officers();
	/* Those who raise the number show that they are there. */
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.officer), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(policy(3, 10), &station.officer, &oscar), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.officer, &oscar), 0);
	/* And lowering needs the number that protects. */
	assert_int_equal(SIGNED_BY(policy(1, 10), &station.officer), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(policy(1, 10), &station.officer, &spare), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(policy(1, 10), &odette, &oscar), 0);
	assert_int_equal(events(PROVPKG_EVENT_POLICY, NULL, NULL), 2);
}

static void assert_policy(const char *expected)
{
	struct provpkg_blob text = station_object(&station, PROVCARD_OBJECT_POLICY, NOTHING);

	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.data, expected, text.size);
	provpkg_blob_free(&text);
}

static void test_quorum(void **state)
{
	const struct person *officers[] = { &station.officer, &oscar };
	struct provpkg_request request = removal("otto");
	struct provpkg_blob cms;

	(void)state;
	assert_policy("officers\t1\nfailures\t10\nnonce\tnone\n");
	enrol_officers();
	assert_int_equal(SIGNED_BY(policy(2, 3), &station.officer, &oscar), 0);
	assert_policy("officers\t2\nfailures\t3\nnonce\tnone\n");
	restart();
	assert_policy("officers\t2\nfailures\t3\nnonce\tnone\n");
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.auditor), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(removal("otto"), &station.officer), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(unlocking("otto"), &station.officer), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(zeroising(), &station.officer, &station.officer), REFUSED(APPROVER_PAUSED));
	assert_int_equal(SIGNED_BY(unlocking("olga"), &odette, &oscar), 0);
	assert_int_equal(SIGNED_BY(zeroising(), &station.officer, &station.officer), REFUSED(APPROVALS_MISSING));
	assert_int_equal(SIGNED_BY(zeroising(), &station.officer, &station.operator), REFUSED(APPROVALS_MISSING));
	/* Operators need no second one. */
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
	/* One after another, each in a place of its own. */
	station_address(&station, &request);
	assert_policy("officers\t2\nfailures\t3\nnonce\tout\n");
	{
		struct provpkg_signer second = { oscar.key, oscar.certificate, NULL };
		struct provpkg_blob first = station_sign(&request, officers, 1);

		assert_int_equal(provpkg_sign_add(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&first), &second, 1, &cms), 0);
		provpkg_blob_free(&first);
	}
	assert_int_equal(station_send(&station, &cms, NULL), 0);
	assert_false(is_listed("otto"));
	provpkg_blob_free(&cms);
}

/* ---- Enrolments ---- */

static void test_removal(void **state)
{
	struct provpkg_request job;

	(void)state;
	assert_int_equal(SIGNED_BY(removal("nobody"), &station.officer), REFUSED(PERSON_UNKNOWN));
	assert_int_equal(SIGNED_BY(removal("otto"), &station.operator), REFUSED(APPROVER_ROLE));
	/* The last officer stays. */
	assert_int_equal(SIGNED_BY(removal("olga"), &station.officer), REFUSED(QUORUM_UNREACHABLE));
	assert_int_equal(SIGNED_BY(removal("otto"), &station.officer), 0);
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(station_status(&station).state, PROVCARD_CARD_INITIALISED);
	restart();
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(events(PROVPKG_EVENT_REMOVED, NULL, NULL), 1);
	/* The name and the key are free again. */
	assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, "otto", &station.operator), 0);
	/* With a second officer the first may go, and with the policy at two none of two. */
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "oscar", &oscar), 0);
	assert_int_equal(SIGNED_BY(policy(2, 10), &station.officer, &oscar), 0);
	assert_int_equal(SIGNED_BY(removal("olga"), &station.officer, &oscar), REFUSED(QUORUM_UNREACHABLE));
	job = policy(1, 10);
	assert_int_equal(SIGNED_BY(job, &station.officer, &oscar), 0);
	assert_int_equal(SIGNED_BY(removal("olga"), &station.officer), 0);
	assert_int_equal(SIGNED_BY(removal("oscar"), &oscar), REFUSED(QUORUM_UNREACHABLE));
}

static void test_removal_of_an_oem(void **state)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provpkg_blob file;
	struct order order;

	(void)state;
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, station_job(&station), &file, NULL), 0);
	assert_int_equal(SIGNED_BY(removal("Acme"), &station.officer), REFUSED(ENROLMENT_IN_USE));
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_int_equal(SIGNED_BY(removal("Acme"), &station.officer), 0);
	assert_false(is_listed("Acme"));
	provpkg_blob_free(&file);
}

static void test_removal_frees_room(void **state)
{
	char name[16];

	(void)state;
	for (unsigned int people = 3; people < VAULT_PEOPLE_MAX; people++) {
		struct person person;

		snprintf(name, sizeof(name), "operator %u", people);
		make(&person, name);
		assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, name, &person), 0);
		discard(&person);
	}
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.auditor), REFUSED(TOO_MANY_PEOPLE));
	assert_int_equal(SIGNED_BY(removal("operator 30"), &station.officer), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.auditor), 0);
	restart();
	assert_true(is_listed("anna") && is_listed("operator 29") && is_listed("operator 63") && !is_listed("operator 30"));
}

/* An auditor is nobody else, whatever key the certificate is for. */
static void test_one_person(void **state)
{
	struct person olga, otto, anna, nobody;
	X509_NAME *empty = X509_NAME_new();
	X509 *shouting;

	(void)state;
	make(&olga, "olga");
	make(&otto, "otto");
	make(&anna, "anna");
	make(&nobody, "nobody");
	assert_true(X509_set_subject_name(nobody.certificate, empty) && X509_sign(nobody.certificate, nobody.key, EVP_sha256()));
	shouting = pki_certificate(olga.key, &(struct pki_profile){ .subject = " OLGA" }, NULL, NULL);
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &olga), REFUSED(ROLE_CONFLICT));
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &otto), REFUSED(ROLE_CONFLICT));
	/* Names are compared as RFC 5280 section 7.1 says: not by case, not by spaces. */
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_AUDITOR, "anna", shouting), REFUSED(ROLE_CONFLICT));
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.officer), REFUSED(ALREADY_ENROLLED));
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &anna), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_OFFICER, "anna too", &station.auditor), REFUSED(ROLE_CONFLICT));
	assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, "anna too", &station.auditor), REFUSED(ROLE_CONFLICT));
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna's spare", &station.auditor), 0);
	/* An officer may be an operator as well, with another key. */
	assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, "olga at the line", &olga), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, "nobody", &nobody), REFUSED(CERTIFICATE_UNUSABLE));
	X509_NAME_free(empty);
	X509_free(shouting);
	discard(&olga);
	discard(&otto);
	discard(&anna);
	discard(&nobody);
}

/* ---- Lockout ---- */

static void test_proven_failures_lock(void **state)
{
	char actor[PROVPKG_NAME_MAX + 1];
	uint16_t code;

	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 3), &station.officer), 0);
	assert_int_equal(SIGNED_BY(zeroising(), &station.operator), REFUSED(APPROVER_ROLE));
	assert_int_equal(SIGNED_BY(zeroising(), &station.operator), REFUSED(APPROVER_ROLE));
	assert_stands("otto", "ok\t2");
	/* An approval ends the row. */
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
	assert_stands("otto", "ok\t0");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(events(PROVPKG_EVENT_LOCKED_OUT, NULL, NULL), 0);
		assert_int_equal(SIGNED_BY(zeroising(), &station.operator), REFUSED(APPROVER_ROLE));
		restart();
	}
	assert_stands("otto", "locked\t3");
	assert_int_equal(events(PROVPKG_EVENT_LOCKED_OUT, &code, actor), 1);
	assert_int_equal(code, REFUSED(APPROVER_LOCKED));
	assert_string_equal(actor, "otto");
	wait(100000);
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), REFUSED(APPROVER_LOCKED));
	/* Nobody can be helped by somebody who is locked. */
	assert_int_equal(SIGNED_BY(policy(1, 10), &station.officer, &station.operator), REFUSED(APPROVER_LOCKED));
	assert_int_equal(SIGNED_BY(unlocking("otto"), &station.operator), REFUSED(APPROVER_LOCKED));
	assert_int_equal(SIGNED_BY(unlocking("nobody"), &station.officer), REFUSED(PERSON_UNKNOWN));
	assert_int_equal(SIGNED_BY(unlocking("Acme"), &station.officer), REFUSED(PERSON_UNKNOWN));
	assert_int_equal(SIGNED_BY(unlocking("otto"), &station.officer), 0);
	restart();
	assert_stands("otto", "ok\t0");
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
	assert_int_equal(events(PROVPKG_EVENT_UNLOCKED, NULL, actor), 1);
	assert_string_equal(actor, "olga");
}

/* A request that names somebody often is one failure of it. */
static void test_one_request_is_one_failure(void **state)
{
	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 3), &station.officer), 0);
	assert_int_equal(SIGNED_BY(zeroising(), &station.operator, &station.operator, &station.operator), REFUSED(APPROVER_ROLE));
	assert_stands("otto", "ok\t1");
}

/* Whoever has a certificate can forge in its name: that may cost time, and never locks. */
static void test_forgeries_only_pause(void **state)
{
	uint64_t records, flushes;
	uint16_t code;

	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 3), &station.officer), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
		assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
	}
	assert_stands("otto", "ok\t1");
	assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
	assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
	assert_stands("otto", "paused\t3");
	assert_int_equal(events(PROVPKG_EVENT_LOCKED_OUT, &code, NULL), 1);
	assert_int_equal(code, REFUSED(APPROVER_PAUSED));
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), REFUSED(APPROVER_PAUSED));
	/* A start is no way around it. */
	wait(100);
	restart();
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), REFUSED(APPROVER_PAUSED));
	wait(1);
	/* Twice as long each time, fifteen minutes at most; and nothing more is written down, whatever comes. */
	assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
	wait(1);
	records = station.core->ledger.records;
	flushes = station_status(&station).log_size;
	for (int i = 0, minutes = 2; i < 8; i++, minutes *= 2) {
		assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
		wait((minutes < 15 ? minutes : 15) - 1);
		assert_stands("otto", "paused\t3");
		wait(1);
		assert_stands("otto", "ok\t3");
	}
	assert_int_equal(station.core->ledger.records, records);
	assert_in_range(station_status(&station).log_size, flushes, flushes + 8);
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
	assert_stands("otto", "ok\t0");
	assert_int_equal(events(PROVPKG_EVENT_LOCKED_OUT, NULL, NULL), 1);
}

/* A captured request that is sent again is the host's doing. */
static void test_replays_only_pause(void **state)
{
	const struct person *otto = &station.operator;
	struct provpkg_request request = allocation();
	struct provpkg_blob cms;

	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 3), &station.officer), 0);
	station_address(&station, &request);
	cms = station_sign(&request, &otto, 1);
	assert_int_equal(station_send(&station, &cms, NULL), APPROVED);
	for (int i = 0; i < 10; i++)
		assert_int_equal(station_send(&station, &cms, NULL), REFUSED(REQUEST_REPLAYED));
	assert_stands("otto", "paused\t3");
	assert_int_equal(SIGNED_BY(unlocking("otto"), &station.officer), 0);
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
	provpkg_blob_free(&cms);
}

/* Signatures of several can be cut off by the host, so too few of them prove nothing against those who are left. */
static void test_missing_approvals_only_pause(void **state)
{
	(void)state;
	enrol_officers();
	assert_int_equal(SIGNED_BY(policy(2, 3), &station.officer, &oscar), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(SIGNED_BY(zeroising(), &station.officer), REFUSED(APPROVALS_MISSING));
	assert_stands("olga", "paused\t3");
	assert_int_equal(SIGNED_BY(zeroising(), &station.officer, &oscar), REFUSED(APPROVER_PAUSED));
	wait(1);
	assert_int_equal(SIGNED_BY(zeroising(), &station.officer, &oscar), 0);
}

/* However they fail, as many officers stay as the policy needs. */
static void test_the_last_officers_stay(void **state)
{
	(void)state;
	enrol_officers();
	assert_int_equal(SIGNED_BY(policy(2, 2), &station.officer, &oscar), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(SIGNED_BY(allocation(), &odette), REFUSED(APPROVER_ROLE));
	assert_stands("odette", "locked\t2");
	for (int i = 0; i < 2; i++)
		assert_int_equal(SIGNED_BY(allocation(), &oscar), REFUSED(APPROVER_ROLE));
	assert_stands("oscar", "paused\t2");
	wait(1);
	assert_int_equal(SIGNED_BY(allocation(), &oscar), REFUSED(APPROVER_ROLE));
	assert_stands("oscar", "paused\t2");
	wait(2);
	/* One of the three is locked, so two are all there are: none of them can go, and a third is not to be had. */
	assert_int_equal(SIGNED_BY(removal("olga"), &station.officer, &oscar), REFUSED(QUORUM_UNREACHABLE));
	assert_int_equal(SIGNED_BY(policy(3, 2), &station.officer, &oscar), REFUSED(QUORUM_UNREACHABLE));
	assert_int_equal(SIGNED_BY(unlocking("odette"), &station.officer, &odette), REFUSED(APPROVER_LOCKED));
	assert_int_equal(SIGNED_BY(unlocking("odette"), &station.officer, &oscar), 0);
	assert_int_equal(SIGNED_BY(policy(3, 2), &station.officer, &oscar, &odette), 0);
}

static void test_no_lockout(void **state)
{
	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 0), &station.officer), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(SIGNED_BY(zeroising(), &station.operator), REFUSED(APPROVER_ROLE));
		assert_int_equal(forge(&station.operator), REFUSED(REQUEST_SIGNATURE));
	}
	assert_stands("otto", "ok\t0");
}

/* Whoever is removed takes its failures along: the same key enrolled again begins anew. */
static void test_removal_forgets_failures(void **state)
{
	(void)state;
	assert_int_equal(SIGNED_BY(policy(1, 1), &station.officer), 0);
	assert_int_equal(SIGNED_BY(zeroising(), &station.operator), REFUSED(APPROVER_ROLE));
	assert_stands("otto", "locked\t1");
	assert_int_equal(SIGNED_BY(removal("otto"), &station.officer), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_OPERATOR, "otto", &station.operator), 0);
	assert_stands("otto", "ok\t0");
	restart();
	assert_stands("otto", "ok\t0");
	assert_int_equal(SIGNED_BY(allocation(), &station.operator), APPROVED);
}

/* ---- Audit ---- */

static struct provpkg_request audit(uint64_t size)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_AUDIT, .audit.size = size };

	assert_int_equal(log_root_at(&station.core->log, size, request.audit.root), 0);
	return request;
}

static void test_audit(void **state)
{
	uint64_t size = station_status(&station).log_size;
	struct provpkg_request request = audit(size);
	struct station_entry entry;

	(void)state;
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(APPROVER_UNKNOWN));
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.auditor), 0);
	assert_int_equal(SIGNED_BY(request, &station.officer), REFUSED(APPROVER_ROLE));
	assert_int_equal(SIGNED_BY(allocation(), &station.auditor), REFUSED(APPROVER_ROLE));
	request.audit.root[0] ^= 1;
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(AUDIT_MISMATCH));
	request.audit.root[0] ^= 1;
	request.audit.size++;
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(AUDIT_MISMATCH));
	request.audit.size = 1000000;
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(AUDIT_MISMATCH));
	request.audit.size = size;
	request.audit.has_job = true;
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(JOB_NOT_LOADED));
	request.audit.has_job = false;
	assert_int_equal(SIGNED_BY(request, &station.auditor), 0);
	size = station_status(&station).log_size;
	restart();
	assert_true(station_log(&station, size - 1, &entry));
	assert_int_equal(entry.record.event, PROVPKG_EVENT_AUDITED);
	assert_string_equal(entry.record.actor, "anna");
	assert_true(entry.attachment.size > 0);
	provpkg_blob_free(&entry.bytes);
}

static void test_audit_of_a_job(void **state)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provpkg_request request;
	struct provpkg_blob file;
	struct order order;
	struct station_entry entry;

	(void)state;
	station_order(&station, &order);
	file = station_pack(&order, package_id);
	assert_int_equal(station_load(&station, station_job(&station), &file, NULL), 0);
	assert_int_equal(enrol(PROVPKG_ROLE_AUDITOR, "anna", &station.auditor), 0);
	request = audit(station_status(&station).log_size);
	request.audit.has_job = true;
	memcpy(request.audit.package_id, package_id, sizeof(package_id));
	assert_int_equal(SIGNED_BY(request, &station.auditor), 0);
	assert_true(station_log(&station, station_status(&station).log_size - 1, &entry));
	assert_true(entry.record.has_job);
	assert_memory_equal(entry.record.package_id, package_id, sizeof(package_id));
	assert_memory_equal(&entry.record.before, &entry.record.after, sizeof(entry.record.after));
	provpkg_blob_free(&entry.bytes);
	/* The closing is a job's last record. */
	assert_int_equal(station_close(&station, package_id, NULL), 0);
	assert_int_equal(SIGNED_BY(request, &station.auditor), REFUSED(JOB_CLOSED));
	provpkg_blob_free(&file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_distinct_people),
		TEST(test_policy_is_reachable),
		TEST(test_quorum),
		TEST(test_removal),
		TEST(test_removal_of_an_oem),
		TEST(test_removal_frees_room),
		TEST(test_one_person),
		TEST(test_proven_failures_lock),
		TEST(test_one_request_is_one_failure),
		TEST(test_forgeries_only_pause),
		TEST(test_replays_only_pause),
		TEST(test_missing_approvals_only_pause),
		TEST(test_the_last_officers_stay),
		TEST(test_no_lockout),
		TEST(test_removal_forgets_failures),
		TEST(test_audit),
		TEST(test_audit_of_a_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
