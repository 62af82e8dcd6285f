/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The read-only memory of the emulated card: the anchors of its firmware's maker, DER, one behind the other. */
	.section .rodata
	.balign 8
	.global boot_rom_anchors
	.global boot_rom_anchors_end
boot_rom_anchors:
	.incbin ANCHORS
boot_rom_anchors_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
