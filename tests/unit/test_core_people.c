// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may approve what, with how many others, and what becomes of those who fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/request.h"
#include "tests/unit/station.h"

static struct station station;

static int set_up(void **state)
{
	(void)state;
	station_new(&station, 1);
	station_prepare(&station);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	station_free(&station);
	return 0;
}

/* Officers, operators who signed a request by these people. */
static void assert_signed(const struct person *const *people, size_t count, unsigned int officers, unsigned int operators)
{
	struct provpkg_request body = { .operation = PROVPKG_OPERATION_ZEROISE };
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
	struct person spare = { pki_key("P-384"), NULL }, second = { pki_key("P-256"), NULL };
	const struct person *alone[] = { &station.officer }, *twice[] = { &station.officer, &station.officer };
	const struct person *with_spare[] = { &spare, &station.officer };
	const struct person *four[] = { &station.officer, &second, &spare, &station.operator };
	const struct person *strangers[] = { &station.stranger, &station.auditor };

	(void)state;
	spare.certificate = pki_certificate(spare.key, &(struct pki_profile){ .subject = "olga" }, NULL, NULL);
	second.certificate = pki_certificate(second.key, &(struct pki_profile){ .subject = "oscar" }, NULL, NULL);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OFFICER, "olga's spare", spare.certificate), 0);
	assert_int_equal(station_enrol(&station, PROVPKG_ROLE_OFFICER, "oscar", second.certificate), 0);
	assert_signed(alone, 1, 1, 0);
	assert_signed(twice, 2, 1, 0);
	assert_signed(with_spare, 2, 1, 0);
	assert_signed(four, 4, 2, 1);
	assert_signed(strangers, 2, 0, 0);
	EVP_PKEY_free(spare.key);
	X509_free(spare.certificate);
	EVP_PKEY_free(second.key);
	X509_free(second.certificate);
}

/* The code by which too few are refused. */
static void test_code(void **state)
{
	(void)state;
	assert_string_equal(provcard_refusal_find(PROVCARD_REFUSAL_APPROVALS_MISSING)->name, "APPROVALS_MISSING");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_distinct_people), TEST(test_code) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
