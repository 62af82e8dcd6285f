/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libprovpkg: every format of provcard. Bytes in, bytes out: no files, no sockets, no global state, no environment.
 *
 * The ASN.1 module is Documentation/asn1/provcard.asn1; Documentation/formats.rst explains it.
 */
#ifndef PROVPKG_H
#define PROVPKG_H

#include "provcard-refusal.h"
#include "provpkg/types.h"
#include "provpkg/merkle.h"
#include "provpkg/sign.h"
#include "provpkg/rot.h"
#include "provpkg/grant.h"
#include "provpkg/request.h"
#include "provpkg/authority.h"
#include "provpkg/package.h"
#include "provpkg/record.h"
#include "provpkg/certificate.h"
#include "provpkg/delivery.h"
#include "provpkg/evidence.h"
#include "provpkg/firmware.h"
#include "provpkg/escrow.h"

#endif
