// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of a firmware: what is accepted, and above all what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/vendor.h"

#define FIRMWARE(name) PROVCARD_REFUSAL_FIRMWARE_##name

static struct vendor vendor, stranger;
static const struct provpkg_view image = { (const uint8_t *)"the image", 9 };
static const struct provpkg_firmware plain = { .board = "board", .version = "1.0", .security_version = 3 };

static int setup(void **state)
{
	(void)state;
	vendor_new(&vendor, "Card maker firmware");
	vendor_new(&stranger, "Card maker firmware");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vendor_free(&vendor);
	vendor_free(&stranger);
	return 0;
}

static struct provpkg_blob manifest_der(void)
{
	struct provpkg_firmware firmware = plain;
	struct provpkg_blob der = { 0 };

	firmware.size = 9;
	memset(firmware.sha256, 2, sizeof(firmware.sha256));
	memset(firmware.sha384, 3, sizeof(firmware.sha384));
	assert_int_equal(provpkg_firmware_encode(&firmware, &der), 0);
	return der;
}

/* What becomes of a manifest with these signers. */
static int open_signed(const struct provpkg_signer *signers, size_t count, STACK_OF(X509) *anchors)
{
	struct provpkg_blob der = manifest_der(), cms = { 0 };
	struct provpkg_firmware firmware;
	int result;

	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_FIRMWARE, provpkg_blob_view(&der), signers, count, &cms), 0);
	result = provpkg_firmware_open(provpkg_blob_view(&cms), anchors, &firmware);
	provpkg_blob_free(&der);
	provpkg_blob_free(&cms);
	return result;
}

static void values_round_trip(void **state)
{
	struct provpkg_blob der = manifest_der(), again = { 0 };
	struct provpkg_firmware firmware;

	(void)state;
	assert_int_equal(provpkg_firmware_decode(provpkg_blob_view(&der), &firmware), 0);
	assert_string_equal(firmware.board, "board");
	assert_string_equal(firmware.version, "1.0");
	assert_int_equal(firmware.security_version, 3);
	assert_int_equal(firmware.size, 9);
	assert_int_equal(provpkg_firmware_encode(&firmware, &again), 0);
	assert_int_equal(again.size, der.size);
	assert_memory_equal(again.data, der.data, der.size);
	provpkg_blob_free(&der);
	provpkg_blob_free(&again);
}

static void values_out_of_range_are_not_encoded(void **state)
{
	struct provpkg_firmware bad[6];
	struct provpkg_blob der = { 0 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		bad[i] = plain;
		bad[i].size = 1;
	}
	bad[0].security_version = 0;
	bad[1].security_version = PROVPKG_FIRMWARE_SECURITY_MAX + 1;
	bad[2].size = 0;
	bad[3].size = PROVPKG_FIRMWARE_IMAGE_MAX + 1;
	bad[4].board[0] = 0;
	strcpy(bad[5].version, "1\n2");
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(provpkg_firmware_encode(&bad[i], &der), -EINVAL);
}

/* Every bit of the DER, and every length. */
static void manifest_is_strict(void **state)
{
	struct provpkg_blob der = manifest_der();
	struct provpkg_firmware firmware;
	uint8_t longer[1024] = { 0 };
	size_t accepted = 0;
	int result;

	(void)state;
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(provpkg_firmware_decode((struct provpkg_view){ der.data, size }, &firmware), FIRMWARE(DER));
	memcpy(longer, der.data, der.size);
	assert_int_equal(provpkg_firmware_decode((struct provpkg_view){ longer, der.size + 1 }, &firmware), PROVCARD_REFUSAL_TRAILING_DATA);
	for (size_t bit = 0; bit < 8 * der.size; bit++) {
		der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = provpkg_firmware_decode(provpkg_blob_view(&der), &firmware);
		if (result)
			assert_true(result == FIRMWARE(DER) || result == PROVCARD_REFUSAL_TRAILING_DATA);
		else
			accepted++;
		der.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* Digests may be any, names and numbers many. */
	assert_true(accepted >= 8 * (PROVPKG_HASH_SIZE + PROVPKG_SHA384_SIZE) && accepted < 8 * (der.size - 8));
	provpkg_blob_free(&der);
}

static void one_signature_is_not_enough(void **state)
{
	const struct provpkg_signer twice[] = { vendor.signers[0], vendor.signers[0] };
	const struct provpkg_signer three[] = { vendor.signers[0], vendor.signers[1], stranger.signers[0] };

	(void)state;
	assert_int_equal(open_signed(vendor.signers, 2, vendor.anchors), 0);
	assert_int_equal(open_signed(&vendor.signers[0], 1, vendor.anchors), FIRMWARE(SIGNATURE));
	assert_int_equal(open_signed(&vendor.signers[1], 1, vendor.anchors), FIRMWARE(SIGNATURE));
	assert_int_not_equal(open_signed(twice, 2, vendor.anchors), 0);
	assert_int_equal(open_signed(three, 3, vendor.anchors), FIRMWARE(SIGNATURE));
}

static void weaker_keys_are_not_taken(void **state)
{
	struct pki_chain small, curve;
	const struct pki_profile end = { .subject = "Card maker firmware" };
	struct provpkg_signer signers[2] = { vendor.signers[0] };

	(void)state;
	pki_chain_new(&small, "ML-DSA-65", &end);
	pki_chain_new(&curve, "P-256", &end);
	signers[1] = (struct provpkg_signer){ small.key, small.certificate, NULL };
	assert_int_equal(open_signed(signers, 2, NULL), FIRMWARE(SIGNATURE));
	signers[1] = vendor.signers[1];
	signers[0] = (struct provpkg_signer){ curve.key, curve.certificate, NULL };
	assert_int_equal(open_signed(signers, 2, NULL), FIRMWARE(SIGNATURE));
	pki_chain_free(&small);
	pki_chain_free(&curve);
}

static void both_signers_are_one_and_the_same(void **state)
{
	const struct provpkg_signer mixed[] = { vendor.signers[0], stranger.signers[1] };
	struct vendor other;

	(void)state;
	assert_int_equal(open_signed(mixed, 2, vendor.anchors), FIRMWARE(UNTRUSTED));
	assert_int_equal(open_signed(stranger.signers, 2, vendor.anchors), FIRMWARE(UNTRUSTED));
	vendor_new(&other, "Somebody else");
	assert_int_equal(open_signed((struct provpkg_signer[]){ vendor.signers[0], other.signers[1] }, 2, NULL), FIRMWARE(SIGNATURE));
	vendor_free(&other);
}

/* A broken P-384 root must not certify an ML-DSA key, nor the other way about. */
static void anchors_count_for_their_family_only(void **state)
{
	const struct pki_profile end = { .subject = "Card maker firmware" };
	EVP_PKEY *key = pki_key("ML-DSA-87");
	X509 *forged = pki_certificate(key, &end, vendor.classical.root, vendor.classical.root_key);
	const struct provpkg_signer signers[] = { vendor.signers[0], { key, forged, NULL } };
	STACK_OF(X509) *half = sk_X509_new_null();

	(void)state;
	assert_int_equal(open_signed(signers, 2, vendor.anchors), FIRMWARE(UNTRUSTED));
	assert_true(sk_X509_push(half, vendor.pq.root));
	assert_int_equal(open_signed(vendor.signers, 2, half), FIRMWARE(UNTRUSTED));
	sk_X509_free(half);
	X509_free(forged);
	EVP_PKEY_free(key);
}

/* The boot stage has no clock: what must not start any more is told by the floor. */
static void validity_does_not_matter(void **state)
{
	const struct pki_profile over = { .subject = "Card maker firmware", .not_before = 1000, .not_after = 2000 };
	X509 *old = pki_certificate(vendor.classical.key, &over, vendor.classical.root, vendor.classical.root_key);
	const struct provpkg_signer signers[] = { { vendor.classical.key, old, NULL }, vendor.signers[1] };

	(void)state;
	assert_int_equal(open_signed(signers, 2, vendor.anchors), 0);
	X509_free(old);
}

static void another_content_is_no_firmware(void **state)
{
	struct provpkg_blob der = manifest_der(), cms = { 0 };
	struct provpkg_firmware firmware;
	struct provpkg_signed *object;

	(void)state;
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&der), vendor.signers, 2, &cms), 0);
	assert_int_equal(provpkg_firmware_open(provpkg_blob_view(&cms), vendor.anchors, &firmware), FIRMWARE(DER));
	provpkg_blob_free(&cms);
	cms = (struct provpkg_blob){ 0 };
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_FIRMWARE, provpkg_blob_view(&der), vendor.signers, 2, &cms), 0);
	assert_int_equal(provpkg_signed_open(PROVPKG_CONTENT_MANIFEST, provpkg_blob_view(&cms), &object), PROVCARD_REFUSAL_MANIFEST_DER);
	cms.data[cms.size - 1] ^= 1;
	assert_int_equal(provpkg_firmware_open(provpkg_blob_view(&cms), vendor.anchors, &firmware), FIRMWARE(SIGNATURE));
	provpkg_blob_free(&cms);
	provpkg_blob_free(&der);
}

static void header_has_one_form(void **state)
{
	uint8_t header[PROVPKG_HEADER_SIZE], changed[PROVPKG_HEADER_SIZE];
	struct provpkg_firmware_layout layout, read;
	uint64_t end;

	(void)state;
	assert_int_equal(provpkg_firmware_layout(0, 1, &layout), -EINVAL);
	assert_int_equal(provpkg_firmware_layout(1, 0, &layout), -EINVAL);
	assert_int_equal(provpkg_firmware_layout(PROVPKG_FIRMWARE_MANIFEST_MAX + 1, 1, &layout), -EINVAL);
	assert_int_equal(provpkg_firmware_layout(1, PROVPKG_FIRMWARE_IMAGE_MAX + 1, &layout), -EINVAL);
	assert_int_equal(provpkg_firmware_layout(5000, 77, &layout), 0);
	end = layout.image.offset + layout.image.size;
	assert_int_equal(end, 4096 + 8192 + 77);
	provpkg_firmware_header(&layout, header);
	struct provpkg_view whole = { header, sizeof(header) }, view = { changed, sizeof(changed) };

	assert_int_equal(provpkg_firmware_layout_decode(whole, end, &read), 0);
	assert_memory_equal(&read, &layout, sizeof(read));
	assert_int_equal(provpkg_firmware_layout_decode(whole, UINT64_MAX, &read), 0);
	assert_int_equal(provpkg_firmware_layout_decode(whole, end - 1, &read), FIRMWARE(FILE));
	assert_int_equal(provpkg_firmware_layout_decode(whole, end + 1, &read), PROVCARD_REFUSAL_TRAILING_DATA);
	whole.size--;
	assert_int_equal(provpkg_firmware_layout_decode(whole, end, &read), FIRMWARE(FILE));
	for (size_t bit = 0; bit < 8 * 64; bit++) {
		memcpy(changed, header, sizeof(changed));
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* A manifest may be a little longer or shorter; then it is not DER any more. */
		if (!provpkg_firmware_layout_decode(view, end, &read))
			assert_true(read.manifest.size != layout.manifest.size && read.image.offset == layout.image.offset &&
				    read.image.size == layout.image.size);
	}
	memcpy(changed, header, sizeof(changed));
	changed[4095] = 1;
	assert_int_equal(provpkg_firmware_layout_decode(view, end, &read), FIRMWARE(FILE));
	assert_int_equal(provpkg_firmware_check_gap((struct provpkg_view){ header + 100, 100 }), 0);
	assert_int_equal(provpkg_firmware_check_gap((struct provpkg_view){ header, 1 }), FIRMWARE(FILE));
}

static void image_is_what_the_manifest_names(void **state)
{
	struct provpkg_firmware firmware = plain, opened;
	struct provpkg_blob head = { 0 };
	struct provpkg_firmware_layout layout;
	struct provpkg_view manifest;

	(void)state;
	assert_int_equal(provpkg_firmware_make(&firmware, image, vendor.signers, 1, &head), FIRMWARE(SIGNATURE));
	assert_int_equal(provpkg_firmware_make(&firmware, (struct provpkg_view){ image.data, 0 }, vendor.signers, 2, &head), -EINVAL);
	assert_int_equal(provpkg_firmware_make(&firmware, image, vendor.signers, 2, &head), 0);
	assert_int_equal(provpkg_firmware_layout_decode(provpkg_blob_view(&head), head.size + image.size, &layout), 0);
	manifest = (struct provpkg_view){ head.data + layout.manifest.offset, (size_t)layout.manifest.size };
	assert_int_equal(provpkg_firmware_open(manifest, vendor.anchors, &opened), 0);
	assert_memory_equal(&opened, &firmware, sizeof(opened));
	assert_int_equal(provpkg_firmware_check_image(&opened, image), 0);
	assert_int_equal(provpkg_firmware_check_image(&opened, (struct provpkg_view){ image.data, 8 }), FIRMWARE(DIGEST));
	assert_int_equal(provpkg_firmware_check_image(&opened, (struct provpkg_view){ (const uint8_t *)"The image", 9 }), FIRMWARE(DIGEST));
	opened.sha384[47] ^= 1;
	assert_int_equal(provpkg_firmware_check_image(&opened, image), FIRMWARE(DIGEST));
	provpkg_blob_free(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_round_trip),
		cmocka_unit_test(values_out_of_range_are_not_encoded),
		cmocka_unit_test(manifest_is_strict),
		cmocka_unit_test(one_signature_is_not_enough),
		cmocka_unit_test(weaker_keys_are_not_taken),
		cmocka_unit_test(both_signers_are_one_and_the_same),
		cmocka_unit_test(anchors_count_for_their_family_only),
		cmocka_unit_test(validity_does_not_matter),
		cmocka_unit_test(another_content_is_no_firmware),
		cmocka_unit_test(header_has_one_form),
		cmocka_unit_test(image_is_what_the_manifest_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
