// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads device certificates back; shares nothing with device.c, which writes them. */
#include <stdio.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>

#include "der.h"
#include "device.h"
#include "provcard-refusal.h"
#include "x509.h"

#define MODULE_NAME_MAX 256

/* RFC 4108 section 5 */
typedef struct {
	ASN1_OBJECT *hardware_type;
	ASN1_OCTET_STRING *serial;
} HARDWARE_MODULE_NAME;

ASN1_SEQUENCE(HARDWARE_MODULE_NAME) = {
	ASN1_SIMPLE(HARDWARE_MODULE_NAME, hardware_type, ASN1_OBJECT),
	ASN1_SIMPLE(HARDWARE_MODULE_NAME, serial, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(HARDWARE_MODULE_NAME)

static bool is_digits_of(struct provpkg_view uid, const char *text)
{
	char pair[3];

	if (strlen(text) != 2 * uid.size)
		return false;
	for (size_t i = 0; i < uid.size; i++, text += 2) {
		snprintf(pair, sizeof(pair), "%02X", uid.data[i]);
		if (memcmp(pair, text, 2))
			return false;
	}
	return true;
}

static bool subject_names(X509 *certificate, struct provpkg_view uid)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	char common[256], serial[2 * PROVPKG_UID_MAX + 2];
	int size = X509_NAME_get_text_by_NID(subject, NID_serialNumber, serial, sizeof(serial));
	const char *dash;

	if (size <= 0 || !provpkg_x509_common_name(subject, common, sizeof(common)))
		return false;
	dash = strrchr(common, '-');
	return is_digits_of(uid, serial) && dash && is_digits_of(uid, dash + 1);
}

static bool module_serial_is(const ASN1_TYPE *value, struct provpkg_view uid)
{
	const ASN1_ITEM *item = ASN1_ITEM_rptr(HARDWARE_MODULE_NAME);
	struct provpkg_view serial;
	void *decoded;
	bool same;

	if (value->type != V_ASN1_SEQUENCE || provpkg_der_decode(provpkg_string_view(value->value.sequence), MODULE_NAME_MAX, item,
								 PROVCARD_REFUSAL_DEVICE_CERTIFICATE, &decoded))
		return false;
	serial = provpkg_string_view(((HARDWARE_MODULE_NAME *)decoded)->serial);
	same = serial.size == uid.size && !memcmp(serial.data, uid.data, uid.size);
	ASN1_item_free(decoded, item);
	return same;
}

/* Exactly one alternative name, the hardware module's. */
static bool module_names(X509 *certificate, struct provpkg_view uid)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool same = false;

	if (names && sk_GENERAL_NAME_num(names) == 1) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);

		same = name->type == GEN_OTHERNAME && OBJ_obj2nid(name->d.otherName->type_id) == NID_id_on_hardwareModuleName &&
		       module_serial_is(name->d.otherName->value, uid);
	}
	GENERAL_NAMES_free(names);
	return same;
}

int provpkg_device_check(X509 *certificate, X509 *issuer, struct provpkg_view uid)
{
	bool good;

	ERR_set_mark();
	good = provpkg_x509_is_end(certificate, KU_DIGITAL_SIGNATURE) && provpkg_key_kind_of(X509_get0_pubkey(certificate)) &&
	       X509_get0_authority_key_id(certificate) && subject_names(certificate, uid) && module_names(certificate, uid) &&
	       provpkg_x509_issued(issuer, certificate);
	ERR_pop_to_mark();
	return good ? 0 : PROVCARD_REFUSAL_DEVICE_CERTIFICATE;
}
