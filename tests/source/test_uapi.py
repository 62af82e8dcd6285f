# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's user-space ABI: no byte of a structure without a name, the same for every word size, and what was promised stays."""
import re
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


PAGES = uapi_table.TOP / "Documentation" / "uapi"


def calls(text):
    """What user space can call: the macros that are numbers of ours."""
    return set(re.findall(r"^#define (PROVCARD_\w+) _IO\(PROVCARD_IOCTL_TYPE, ", text, re.MULTILINE))


def titles():
    """Title of each page of the table of contents, by name."""
    names = re.findall(r"^   ([\w-]+)$", (PAGES / "index.rst").read_text(), re.MULTILINE)
    assert set(names) == {path.stem for path in PAGES.glob("*.rst")} - {"index"}
    return {name: re.search(r"^=+\n(.*)\n=+$", (PAGES / f"{name}.rst").read_text(), re.MULTILINE)[1] for name in names}


def test_page_for_each_call():
    """Each ioctl and ring command has a page, and no page is of one that there is not."""
    text = (uapi_table.UAPI / HEADER).read_text()
    found = calls(text)
    assert {"PROVCARD_INFO", "PROVCARD_CANCEL", "PROVCARD_URING_COMMAND"} <= found
    assert found == {title for title in titles().values() if title.startswith("PROVCARD_")}


def errnos(text):
    """Names of errnos that begin an item: of the header's list, or of the table of the page."""
    return {name for row in re.findall(r"^(?: \*  - )?(E[A-Z0-9]+(?:, E[A-Z0-9]+)*)(?::|  +)", text, re.MULTILINE) for name in row.split(", ")}


def test_errnos_agree():
    """Header and page tell of the same errnos."""
    header = errnos((uapi_table.UAPI / HEADER).read_text())
    assert {"ECANCELED", "ENOTTY", "ENFILE"} <= header
    assert header == errnos((PAGES / "errno.rst").read_text())


def test_structures_are_documented():
    """Each structure has a comment for kernel-doc with all of its members; that they are current is for driver-lint to say."""
    text = (uapi_table.UAPI / HEADER).read_text()
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        comment = re.search(rf"^/\*\*\n \* struct {name} - .*?\*/\nstruct {name} \{{", text, re.MULTILINE | re.DOTALL)
        assert comment, name
        for member in re.findall(r"(\w+)(?:\[\w+\])?;", body):
            assert f" * @{member}: " in comment[0], f"{name}.{member}"
    assert text.count("DOC:") == 1
