// SPDX-License-Identifier: GPL-2.0-or-later
/* Manifests that are correctly signed by a trusted OEM and still must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "lib/provpkg/contents_form.h"
#include "lib/provpkg/der.h"
#include "lib/provpkg/manifest_form.h"
#include "tests/unit/parcel.h"

static struct parcel parcel;

static int setup(void **state)
{
	(void)state;
	parcel_new(&parcel, 8192);
	parcel_pack(&parcel);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	parcel_free(&parcel);
	return 0;
}

/* The content of the parcel's manifest, to be altered. */
static MANIFEST *take_apart(void)
{
	struct provpkg_signed *object;
	void *form;

	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&parcel.manifest), &object), 0);
	assert_int_equal(provpkg_der_decode(provpkg_signed_content(object), PROVPKG_MANIFEST_MAX, ASN1_ITEM_rptr(MANIFEST), 1, &form), 0);
	provpkg_signed_free(object);
	return form;
}

/* Sign bytes as a manifest and open them. */
static int open_content(struct provpkg_view content)
{
	struct provpkg_blob cms = { 0 };
	struct provpkg_manifest *manifest = NULL;
	int result;

	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, content, parcel.oem.signers, 2, &cms), 0);
	result = provpkg_manifest_open(provpkg_blob_view(&cms), &manifest);
	if (!result)
		result = provpkg_manifest_trust(manifest, parcel.oem.anchors, PKI_NOW);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&cms);
	return result;
}

static int refusal_of(void (*alter)(MANIFEST *form))
{
	MANIFEST *form = take_apart();
	struct provpkg_blob der = { 0 };
	int result;

	alter(form);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	result = open_content(provpkg_blob_view(&der));
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
	return result;
}

static void add_extension(MANIFEST *form, int critical)
{
	ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.99999.7", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, id, critical, value);

	if (!form->core->extensions)
		form->core->extensions = sk_X509_EXTENSION_new_null();
	sk_X509_EXTENSION_push(form->core->extensions, extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(id);
}

static void alter_nothing(MANIFEST *form)
{
	(void)form;
}

static void alter_extension(MANIFEST *form)
{
	add_extension(form, 0);
}

static void alter_critical_extension(MANIFEST *form)
{
	add_extension(form, 0);
	add_extension(form, 1);
}

static void alter_version(MANIFEST *form)
{
	form->core->version = 2;
}

static void alter_suite(MANIFEST *form)
{
	form->core->suite = 7;
}

static void alter_cnsa_suite(MANIFEST *form)
{
	form->core->suite = PROVPKG_SUITE_CNSA2;
}

static void alter_segment_size(MANIFEST *form)
{
	form->core->segment_size = 4096;
}

static void alter_segments(MANIFEST *form)
{
	form->core->segments = 2;
}

static void alter_no_segments(MANIFEST *form)
{
	form->core->segments = 0;
}

static void alter_huge_segments(MANIFEST *form)
{
	form->core->segments = UINT64_MAX / PROVPKG_SEGMENT_SIZE + 2;
	form->core->payload_size = UINT64_MAX;
}

static void alter_empty_payload(MANIFEST *form)
{
	form->core->payload_size = PROVPKG_FLOE_OVERHEAD;
}

static void alter_window(MANIFEST *form)
{
	form->core->window.not_before = UINT64_MAX;
}

static void alter_package_id(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->core->package_id, "short", 5));
}

static void alter_product(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->core->product, "a\0b", 3));
}

static void alter_product_utf8(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->core->product, "\xc0\xaf", 2));
}

static void alter_template_digest(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->core->template_digest, "short", 5));
}

static void alter_header(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->payload_header, "short", 5));
}

static void alter_root(MANIFEST *form)
{
	assert_true(provpkg_octets_set(form->payload_root, "short", 5));
}

static void alter_no_recipients(MANIFEST *form)
{
	while (sk_MANIFEST_RECIPIENT_num(form->recipients))
		ASN1_item_free((ASN1_VALUE *)sk_MANIFEST_RECIPIENT_pop(form->recipients), ASN1_ITEM_rptr(MANIFEST_RECIPIENT));
}

static void alter_twin_recipients(MANIFEST *form)
{
	const ASN1_OCTET_STRING *first = sk_MANIFEST_RECIPIENT_value(form->recipients, 0)->card_id;

	assert_true(ASN1_STRING_copy(sk_MANIFEST_RECIPIENT_value(form->recipients, 1)->card_id, first));
}

/* Replace the second grant by what @change makes of it. */
static void alter_grant(MANIFEST *form, void (*change)(struct provpkg_grant *grant))
{
	ASN1_TYPE *second = sk_ASN1_TYPE_value(form->grants, 1);
	struct provpkg_view der = provpkg_string_view(second->value.sequence);
	struct provpkg_blob changed = { 0 };
	struct provpkg_grant grant;

	assert_int_equal(provpkg_grant_decode(der, &grant), 0);
	change(&grant);
	assert_int_equal(provpkg_grant_encode(&grant, &changed), 0);
	assert_true(provpkg_octets_set(second->value.sequence, changed.data, changed.size));
	provpkg_blob_free(&changed);
}

static void change_package(struct provpkg_grant *grant)
{
	grant->package_id[3] ^= 1;
}

static void change_card(struct provpkg_grant *grant)
{
	grant->card_id[3] ^= 1;
}

static void change_card_to_first(struct provpkg_grant *grant)
{
	memcpy(grant->card_id, parcel.cards[0].card.card_id, sizeof(grant->card_id));
}

static void change_sequence(struct provpkg_grant *grant)
{
	grant->sequence = 2;
	grant->previous[0] = 1;
}

static void change_termination(struct provpkg_grant *grant)
{
	grant->termination = true;
}

static void alter_grant_package(MANIFEST *form)
{
	alter_grant(form, change_package);
}

static void alter_grant_card(MANIFEST *form)
{
	alter_grant(form, change_card);
}

static void alter_grant_twin(MANIFEST *form)
{
	alter_grant(form, change_card_to_first);
}

static void alter_grant_sequence(MANIFEST *form)
{
	alter_grant(form, change_sequence);
}

static void alter_grant_termination(MANIFEST *form)
{
	alter_grant(form, change_termination);
}

static void signed_nonsense_is_refused(void **state)
{
	static void (*const malformed[])(MANIFEST *form) = {
		alter_segment_size,    alter_segments,	     alter_no_segments, alter_huge_segments, alter_empty_payload,
		alter_window,	       alter_package_id,     alter_product,	alter_product_utf8,  alter_template_digest,
		alter_header,	       alter_root,	     alter_no_recipients, alter_twin_recipients, alter_grant_package,
		alter_grant_card,      alter_grant_twin,     alter_grant_sequence, alter_grant_termination,
	};

	(void)state;
	assert_int_equal(refusal_of(alter_nothing), 0);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(refusal_of(malformed[i]), PROVCARD_REFUSAL_MANIFEST_DER);
}

static void versions_suites_and_critical_fields_have_their_codes(void **state)
{
	(void)state;
	assert_int_equal(refusal_of(alter_version), PROVCARD_REFUSAL_PACKAGE_VERSION);
	assert_int_equal(refusal_of(alter_suite), PROVCARD_REFUSAL_SUITE_UNKNOWN);
	assert_int_equal(refusal_of(alter_cnsa_suite), PROVCARD_REFUSAL_MANIFEST_DER);
	assert_int_equal(refusal_of(alter_extension), 0);
	assert_int_equal(refusal_of(alter_critical_extension), PROVCARD_REFUSAL_CRITICAL_UNKNOWN);
}

/* The content as BER, and with bytes behind it, both well signed. */
static void signed_ber_and_trailing_bytes_are_refused(void **state)
{
	MANIFEST *form = take_apart();
	struct provpkg_blob der = { 0 };
	uint8_t *other;

	(void)state;
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	other = OPENSSL_zalloc(der.size + 2);
	memcpy(other, der.data, der.size);
	assert_int_equal(open_content((struct provpkg_view){ other, der.size + 1 }), PROVCARD_REFUSAL_TRAILING_DATA);
	other[1] = 0x80;
	memmove(other + 2, der.data + 4, der.size - 4);
	memset(other + der.size - 2, 0, 2);
	assert_int_equal(open_content((struct provpkg_view){ other, der.size }), PROVCARD_REFUSAL_MANIFEST_DER);
	OPENSSL_free(other);
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
}

/* Another package's envelopes in this manifest, signed: the key that comes out does not fit the payload. */
static void envelopes_are_bound_to_their_manifest(void **state)
{
	MANIFEST *form = take_apart();
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_manifest *manifest;
	struct provpkg_payload *payload;
	uint8_t key[PROVPKG_KEY_SIZE];

	(void)state;
	form->core->security_version++;
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), parcel.oem.signers, 2, &cms), 0);
	assert_int_equal(provpkg_manifest_open(provpkg_blob_view(&cms), &manifest), 0);
	assert_int_equal(provpkg_manifest_trust(manifest, parcel.oem.anchors, PKI_NOW), 0);
	assert_int_equal(parcel_key(&parcel, manifest, 0, key), 0);
	assert_int_equal(provpkg_payload_new(manifest, key, &payload), PROVCARD_REFUSAL_FLOE_HEADER);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&cms);
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
}

static void remove_grants(MANIFEST *form)
{
	ASN1_TYPE_free(sk_ASN1_TYPE_pop(form->grants));
}

static void a_recipient_without_grant_is_told_so(void **state)
{
	MANIFEST *form = take_apart();
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_manifest *manifest;
	const struct provpkg_grant *grant;

	(void)state;
	remove_grants(form);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(MANIFEST), &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&der), parcel.oem.signers, 2, &cms), 0);
	assert_int_equal(provpkg_manifest_open(provpkg_blob_view(&cms), &manifest), 0);
	assert_int_equal(provpkg_manifest_grant(manifest, parcel.cards[0].card.card_id, &grant), 0);
	assert_int_equal(provpkg_manifest_grant(manifest, parcel.cards[1].card.card_id, &grant), PROVCARD_REFUSAL_GRANT_MISSING);
	provpkg_manifest_free(manifest);
	provpkg_blob_free(&cms);
	provpkg_blob_free(&der);
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(MANIFEST));
}

/* ---- Contents ---- */

/* The parcel's first segment in the clear. */
static struct provpkg_blob plaintext(struct provpkg_manifest **manifest)
{
	struct provpkg_blob plain = { OPENSSL_zalloc(PROVPKG_SEGMENT_SIZE), 0 };
	struct provpkg_payload *payload;
	uint8_t key[PROVPKG_KEY_SIZE];

	assert_int_equal(parcel_open(&parcel, manifest), 0);
	assert_int_equal(parcel_key(&parcel, *manifest, 0, key), 0);
	assert_int_equal(provpkg_payload_new(*manifest, key, &payload), 0);
	assert_int_equal(provpkg_payload_segment(payload, 0, parcel.leaves.data, provpkg_blob_view(&parcel.payload), plain.data, &plain.size),
			 0);
	provpkg_payload_free(payload);
	return plain;
}

/* What the contents' decoding says after @alter. */
static int contents_refusal(void (*alter)(CONTENTS *form))
{
	struct provpkg_manifest *manifest;
	struct provpkg_blob plain = plaintext(&manifest), der = { 0 };
	struct provpkg_contents contents;
	void *form;
	size_t size;
	int result;

	assert_true(provpkg_der_walk(provpkg_blob_view(&plain), &size));
	assert_int_equal(provpkg_der_decode((struct provpkg_view){ plain.data, size }, size, ASN1_ITEM_rptr(CONTENTS), 1, &form), 0);
	alter(form);
	assert_int_equal(provpkg_der_encode(form, ASN1_ITEM_rptr(CONTENTS), &der), 0);
	memset(plain.data, 0, plain.size);
	memcpy(plain.data, der.data, der.size);
	result = provpkg_contents_decode(manifest, provpkg_blob_view(&plain), &contents);
	if (!result)
		provpkg_contents_clear(&contents);
	provpkg_contents_form_free(form);
	provpkg_blob_free(&der);
	provpkg_blob_free(&plain);
	provpkg_manifest_free(manifest);
	return result;
}

static void contents_unaltered(CONTENTS *form)
{
	(void)form;
}

static void contents_version(CONTENTS *form)
{
	form->version = 2;
}

static void contents_other_oem(CONTENTS *form)
{
	X509_free(form->oem);
	form->oem = X509_dup(parcel.oem.classical.root);
}

static void contents_pq_oem(CONTENTS *form)
{
	X509_free(form->oem);
	form->oem = X509_dup(parcel.oem.pq.certificate);
}

static void contents_other_chain(CONTENTS *form)
{
	X509_free(sk_X509_pop(form->issuer_chain));
	sk_X509_push(form->issuer_chain, X509_dup(parcel.oem.classical.root));
}

static void contents_no_issuers(CONTENTS *form)
{
	X509_free(sk_X509_pop(form->issuers));
	X509_free(sk_X509_pop(form->issuers));
}

static void replace_rot(CONTENTS *form, const struct provpkg_rot *rot)
{
	struct provpkg_blob der = { 0 };

	assert_int_equal(provpkg_rot_encode(rot, &der), 0);
	assert_true(provpkg_octets_set(form->rot, der.data, der.size));
	provpkg_blob_free(&der);
}

static void contents_other_identity(CONTENTS *form)
{
	struct provpkg_rot rot = parcel.rot;

	strcpy(rot.identity.common_name, "another");
	replace_rot(form, &rot);
}

static void contents_image_outside(CONTENTS *form)
{
	struct provpkg_rot rot = parcel.rot;

	rot.image[0].offset = 8192 - 4095;
	replace_rot(form, &rot);
}

static void contents_must_fit_the_manifest(void **state)
{
	(void)state;
	assert_int_equal(contents_refusal(contents_unaltered), 0);
	assert_int_equal(contents_refusal(contents_version), PROVCARD_REFUSAL_ROT_DER);
	assert_int_equal(contents_refusal(contents_other_oem), PROVCARD_REFUSAL_SIGNER_MISMATCH);
	assert_int_equal(contents_refusal(contents_pq_oem), PROVCARD_REFUSAL_SIGNER_MISMATCH);
	assert_int_equal(contents_refusal(contents_other_chain), PROVCARD_REFUSAL_CONTENTS_MISMATCH);
	assert_int_equal(contents_refusal(contents_no_issuers), PROVCARD_REFUSAL_CONTENTS_MISMATCH);
	assert_int_equal(contents_refusal(contents_other_identity), PROVCARD_REFUSAL_CONTENTS_MISMATCH);
	assert_int_equal(contents_refusal(contents_image_outside), PROVCARD_REFUSAL_ROT_RANGE);
}

static void malformed_contents_are_refused(void **state)
{
	struct provpkg_manifest *manifest;
	struct provpkg_blob plain = plaintext(&manifest);
	struct provpkg_contents contents;
	size_t size;

	(void)state;
	assert_true(provpkg_der_walk(provpkg_blob_view(&plain), &size));
	for (size_t cut = 0; cut < 4096; cut += 61)
		assert_int_equal(provpkg_contents_decode(manifest, (struct provpkg_view){ plain.data, cut }, &contents), PROVCARD_REFUSAL_ROT_DER);
	plain.data[size] = 1; /* the fill */
	assert_int_equal(provpkg_contents_decode(manifest, provpkg_blob_view(&plain), &contents), PROVCARD_REFUSAL_ROT_DER);
	plain.data[size] = 0;
	plain.data[1] = 0x80;
	assert_int_equal(provpkg_contents_decode(manifest, provpkg_blob_view(&plain), &contents), PROVCARD_REFUSAL_ROT_DER);
	provpkg_blob_free(&plain);
	provpkg_manifest_free(manifest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_nonsense_is_refused),
		cmocka_unit_test(versions_suites_and_critical_fields_have_their_codes),
		cmocka_unit_test(signed_ber_and_trailing_bytes_are_refused),
		cmocka_unit_test(envelopes_are_bound_to_their_manifest),
		cmocka_unit_test(a_recipient_without_grant_is_told_so),
		cmocka_unit_test(contents_must_fit_the_manifest),
		cmocka_unit_test(malformed_contents_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
