/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A programming house in memory, for tests of the card's mind: a board, its card, the people, an OEM that packs for it. Aborts the
 * test program when something that is not under test fails.
 */
#ifndef TEST_STATION_H
#define TEST_STATION_H

#include "core/core.h"
#include "provcard-refusal.h"
#include "provcard-service.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/maker.h"

#define STATION_IMAGE_SIZE 8192
#define STATION_KEY_ADDRESS 0xfe000u
#define STATION_CERTIFICATE_ADDRESS 0xfe100u
#define STATION_LIFECYCLE_ADDRESS 0xff000u

struct person {
	EVP_PKEY *key;
	X509 *certificate;
};

struct station {
	struct fake_port board;
	struct core *core;
	atomic_bool aborted; /* the command in progress is to be aborted */
	struct maker maker;
	struct person officer, operator, auditor, stranger;
	struct pki_oem oem;	   /* "Acme" */
	struct pki_oem rival;	   /* not enrolled */
	struct pki_chain pki;	   /* the OEM's root for devices; its end certificate is not used */
	X509 *issuer;		   /* of the card's issuing key, by that root */
	struct provpkg_card *card; /* as the OEM sees it */
	uint8_t image[STATION_IMAGE_SIZE];
};

/* A package to be made: change what matters after station_order(). */
struct order {
	struct provpkg_rot rot;
	struct provpkg_recipient recipient; /* the only one, unless the build names others */
	struct provpkg_build build;
	STACK_OF(X509) * chain;
	const uint8_t *image;
	bool late_return; /* ask for the first lifecycle key back when the packer has looked already */
};

/* A blank card, switched on. */
void station_new(struct station *station, unsigned int heads);
void station_free(struct station *station);
/* Officer, operator and OEM enrolled, the issuing key certified: ready to load. */
void station_prepare(struct station *station);

/* The card's other issuing keys: that of this kind is certified now, and what is packed from here on names it. */
void station_issuer(struct station *station, const char *kind);

void station_on(struct station *station);
void station_off(struct station *station);
/* The power fails: nothing more is written, what was not flushed meets its fate; the card starts again. */
void station_power_cut(struct station *station, enum fake_cut cut, uint64_t seed);

/* A command; @arg may be NULL. Returns the status; @result may be NULL. */
uint16_t station_command(struct station *station, uint8_t opcode, uint32_t job, const uint64_t arg[3], struct provpkg_view in,
			 void *out, size_t out_size, struct core_result *result);
/* An object, whole; size 0 when the card refused. */
struct provpkg_blob station_object(struct station *station, uint32_t kind, struct provpkg_view selector);
struct provcard_service_status station_status(struct station *station);

/* Requests: @request gets the card's id and a fresh nonce. */
void station_address(struct station *station, struct provpkg_request *request);
struct provpkg_blob station_sign(const struct provpkg_request *request, const struct person *const *people, size_t count);
uint16_t station_send(struct station *station, const struct provpkg_blob *cms, struct provpkg_blob *answer);
uint16_t station_request(struct station *station, struct provpkg_request *request, const struct person *person,
			 struct provpkg_blob *answer);
uint16_t station_initialise(struct station *station);
uint16_t station_enrol(struct station *station, enum provpkg_role role, const char *name, X509 *certificate);
uint16_t station_enrol_oem(struct station *station, const char *name, STACK_OF(X509) * anchors);
uint16_t station_allocate(struct station *station, const uint8_t *package_id, uint64_t count);
uint16_t station_close(struct station *station, const uint8_t *package_id, struct provpkg_blob *end);

/* Packages: ten good, two scrap, one image, identity, a lifecycle key, recoverable lock. */
void station_order(struct station *station, struct order *order);
/* Suite 1 unless this says otherwise. */
void station_suite(struct station *station, struct order *order, unsigned int suite);
/* The file; @package_id (16 bytes) may be NULL. Frees what the order holds. */
struct provpkg_blob station_pack(struct order *order, uint8_t *package_id);

uint32_t station_job(struct station *station); /* a new handle */
uint16_t station_write(struct station *station, uint32_t job, const struct provpkg_blob *file);
uint16_t station_load(struct station *station, uint32_t job, const struct provpkg_blob *file, struct provcard_service_job *report);
uint16_t station_bind(struct station *station, uint32_t job, const uint8_t *package_id);
struct provcard_service_job station_report(struct station *station, uint32_t job);
uint16_t station_run(struct station *station, uint32_t job, unsigned int head, struct provcard_service_unit *unit);
/* With PROVCARD_UNIT_* flags. */
uint16_t station_run_flags(struct station *station, uint32_t job, unsigned int head, uint64_t flags,
			   struct provcard_service_unit *unit);

/* An entry of the log; record and attachment point into @bytes, which is freed by the caller. */
struct station_entry {
	struct provpkg_blob bytes;
	struct provpkg_record record;
	struct provpkg_view der;
	struct provpkg_view attachment;
};
bool station_log(struct station *station, uint64_t index, struct station_entry *entry); /* false past the end */

#endif
