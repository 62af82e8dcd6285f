// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/vendor.h"

#define NEED(what) ((what) ? (void)0 : need_failed(#what, __LINE__))

static _Noreturn void need_failed(const char *what, int line)
{
	fprintf(stderr, "vendor.c:%d: %s\n", line, what);
	abort();
}

static void add_der(struct provpkg_blob *der, X509 *certificate)
{
	int size = i2d_X509(certificate, NULL);
	unsigned char *at;

	der->data = OPENSSL_realloc(der->data, der->size + (size_t)size);
	NEED(der->data);
	at = der->data + der->size;
	NEED(i2d_X509(certificate, &at) == size);
	der->size += (size_t)size;
}

void vendor_new(struct vendor *vendor, const char *name)
{
	const struct pki_profile end = { .subject = name };

	memset(vendor, 0, sizeof(*vendor));
	pki_chain_new(&vendor->classical, "P-384", &end);
	pki_chain_new(&vendor->pq, "ML-DSA-87", &end);
	vendor->signers[0] = (struct provpkg_signer){ vendor->classical.key, vendor->classical.certificate, NULL };
	vendor->signers[1] = (struct provpkg_signer){ vendor->pq.key, vendor->pq.certificate, NULL };
	vendor->anchors = sk_X509_new_null();
	NEED(sk_X509_push(vendor->anchors, vendor->classical.root) && sk_X509_push(vendor->anchors, vendor->pq.root));
	add_der(&vendor->der, vendor->classical.root);
	add_der(&vendor->der, vendor->pq.root);
}

void vendor_free(struct vendor *vendor)
{
	sk_X509_free(vendor->anchors);
	provpkg_blob_free(&vendor->der);
	pki_chain_free(&vendor->classical);
	pki_chain_free(&vendor->pq);
	memset(vendor, 0, sizeof(*vendor));
}

struct provpkg_blob vendor_file(struct provpkg_blob *head, struct provpkg_view image)
{
	struct provpkg_blob file = { OPENSSL_malloc(head->size + image.size), head->size + image.size };

	NEED(file.data);
	memcpy(file.data, head->data, head->size);
	memcpy(file.data + head->size, image.data, image.size);
	provpkg_blob_free(head);
	*head = (struct provpkg_blob){ 0 };
	return file;
}

struct provpkg_blob vendor_pack(const struct vendor *vendor, const char *board, const char *version, uint32_t security_version,
				const char *image)
{
	struct provpkg_firmware firmware = { .security_version = security_version };
	struct provpkg_view bytes = { (const uint8_t *)image, strlen(image) };
	struct provpkg_blob head = { 0 };

	snprintf(firmware.board, sizeof(firmware.board), "%s", board);
	snprintf(firmware.version, sizeof(firmware.version), "%s", version);
	NEED(!provpkg_firmware_make(&firmware, bytes, vendor->signers, 2, &head));
	return vendor_file(&head, bytes);
}
