@ SPDX-License-Identifier: GPL-2.0-or-later
@ Runs on the target, in its RAM: CRC-32 (ISO-HDLC, reflected 0xEDB88320) of regions of its own memory.
@ A list follows the code: {address, size, result}, ended by size 0. 1 KiB behind the start of the list is used for a table.
@ Only instructions that every Cortex-M has; needs no stack.
	.syntax unified
	.cpu cortex-m0
	.thumb
	.text
start:
	adr	r0, list
	movs	r1, #1
	lsls	r1, r1, #10
	adds	r1, r1, r0
	ldr	r7, polynomial

	movs	r2, #0
table_entry:
	movs	r3, r2
	movs	r4, #8
table_bit:
	lsrs	r3, r3, #1
	bcc	table_even
	eors	r3, r7
table_even:
	subs	r4, #1
	bne	table_bit
	lsls	r4, r2, #2
	str	r3, [r1, r4]
	adds	r2, #1
	lsrs	r4, r2, #8
	beq	table_entry

region:
	ldmia	r0!, {r2, r3}
	cmp	r3, #0
	beq	finished
	movs	r4, #0
	mvns	r4, r4
byte:
	ldrb	r5, [r2]
	adds	r2, #1
	eors	r5, r4
	uxtb	r5, r5
	lsls	r5, r5, #2
	ldr	r5, [r1, r5]
	lsrs	r4, r4, #8
	eors	r4, r5
	subs	r3, #1
	bne	byte
	mvns	r4, r4
	stmia	r0!, {r4}
	b	region

finished:
	bkpt	#0
	.align	2
polynomial:
	.word	0xedb88320
list:
