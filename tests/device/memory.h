/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the demonstration device keeps what, on an nRF52840:
 *
 *	0x00000000	bootloader, up to 32 KiB
 *	0x00008000	application
 *	0x000fe000	the key page: private key of the device, P-256 scalar, 32 bytes big-endian
 *	0x000fe040	lifecycle-management key, 32 bytes
 *	0x000fe100	certificate of the device, DER, up to 1.5 KiB
 */
#ifndef DEVICE_MEMORY_H
#define DEVICE_MEMORY_H

#define MEMORY_BOOTLOADER 0x00000000
#define MEMORY_APPLICATION 0x00008000
#define MEMORY_KEY 0x000fe000
#define MEMORY_LIFECYCLE_KEY 0x000fe040
#define MEMORY_CERTIFICATE 0x000fe100
#define MEMORY_CERTIFICATE_SIZE 0x600
#define MEMORY_FLASH_END 0x00100000
#define MEMORY_RAM 0x20000000
#define MEMORY_RAM_END 0x20040000

#endif
