/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two share envelopes: CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM, one RecipientInfo per card. Internal to libprovpkg.
 *
 * KEM: KEMRecipientInfo, RFC 9629 and 9936, HKDF with the digest that the suite names, AES-256 key wrap. Agreement: KeyAgreeRecipientInfo, RFC 5753,
 * ephemeral-static ECDH with the X9.63 KDF over SHA-384, AES-256 key wrap. They are opened only after the signatures of the manifest
 * that holds them have been verified.
 */
#ifndef PROVPKG_ENVELOPE_H
#define PROVPKG_ENVELOPE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "provpkg/types.h"

#define PROVPKG_SHARE_SIZE 32
#define PROVPKG_ENVELOPE_MAX (4u << 20)

/*
 * @certificates: of the recipients; each must have a subject key identifier, by which it is named. CARD_CERTIFICATE.
 * @digest: of the HKDF, "SHA256" or "SHA384"; another is -EINVAL.
 */
PROVPKG_MUST_CHECK int provpkg_envelope_seal_kem(X509 *const *certificates, size_t count, const char *digest,
						 struct provpkg_view plain, struct provpkg_blob *cms);
PROVPKG_MUST_CHECK int provpkg_envelope_seal_agreement(X509 *const *certificates, size_t count, struct provpkg_view plain,
						       struct provpkg_blob *cms);

/* @recipient: DER of the RecipientIdentifier (CMS) to look for. @plain gets exactly @size bytes. ENVELOPE. */
PROVPKG_MUST_CHECK int provpkg_envelope_open_kem(struct provpkg_view cms, struct provpkg_view recipient, EVP_PKEY *key,
						 const char *digest, uint8_t *plain, size_t size);
/* @key_id: subject key identifier of the recipient's certificate. */
PROVPKG_MUST_CHECK int provpkg_envelope_open_agreement(struct provpkg_view cms, struct provpkg_view key_id, EVP_PKEY *key,
						       uint8_t *plain, size_t size);

/* RecipientIdentifier that names a subject key identifier: [0] IMPLICIT OCTET STRING. Of at most 127 bytes, -EINVAL. */
PROVPKG_MUST_CHECK int provpkg_recipient_name(struct provpkg_view key_id, struct provpkg_blob *der);

#endif
