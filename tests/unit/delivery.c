// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>

#include "tests/unit/delivery.h"

struct delivery_world world;

static const struct provpkg_identity identity = {
	.present = true,
	.algorithm = PROVPKG_KEY_P256,
	.organisation = "Acme",
	.common_name = "sensor",
	.hardware_type = "1.3.6.1.4.1.99999.1",
};

int delivery_world_new(void **state)
{
	const struct pki_profile root = { .subject = "OEM root", .ca = true }, issuing = { .subject = "OEM issuing", .ca = true };

	(void)state;
	maker_new(&world.maker);
	made_card_new(&world.made, &world.maker, "PC-0001");
	world.issuer.root_key = pki_key("P-384");
	world.issuer.root = pki_certificate(world.issuer.root_key, &root, NULL, NULL);
	world.issuer.key = pki_key("P-256");
	world.issuer.certificate = pki_certificate(world.issuer.key, &issuing, world.issuer.root, world.issuer.root_key);
	world.issuer.chain = sk_X509_new_null();
	sk_X509_push(world.issuer.chain, world.issuer.certificate);
	sk_X509_push(world.issuer.chain, world.issuer.root);
	return provpkg_device_template_new(world.issuer.certificate, &identity, &world.issuer.device);
}

int delivery_world_free(void **state)
{
	(void)state;
	provpkg_device_template_free(world.issuer.device);
	sk_X509_free(world.issuer.chain);
	X509_free(world.issuer.certificate);
	X509_free(world.issuer.root);
	EVP_PKEY_free(world.issuer.key);
	EVP_PKEY_free(world.issuer.root_key);
	made_card_free(&world.made);
	maker_free(&world.maker);
	return 0;
}

struct provpkg_blob delivery_certificate(struct provpkg_view uid)
{
	EVP_PKEY *key = pki_key("P-256");
	struct provpkg_blob der = { 0 };
	uint8_t point[65], serial[16] = { 0 };
	size_t size;

	memcpy(serial, uid.data, uid.size);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size), 1);
	assert_int_equal(provpkg_device_issue(world.issuer.device, world.issuer.key, (struct provpkg_view){ point, 65 }, uid, serial, PKI_NOW, &der), 0);
	EVP_PKEY_free(key);
	return der;
}

static struct entry *add(struct delivery *delivery, uint64_t index, enum provpkg_event event)
{
	struct entry *entry = &delivery->entry[index];
	struct provpkg_record *record = &entry->record;

	record->index = index;
	record->event = event;
	record->time = PKI_NOW;
	record->has_job = true;
	memset(record->package_id, 0x1d, sizeof(record->package_id));
	record->before = record->after = delivery->counters;
	return entry;
}

void delivery_attach(struct entry *entry, struct provpkg_blob attachment)
{
	entry->attachment = attachment;
	SHA256(attachment.data, attachment.size, entry->record.attachment_digest);
}

static void add_unit(struct delivery *delivery, uint64_t index, enum provpkg_event event, uint8_t uid)
{
	struct entry *entry = add(delivery, index, event);
	struct provpkg_record *record = &entry->record;

	record->has_unit = true;
	record->uid_size = 8;
	memset(record->uid, uid, record->uid_size);
	strcpy(record->part, "nRF52840");
	if (event == PROVPKG_EVENT_UNIT_REFUSED)
		return;
	record->before.reserved = 2; /* another head has reserved one too */
	record->after.reserved = 1;
	record->after.good += event == PROVPKG_EVENT_UNIT_GOOD;
	record->after.scrap += event == PROVPKG_EVENT_UNIT_SCRAP;
	delivery->counters = record->after;
	delivery_attach(entry, delivery_certificate((struct provpkg_view){ record->uid, record->uid_size }));
	memcpy(record->certificate_digest, record->attachment_digest, PROVPKG_HASH_SIZE);
}

static void add_all(struct delivery *delivery)
{
	uint64_t index = LOADED;
	struct entry *entry;

	for (uint64_t before = 0; before < LOADED; before++)
		delivery->entry[before].record = (struct provpkg_record){ .index = before, .event = PROVPKG_EVENT_BOOT };
	add(delivery, index++, PROVPKG_EVENT_LOADED);
	entry = add(delivery, index++, PROVPKG_EVENT_ALLOCATED);
	entry->record.after.allocated = 5;
	delivery->counters = entry->record.after;
	entry->attachment.data = OPENSSL_memdup("request", 7);
	entry->attachment.size = 7;
	delivery_attach(entry, entry->attachment);
	add_unit(delivery, index++, PROVPKG_EVENT_UNIT_GOOD, 1);
	add_unit(delivery, index++, PROVPKG_EVENT_UNIT_REFUSED, 1);
	add_unit(delivery, index++, PROVPKG_EVENT_UNIT_GOOD, 2);
	delivery->entry[index].record = (struct provpkg_record){ .index = index, .event = PROVPKG_EVENT_BOOT };
	index++;
	add_unit(delivery, index++, PROVPKG_EVENT_UNIT_SCRAP, 3);
	add_unit(delivery, index++, PROVPKG_EVENT_UNIT_GOOD, 4);
	add(delivery, index++, PROVPKG_EVENT_CLOSED);
	assert_int_equal(index, LOG_SIZE);
}

void delivery_seal(struct delivery *delivery)
{
	struct provpkg_tree log = { 0 }, certificates = { 0 };
	uint8_t leaf[PROVPKG_HASH_SIZE];

	for (size_t i = 0; i < LOG_SIZE; i++) {
		struct entry *entry = &delivery->entry[i];

		if (i)
			SHA256(entry[-1].der.data, entry[-1].der.size, entry->record.previous);
		provpkg_blob_free(&entry->der);
		assert_int_equal(provpkg_record_encode(&entry->record, &entry->der), 0);
		assert_int_equal(provpkg_merkle_leaf(provpkg_blob_view(&entry->der), leaf), 0);
		assert_int_equal(provpkg_tree_put(&log, 0, leaf, provpkg_nodes_keep, &delivery->nodes), 0);
		if (entry->record.event != PROVPKG_EVENT_UNIT_GOOD || !entry->attachment.size)
			continue;
		assert_int_equal(provpkg_merkle_leaf(provpkg_blob_view(&entry->attachment), leaf), 0);
		assert_int_equal(provpkg_tree_add(&certificates, leaf), 0);
	}
	assert_int_equal(provpkg_tree_root(&log, delivery->end.log_root), 0);
	assert_int_equal(provpkg_tree_root(&certificates, delivery->end.certificates_root), 0);
}

void delivery_sign(struct delivery *delivery, const struct provpkg_signer *signers, size_t count)
{
	struct provpkg_blob der;

	provpkg_blob_free(&delivery->cms);
	assert_int_equal(provpkg_end_certificate_encode(&delivery->end, &der), 0);
	assert_int_equal(provpkg_sign(PROVPKG_CONTENT_END_CERTIFICATE, provpkg_blob_view(&der), signers, count, &delivery->cms), 0);
	provpkg_blob_free(&der);
}

void delivery_new(struct delivery *delivery)
{
	memset(delivery, 0, sizeof(*delivery));
	add_all(delivery);
	delivery->end = (struct provpkg_end_certificate){
		.product = "sensor 3000",
		.oem = "Acme",
		.granted = 10,
		.granted_good = 8,
		.granted_scrap = 2,
		.good = DELIVERY_GOOD,
		.scrap = 1,
		.unused = 6,
		.first_index = LOADED,
		.last_index = LOG_SIZE - 1,
		.records = LOG_SIZE - LOADED - 1,
		.log_size = LOG_SIZE,
		.closed_at = PKI_NOW,
	};
	memcpy(delivery->end.card_id, world.made.card->card_id, PROVPKG_CARD_ID_SIZE);
	memset(delivery->end.package_id, 0x1d, PROVPKG_ID_SIZE);
	delivery_seal(delivery);
	delivery_sign(delivery, world.made.signers, 2);
}

void delivery_free(struct delivery *delivery)
{
	for (size_t i = 0; i < LOG_SIZE; i++) {
		provpkg_blob_free(&delivery->entry[i].der);
		provpkg_blob_free(&delivery->entry[i].attachment);
	}
	provpkg_blob_free(&delivery->cms);
	provpkg_nodes_free(&delivery->nodes);
}

/* ---- Checking it ---- */

struct provpkg_verifier *delivery_verifier(const struct delivery *delivery)
{
	struct provpkg_verifier *verifier = NULL;

	assert_int_equal(provpkg_verifier_new(provpkg_blob_view(&delivery->cms), world.made.card, world.issuer.chain, &verifier),
			 0);
	return verifier;
}

int delivery_feed_with(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t index, struct provpkg_view attachment)
{
	return provpkg_verifier_record(verifier, provpkg_blob_view(&delivery->entry[index].der), attachment);
}

int delivery_feed_run(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t first, uint64_t count)
{
	uint8_t hash[PROVPKG_RUN_MAX][PROVPKG_HASH_SIZE];
	size_t roots;

	assert_int_equal(provpkg_run(provpkg_nodes_give, &delivery->nodes, first, count, hash, &roots), 0);
	return provpkg_verifier_run(verifier, count, hash, roots);
}

struct provpkg_verifier *delivery_begin(struct delivery *delivery)
{
	struct provpkg_verifier *verifier = delivery_verifier(delivery);

	assert_int_equal(delivery_feed_run(verifier, delivery, 0, LOADED), 0);
	return verifier;
}

int delivery_feed(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t index)
{
	return delivery_feed_with(verifier, delivery, index, provpkg_blob_view(&delivery->entry[index].attachment));
}

int delivery_feed_range(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t from, uint64_t until)
{
	int result = 0;

	for (uint64_t i = from, foreign = 0; !result && i < until; i++) {
		if (!delivery->entry[i].record.has_job) {
			foreign++;
			continue;
		}
		if (foreign)
			result = delivery_feed_run(verifier, delivery, i - foreign, foreign);
		foreign = 0;
		if (!result)
			result = delivery_feed(verifier, delivery, i);
	}
	return result;
}

int delivery_verify(struct delivery *delivery)
{
	struct provpkg_verifier *verifier = delivery_verifier(delivery);
	int result = delivery_feed_range(verifier, delivery, 0, LOG_SIZE);

	if (!result)
		result = provpkg_verifier_finish(verifier);
	provpkg_verifier_free(verifier);
	return result;
}

int delivery_verify_without(struct delivery *delivery, uint64_t missing)
{
	struct provpkg_verifier *verifier = delivery_verifier(delivery);
	int result = delivery_feed_range(verifier, delivery, 0, missing);

	if (!result)
		result = delivery_feed_range(verifier, delivery, missing + 1, LOG_SIZE);
	if (!result)
		result = provpkg_verifier_finish(verifier);
	provpkg_verifier_free(verifier);
	return result;
}

int delivery_verify_resealed(struct delivery *delivery)
{
	delivery_seal(delivery);
	delivery_sign(delivery, world.made.signers, 2);
	return delivery_verify(delivery);
}

int delivery_verify_changed(uint64_t index, void (*change)(struct provpkg_record *record))
{
	struct delivery delivery;
	int result;

	delivery_new(&delivery);
	change(&delivery.entry[index].record);
	result = delivery_verify_resealed(&delivery);
	delivery_free(&delivery);
	return result;
}
