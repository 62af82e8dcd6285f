/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and certificates from files and stores. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_KEYS_H
#define TOOL_KEYS_H

#include <provpkg.h>

/* A private key from a PEM file or a store URI ("pkcs11:..."); pin.h says where PIN and passphrase come from. */
int key_load(const char *location, EVP_PKEY **key);
/* All certificates of a PEM file or of what a "pkcs11:" URI names, at least one. */
int certificates_load(const char *path, STACK_OF(X509) **certificates);
/* Append those of a file to a list, which is made when it is NULL. */
int certificates_append(const char *path, STACK_OF(X509) **certificates);
/* Exactly one. */
int certificate_load(const char *path, X509 **certificate);
void certificates_free(STACK_OF(X509) *certificates);

/* A card by its certificates, believed for packages of @suite now; provpkg_card_free() it. */
int card_load(const char *path, unsigned int suite, STACK_OF(X509) *anchors, struct provpkg_card **card);

/* A key with its certificate; the first certificate of the file is the signer's, further ones go along as its chain. */
int signer_load(const char *key, const char *certificate, struct provpkg_signer *signer);
void signer_clear(struct provpkg_signer *signer);

#endif
