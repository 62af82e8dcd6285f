/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The RoT configuration: how a blank part becomes one with a root of trust. Travels encrypted, as DER. */
#ifndef PROVPKG_ROT_H
#define PROVPKG_ROT_H

#include "provpkg/types.h"

PROVPKG_BEGIN

#define PROVPKG_IMAGES_MAX 16
#define PROVPKG_LIFECYCLE_MAX 8

/* One image. Its bytes stand at @offset of the payload's image area. */
struct provpkg_image {
	char name[PROVPKG_NAME_MAX + 1];
	uint32_t address; /* in the part */
	uint64_t offset;
	uint32_t size;
	uint8_t digest[PROVPKG_HASH_SIZE]; /* provpkg_image_digest() of the plaintext */
};

/*
 * An image's digest is the root of the tree (RFC 9162) over its pieces of this size, the last one shorter: they can be digested
 * side by side, each by provpkg_merkle_leaf().
 */
#define PROVPKG_IMAGE_PIECE (64u << 10)
PROVPKG_MUST_CHECK int provpkg_image_digest(struct provpkg_view image, uint8_t digest[PROVPKG_HASH_SIZE]);

/* Of a device's key; provpkg_key_kind() in certificate.h has names and sizes. */
enum provpkg_key_algorithm {
	PROVPKG_KEY_P256 = 1,
	PROVPKG_KEY_P384 = 2,
	PROVPKG_KEY_ED25519 = 3,
	PROVPKG_KEY_ML_DSA_44 = 4,
	PROVPKG_KEY_ML_DSA_65 = 5,
};

/* The device's own key and certificate. */
struct provpkg_identity {
	bool present;
	enum provpkg_key_algorithm algorithm;
	uint32_t key_address; /* private key: scalar, big-endian (32 or 48 bytes), or 32-byte seed (RFC 8032; FIPS 204's xi) */
	uint32_t certificate_address; /* DER certificate behind a 32-bit little-endian length; unused bytes stay erased */
	uint32_t certificate_size; /* room at that address, length field included */
	char organisation[PROVPKG_NAME_MAX + 1]; /* subject O */
	char common_name[PROVPKG_NAME_MAX + 1]; /* subject CN, a prefix of at most 31 characters: "-" and the part's UID in hex follow */
	char hardware_type[PROVPKG_NAME_MAX + 1]; /* OID of hardwareModuleName, dotted */
};

/*
 * A lifecycle-management key: derived per part by provpkg_lifecycle_key() from a secret that the OEM keeps as well, or random, made
 * by the card. A random one is always returned to the OEM, a derived one when that is asked for; see escrow.h.
 */
enum provpkg_lifecycle_mode { PROVPKG_LIFECYCLE_DERIVED = 0, PROVPKG_LIFECYCLE_RANDOM = 1 };

struct provpkg_lifecycle {
	char name[PROVPKG_NAME_MAX + 1];
	uint32_t address;
	uint32_t size; /* 16 to 64 */
	enum provpkg_lifecycle_mode mode;
	uint8_t secret[32]; /* derived only; else zero */
	bool returned;
};

enum provpkg_lock { PROVPKG_LOCK_NONE = 0, PROVPKG_LOCK_RECOVERABLE = 1, PROVPKG_LOCK_PERMANENT = 2 };

struct provpkg_rot {
	char part[32];
	size_t images;
	struct provpkg_image image[PROVPKG_IMAGES_MAX];
	struct provpkg_identity identity;
	size_t lifecycles;
	struct provpkg_lifecycle lifecycle[PROVPKG_LIFECYCLE_MAX];
	enum provpkg_lock lock;
	uint32_t responder_timeout_us; /* 0: the image answers no challenge; else how long to wait for the answer on the UART */
};

PROVPKG_MUST_CHECK int provpkg_rot_encode(const struct provpkg_rot *rot, struct provpkg_blob *der);
/* ROT_DER for bad form; ROT_RANGE, ROT_MISSING for bad values. Strings are zero terminated afterwards. */
PROVPKG_MUST_CHECK int provpkg_rot_decode(struct provpkg_view der, struct provpkg_rot *rot);

/* What a part offers, for provpkg_rot_check(). */
struct provpkg_memory {
	uint32_t flash_address;
	uint32_t flash_size;
	uint32_t page_size; /* what is erased at once */
	uint32_t word_size;
	bool permanent_lock;
};

/* The memory of a part number this version knows, NULL if it knows none. */
const struct provpkg_memory *provpkg_memory_find(const char *part);
/* Part numbers in order, NULL past the end. */
const char *provpkg_memory_part(size_t index);

/*
 * Do all regions fit the part, aligned and disjoint, images in other pages than the unit's own keys and certificate?
 * ROT_PART_UNKNOWN, ROT_DOES_NOT_FIT, ROT_ALIGNMENT, ROT_OVERLAP, ROT_RANGE.
 * @detail, if not NULL, gets a zero-terminated line that names the regions.
 */
PROVPKG_MUST_CHECK int provpkg_rot_check(const struct provpkg_rot *rot, char *detail, size_t detail_size);

/* Is any key of it returned to the OEM? */
bool provpkg_rot_returns(const struct provpkg_rot *rot);

/* Of a derived key: HKDF-SHA-384(salt = UID, ikm = secret, info = "provcard lifecycle key" || 0x00 || name), lifecycle->size bytes. */
PROVPKG_MUST_CHECK int provpkg_lifecycle_key(const struct provpkg_lifecycle *lifecycle, struct provpkg_view uid, uint8_t *key);

PROVPKG_END

#endif
