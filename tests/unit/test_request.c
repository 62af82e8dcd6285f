// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests: every operation there and back, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pki.h"
#include "tests/unit/sweep.h"

static struct pki_oem oem;

static int setup(void **state)
{
	(void)state;
	pki_oem_new(&oem, "Acme");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_oem_free(&oem);
	return 0;
}

static struct provpkg_request blank_request(enum provpkg_operation operation)
{
	struct provpkg_request request = { .operation = operation };

	memset(request.card_id, 0xca, sizeof(request.card_id));
	memset(request.nonce, 0x0c, sizeof(request.nonce));
	return request;
}

static struct provpkg_request initialise(void)
{
	struct provpkg_request request = blank_request(PROVPKG_OPERATION_INITIALISE);

	strcpy(request.initialise.officer_name, "Zoë");
	request.initialise.officer = oem.classical.certificate;
	request.initialise.identity_classical = oem.classical.root;
	request.initialise.identity_pq = oem.pq.root;
	request.initialise.chain = oem.anchors;
	return request;
}

static struct provpkg_request enrol(enum provpkg_role role, STACK_OF(X509) *certificates)
{
	struct provpkg_request request = blank_request(PROVPKG_OPERATION_ENROL);

	request.enrol.role = role;
	strcpy(request.enrol.name, "acme");
	request.enrol.certificates = certificates;
	return request;
}

static struct provpkg_request allocate(uint64_t count)
{
	struct provpkg_request request = blank_request(PROVPKG_OPERATION_ALLOCATE);

	memset(request.allocate.package_id, 0x1d, PROVPKG_ID_SIZE);
	request.allocate.count = count;
	return request;
}

static struct provpkg_request there_and_back(const struct provpkg_request *request)
{
	struct provpkg_request decoded;
	struct provpkg_blob der;

	assert_int_equal(provpkg_request_encode(request, &der), 0);
	assert_int_equal(provpkg_request_decode(provpkg_blob_view(&der), &decoded), 0);
	assert_int_equal(decoded.operation, request->operation);
	assert_memory_equal(decoded.card_id, request->card_id, sizeof(request->card_id));
	assert_memory_equal(decoded.nonce, request->nonce, sizeof(request->nonce));
	provpkg_blob_free(&der);
	return decoded;
}

static void initialise_round_trip(void **state)
{
	struct provpkg_request request = initialise(), decoded = there_and_back(&request);

	(void)state;
	assert_string_equal(decoded.initialise.officer_name, "Zoë");
	assert_int_equal(X509_cmp(decoded.initialise.officer, request.initialise.officer), 0);
	assert_int_equal(X509_cmp(decoded.initialise.identity_classical, request.initialise.identity_classical), 0);
	assert_int_equal(X509_cmp(decoded.initialise.identity_pq, request.initialise.identity_pq), 0);
	assert_int_equal(sk_X509_num(decoded.initialise.chain), 3);
	assert_int_equal(X509_cmp(sk_X509_value(decoded.initialise.chain, 1), oem.pq.root), 0);
	provpkg_request_clear(&decoded);
	assert_null(decoded.initialise.officer);
}

static void enrol_round_trip(void **state)
{
	struct provpkg_request request = enrol(PROVPKG_ROLE_OEM, oem.anchors), decoded = there_and_back(&request);

	(void)state;
	assert_int_equal(decoded.enrol.role, PROVPKG_ROLE_OEM);
	assert_string_equal(decoded.enrol.name, "acme");
	assert_int_equal(sk_X509_num(decoded.enrol.certificates), 3);
	assert_int_equal(X509_cmp(sk_X509_value(decoded.enrol.certificates, 0), oem.classical.root), 0);
	provpkg_request_clear(&decoded);
}

static void small_ones_round_trip(void **state)
{
	struct provpkg_request request = allocate(UINT64_MAX), decoded = there_and_back(&request);

	(void)state;
	assert_int_equal(decoded.allocate.count, UINT64_MAX);
	assert_memory_equal(decoded.allocate.package_id, request.allocate.package_id, PROVPKG_ID_SIZE);
	request = blank_request(PROVPKG_OPERATION_CLOSE);
	memset(request.close.package_id, 0x2d, PROVPKG_ID_SIZE);
	decoded = there_and_back(&request);
	assert_memory_equal(decoded.close.package_id, request.close.package_id, PROVPKG_ID_SIZE);
	request = blank_request(PROVPKG_OPERATION_ZEROISE);
	there_and_back(&request);
}

static struct provpkg_request policy(uint32_t officers, uint32_t failures)
{
	struct provpkg_request request = blank_request(PROVPKG_OPERATION_POLICY);

	request.policy.officers = officers;
	request.policy.failures = failures;
	return request;
}

static struct provpkg_request named(enum provpkg_operation operation, const char *name)
{
	struct provpkg_request request = blank_request(operation);

	strcpy(operation == PROVPKG_OPERATION_REMOVE ? request.remove.name : request.unlock.name, name);
	return request;
}

static struct provpkg_request audit(uint64_t size, bool has_job)
{
	struct provpkg_request request = blank_request(PROVPKG_OPERATION_AUDIT);

	request.audit.size = size;
	memset(request.audit.root, 0x77, sizeof(request.audit.root));
	request.audit.has_job = has_job;
	if (has_job)
		memset(request.audit.package_id, 0x3d, sizeof(request.audit.package_id));
	return request;
}

static void people_round_trip(void **state)
{
	struct provpkg_request request = named(PROVPKG_OPERATION_REMOVE, "otto"), decoded = there_and_back(&request);

	(void)state;
	assert_string_equal(decoded.remove.name, "otto");
	request = named(PROVPKG_OPERATION_UNLOCK, "Zoë");
	assert_string_equal(there_and_back(&request).unlock.name, "Zoë");
	for (uint32_t officers = 1; officers <= PROVPKG_OFFICERS_MAX; officers += 15) {
		request = policy(officers, officers == 1 ? 0 : PROVPKG_FAILURES_MAX);
		decoded = there_and_back(&request);
		assert_memory_equal(&decoded.policy, &request.policy, sizeof(request.policy));
	}
	for (int has_job = 0; has_job < 2; has_job++) {
		request = audit(UINT64_MAX, has_job);
		decoded = there_and_back(&request);
		assert_int_equal(decoded.audit.size, UINT64_MAX);
		assert_int_equal(decoded.audit.has_job, has_job);
		assert_memory_equal(decoded.audit.root, request.audit.root, sizeof(request.audit.root));
		assert_memory_equal(decoded.audit.package_id, request.audit.package_id, PROVPKG_ID_SIZE);
	}
	assert_string_equal(provpkg_operation_name(PROVPKG_OPERATION_AUDIT), "audit");
	assert_null(provpkg_operation_name(0));
	assert_null(provpkg_operation_name(99));
}

static int encode(struct provpkg_request request)
{
	struct provpkg_blob der = { 0 };
	int result = provpkg_request_encode(&request, &der);

	provpkg_blob_free(&der);
	return result;
}

static void encode_refuses_nonsense(void **state)
{
	STACK_OF(X509) *none = sk_X509_new_null(), *many = sk_X509_new_null();
	struct provpkg_request request;

	(void)state;
	for (int i = 0; i < 17; i++)
		sk_X509_push(many, oem.classical.root);
	assert_int_equal(encode(blank_request(0)), -EINVAL);
	assert_int_equal(encode(blank_request(99)), -EINVAL);
	assert_int_equal(encode(allocate(0)), -EINVAL);
	assert_int_equal(encode(enrol(PROVPKG_ROLE_OEM, none)), -EINVAL);
	assert_int_equal(encode(enrol(PROVPKG_ROLE_OEM, NULL)), -EINVAL);
	assert_int_equal(encode(enrol(PROVPKG_ROLE_OEM, many)), -EINVAL);
	assert_int_equal(encode(enrol(PROVPKG_ROLE_OPERATOR, oem.anchors)), -EINVAL);
	assert_int_equal(encode(enrol(5, oem.anchors)), -EINVAL);
	request = enrol(PROVPKG_ROLE_OEM, oem.anchors);
	strcpy(request.enrol.name, "tab\t");
	assert_int_equal(encode(request), -EINVAL);
	request.enrol.name[0] = 0;
	assert_int_equal(encode(request), -EINVAL);
	request = initialise();
	request.initialise.identity_pq = NULL;
	assert_int_equal(encode(request), -EINVAL);
	request = initialise();
	request.initialise.chain = many;
	assert_int_equal(encode(request), -EINVAL);
	assert_int_equal(encode(policy(0, 10)), -EINVAL);
	assert_int_equal(encode(policy(PROVPKG_OFFICERS_MAX + 1, 10)), -EINVAL);
	assert_int_equal(encode(policy(1, PROVPKG_FAILURES_MAX + 1)), -EINVAL);
	assert_int_equal(encode(named(PROVPKG_OPERATION_REMOVE, "")), -EINVAL);
	assert_int_equal(encode(named(PROVPKG_OPERATION_UNLOCK, "line\n")), -EINVAL);
	assert_int_equal(encode(audit(0, false)), -EINVAL);
	sk_X509_free(none);
	sk_X509_free(many);
}

static int decode(struct provpkg_view der, struct provpkg_blob *again)
{
	struct provpkg_request request;
	int result = provpkg_request_decode(der, &request);

	if (result)
		return result;
	assert_int_equal(provpkg_request_encode(&request, again), 0);
	provpkg_request_clear(&request);
	return 0;
}

static void sweep_request(struct provpkg_request request)
{
	struct provpkg_blob der;

	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	sweep(provpkg_blob_view(&der), decode);
	provpkg_blob_free(&der);
}

static void no_second_encoding_is_accepted(void **state)
{
	STACK_OF(X509) *one = sk_X509_new_null();

	(void)state;
	sk_X509_push(one, oem.classical.certificate);
	sweep_request(allocate(10));
	sweep_request(blank_request(PROVPKG_OPERATION_CLOSE));
	sweep_request(blank_request(PROVPKG_OPERATION_ZEROISE));
	sweep_request(enrol(PROVPKG_ROLE_OPERATOR, one));
	sweep_request(named(PROVPKG_OPERATION_REMOVE, "otto"));
	sweep_request(named(PROVPKG_OPERATION_UNLOCK, "otto"));
	sweep_request(policy(2, 10));
	sweep_request(audit(1000, false));
	sweep_request(audit(1000, true));
	sk_X509_free(one);
}

/* The operation stands behind 30 len 02 01 version 02 01. */
static int decode_with_operation(struct provpkg_request request, uint8_t operation)
{
	struct provpkg_request decoded;
	struct provpkg_blob der;
	int result;

	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	assert_memory_equal(der.data + 2, "\x02\x01\x01\x02\x01", 5);
	der.data[7] = operation;
	result = provpkg_request_decode(provpkg_blob_view(&der), &decoded);
	provpkg_blob_free(&der);
	return result;
}

static void decode_names_what_is_wrong(void **state)
{
	struct provpkg_request decoded;

	(void)state;
	assert_int_equal(decode_with_operation(allocate(1), 0), PROVCARD_REFUSAL_OPERATION_UNKNOWN);
	assert_int_equal(decode_with_operation(allocate(1), 99), PROVCARD_REFUSAL_OPERATION_UNKNOWN);
	assert_int_equal(decode_with_operation(allocate(1), 127), PROVCARD_REFUSAL_OPERATION_UNKNOWN);
	assert_int_equal(decode_with_operation(allocate(1), PROVPKG_OPERATION_CLOSE), PROVCARD_REFUSAL_REQUEST_DER);
	assert_int_equal(decode_with_operation(allocate(1), PROVPKG_OPERATION_ZEROISE), PROVCARD_REFUSAL_REQUEST_DER);
	assert_int_equal(provpkg_request_decode((struct provpkg_view){ NULL, 0 }, &decoded), PROVCARD_REFUSAL_REQUEST_DER);
}

/* A count of zero, a person with two certificates: forms that encode() never makes. */
static void decode_refuses_nonsense(void **state)
{
	struct provpkg_request request = allocate(1), decoded;
	struct provpkg_blob der;
	uint8_t *role;

	(void)state;
	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	der.data[der.size - 1] = 0;
	assert_int_equal(provpkg_request_decode(provpkg_blob_view(&der), &decoded), PROVCARD_REFUSAL_REQUEST_DER);
	provpkg_blob_free(&der);
	request = enrol(PROVPKG_ROLE_OEM, oem.anchors);
	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	role = memmem(der.data, der.size,
		      "\x02\x01\x04\x0c\x04"
		      "acme",
		      9);
	assert_non_null(role);
	for (int value = 0; value < 8; value++) {
		role[2] = value;
		assert_int_equal(provpkg_request_decode(provpkg_blob_view(&der), &decoded),
				 value == PROVPKG_ROLE_OEM ? 0 : PROVCARD_REFUSAL_REQUEST_DER);
		if (value == PROVPKG_ROLE_OEM)
			provpkg_request_clear(&decoded);
	}
	role[2] = PROVPKG_ROLE_OEM;
	role[5] = '\a';
	assert_int_equal(provpkg_request_decode(provpkg_blob_view(&der), &decoded), PROVCARD_REFUSAL_REQUEST_DER);
	provpkg_blob_free(&der);
}

static int decode_policy(uint8_t officers, uint8_t failures)
{
	struct provpkg_request request = policy(2, 3), decoded;
	struct provpkg_blob der;
	int result;

	assert_int_equal(provpkg_request_encode(&request, &der), 0);
	assert_memory_equal(der.data + der.size - 8, "\x30\x06\x02\x01\x02\x02\x01\x03", 8);
	der.data[der.size - 4] = officers;
	der.data[der.size - 1] = failures;
	result = provpkg_request_decode(provpkg_blob_view(&der), &decoded);
	provpkg_blob_free(&der);
	return result;
}

static void decode_bounds_policies(void **state)
{
	(void)state;
	assert_int_equal(decode_policy(1, 0), 0);
	assert_int_equal(decode_policy(16, 127), 0);
	assert_int_equal(decode_policy(0, 1), PROVCARD_REFUSAL_REQUEST_DER);
	assert_int_equal(decode_policy(17, 1), PROVCARD_REFUSAL_REQUEST_DER);
	assert_int_equal(decode_policy(1, 0x80), PROVCARD_REFUSAL_REQUEST_DER);
}

static void roles_have_names(void **state)
{
	(void)state;
	for (int role = PROVPKG_ROLE_OFFICER; role <= PROVPKG_ROLE_TIME; role++)
		assert_int_equal(provpkg_role_find(provpkg_role_name(role)), role);
	assert_null(provpkg_role_name(0));
	assert_null(provpkg_role_name(6));
	assert_int_equal(provpkg_role_find(""), 0);
	assert_int_equal(provpkg_role_find("Officer"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initialise_round_trip),	  cmocka_unit_test(enrol_round_trip),
		cmocka_unit_test(small_ones_round_trip),	  cmocka_unit_test(encode_refuses_nonsense),
		cmocka_unit_test(no_second_encoding_is_accepted), cmocka_unit_test(decode_names_what_is_wrong),
		cmocka_unit_test(decode_refuses_nonsense),	  cmocka_unit_test(roles_have_names),
		cmocka_unit_test(people_round_trip),		  cmocka_unit_test(decode_bounds_policies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
