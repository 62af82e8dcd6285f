// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/sha.h>

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))
#define ANSWER_ROOM (256u << 10)

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "station.c:%d: %s\n", line, what);
	abort();
}

static void make_person(struct person *person, const char *name)
{
	person->key = pki_key("P-256");
	person->certificate = pki_certificate(person->key, &(struct pki_profile){ .subject = name }, NULL, NULL);
}

static void free_person(struct person *person)
{
	EVP_PKEY_free(person->key);
	X509_free(person->certificate);
}

void station_on(struct station *station)
{
	station->core = core_start(&station->board.port);
	NEED(station->core);
}

void station_off(struct station *station)
{
	core_stop(station->core);
	station->core = NULL;
}

void station_power_cut(struct station *station, enum fake_cut cut, uint64_t seed)
{
	station->board.power_ends_at = 1;
	station_off(station);
	fake_port_cut(&station->board, cut, seed);
	station_on(station);
}

void station_new(struct station *station, unsigned int heads)
{
	memset(station, 0, sizeof(*station));
	fake_port_new(&station->board, heads);
	maker_new(&station->maker);
	make_person(&station->officer, "olga");
	make_person(&station->operator, "otto");
	make_person(&station->auditor, "anna");
	make_person(&station->stranger, "someone");
	pki_oem_new(&station->oem, "Acme");
	pki_oem_new(&station->rival, "Rival");
	pki_chain_new(&station->pki, "P-256", &(struct pki_profile){ .subject = "unused" });
	for (size_t i = 0; i < sizeof(station->image); i++)
		station->image[i] = (uint8_t)(i * 151 + (i >> 7));
	station_on(station);
}

void station_free(struct station *station)
{
	if (station->core)
		station_off(station);
	provpkg_card_free(station->card);
	X509_free(station->issuer);
	pki_chain_free(&station->pki);
	pki_oem_free(&station->oem);
	pki_oem_free(&station->rival);
	free_person(&station->officer);
	free_person(&station->operator);
	free_person(&station->auditor);
	free_person(&station->stranger);
	maker_free(&station->maker);
	fake_port_free(&station->board);
}

static int read_memory(void *context, size_t offset, void *data, size_t size)
{
	memcpy(data, (const uint8_t *)context + offset, size);
	return 0;
}

static int write_memory(void *context, size_t offset, const void *data, size_t size)
{
	memcpy((uint8_t *)context + offset, data, size);
	return 0;
}

uint16_t station_command(struct station *station, uint8_t opcode, uint32_t job, const uint64_t arg[3], struct provpkg_view in,
			 void *out, size_t out_size, struct core_result *result)
{
	struct core_command command = { .opcode = opcode,
					.job = job,
					.in = { (void *)in.data, in.size, read_memory, write_memory },
					.out = { out, out_size, read_memory, write_memory },
					.aborted = &station->aborted };
	struct core_result unused;

	if (arg)
		memcpy(command.arg, arg, sizeof(command.arg));
	if (!result)
		result = &unused;
	core_execute(station->core, &command, result);
	return result->status;
}

struct provpkg_blob station_object(struct station *station, uint32_t kind, struct provpkg_view selector)
{
	struct provpkg_blob object = { OPENSSL_malloc(ANSWER_ROOM), 0 };
	struct core_result result;

	/* In pieces, as a host does. */
	do {
		uint64_t arg[3] = { kind, object.size, 0 };

		if (station_command(station, PROVCARD_OP_OBJECT_READ, 0, arg, selector, object.data + object.size, 1000, &result))
			object.size = result.length = 0;
		object.size += result.length;
	} while (result.length && object.size < result.result);
	return object;
}

struct provcard_service_status station_status(struct station *station)
{
	struct provcard_service_status status;

	NEED(!station_command(station, PROVCARD_OP_STATUS, 0, NULL, (struct provpkg_view){ 0 }, &status, sizeof(status), NULL));
	return status;
}

void station_address(struct station *station, struct provpkg_request *request)
{
	struct provcard_service_status status = station_status(station);

	memcpy(request->card_id, status.card_id, sizeof(request->card_id));
	NEED(!station_command(station, PROVCARD_OP_NONCE, 0, NULL, (struct provpkg_view){ 0 }, request->nonce,
			      sizeof(request->nonce), NULL));
}

struct provpkg_blob station_sign(const struct provpkg_request *request, const struct person *const *people, size_t count)
{
	struct provpkg_blob der = { 0 }, cms = { 0 };
	struct provpkg_signer signers[4];

	for (size_t i = 0; i < count; i++)
		signers[i] = (struct provpkg_signer){ people[i]->key, people[i]->certificate, NULL };
	NEED(!provpkg_request_encode(request, &der));
	NEED(!provpkg_sign(PROVPKG_CONTENT_REQUEST, provpkg_blob_view(&der), signers, count, &cms));
	provpkg_blob_free(&der);
	return cms;
}

uint16_t station_send(struct station *station, const struct provpkg_blob *cms, struct provpkg_blob *answer)
{
	uint8_t *room = OPENSSL_malloc(ANSWER_ROOM);
	struct core_result result;

	station_command(station, PROVCARD_OP_REQUEST, 0, NULL, provpkg_blob_view(cms), room, ANSWER_ROOM, &result);
	if (answer)
		*answer = (struct provpkg_blob){ room, result.length };
	else
		OPENSSL_free(room);
	return result.status;
}

uint16_t station_request(struct station *station, struct provpkg_request *request, const struct person *person,
			 struct provpkg_blob *answer)
{
	struct provpkg_blob cms;
	uint16_t status;

	station_address(station, request);
	cms = station_sign(request, &person, 1);
	status = station_send(station, &cms, answer);
	provpkg_blob_free(&cms);
	return status;
}

/* The maker certifies the keys that the card's requests name. */
static X509 *certify(struct station *station, X509_REQ *csr, bool classical)
{
	struct maker *maker = &station->maker;
	const struct pki_profile profile = { .subject = "provcard TEST-1", .ca = true };
	X509 *certificate = pki_certificate(X509_REQ_get0_pubkey(csr), &profile, classical ? maker->classical : maker->pq,
					    classical ? maker->classical_key : maker->pq_key);

	X509_REQ_free(csr);
	return certificate;
}

static X509_REQ *read_csr(BIO *pem)
{
	X509_REQ *csr = PEM_read_bio_X509_REQ(pem, NULL, NULL, NULL);

	NEED(csr && X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) == 1);
	return csr;
}

uint16_t station_initialise(struct station *station)
{
	struct provpkg_blob pem = station_object(station, PROVCARD_OBJECT_IDENTITY_CSR, (struct provpkg_view){ 0 });
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_INITIALISE };
	uint16_t status;

	snprintf(request.initialise.officer_name, sizeof(request.initialise.officer_name), "olga");
	request.initialise.officer = station->officer.certificate;
	request.initialise.identity_classical = certify(station, read_csr(bio), true);
	request.initialise.identity_pq = certify(station, read_csr(bio), false);
	request.initialise.chain = station->maker.anchors;
	status = station_request(station, &request, &station->officer, NULL);
	X509_free(request.initialise.identity_classical);
	X509_free(request.initialise.identity_pq);
	BIO_free(bio);
	provpkg_blob_free(&pem);
	return status;
}

uint16_t station_enrol_oem(struct station *station, const char *name, STACK_OF(X509) * anchors)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ENROL, .enrol.role = PROVPKG_ROLE_OEM };

	snprintf(request.enrol.name, sizeof(request.enrol.name), "%s", name);
	request.enrol.certificates = anchors;
	return station_request(station, &request, &station->officer, NULL);
}

uint16_t station_enrol(struct station *station, enum provpkg_role role, const char *name, X509 *certificate)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ENROL, .enrol.role = role };
	uint16_t status;

	snprintf(request.enrol.name, sizeof(request.enrol.name), "%s", name);
	request.enrol.certificates = sk_X509_new_null();
	NEED(sk_X509_push(request.enrol.certificates, certificate));
	status = station_request(station, &request, &station->officer, NULL);
	sk_X509_free(request.enrol.certificates);
	return status;
}

uint16_t station_allocate(struct station *station, const uint8_t *package_id, uint64_t count)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ALLOCATE, .allocate.count = count };

	memcpy(request.allocate.package_id, package_id, PROVPKG_ID_SIZE);
	return station_request(station, &request, &station->operator, NULL);
}

uint16_t station_close(struct station *station, const uint8_t *package_id, struct provpkg_blob *end)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_CLOSE };

	memcpy(request.close.package_id, package_id, PROVPKG_ID_SIZE);
	return station_request(station, &request, &station->operator, end);
}

void station_issuer(struct station *station, const char *kind)
{
	char selector[32];
	int size = snprintf(selector, sizeof(selector), "Acme%c%s", 0, kind);
	struct provpkg_view name = { (const uint8_t *)selector, (size_t)size };
	struct provpkg_blob pem = station_object(station, PROVCARD_OBJECT_ISSUER_CSR, name);
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	X509_REQ *csr = read_csr(bio);

	X509_free(station->issuer);
	station->issuer = pki_certificate(X509_REQ_get0_pubkey(csr), &(struct pki_profile){ .subject = "Acme line 1", .ca = true },
					  station->pki.root, station->pki.root_key);
	X509_REQ_free(csr);
	BIO_free(bio);
	provpkg_blob_free(&pem);
}

static void read_card(struct station *station)
{
	struct provpkg_blob pem = station_object(station, PROVCARD_OBJECT_CARD_CERTIFICATES, (struct provpkg_view){ 0 });

	provpkg_card_free(station->card);
	NEED(!provpkg_card_decode(provpkg_blob_view(&pem), &station->card));
	NEED(!provpkg_card_trust(station->card, PROVPKG_SUITE_HYBRID, station->maker.anchors, PKI_NOW));
	provpkg_blob_free(&pem);
}

void station_prepare(struct station *station)
{
	NEED(!station_initialise(station));
	NEED(!station_enrol(station, PROVPKG_ROLE_OPERATOR, "otto", station->operator.certificate));
	NEED(!station_enrol_oem(station, "Acme", station->oem.anchors));
	station_issuer(station, "P-256");
	read_card(station);
}

void station_order(struct station *station, struct order *order)
{
	memset(order, 0, sizeof(*order));
	order->image = station->image;
	order->chain = sk_X509_new_null();
	NEED(sk_X509_push(order->chain, station->pki.root));
	order->rot = (struct provpkg_rot){
		.part = "nRF52840",
		.images = 1,
		.image = { { .name = "application", .address = 0x1000, .size = STATION_IMAGE_SIZE } },
		.identity = { .present = true,
			      .algorithm = PROVPKG_KEY_P256,
			      .key_address = STATION_KEY_ADDRESS,
			      .certificate_address = STATION_CERTIFICATE_ADDRESS,
			      .certificate_size = 1024,
			      .organisation = "Acme",
			      .common_name = "sensor",
			      .hardware_type = "1.3.6.1.4.1.99999.1" },
		.lifecycles = 1,
		.lifecycle = { { .name = "debug",
				 .address = STATION_LIFECYCLE_ADDRESS,
				 .size = 32,
				 .secret = "thirty-two bytes of a secret ..." } },
		.lock = PROVPKG_LOCK_RECOVERABLE,
	};
	NEED(!provpkg_image_digest((struct provpkg_view){ station->image, STATION_IMAGE_SIZE }, order->rot.image[0].digest));
	order->recipient = (struct provpkg_recipient){
		.card = station->card, .ceiling_good = 10, .ceiling_scrap = 2, .issuer = station->issuer
	};
	order->build = (struct provpkg_build){
		.suite = PROVPKG_SUITE_HYBRID,
		.product = "sensor 7",
		.security_version = 3,
		.window = { PKI_NOW - PKI_DAY, PKI_NOW + PKI_DAY },
		.issuer_chain = order->chain,
		.recipient_count = 1,
		.signers = station->oem.signers,
		.signer_count = 2,
		.image_size = STATION_IMAGE_SIZE,
	};
}

void station_suite(struct station *station, struct order *order, unsigned int suite)
{
	order->build.suite = suite;
	order->build.signers = station->oem.signers + (suite == PROVPKG_SUITE_CNSA2 ? 2 : 0);
	order->build.signer_count = provpkg_suite_signers(suite);
}

static void pack_payload(struct provpkg_builder *builder, const struct order *order, uint8_t *payload)
{
	for (uint64_t i = 0; i < provpkg_builder_segments(builder); i++) {
		uint64_t offset;
		size_t size;

		provpkg_builder_need(builder, i, &offset, &size);
		NEED(!provpkg_builder_segment(builder, i, (struct provpkg_view){ order->image + offset, size },
					      payload + i * PROVPKG_SEGMENT_SIZE, &size));
	}
}

struct provpkg_blob station_pack(struct order *order, uint8_t *package_id)
{
	struct provpkg_blob file, manifest = { 0 }, leaves = { 0 };
	const struct provpkg_layout *layout;
	struct provpkg_builder *builder;

	order->build.rot = &order->rot;
	if (!order->build.recipients)
		order->build.recipients = &order->recipient;
	NEED(!provpkg_builder_new(&order->build, &builder));
	order->rot.lifecycle[0].returned |= order->late_return;
	layout = provpkg_builder_layout(builder);
	file.size = layout->payload.offset + layout->payload.size;
	file.data = OPENSSL_zalloc(file.size);
	pack_payload(builder, order, file.data + layout->payload.offset);
	NEED(!provpkg_builder_finish(builder, file.data, &manifest, &leaves));
	memcpy(file.data + layout->manifest.offset, manifest.data, manifest.size);
	memcpy(file.data + layout->leaves.offset, leaves.data, leaves.size);
	if (package_id)
		memcpy(package_id, provpkg_builder_package_id(builder), PROVPKG_ID_SIZE);
	provpkg_blob_free(&manifest);
	provpkg_blob_free(&leaves);
	provpkg_builder_free(builder);
	sk_X509_free(order->chain);
	return file;
}

uint32_t station_job(struct station *station)
{
	uint32_t job;

	NEED(!core_job_create(station->core, &job));
	return job;
}

uint16_t station_write(struct station *station, uint32_t job, const struct provpkg_blob *file)
{
	const size_t piece = 300000;
	uint16_t status = 0;

	for (size_t at = 0; at < file->size && !status; at += piece) {
		uint64_t arg[3] = { at, file->size, 0 };
		size_t size = file->size - at < piece ? file->size - at : piece;

		status = station_command(station, PROVCARD_OP_PACKAGE_WRITE, job, arg,
					 (struct provpkg_view){ file->data + at, size }, NULL, 0, NULL);
	}
	return status;
}

uint16_t station_load(struct station *station, uint32_t job, const struct provpkg_blob *file, struct provcard_service_job *report)
{
	struct provcard_service_job unused;
	uint16_t status = station_write(station, job, file);

	if (status)
		return status;
	return station_command(station, PROVCARD_OP_PACKAGE_COMMIT, job, NULL, (struct provpkg_view){ 0 },
			       report ? report : &unused, sizeof(unused), NULL);
}

uint16_t station_bind(struct station *station, uint32_t job, const uint8_t *package_id)
{
	struct provcard_service_job report;

	return station_command(station, PROVCARD_OP_JOB_BIND, job, NULL, (struct provpkg_view){ package_id, PROVPKG_ID_SIZE },
			       &report, sizeof(report), NULL);
}

struct provcard_service_job station_report(struct station *station, uint32_t job)
{
	struct provcard_service_job report;

	NEED(!station_command(station, PROVCARD_OP_JOB_STATUS, job, NULL, (struct provpkg_view){ 0 }, &report, sizeof(report),
			      NULL));
	return report;
}

uint16_t station_run(struct station *station, uint32_t job, unsigned int head, struct provcard_service_unit *unit)
{
	return station_run_flags(station, job, head, 0, unit);
}

uint16_t station_run_flags(struct station *station, uint32_t job, unsigned int head, uint64_t flags,
			   struct provcard_service_unit *unit)
{
	struct provcard_service_unit unused;
	uint64_t arg[3] = { head, flags, 0 };

	return station_command(station, PROVCARD_OP_UNIT_RUN, job, arg, (struct provpkg_view){ 0 }, unit ? unit : &unused,
			       sizeof(unused), NULL);
}

bool station_log(struct station *station, uint64_t index, struct station_entry *entry)
{
	struct provcard_service_log_entry header;
	uint64_t arg[3] = { index, 0, 0 };
	struct core_result result;

	entry->bytes = (struct provpkg_blob){ OPENSSL_malloc(ANSWER_ROOM), 0 };
	NEED(!station_command(station, PROVCARD_OP_LOG_READ, 0, arg, (struct provpkg_view){ 0 }, entry->bytes.data, ANSWER_ROOM,
			      &result));
	entry->bytes.size = result.length;
	if (!result.result) {
		provpkg_blob_free(&entry->bytes);
		return false;
	}
	memcpy(&header, entry->bytes.data, sizeof(header));
	entry->der = (struct provpkg_view){ entry->bytes.data + sizeof(header), header.record_size };
	entry->attachment = (struct provpkg_view){ entry->der.data + header.record_size, header.attachment_size };
	NEED(header.index == index && !provpkg_record_decode(entry->der, &entry->record));
	return true;
}
