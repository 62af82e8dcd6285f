// SPDX-License-Identifier: LGPL-2.1-or-later
/* End certificates: EndCertificate in Documentation/asn1/provcard.asn1. */
#include <errno.h>

#include <openssl/asn1t.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/delivery.h"

#define END_VERSION 1
#define END_MAX 4096

typedef struct {
	uint32_t version;
	ASN1_OCTET_STRING *card_id;
	ASN1_OCTET_STRING *package_id;
	ASN1_UTF8STRING *product;
	ASN1_UTF8STRING *oem;
	uint64_t granted;
	uint64_t granted_good;
	uint64_t granted_scrap;
	uint64_t good;
	uint64_t scrap;
	uint64_t unused;
	uint64_t first_index;
	uint64_t last_index;
	uint64_t records;
	uint64_t log_size;
	ASN1_OCTET_STRING *log_root;
	ASN1_OCTET_STRING *certificates_root;
	int64_t closed_at;
} END_CERTIFICATE;

ASN1_SEQUENCE(END_CERTIFICATE) = {
	ASN1_EMBED(END_CERTIFICATE, version, UINT32),
	ASN1_SIMPLE(END_CERTIFICATE, card_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(END_CERTIFICATE, package_id, ASN1_OCTET_STRING),
	ASN1_SIMPLE(END_CERTIFICATE, product, ASN1_UTF8STRING),
	ASN1_SIMPLE(END_CERTIFICATE, oem, ASN1_UTF8STRING),
	ASN1_EMBED(END_CERTIFICATE, granted, UINT64),
	ASN1_EMBED(END_CERTIFICATE, granted_good, UINT64),
	ASN1_EMBED(END_CERTIFICATE, granted_scrap, UINT64),
	ASN1_EMBED(END_CERTIFICATE, good, UINT64),
	ASN1_EMBED(END_CERTIFICATE, scrap, UINT64),
	ASN1_EMBED(END_CERTIFICATE, unused, UINT64),
	ASN1_EMBED(END_CERTIFICATE, first_index, UINT64),
	ASN1_EMBED(END_CERTIFICATE, last_index, UINT64),
	ASN1_EMBED(END_CERTIFICATE, records, UINT64),
	ASN1_EMBED(END_CERTIFICATE, log_size, UINT64),
	ASN1_SIMPLE(END_CERTIFICATE, log_root, ASN1_OCTET_STRING),
	ASN1_SIMPLE(END_CERTIFICATE, certificates_root, ASN1_OCTET_STRING),
	ASN1_EMBED(END_CERTIFICATE, closed_at, INT64),
} static_ASN1_SEQUENCE_END(END_CERTIFICATE)

static bool set_end(END_CERTIFICATE *to, const struct provpkg_end_certificate *end)
{
	to->version = END_VERSION;
	to->granted = end->granted;
	to->granted_good = end->granted_good;
	to->granted_scrap = end->granted_scrap;
	to->good = end->good;
	to->scrap = end->scrap;
	to->unused = end->unused;
	to->first_index = end->first_index;
	to->last_index = end->last_index;
	to->records = end->records;
	to->log_size = end->log_size;
	to->closed_at = end->closed_at;
	return end->closed_at >= 0 && provpkg_octets_set(to->card_id, end->card_id, PROVPKG_CARD_ID_SIZE) &&
	       provpkg_octets_set(to->package_id, end->package_id, PROVPKG_ID_SIZE) &&
	       provpkg_name_set(to->product, end->product) && provpkg_name_set(to->oem, end->oem) &&
	       provpkg_octets_set(to->log_root, end->log_root, PROVPKG_HASH_SIZE) &&
	       provpkg_octets_set(to->certificates_root, end->certificates_root, PROVPKG_HASH_SIZE);
}

int provpkg_end_certificate_encode(const struct provpkg_end_certificate *end, struct provpkg_blob *der)
{
	END_CERTIFICATE *filled = (END_CERTIFICATE *)ASN1_item_new(ASN1_ITEM_rptr(END_CERTIFICATE));
	int result;

	if (!filled)
		return -ENOMEM;
	result = set_end(filled, end) ? provpkg_der_encode(filled, ASN1_ITEM_rptr(END_CERTIFICATE), der) : -EINVAL;
	ASN1_item_free((ASN1_VALUE *)filled, ASN1_ITEM_rptr(END_CERTIFICATE));
	return result;
}

static bool get_end(const END_CERTIFICATE *from, struct provpkg_end_certificate *end)
{
	end->granted = from->granted;
	end->granted_good = from->granted_good;
	end->granted_scrap = from->granted_scrap;
	end->good = from->good;
	end->scrap = from->scrap;
	end->unused = from->unused;
	end->first_index = from->first_index;
	end->last_index = from->last_index;
	end->records = from->records;
	end->log_size = from->log_size;
	end->closed_at = from->closed_at;
	return from->version == END_VERSION && from->closed_at >= 0 &&
	       provpkg_octets_get(from->card_id, end->card_id, PROVPKG_CARD_ID_SIZE) &&
	       provpkg_octets_get(from->package_id, end->package_id, PROVPKG_ID_SIZE) &&
	       provpkg_name_get(from->product, end->product, sizeof(end->product)) &&
	       provpkg_name_get(from->oem, end->oem, sizeof(end->oem)) &&
	       provpkg_octets_get(from->log_root, end->log_root, PROVPKG_HASH_SIZE) &&
	       provpkg_octets_get(from->certificates_root, end->certificates_root, PROVPKG_HASH_SIZE);
}

int provpkg_end_certificate_decode(struct provpkg_view der, struct provpkg_end_certificate *end)
{
	struct provpkg_end_certificate decoded = { 0 };
	void *form;
	int result = provpkg_der_decode(der, END_MAX, ASN1_ITEM_rptr(END_CERTIFICATE), PROVCARD_REFUSAL_STATEMENT_DER, &form);

	if (result)
		return result;
	if (get_end(form, &decoded))
		*end = decoded;
	else
		result = PROVCARD_REFUSAL_STATEMENT_DER;
	ASN1_item_free(form, ASN1_ITEM_rptr(END_CERTIFICATE));
	return result;
}
