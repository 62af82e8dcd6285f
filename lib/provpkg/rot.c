// SPDX-License-Identifier: LGPL-2.1-or-later
/* The RoT configuration as DER. It holds secrets, so what was decoded is cleansed before it is freed. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/objects.h>

#include "crypto.h"
#include "der.h"
#include "device.h"
#include "provcard-refusal.h"
#include "provpkg/merkle.h"
#include "rot_form.h"

#define VERSION 1
#define ROT_DER_MAX (64u << 10)
#define LIFECYCLE_SIZE_MIN 16
#define LIFECYCLE_SIZE_MAX 64

typedef struct {
	ASN1_UTF8STRING *name;
	uint32_t address;
	uint64_t offset;
	uint32_t size;
	ASN1_OCTET_STRING *digest;
} ROT_IMAGE;

typedef struct {
	uint32_t algorithm;
	uint32_t key_address;
	uint32_t certificate_address;
	uint32_t certificate_size;
	ASN1_UTF8STRING *organisation;
	ASN1_UTF8STRING *common_name;
	ASN1_OBJECT *hardware_type;
} ROT_IDENTITY;

typedef struct {
	ASN1_UTF8STRING *name;
	uint32_t address;
	uint32_t size;
	uint32_t mode;
	ASN1_OCTET_STRING *secret; /* NULL unless derived */
	ASN1_BOOLEAN returned;
} ROT_LIFECYCLE;

typedef struct {
	uint32_t version;
	ASN1_UTF8STRING *part;
	STACK_OF(ROT_IMAGE) *images;
	ROT_IDENTITY *identity;
	STACK_OF(ROT_LIFECYCLE) *lifecycles;
	uint32_t lock;
	uint32_t responder_timeout_us;
} ROT;

DEFINE_STACK_OF(ROT_IMAGE)
DEFINE_STACK_OF(ROT_LIFECYCLE)

ASN1_SEQUENCE(ROT_IMAGE) = {
	ASN1_SIMPLE(ROT_IMAGE, name, ASN1_UTF8STRING),
	ASN1_EMBED(ROT_IMAGE, address, UINT32),
	ASN1_EMBED(ROT_IMAGE, offset, UINT64),
	ASN1_EMBED(ROT_IMAGE, size, UINT32),
	ASN1_SIMPLE(ROT_IMAGE, digest, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(ROT_IMAGE)

ASN1_SEQUENCE(ROT_IDENTITY) = {
	ASN1_EMBED(ROT_IDENTITY, algorithm, UINT32),
	ASN1_EMBED(ROT_IDENTITY, key_address, UINT32),
	ASN1_EMBED(ROT_IDENTITY, certificate_address, UINT32),
	ASN1_EMBED(ROT_IDENTITY, certificate_size, UINT32),
	ASN1_SIMPLE(ROT_IDENTITY, organisation, ASN1_UTF8STRING),
	ASN1_SIMPLE(ROT_IDENTITY, common_name, ASN1_UTF8STRING),
	ASN1_SIMPLE(ROT_IDENTITY, hardware_type, ASN1_OBJECT),
} static_ASN1_SEQUENCE_END(ROT_IDENTITY)

ASN1_SEQUENCE(ROT_LIFECYCLE) = {
	ASN1_SIMPLE(ROT_LIFECYCLE, name, ASN1_UTF8STRING),
	ASN1_EMBED(ROT_LIFECYCLE, address, UINT32),
	ASN1_EMBED(ROT_LIFECYCLE, size, UINT32),
	ASN1_EMBED(ROT_LIFECYCLE, mode, UINT32),
	ASN1_OPT(ROT_LIFECYCLE, secret, ASN1_OCTET_STRING),
	ASN1_SIMPLE(ROT_LIFECYCLE, returned, ASN1_BOOLEAN),
} static_ASN1_SEQUENCE_END(ROT_LIFECYCLE)

ASN1_SEQUENCE(ROT) = {
	ASN1_EMBED(ROT, version, UINT32),
	ASN1_SIMPLE(ROT, part, ASN1_UTF8STRING),
	ASN1_SEQUENCE_OF(ROT, images, ROT_IMAGE),
	ASN1_EXP_OPT(ROT, identity, ROT_IDENTITY, 0),
	ASN1_SEQUENCE_OF(ROT, lifecycles, ROT_LIFECYCLE),
	ASN1_EMBED(ROT, lock, UINT32),
	ASN1_EMBED(ROT, responder_timeout_us, UINT32),
} static_ASN1_SEQUENCE_END(ROT)

static bool name_good(const char *name, size_t room)
{
	return memchr(name, 0, room) && provpkg_name_valid(provpkg_text_view(name));
}

/* Dotted, as it comes back from DER: no names, no leading zeros. */
static bool oid_good(const char *dotted)
{
	ASN1_OBJECT *object = memchr(dotted, 0, PROVPKG_NAME_MAX + 1) ? OBJ_txt2obj(dotted, 1) : NULL;
	char again[PROVPKG_NAME_MAX + 2];
	bool good = object && OBJ_obj2txt(again, sizeof(again), object, 1) > 0 && !strcmp(again, dotted);

	ASN1_OBJECT_free(object);
	return good;
}

static bool images_good(const struct provpkg_rot *rot)
{
	for (size_t i = 0; i < rot->images; i++) {
		if (!name_good(rot->image[i].name, sizeof(rot->image[i].name)) || !rot->image[i].size ||
		    rot->image[i].offset > INT64_MAX)
			return false;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(rot->image[i].name, rot->image[k].name))
				return false;
	}
	return true;
}

/* A random key that nobody gets back would be of no use. */
static bool lifecycle_good(const struct provpkg_lifecycle *key)
{
	return name_good(key->name, sizeof(key->name)) && key->size >= LIFECYCLE_SIZE_MIN && key->size <= LIFECYCLE_SIZE_MAX &&
	       (key->mode == PROVPKG_LIFECYCLE_DERIVED || (key->mode == PROVPKG_LIFECYCLE_RANDOM && key->returned));
}

static bool lifecycles_good(const struct provpkg_rot *rot)
{
	for (size_t i = 0; i < rot->lifecycles; i++) {
		const struct provpkg_lifecycle *key = &rot->lifecycle[i];

		if (!lifecycle_good(key))
			return false;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(key->name, rot->lifecycle[k].name))
				return false;
	}
	return true;
}

static bool identity_good(const struct provpkg_identity *identity)
{
	return identity->certificate_size > 4 && provpkg_device_identity_valid(identity) && oid_good(identity->hardware_type);
}

/* The limits that hold for every part; both ways pass through here. */
static int values_check(const struct provpkg_rot *rot)
{
	if (!rot->images)
		return PROVCARD_REFUSAL_ROT_MISSING;
	if (rot->images > PROVPKG_IMAGES_MAX || rot->lifecycles > PROVPKG_LIFECYCLE_MAX || !name_good(rot->part, sizeof(rot->part)) ||
	    !images_good(rot) || !lifecycles_good(rot) || (rot->identity.present && !identity_good(&rot->identity)) ||
	    (unsigned int)rot->lock > PROVPKG_LOCK_PERMANENT)
		return PROVCARD_REFUSAL_ROT_RANGE;
	return 0;
}

static void form_free(ROT *form)
{
	ASN1_OCTET_STRING *secret;

	for (int i = 0; form && i < sk_ROT_LIFECYCLE_num(form->lifecycles); i++) {
		secret = sk_ROT_LIFECYCLE_value(form->lifecycles, i)->secret;
		if (secret)
			OPENSSL_cleanse((void *)ASN1_STRING_get0_data(secret), (size_t)ASN1_STRING_length(secret));
	}
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(ROT));
}

static bool add_image(ROT *form, const struct provpkg_image *image)
{
	ROT_IMAGE *to = (ROT_IMAGE *)ASN1_item_new(ASN1_ITEM_rptr(ROT_IMAGE));

	if (!to || !sk_ROT_IMAGE_push(form->images, to)) {
		ASN1_item_free((ASN1_VALUE *)to, ASN1_ITEM_rptr(ROT_IMAGE));
		return false;
	}
	to->address = image->address;
	to->offset = image->offset;
	to->size = image->size;
	return provpkg_name_set(to->name, image->name) && provpkg_octets_set(to->digest, image->digest, sizeof(image->digest));
}

static bool add_lifecycle(ROT *form, const struct provpkg_lifecycle *key)
{
	ROT_LIFECYCLE *to = (ROT_LIFECYCLE *)ASN1_item_new(ASN1_ITEM_rptr(ROT_LIFECYCLE));

	if (!to || !sk_ROT_LIFECYCLE_push(form->lifecycles, to)) {
		ASN1_item_free((ASN1_VALUE *)to, ASN1_ITEM_rptr(ROT_LIFECYCLE));
		return false;
	}
	to->address = key->address;
	to->size = key->size;
	to->mode = key->mode;
	to->returned = key->returned ? 0xff : 0;
	if (!provpkg_name_set(to->name, key->name))
		return false;
	if (key->mode == PROVPKG_LIFECYCLE_RANDOM)
		return true;
	to->secret = ASN1_OCTET_STRING_new();
	return to->secret && provpkg_octets_set(to->secret, key->secret, sizeof(key->secret));
}

static ROT_IDENTITY *identity_form(const struct provpkg_identity *identity)
{
	ROT_IDENTITY *form = (ROT_IDENTITY *)ASN1_item_new(ASN1_ITEM_rptr(ROT_IDENTITY));

	if (!form)
		return NULL;
	form->algorithm = identity->algorithm;
	form->key_address = identity->key_address;
	form->certificate_address = identity->certificate_address;
	form->certificate_size = identity->certificate_size;
	ASN1_OBJECT_free(form->hardware_type);
	form->hardware_type = OBJ_txt2obj(identity->hardware_type, 1);
	if (form->hardware_type && provpkg_name_set(form->organisation, identity->organisation) &&
	    provpkg_name_set(form->common_name, identity->common_name))
		return form;
	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(ROT_IDENTITY));
	return NULL;
}

int provpkg_identity_digest(const struct provpkg_identity *identity, uint8_t digest[PROVPKG_HASH_SIZE])
{
	ROT_IDENTITY *form = identity_form(identity);
	struct provpkg_blob der = { 0 };
	struct provpkg_view view;
	int result = form ? provpkg_der_encode(form, ASN1_ITEM_rptr(ROT_IDENTITY), &der) : -ENOMEM;

	ASN1_item_free((ASN1_VALUE *)form, ASN1_ITEM_rptr(ROT_IDENTITY));
	if (result)
		return result;
	view = provpkg_blob_view(&der);
	result = provpkg_digest(EVP_sha256(), &view, 1, digest);
	provpkg_blob_free(&der);
	return result;
}

static bool fill(ROT *form, const struct provpkg_rot *rot)
{
	form->version = VERSION;
	form->lock = rot->lock;
	form->responder_timeout_us = rot->responder_timeout_us;
	if (!provpkg_name_set(form->part, rot->part))
		return false;
	if (rot->identity.present) {
		form->identity = identity_form(&rot->identity);
		if (!form->identity)
			return false;
	}
	for (size_t i = 0; i < rot->images; i++)
		if (!add_image(form, &rot->image[i]))
			return false;
	for (size_t i = 0; i < rot->lifecycles; i++)
		if (!add_lifecycle(form, &rot->lifecycle[i]))
			return false;
	return true;
}

int provpkg_rot_encode(const struct provpkg_rot *rot, struct provpkg_blob *der)
{
	int result = values_check(rot);
	ROT *form;

	if (result)
		return result;
	form = (ROT *)ASN1_item_new(ASN1_ITEM_rptr(ROT));
	result = form && fill(form, rot) ? provpkg_der_encode(form, ASN1_ITEM_rptr(ROT), der) : -ENOMEM;
	form_free(form);
	return result;
}

static bool take_image(const ROT_IMAGE *from, struct provpkg_image *image)
{
	image->address = from->address;
	image->offset = from->offset;
	image->size = from->size;
	return provpkg_name_get(from->name, image->name, sizeof(image->name)) &&
	       provpkg_octets_get(from->digest, image->digest, sizeof(image->digest));
}

static bool take_lifecycle(const ROT_LIFECYCLE *from, struct provpkg_lifecycle *key)
{
	key->address = from->address;
	key->size = from->size;
	key->mode = from->mode;
	key->returned = from->returned;
	if (from->mode > PROVPKG_LIFECYCLE_RANDOM || !provpkg_name_get(from->name, key->name, sizeof(key->name)))
		return false;
	if (from->mode == PROVPKG_LIFECYCLE_RANDOM)
		return !from->secret;
	return from->secret && provpkg_octets_get(from->secret, key->secret, sizeof(key->secret));
}

static bool take_identity(const ROT_IDENTITY *from, struct provpkg_identity *identity)
{
	int size = OBJ_obj2txt(identity->hardware_type, sizeof(identity->hardware_type), from->hardware_type, 1);

	identity->present = true;
	identity->algorithm = from->algorithm;
	identity->key_address = from->key_address;
	identity->certificate_address = from->certificate_address;
	identity->certificate_size = from->certificate_size;
	return size > 0 && (size_t)size < sizeof(identity->hardware_type) &&
	       provpkg_name_get(from->organisation, identity->organisation, sizeof(identity->organisation)) &&
	       provpkg_name_get(from->common_name, identity->common_name, sizeof(identity->common_name));
}

static int take(const ROT *form, struct provpkg_rot *rot)
{
	int images = sk_ROT_IMAGE_num(form->images), lifecycles = sk_ROT_LIFECYCLE_num(form->lifecycles);

	if (form->version != VERSION)
		return PROVCARD_REFUSAL_ROT_DER;
	if (images > PROVPKG_IMAGES_MAX || lifecycles > PROVPKG_LIFECYCLE_MAX || form->lock > PROVPKG_LOCK_PERMANENT ||
	    !provpkg_name_get(form->part, rot->part, sizeof(rot->part)) ||
	    (form->identity && !take_identity(form->identity, &rot->identity)))
		return PROVCARD_REFUSAL_ROT_RANGE;
	for (int i = 0; i < images; i++)
		if (!take_image(sk_ROT_IMAGE_value(form->images, i), &rot->image[i]))
			return PROVCARD_REFUSAL_ROT_RANGE;
	for (int i = 0; i < lifecycles; i++)
		if (!take_lifecycle(sk_ROT_LIFECYCLE_value(form->lifecycles, i), &rot->lifecycle[i]))
			return PROVCARD_REFUSAL_ROT_RANGE;
	rot->images = (size_t)images;
	rot->lifecycles = (size_t)lifecycles;
	rot->lock = (enum provpkg_lock)form->lock;
	rot->responder_timeout_us = form->responder_timeout_us;
	return values_check(rot);
}

int provpkg_rot_decode(struct provpkg_view der, struct provpkg_rot *rot)
{
	struct provpkg_rot taken;
	void *form;
	int result = provpkg_der_decode(der, ROT_DER_MAX, ASN1_ITEM_rptr(ROT), PROVCARD_REFUSAL_ROT_DER, &form);

	if (result)
		return result;
	memset(&taken, 0, sizeof(taken));
	result = take(form, &taken);
	if (!result)
		*rot = taken;
	OPENSSL_cleanse(&taken, sizeof(taken));
	form_free(form);
	return result;
}

bool provpkg_rot_returns(const struct provpkg_rot *rot)
{
	for (size_t i = 0; i < rot->lifecycles; i++)
		if (rot->lifecycle[i].returned)
			return true;
	return false;
}

int provpkg_lifecycle_key(const struct provpkg_lifecycle *lifecycle, struct provpkg_view uid, uint8_t *key)
{
	static const char label[] = "provcard lifecycle key";
	uint8_t info[sizeof(label) + PROVPKG_NAME_MAX];
	size_t name_size = strnlen(lifecycle->name, PROVPKG_NAME_MAX);
	const struct provpkg_hkdf hkdf = {
		.digest = "SHA384",
		.salt = uid,
		.ikm = { lifecycle->secret, sizeof(lifecycle->secret) },
		.info = { info, sizeof(label) + name_size },
	};

	if (!uid.size || lifecycle->mode != PROVPKG_LIFECYCLE_DERIVED || lifecycle->size < LIFECYCLE_SIZE_MIN || lifecycle->size > LIFECYCLE_SIZE_MAX)
		return -EINVAL;
	memcpy(info, label, sizeof(label));
	memcpy(info + sizeof(label), lifecycle->name, name_size);
	return provpkg_hkdf(&hkdf, key, lifecycle->size);
}

int provpkg_image_digest(struct provpkg_view image, uint8_t digest[PROVPKG_HASH_SIZE])
{
	struct provpkg_tree tree = { 0 };
	uint8_t leaf[PROVPKG_HASH_SIZE];
	int error = 0;

	for (size_t at = 0, size; at < image.size && !error; at += size) {
		size = image.size - at < PROVPKG_IMAGE_PIECE ? image.size - at : PROVPKG_IMAGE_PIECE;
		error = provpkg_merkle_leaf((struct provpkg_view){ image.data + at, size }, leaf);
		if (!error)
			error = provpkg_tree_add(&tree, leaf);
	}
	return error ? error : provpkg_tree_root(&tree, digest);
}
