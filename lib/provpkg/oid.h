/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Object identifiers: those of provcard, below a UUID of its own (X.667), and those that libcrypto has no name for. Internal. */
#ifndef PROVPKG_OID_H
#define PROVPKG_OID_H

#define PROVPKG_OID "2.25.164986415590780601343394135739266742624"

/* eContentTypes */
#define PROVPKG_OID_MANIFEST PROVPKG_OID ".1.1"
#define PROVPKG_OID_GRANT PROVPKG_OID ".1.2"
#define PROVPKG_OID_REQUEST PROVPKG_OID ".1.3"
#define PROVPKG_OID_END_CERTIFICATE PROVPKG_OID ".1.4"
#define PROVPKG_OID_EVIDENCE PROVPKG_OID ".1.5"
#define PROVPKG_OID_FIRMWARE PROVPKG_OID ".1.6"

#define PROVPKG_OID_KEM_RECIPIENT "1.2.840.113549.1.9.16.13.3" /* id-ori-kem, RFC 9629 */
#define PROVPKG_OID_HKDF_SHA256 "1.2.840.113549.1.9.16.3.28" /* id-alg-hkdf-with-sha256, RFC 8619 */
#define PROVPKG_OID_HKDF_SHA384 "1.2.840.113549.1.9.16.3.29" /* id-alg-hkdf-with-sha384 */

#endif
