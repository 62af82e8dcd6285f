# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's user-space ABI: no byte of a structure without a name, the same for every word size, and what was promised stays."""
import shutil

import pytest
import uapi_table

HEADER = "linux/provcard.h"


def test_table_is_current():
    """Numbers, offsets and sizes are those checked in. A header that has grown: make uapi-table, and read the difference."""
    assert uapi_table.table() == uapi_table.TABLE.read_text()


def changed(tmp_path, *changes):
    """The UAPI folder with texts replaced."""
    folder = tmp_path / "uapi"
    shutil.copytree(uapi_table.UAPI, folder)
    text = (folder / HEADER).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / HEADER).write_text(text)
    return folder


@pytest.mark.parametrize("before, after", [
    ("__u32 out_result;\n\t__u32 __reserved;", "__u32 out_result;"),
    ("__u32 out_status;\n};", "__u32 out_status;\n\t__u16 out_more;\n};"),
    ("__s32 out_fd;", "__s32 out_fd : 9;"),
    ("__aligned_u64 user_data;", "unsigned long user_data;\n\t__u32 more;"),
    ("__aligned_u64 in_len;", "__u64 in_len;\n\tvoid *more;"),
])
def test_control_gap_or_word_size(tmp_path, before, after):
    """A gap, a byte left over at the end, a bit-field, a field as wide as the caller's words are each found."""
    with pytest.raises(uapi_table.UapiError, match="padd|layout|hole"):
        uapi_table.table(changed(tmp_path, (before, after)))


@pytest.mark.parametrize("before, after", [
    ("__u32 opcode;\n\t__u32 queue;", "__u32 queue;\n\t__u32 opcode;"),
    ("__u32 timeout_ms;", "__s32 timeout_ms;"),
    ("PROVCARD_CMD_SUBMIT = 3", "PROVCARD_CMD_SUBMIT = 4"),
    ("PROVCARD_CAPABILITY_JOBS (1u << 0)", "PROVCARD_CAPABILITY_JOBS (1u << 1)"),
    ("__u8 out_firmware[36];", "__u8 out_firmware[40];\n\t__u32 more;"),
])
def test_control_change(tmp_path, before, after):
    """Two members exchanged, another sign, another number, a longer array are each a difference from the table."""
    assert uapi_table.table(changed(tmp_path, (before, after))) != uapi_table.TABLE.read_text()


def test_nested_members_are_rows(tmp_path):
    """Unions and structures inside: their members stand in the table too."""
    inner = "__u32 out_result;\n\tunion {\n\t\t__u32 __reserved;\n\t\tstruct {\n\t\t\t__u16 low;\n\t\t\t__u16 high;\n\t\t} halves;\n\t};"
    rows = uapi_table.table(changed(tmp_path, ("__u32 out_result;\n\t__u32 __reserved;", inner))).splitlines()
    assert {"\t\t92 4 __u32 __reserved", "\t\t\t94 2 __u16 high"} <= set(rows)
