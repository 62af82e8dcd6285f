// SPDX-License-Identifier: GPL-2.0-or-later
/* The layout of the driver's UAPI, which no caller's word size may change. Compiled only, for each of them. */
#include <stddef.h>

#include <linux/provcard.h>

#define PLACE(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

SIZE(provcard_info, 112);
PLACE(provcard_info, out_capabilities, 8);
PLACE(provcard_info, out_max_transfer, 16);
PLACE(provcard_info, out_hif_version, 24);
PLACE(provcard_info, out_queues, 28);
PLACE(provcard_info, out_heads, 32);
PLACE(provcard_info, out_serial, 40);
PLACE(provcard_info, out_firmware, 76);

SIZE(provcard_command, 104);
PLACE(provcard_command, opcode, 8);
PLACE(provcard_command, queue, 12);
PLACE(provcard_command, in_uptr, 16);
PLACE(provcard_command, in_len, 24);
PLACE(provcard_command, out_uptr, 32);
PLACE(provcard_command, out_len, 40);
PLACE(provcard_command, arg, 48);
PLACE(provcard_command, user_data, 72);
PLACE(provcard_command, timeout_ms, 80);
PLACE(provcard_command, out_status, 84);
PLACE(provcard_command, out_result, 88);
PLACE(provcard_command, out_length, 96);

SIZE(provcard_job_create, 16);
PLACE(provcard_job_create, out_fd, 8);
PLACE(provcard_job_create, out_status, 12);

SIZE(provcard_completion, 32);
PLACE(provcard_completion, status, 8);
PLACE(provcard_completion, result, 12);
PLACE(provcard_completion, length, 16);
PLACE(provcard_completion, error, 24);

_Static_assert(PROVCARD_INFO == 0xbc00 && PROVCARD_COMMAND == 0xbc01 && PROVCARD_JOB_CREATE == 0xbc02 && PROVCARD_SUBMIT == 0xbc03,
	       "ioctl numbers carry no size");
