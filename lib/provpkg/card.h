/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a card is named, and what its certificates must be. Internal to libprovpkg. */
#ifndef PROVPKG_CARD_H
#define PROVPKG_CARD_H

#include "provpkg/certificate.h"

/* Subject of the identity certificates: CN = this and the serial. The encryption certificates add OU = PROVPKG_CARD_UNIT. */
#define PROVPKG_CARD_PREFIX "provcard "
#define PROVPKG_CARD_UNIT "encryption"
#define PROVPKG_SERIAL_MAX 31
#define PROVPKG_SERIAL_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"

bool provpkg_serial_valid(const char *serial);

/* Are these the identity certificates of one card; what is its serial? */
bool provpkg_card_identity(X509 *classical, X509 *pq, char serial[PROVPKG_NAME_MAX + 1]);
/* And these its encryption certificates? */
bool provpkg_card_encryption(const struct provpkg_card_certificates *certificates);

#endif
