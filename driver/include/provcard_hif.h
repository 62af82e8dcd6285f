/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * The host interface of a provcard: PCI identity, registers, queue entries, transport commands.
 *
 * Shared by the driver and the card's firmware; user space never sees it. Specified in
 * Documentation/host-interface.rst, from which both sides are written. Multi-byte fields are
 * little-endian. The shapes follow NVM Express where it has one.
 */
#ifndef PROVCARD_HIF_H
#define PROVCARD_HIF_H

#include <linux/types.h>
#ifndef __KERNEL__
typedef __u8 u8;
#endif

/*
 * QEMU reserves 1af4:10f0 to 1af4:10ff for experiments without registration
 * (docs/specs/pci-ids.rst). No silicon exists, so no vendor id has been asked for.
 */
#define PROVCARD_PCI_VENDOR_ID 0x1af4
#define PROVCARD_PCI_DEVICE_ID 0x10f0
#define PROVCARD_PCI_CLASS 0x108000 /* encryption controller, other */

#define PROVCARD_HIF_VERSION 0x00010100 /* VS: major << 16 | minor << 8 | tertiary */

/* BAR 0: registers and doorbells. BAR 2: MSI-X table and PBA. */
#define PROVCARD_BAR_REGS 0
#define PROVCARD_BAR_MSIX 2
#define PROVCARD_BAR_REGS_SIZE 0x4000
#define PROVCARD_BAR_MSIX_SIZE 0x2000
#define PROVCARD_MSIX_PBA_OFFSET 0x1000

#define PROVCARD_REG_CAP 0x00 /* 64 bit, read only */
#define PROVCARD_REG_VS 0x08 /* 32 bit, read only: PROVCARD_HIF_VERSION of the card */
#define PROVCARD_REG_FEATURES 0x0c /* 32 bit, read only: PROVCARD_FEATURE_* */
#define PROVCARD_REG_CC 0x14 /* 32 bit: controller configuration */
#define PROVCARD_REG_CSTS 0x1c /* 32 bit, read only: controller status */
#define PROVCARD_REG_AQA 0x24 /* 32 bit: admin queue entries - 1; SQ in 11:0, CQ in 27:16 */
#define PROVCARD_AQA_RELEASE (1u << 31) /* as PROVCARD_SQ_RELEASE, for the admin queue */
#define PROVCARD_REG_ASQ 0x28 /* 64 bit: admin submission queue, page aligned */
#define PROVCARD_REG_ACQ 0x30 /* 64 bit: admin completion queue, page aligned */
#define PROVCARD_REG_DOORBELL 0x1000 /* SQ n tail at + 8 * n, CQ n head at + 8 * n + 4 */
/* The same register of a queue with PROVCARD_SQ_RELEASE. */
#define PROVCARD_DOORBELL(tail, head) ((tail) | (head) << 16)

#define PROVCARD_CAP_MQES(cap) ((cap) & 0xffff) /* largest queue, entries - 1 */
#define PROVCARD_CAP_IOQ(cap) (((cap) >> 16) & 0xff) /* I/O queue pairs: one per head */
#define PROVCARD_CAP_TO(cap) (((cap) >> 24) & 0xff) /* longest time for RDY to follow, 500 ms */
#define PROVCARD_CAP_MDTS(cap) (((cap) >> 32) & 0xff) /* largest transfer, 2^n bytes */

#define PROVCARD_FEATURE_COALESCING (1u << 0)
#define PROVCARD_FEATURE_RANDOM (1u << 1) /* PROVCARD_OPC_RANDOM, since 1.1 as those below */
#define PROVCARD_FEATURE_TELEMETRY (1u << 2) /* PROVCARD_OPC_TELEMETRY */
#define PROVCARD_FEATURE_FIRMWARE (1u << 3) /* PROVCARD_OPC_FIRMWARE_WRITE, _COMMIT */
#define PROVCARD_FEATURE_RELEASE (1u << 4) /* PROVCARD_SQ_RELEASE */

#define PROVCARD_CC_EN (1u << 0)
#define PROVCARD_CC_SHN_MASK (3u << 14)
#define PROVCARD_CC_SHN_NORMAL (1u << 14)
#define PROVCARD_CSTS_RDY (1u << 0)
#define PROVCARD_CSTS_CFS (1u << 1) /* controller fatal status: only a reset helps */
#define PROVCARD_CSTS_SHST_MASK (3u << 2)
#define PROVCARD_CSTS_SHST_DONE (2u << 2)

/**
 * struct provcard_hif_sgl - one scatter list descriptor
 * @address: bus address of the data, or of a list of descriptors
 * @length: bytes at @address
 * @reserved: 0
 * @type: PROVCARD_SGL_DATA or PROVCARD_SGL_LIST; a list holds data descriptors only
 */
struct provcard_hif_sgl {
	__le64 address;
	__le32 length;
	u8 reserved[3];
	u8 type;
};

#define PROVCARD_SGL_DATA 0x00
#define PROVCARD_SGL_LIST 0x02

/**
 * struct provcard_hif_sqe - submission queue entry, 64 bytes
 * @opcode: transport command below PROVCARD_OPC_SERVICE_BASE, else a service command, which the
 *          driver does not interpret
 * @flags: 0
 * @cid: command identifier, unique among the commands of this queue in flight
 * @job: job handle from PROVCARD_OPC_JOB_CREATE, 0 for none
 * @in: what the card reads; length 0 for none
 * @out: what the card may write; length 0 for none
 * @arg: per command
 */
struct provcard_hif_sqe {
	u8 opcode;
	u8 flags;
	__le16 cid;
	__le32 job;
	struct provcard_hif_sgl in;
	struct provcard_hif_sgl out;
	__le64 arg[3];
};

/**
 * struct provcard_hif_cqe - completion queue entry, 16 bytes
 * @result: per command
 * @length: bytes written to the command's out buffer
 * @sq_head: submission queue head when this entry was made
 * @sq_id: submission queue of the command
 * @cid: command identifier
 * @status: bit 0 phase, bits 15:1 status: 0 or a code of the refusal table
 */
struct provcard_hif_cqe {
	__le32 result;
	__le32 length;
	__le16 sq_head;
	__le16 sq_id;
	__le16 cid;
	__le16 status;
};

#define PROVCARD_CQE_PHASE 1
#define PROVCARD_CQE_STATUS(status) ((status) >> 1)

/*
 * Transport commands: admin queue only, sent by the driver itself. arg1 of the CREATE commands has
 * the queue in 15:0 and its entries - 1 in 31:16.
 */
#define PROVCARD_OPC_IDENTIFY 0x01 /* out: struct provcard_hif_identify */
#define PROVCARD_OPC_CREATE_CQ 0x02 /* arg0 address, arg1 below, vector << 32 */
#define PROVCARD_OPC_CREATE_SQ 0x03 /* arg0 address, arg1 below, cqid << 32, PROVCARD_SQ_RELEASE */
#define PROVCARD_OPC_DELETE_CQ 0x04 /* arg0 qid; its submission queue must be gone */
#define PROVCARD_OPC_DELETE_SQ 0x05 /* arg0 qid; commands in flight end with ABORTED */
#define PROVCARD_OPC_SET_FEATURE 0x06 /* arg0 PROVCARD_FEAT_*, arg1 value; result: in force */
#define PROVCARD_OPC_ABORT 0x07 /* arg0 qid | cid << 16; result 0: will be aborted, 1: not found */
#define PROVCARD_OPC_ASYNC_EVENT 0x08 /* completes on an event; result: type | info << 8 */
#define PROVCARD_OPC_RANDOM 0x09 /* out: 1 to PROVCARD_RANDOM_MAX bytes, filled whole */
#define PROVCARD_OPC_TELEMETRY 0x0a /* out: struct provcard_hif_telemetry */
#define PROVCARD_OPC_JOB_CREATE 0x10 /* result: a job handle, never 0 */
#define PROVCARD_OPC_JOB_DELETE 0x11 /* arg0 handle: stops its units, frees what it holds */
#define PROVCARD_OPC_SERVICE_BASE 0x40

/*
 * The service commands that a driver sends on its own account, for files it does not look into.
 * They are specified in lib/include/provcard-service.h; the firmware's build holds both together.
 */
#define PROVCARD_OPC_FIRMWARE_WRITE 0x4c /* arg0 offset, arg1 whole size; in: bytes */
#define PROVCARD_OPC_FIRMWARE_COMMIT 0x4d /* arg0 PROVCARD_COMMIT_IF_NEW or 0 */
#define PROVCARD_COMMIT_IF_NEW (1u << 0) /* an image that the card has already is not written */

#define PROVCARD_RANDOM_MAX 4096

/* In CREATE_SQ: the tail doorbell has the completion queue's head in 31:16. */
#define PROVCARD_SQ_RELEASE (1ull << 48)

#define PROVCARD_FEAT_COALESCING 0x01 /* entries - 1 in 7:0, time in 15:8, in 100 us */

#define PROVCARD_EVENT_HEAD 0x01 /* info: head; its state changed */
#define PROVCARD_EVENT_JOB 0x02 /* a job's state changed */
#define PROVCARD_EVENT_CARD 0x03 /* the card's state changed */
#define PROVCARD_EVENT_FAULT 0x04 /* info: refusal code; the card stopped production */
#define PROVCARD_EVENT_TAMPER 0x05 /* info: refusal code; the card was tampered with */
#define PROVCARD_EVENT_FIRMWARE 0x06 /* the firmware in a slot changed */

/*
 * Status codes of the transport. The whole table, with names and sentences, is
 * lib/include/provcard-refusals.def; a test holds the two together.
 */
#define PROVCARD_SC_SUCCESS 0x0000
#define PROVCARD_SC_INVALID_OPCODE 0x0001
#define PROVCARD_SC_INVALID_FIELD 0x0002
#define PROVCARD_SC_INVALID_QUEUE 0x0003
#define PROVCARD_SC_DATA_TRANSFER 0x0004
#define PROVCARD_SC_ABORTED 0x0005
#define PROVCARD_SC_INTERNAL 0x0006
#define PROVCARD_SC_BUFFER_TOO_SMALL 0x0007
#define PROVCARD_SC_UNKNOWN_JOB 0x0008
#define PROVCARD_SC_TOO_MANY_JOBS 0x0009
/* Of the service commands above: what a driver tells apart. */
#define PROVCARD_SC_FIRMWARE_TOO_LARGE 0x0618
#define PROVCARD_SC_FIRMWARE_BUSY 0x061a

/**
 * struct provcard_hif_identify - out data of PROVCARD_OPC_IDENTIFY, 4096 bytes
 * @serial: the card's serial number, printable ASCII, zero padded
 * @firmware: firmware version, same form
 * @heads: programming heads
 * @max_jobs: job handles that may exist at once
 * @reserved: 0
 */
struct provcard_hif_identify {
	u8 serial[32];
	u8 firmware[32];
	__le32 heads;
	__le32 max_jobs;
	u8 reserved[4024];
};

/**
 * struct provcard_hif_telemetry - out data of PROVCARD_OPC_TELEMETRY, 64 bytes
 * @sensors: PROVCARD_SENSOR_*: which there are
 * @temperature: of the board, 1/1000 degrees Celsius, signed
 * @temperature_max: above it the card's service life suffers
 * @temperature_crit: above it the board may switch itself off
 * @supply: main supply, mV
 * @supply_min: least that the board is made for
 * @supply_max: most
 * @reserved: 0
 */
struct provcard_hif_telemetry {
	__le32 sensors;
	__le32 temperature;
	__le32 temperature_max;
	__le32 temperature_crit;
	__le32 supply;
	__le32 supply_min;
	__le32 supply_max;
	__le32 reserved[9];
};

#define PROVCARD_SENSOR_TEMPERATURE (1u << 0)
#define PROVCARD_SENSOR_SUPPLY (1u << 1)

#endif
