/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small log, the job in it, and what a card says of it at the end; for tests to falsify. Failures end the running test. */
#ifndef TEST_DELIVERY_H
#define TEST_DELIVERY_H

#include "tests/unit/maker.h"

#define DELIVERY_GOOD 3

/* Where the entries stand: two of other jobs first, one between. */
enum { LOADED = 2, ALLOCATED, FIRST_GOOD, REFUSED, SECOND_GOOD, FOREIGN, SCRAP, THIRD_GOOD, CLOSED, LOG_SIZE };

/* The card, its maker, and the OEM's issuing certificate. */
struct delivery_world {
	struct maker maker;
	struct made_card made;
	struct {
		EVP_PKEY *root_key;
		X509 *root;
		EVP_PKEY *key;
		X509 *certificate;
		STACK_OF(X509) *chain;
		struct provpkg_device_template *device;
	} issuer;
};

extern struct delivery_world world;

/* cmocka's set-up and tear-down. */
int delivery_world_new(void **state);
int delivery_world_free(void **state);

struct entry {
	struct provpkg_record record;
	struct provpkg_blob der;
	struct provpkg_blob attachment;
};

struct delivery {
	struct entry entry[LOG_SIZE];
	struct provpkg_end_certificate end;
	struct provpkg_blob cms;
	struct provpkg_counters counters; /* while it is built */
	struct provpkg_nodes nodes; /* of the log's tree */
};

/* An honest one. */
void delivery_new(struct delivery *delivery);
void delivery_free(struct delivery *delivery);

/* A device certificate as the card issues it. */
struct provpkg_blob delivery_certificate(struct provpkg_view uid);
/* Gives @entry its attachment, and the record its digest. */
void delivery_attach(struct entry *entry, struct provpkg_blob attachment);
/* What the card does when a job is closed: encode and hash all anew after a change, ... */
void delivery_seal(struct delivery *delivery);
/* ... and sign. */
void delivery_sign(struct delivery *delivery, const struct provpkg_signer *signers, size_t count);

struct provpkg_verifier *delivery_verifier(const struct delivery *delivery);
/* One that has seen what is before the job. */
struct provpkg_verifier *delivery_begin(struct delivery *delivery);
/* One record; the second form with another attachment than its own. */
int delivery_feed(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t index);
int delivery_feed_with(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t index,
		       struct provpkg_view attachment);
/* Entries that are none of the job's. */
int delivery_feed_run(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t first, uint64_t count);
/* The job's records from @from up to @until, and the runs between them; the first refusal. */
int delivery_feed_range(struct provpkg_verifier *verifier, struct delivery *delivery, uint64_t from, uint64_t until);

/* The first refusal of the whole; without one record; after sealing and signing again as a dishonest card would. */
int delivery_verify(struct delivery *delivery);
int delivery_verify_without(struct delivery *delivery, uint64_t missing);
int delivery_verify_resealed(struct delivery *delivery);
/* Change one record of an honest delivery as a dishonest card would. */
int delivery_verify_changed(uint64_t index, void (*change)(struct provpkg_record *record));

#endif
