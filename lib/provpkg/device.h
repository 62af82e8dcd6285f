/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device certificates as others judge them. Internal to libprovpkg. */
#ifndef PROVPKG_DEVICE_H
#define PROVPKG_DEVICE_H

#include "provpkg/certificate.h"

/* Can device certificates be issued for it: algorithm and names? The hardware type is not judged here. */
bool provpkg_device_identity_valid(const struct provpkg_identity *identity);
/* Is @certificate one that @issuer made for the part @uid, by the profile of device.c? DEVICE_CERTIFICATE. */
PROVPKG_MUST_CHECK int provpkg_device_check(X509 *certificate, X509 *issuer, struct provpkg_view uid);

#endif
