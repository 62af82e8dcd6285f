// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "tests/unit/parcel.h"

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "parcel.c:%d: %s\n", line, what);
	abort();
}

static void set_rot(struct parcel *parcel)
{
	struct provpkg_rot *rot = &parcel->rot;

	*rot = (struct provpkg_rot){
		.part = "nRF52840",
		.images = 1,
		.image = { { .name = "application", .address = 0x1000, .size = 4096 } },
		.identity = { .present = true,
			      .algorithm = PROVPKG_KEY_P256,
			      .key_address = 0xfe000,
			      .certificate_address = 0xfe100,
			      .certificate_size = 1024,
			      .organisation = "Acme",
			      .common_name = "sensor",
			      .hardware_type = "1.3.6.1.4.1.99999.1" },
		.lifecycles = 1,
		.lifecycle = { { .name = "debug", .address = 0xff000, .size = 32, .secret = "thirty-two bytes of a secret ..." } },
		.lock = PROVPKG_LOCK_RECOVERABLE,
	};
	NEED(!provpkg_image_digest((struct provpkg_view){ parcel->image.data, rot->image[0].size }, rot->image[0].digest));
}

static void set_recipients(struct parcel *parcel)
{
	for (size_t i = 0; i < PARCEL_CARDS; i++) {
		pki_card_new(&parcel->cards[i], i ? "card B" : "card A");
		parcel->recipients[i] = (struct provpkg_recipient){
			.card = &parcel->cards[i].card,
			.ceiling_good = 10 + i,
			.ceiling_scrap = 2 + i,
			.issuer = parcel->issuing.certificate,
		};
	}
}

void parcel_new(struct parcel *parcel, size_t image_size)
{
	memset(parcel, 0, sizeof(*parcel));
	NEED(image_size >= 4096);
	parcel->image = (struct provpkg_blob){ OPENSSL_malloc(image_size), image_size };
	for (size_t i = 0; i < image_size; i++)
		parcel->image.data[i] = (uint8_t)(i * 131 + (i >> 8));
	pki_oem_new(&parcel->oem, "Acme");
	pki_chain_new(&parcel->issuing, "P-256", &(struct pki_profile){ .subject = "Acme issuing", .ca = true });
	parcel->issuer_chain = sk_X509_new_null();
	NEED(sk_X509_push(parcel->issuer_chain, parcel->issuing.root));
	set_rot(parcel);
	set_recipients(parcel);
	parcel->build = (struct provpkg_build){
		.suite = PROVPKG_SUITE_HYBRID,
		.product = "sensor 7",
		.security_version = 3,
		.window = { PKI_NOW - PKI_DAY, PKI_NOW + PKI_DAY },
		.rot = &parcel->rot,
		.issuer_chain = parcel->issuer_chain,
		.recipients = parcel->recipients,
		.recipient_count = PARCEL_CARDS,
		.signers = parcel->oem.signers,
		.signer_count = 2,
		.image_size = image_size,
	};
}

void parcel_suite(struct parcel *parcel, unsigned int suite)
{
	parcel->build.suite = suite;
	parcel->build.signers = parcel->oem.signers + (suite == PROVPKG_SUITE_CNSA2 ? 2 : 0);
	parcel->build.signer_count = provpkg_suite_signers(suite);
}

static void pack_segments(struct parcel *parcel)
{
	uint64_t segments = provpkg_builder_segments(parcel->builder), offset;
	size_t size;

	parcel->payload = (struct provpkg_blob){ OPENSSL_malloc(segments * PROVPKG_SEGMENT_SIZE), 0 };
	for (uint64_t i = 0; i < segments; i++) {
		provpkg_builder_need(parcel->builder, i, &offset, &size);
		NEED(!provpkg_builder_segment(parcel->builder, i, (struct provpkg_view){ parcel->image.data + offset, size },
					      parcel->payload.data + i * PROVPKG_SEGMENT_SIZE, &size));
		parcel->payload.size += size;
	}
}

void parcel_pack(struct parcel *parcel)
{
	NEED(!provpkg_builder_new(&parcel->build, &parcel->builder));
	pack_segments(parcel);
	NEED(!provpkg_builder_finish(parcel->builder, parcel->header, &parcel->manifest, &parcel->leaves));
}

void parcel_free(struct parcel *parcel)
{
	provpkg_builder_free(parcel->builder);
	provpkg_blob_free(&parcel->manifest);
	provpkg_blob_free(&parcel->leaves);
	provpkg_blob_free(&parcel->payload);
	provpkg_blob_free(&parcel->image);
	sk_X509_free(parcel->issuer_chain);
	pki_chain_free(&parcel->issuing);
	for (size_t i = 0; i < PARCEL_CARDS; i++)
		pki_card_free(&parcel->cards[i]);
	pki_oem_free(&parcel->oem);
}

int parcel_open(const struct parcel *parcel, struct provpkg_manifest **manifest)
{
	int result = provpkg_manifest_open(provpkg_blob_view(&parcel->manifest), manifest);

	if (result)
		return result;
	result = provpkg_manifest_trust(*manifest, parcel->oem.anchors, PKI_NOW);
	if (result) {
		provpkg_manifest_free(*manifest);
		*manifest = NULL;
	}
	return result;
}

int parcel_key(const struct parcel *parcel, const struct provpkg_manifest *manifest, size_t index, uint8_t key[PROVPKG_KEY_SIZE])
{
	const struct pki_card *card = &parcel->cards[index];

	return provpkg_manifest_key(manifest, card->card.card_id, &card->keys, key);
}
