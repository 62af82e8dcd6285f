/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hand-over as a folder: end-certificate.p7m, records.json, certs/UID.pem, ca.pem, card-certs.pem, checkpoint.txt. Functions
 * return 0 or the exit code, after a message.
 */
#ifndef TOOL_DELIVERY_H
#define TOOL_DELIVERY_H

#include "context.h"

#define DELIVERY_END "end-certificate.p7m"
#define DELIVERY_RECORDS "records.json"
#define DELIVERY_CERTIFICATES "certs"
#define DELIVERY_CA "ca.pem"
#define DELIVERY_CARD "card-certs.pem"
#define DELIVERY_CHECKPOINT "checkpoint.txt"

/* Write the hand-over of a closed job. */
int delivery_write(struct context *context, const uint8_t package_id[PROVCARD_PACKAGE_ID_SIZE], const char *folder);

/*
 * Check it from the card maker's anchors on. @device_ca: what the chain of the device certificates must end in, NULL to take the
 * end of ca.pem as given. @uid: that part alone, NULL for all. Reports what it is.
 */
int delivery_verify(struct context *context, const char *folder, STACK_OF(X509) *maker_ca, STACK_OF(X509) *device_ca, const char *uid);

#endif
