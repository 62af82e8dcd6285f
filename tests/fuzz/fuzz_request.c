// SPDX-License-Identifier: GPL-2.0-or-later
/* Signed requests: the DER inside, and the CMS around it. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "provpkg.h"
#include "tests/unit/pki.h"

enum { BARE, SIGNED };

static struct pki_chain person;

void fuzz_begin(void)
{
	pki_chain_new(&person, "P-256", &(struct pki_profile){ .subject = "olga" });
}

static void decode(struct provpkg_view der)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_request request;

	if (provpkg_request_decode(der, &request))
		return;
	fuzz_accepted();
	FUZZ_MUST(!provpkg_request_encode(&request, &again));
	FUZZ_MUST(again.size == der.size && !memcmp(again.data, der.data, der.size));
	provpkg_blob_free(&again);
	provpkg_request_clear(&request);
}

void fuzz_one(struct provpkg_view input)
{
	struct provpkg_signed *object;

	if (fuzz_u8(&input) % 2 == BARE) {
		decode(input);
		return;
	}
	if (provpkg_signed_open(PROVPKG_CONTENT_REQUEST, input, &object))
		return;
	fuzz_accepted();
	FUZZ_MUST(provpkg_signed_count(object));
	for (size_t i = 0; i < provpkg_signed_count(object); i++)
		FUZZ_MUST(provpkg_signed_signer(object, i));
	decode(provpkg_signed_content(object));
	provpkg_signed_free(object);
}

static void seed(const char *name, const struct provpkg_request *request, bool as_signed)
{
	const struct provpkg_signer signer = { person.key, person.certificate, NULL };
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct fuzz_writer out = { .size = 0 };

	FUZZ_MUST(!provpkg_request_encode(request, &der));
	FUZZ_MUST(!provpkg_sign(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&der), &signer, 1, &cms));
	fuzz_put_u8(&out, as_signed ? SIGNED : BARE);
	fuzz_put(&out, as_signed ? cms.data : der.data, as_signed ? cms.size : der.size);
	fuzz_seed(name, out.data, out.size);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
}

void fuzz_seeds(void)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = 10 };

	FUZZ_MUST(sk_X509_push(list, person.certificate));
	seed("allocate", &request, false);
	seed("signed-allocate", &request, true);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_ZEROISE, .nonce = "nonce" };
	seed("zeroise", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_CLOSE, .close.package_id = "package" };
	seed("close", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_ENROL,
					    .enrol = { PROVPKG_ROLE_OPERATOR, "otto", list } };
	seed("enrol", &request, false);
	request = (struct provpkg_request){
		.operation = PROVPKG_OPERATION_INITIALISE,
		.initialise = { "olga", person.certificate, person.certificate, person.certificate, list },
	};
	seed("initialise", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_REMOVE, .remove.name = "otto" };
	seed("remove", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_UNLOCK, .unlock.name = "otto" };
	seed("unlock", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_POLICY, .policy = { 2, 10 } };
	seed("policy", &request, false);
	request = (struct provpkg_request){ .operation = PROVPKG_OPERATION_AUDIT,
					    .audit = { .size = 1000, .root = "root", .has_job = true, .package_id = "package" } };
	seed("audit", &request, false);
	sk_X509_free(list);
}
