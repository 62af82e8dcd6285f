// SPDX-License-Identifier: GPL-2.0-or-later
#include "package.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto.h"
#include "grant.h"
#include "internal.h"
#include "package_contents.h"

/* A package being opened. */
struct opening {
	struct core *core;
	struct vault *vault;
	const struct package_place *place;
	const struct ledger_load *known;
	struct ledger_load *terms;
	uint32_t *segment;
	struct provpkg_layout layout;
	struct provpkg_manifest *manifest;
	const struct provpkg_manifest_fields *fields;
	struct provpkg_blob leaves;
	struct provpkg_payload *payload;
	uint8_t *work;	/* secure heap, one segment: ciphertext, then plaintext where its content was */
	uint8_t *plain; /* within it */
	uint8_t *first; /* secure heap: plaintext of segment 0 */
	size_t first_size;
	uint64_t plain_size;	   /* of the whole payload */
	struct provpkg_blob grant; /* DER, or the quota authority's */
	struct package *package;
};

static int read_place(const struct opening *opening, uint64_t offset, void *data, size_t size)
{
	const struct port *port = opening->core->port;

	if (port->ops->nv_read(port->context, PORT_NV_STAGING, opening->place->offset + offset, data, size))
		return PROVCARD_REFUSAL_STORAGE_FAILED;
	return 0;
}

static int read_section(const struct opening *opening, const struct provpkg_section *section, uint64_t most, int too_large,
			struct provpkg_blob *blob)
{
	int code;

	if (section->size > most)
		return too_large;
	blob->data = OPENSSL_malloc(section->size ? section->size : 1);
	if (!blob->data)
		return -ENOMEM;
	blob->size = section->size;
	code = read_place(opening, section->offset, blob->data, blob->size);
	if (code)
		provpkg_blob_free(blob);
	return code;
}

static int check_gaps(const struct opening *opening)
{
	struct provpkg_section gaps[PROVPKG_GAPS];
	uint8_t bytes[PROVPKG_ALIGNMENT];
	int code = 0;

	provpkg_layout_gaps(&opening->layout, gaps);
	for (size_t i = 0; i < PROVPKG_GAPS; i++) {
		for (uint64_t done = 0; done < gaps[i].size && !code; done += sizeof(bytes)) {
			size_t now = gaps[i].size - done < sizeof(bytes) ? gaps[i].size - done : sizeof(bytes);

			code = read_place(opening, gaps[i].offset + done, bytes, now);
			if (!code)
				code = provpkg_layout_check_gap((struct provpkg_view){ bytes, now });
		}
	}
	return code;
}

/* Sizes, form, signatures. */
static int open_manifest(struct opening *opening)
{
	uint8_t header[PROVPKG_HEADER_SIZE];
	struct provpkg_blob cms = { 0 };
	struct provpkg_view content;
	int code;

	if (opening->place->size < sizeof(header))
		return PROVCARD_REFUSAL_PACKAGE_TRUNCATED;
	code = read_place(opening, 0, header, sizeof(header));
	if (!code)
		code = provpkg_layout_decode((struct provpkg_view){ header, sizeof(header) }, opening->place->size,
					     &opening->layout);
	if (!code)
		code = check_gaps(opening);
	if (!code)
		code = read_section(opening, &opening->layout.manifest, PROVPKG_MANIFEST_MAX, PROVCARD_REFUSAL_MANIFEST_DER, &cms);
	if (!code)
		code = provpkg_manifest_open(provpkg_blob_view(&cms), &opening->manifest);
	provpkg_blob_free(&cms);
	if (code)
		return code;
	opening->fields = provpkg_manifest_fields(opening->manifest);
	/* Of what is signed: certificates that travel along can be altered by anybody, and are no other package then. */
	content = provpkg_signed_content(provpkg_manifest_signed(opening->manifest));
	return crypto_sha256(content.data, content.size, opening->terms->manifest_digest);
}

/* The OEM whose anchors both signers chain to. When none fits, the answer that came nearest is given. */
static int judge_signers(struct opening *opening)
{
	int64_t now = (int64_t)core_time(opening->core);
	int nearest = PROVCARD_REFUSAL_SIGNER_UNTRUSTED;

	for (size_t i = 0; i < opening->vault->people; i++) {
		const struct vault_person *person = &opening->vault->person[i];
		int code;

		if (person->role != PROVPKG_ROLE_OEM)
			continue;
		code = provpkg_manifest_trust(opening->manifest, person->certificates, now);
		if (!code) {
			memcpy(opening->terms->oem, person->name, sizeof(opening->terms->oem));
			return 0;
		}
		if (code != PROVCARD_REFUSAL_SIGNER_UNTRUSTED)
			nearest = code;
	}
	return nearest;
}

static int judge_window(const struct provpkg_window *window, int64_t now, int early, int late)
{
	if (window->not_before && now < window->not_before)
		return early;
	return window->not_after && now > window->not_after ? late : 0;
}

static int judge_policy(struct opening *opening)
{
	const struct provpkg_manifest_fields *fields = opening->fields;
	struct ledger_load *terms = opening->terms;
	struct core *core = opening->core;
	uint32_t floor;

	memcpy(terms->package_id, fields->package_id, sizeof(terms->package_id));
	memcpy(terms->product, fields->product, sizeof(terms->product));
	terms->security_version = fields->security_version;
	/* A job that was loaded in time runs as long as its grant says. */
	if (opening->known)
		return 0;
	mtx_lock(&core->ledger.lock);
	floor = ledger_floor(&core->ledger, terms->oem, terms->product);
	mtx_unlock(&core->ledger.lock);
	if (fields->security_version < floor)
		return PROVCARD_REFUSAL_ROLLBACK;
	return judge_window(&fields->window, (int64_t)core_time(core), PROVCARD_REFUSAL_PACKAGE_NOT_YET_VALID,
			    PROVCARD_REFUSAL_PACKAGE_EXPIRED);
}

static void take_demands(const struct provpkg_manifest_fields *fields, struct ledger_demands *demands)
{
	demands->suite = (uint8_t)fields->suite;
	demands->quota_threshold = fields->authority ? (uint8_t)fields->authority->threshold : 0;
	for (size_t i = 0; i < fields->approvals; i++) {
		const struct provpkg_approval *approval = &fields->approval[i];
		uint8_t *counts = approval->operation == PROVPKG_OPERATION_CLOSE ? demands->close : demands->allocate;

		counts[approval->role - PROVPKG_ROLE_OFFICER] = (uint8_t)approval->count;
	}
}

/* Nothing is granted yet: the first grant is the quota authority's. */
static int take_authority(struct opening *opening)
{
	int code = provpkg_manifest_recipient(opening->manifest, opening->vault->card_id);

	return code ? code : provpkg_authority_encode(opening->fields->authority, &opening->grant);
}

static int judge_grant(struct opening *opening)
{
	struct ledger_load *terms = opening->terms;
	const struct provpkg_grant *grant;
	int code;

	take_demands(opening->fields, &terms->demands);
	if (opening->fields->authority)
		return take_authority(opening);
	code = provpkg_manifest_grant(opening->manifest, opening->vault->card_id, &grant);
	if (code)
		return code;
	if (memcmp(grant->package_id, terms->package_id, sizeof(terms->package_id)))
		return PROVCARD_REFUSAL_GRANT_MISSING;
	if (grant->sequence != 1 || grant->termination)
		return PROVCARD_REFUSAL_GRANT_SEQUENCE;
	code = grant_terms(grant, &terms->grant);
	if (!code)
		code = provpkg_grant_encode(grant, &opening->grant);
	if (code || opening->known)
		return code;
	return judge_window(&grant->window, (int64_t)core_time(opening->core), PROVCARD_REFUSAL_GRANT_NOT_YET_VALID,
			    PROVCARD_REFUSAL_GRANT_EXPIRED);
}

static int open_payload(struct opening *opening)
{
	uint8_t *key = OPENSSL_secure_malloc(PROVPKG_KEY_SIZE);
	int code;

	if (!key)
		return -ENOMEM;
	code = provpkg_manifest_key(opening->manifest, opening->vault->card_id, &opening->vault->keys, key);
	if (!code)
		code = provpkg_payload_new(opening->manifest, key, &opening->payload);
	OPENSSL_secure_clear_free(key, PROVPKG_KEY_SIZE);
	return code;
}

/* Read, verify and decrypt one segment into the work buffer. */
static int open_segment(struct opening *opening, uint64_t index, size_t *size)
{
	const struct provpkg_section *payload = &opening->layout.payload;
	uint64_t at = index * PROVPKG_SEGMENT_SIZE;
	struct provpkg_view cipher = { opening->work, PROVPKG_SEGMENT_SIZE };
	int code;

	if (at >= payload->size)
		return PROVCARD_REFUSAL_PACKAGE_TRUNCATED;
	if (payload->size - at < cipher.size)
		cipher.size = payload->size - at;
	*opening->segment = (uint32_t)index;
	code = read_place(opening, payload->offset + at, opening->work, cipher.size);
	if (code)
		return code;
	return provpkg_payload_segment(opening->payload, index, opening->leaves.data + index * PROVPKG_HASH_SIZE, cipher,
				       opening->plain, size);
}

/* Every segment, before anything of the plaintext is looked at. */
static int verify_segments(struct opening *opening)
{
	size_t size;
	int code;

	for (uint64_t i = 0; i < opening->fields->segments; i++) {
		code = open_segment(opening, i, &size);
		if (code)
			return code;
		opening->plain_size += size;
		if (i == 0) {
			memcpy(opening->first, opening->plain, size);
			opening->first_size = size;
		}
	}
	*opening->segment = 0;
	return 0;
}

static int verify_payload(struct opening *opening)
{
	uint64_t most = opening->fields->segments * PROVPKG_HASH_SIZE;
	int code;

	if (opening->layout.payload.size != opening->fields->payload_size)
		return PROVCARD_REFUSAL_PACKAGE_TRUNCATED;
	code = read_section(opening, &opening->layout.leaves, most, PROVCARD_REFUSAL_LEAVES_MISMATCH, &opening->leaves);
	if (!code)
		code = provpkg_manifest_leaves(opening->manifest, provpkg_blob_view(&opening->leaves));
	if (!code)
		code = open_payload(opening);
	if (code)
		return code;
	opening->work = OPENSSL_secure_malloc(PROVPKG_SEGMENT_SIZE);
	opening->first = OPENSSL_secure_malloc(PROVPKG_SEGMENT_SIZE);
	if (!opening->work || !opening->first)
		return -ENOMEM;
	opening->plain = opening->work + PROVPKG_SEGMENT_PREFIX;
	return verify_segments(opening);
}

/* What of the segment at plaintext offset @start belongs to the image? */
static void copy_overlap(const struct opening *opening, size_t image, uint64_t start, size_t size)
{
	const struct provpkg_image *wanted = &opening->package->contents.rot.image[image];
	uint64_t from = opening->package->contents.image_area + wanted->offset, to = from + wanted->size;

	if (from < start)
		from = start;
	if (to > start + size)
		to = start + size;
	if (from < to) {
		uint64_t into = from - opening->package->contents.image_area - wanted->offset;

		memcpy(opening->package->image[image] + into, opening->plain + (from - start), to - from);
	}
}

static bool wants_segment(const struct provpkg_contents *contents, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < contents->rot.images; i++) {
		uint64_t from = contents->image_area + contents->rot.image[i].offset;

		if (from < end && from + contents->rot.image[i].size > start)
			return true;
	}
	return false;
}

static int allocate_images(struct opening *opening)
{
	struct package *package = opening->package;
	uint64_t area = opening->plain_size - package->contents.image_area;

	if (package->contents.image_area > opening->plain_size)
		return PROVCARD_REFUSAL_ROT_RANGE;
	for (size_t i = 0; i < package->contents.rot.images; i++) {
		const struct provpkg_image *image = &package->contents.rot.image[i];

		if (image->offset > area || image->size > area - image->offset)
			return PROVCARD_REFUSAL_ROT_RANGE;
		package->image[i] = OPENSSL_secure_malloc(image->size);
		if (!package->image[i])
			return -ENOMEM;
	}
	return 0;
}

/* Segments are verified again as they are read again: the staging memory is not inside the card's security boundary. */
static int read_images(struct opening *opening)
{
	const struct provpkg_contents *contents = &opening->package->contents;
	uint64_t plain = provpkg_payload_segment_plain();
	uint8_t digest[PROVPKG_HASH_SIZE];
	size_t size;
	int code = allocate_images(opening);

	for (uint64_t i = 0; i < opening->fields->segments && !code; i++) {
		if (!wants_segment(contents, i * plain, (i + 1) * plain))
			continue;
		code = open_segment(opening, i, &size);
		for (size_t image = 0; image < contents->rot.images && !code; image++)
			copy_overlap(opening, image, i * plain, size);
	}
	for (size_t image = 0; image < contents->rot.images && !code; image++) {
		struct provpkg_view bytes = { opening->package->image[image], contents->rot.image[image].size };

		code = provpkg_image_digest(bytes, digest);
		if (!code && memcmp(digest, contents->rot.image[image].digest, sizeof(digest)))
			code = PROVCARD_REFUSAL_IMAGE_DIGEST;
	}
	return code;
}

static int open_contents(struct opening *opening)
{
	struct provpkg_view plain = { opening->first, opening->first_size };
	struct provpkg_contents *contents;
	int code;

	opening->package = OPENSSL_secure_zalloc(sizeof(*opening->package));
	if (!opening->package)
		return -ENOMEM;
	opening->package->grant = opening->grant;
	opening->grant = (struct provpkg_blob){ 0 };
	contents = &opening->package->contents;
	code = provpkg_contents_decode(opening->manifest, plain, contents);
	if (!code)
		code = package_judge_rot(&contents->rot);
	if (!code)
		code = package_take_secret(opening->package, opening->vault);
	if (!code)
		code = package_prepare_identity(opening->core, opening->package, opening->vault, opening->terms->oem);
	if (!code)
		code = package_prepare_escrow(opening->package, opening->vault, opening->terms, opening->fields->suite);
	if (!code)
		code = read_images(opening);
	memcpy(opening->terms->part, contents->rot.part, sizeof(opening->terms->part));
	opening->terms->identity = contents->rot.identity.present;
	return code;
}

static int open_in_order(struct opening *opening)
{
	static int (*const steps[])(struct opening *) = { open_manifest, judge_signers,	 judge_policy,
							  judge_grant,	 verify_payload, open_contents };
	int code = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !code; i++)
		code = steps[i](opening);
	return code;
}

int package_open(struct core *core, const struct package_place *place, const struct ledger_load *known, struct package **package,
		 struct ledger_load *terms, uint32_t *segment)
{
	struct opening opening = { .core = core, .place = place, .known = known, .terms = terms, .segment = segment };
	int code = PROVCARD_REFUSAL_NOT_INITIALISED;

	memset(terms, 0, sizeof(*terms));
	*segment = 0;
	opening.vault = core_vault(core);
	if (vault_is_initialised(opening.vault))
		code = open_in_order(&opening);
	if (!code && known && memcmp(known->manifest_digest, terms->manifest_digest, sizeof(terms->manifest_digest)))
		code = PROVCARD_REFUSAL_PACKAGE_ID_REUSED;
	OPENSSL_secure_clear_free(opening.work, PROVPKG_SEGMENT_SIZE);
	OPENSSL_secure_clear_free(opening.first, PROVPKG_SEGMENT_SIZE);
	provpkg_payload_free(opening.payload);
	provpkg_blob_free(&opening.leaves);
	provpkg_blob_free(&opening.grant);
	provpkg_manifest_free(opening.manifest);
	vault_put(opening.vault);
	if (code)
		package_free(opening.package);
	else
		*package = opening.package;
	return code;
}

int package_authority(struct core *core, const struct ledger_load *terms, struct provpkg_authority *authority)
{
	struct package_place place = { terms->staging_offset, terms->staging_size };
	struct ledger_load found = { 0 };
	struct opening opening = { .core = core, .place = &place, .terms = &found };
	int code = open_manifest(&opening);

	if (!code && (memcmp(found.manifest_digest, terms->manifest_digest, sizeof(found.manifest_digest)) || !opening.fields->authority))
		code = PROVCARD_REFUSAL_PACKAGE_ID_REUSED;
	if (!code)
		*authority = *opening.fields->authority;
	provpkg_manifest_free(opening.manifest);
	return code;
}

void package_free(struct package *package)
{
	if (!package)
		return;
	for (size_t i = 0; i < PROVPKG_IMAGES_MAX; i++)
		OPENSSL_secure_clear_free(package->image[i], package->contents.rot.image[i].size);
	provpkg_device_template_free(package->template);
	EVP_PKEY_free(package->issuing_key);
	OPENSSL_secure_clear_free(package->device_secret, sizeof(((struct vault_secrets *)0)->device_secret));
	OPENSSL_secure_clear_free(package->escrow_key, PROVPKG_KEY_SIZE);
	provpkg_blob_free(&package->escrow_envelope);
	provpkg_contents_clear(&package->contents);
	provpkg_blob_free(&package->grant);
	OPENSSL_secure_clear_free(package, sizeof(*package));
}

int package_chain(const struct package *package, struct provpkg_blob *pem)
{
	int code;

	if (!package->issuer)
		return 0;
	code = provpkg_pem_append(pem, package->issuer);
	for (int i = 0; i < sk_X509_num(package->contents.issuer_chain) && !code; i++)
		code = provpkg_pem_append(pem, sk_X509_value(package->contents.issuer_chain, i));
	return code;
}
