# SPDX-License-Identifier: GPL-2.0-or-later
"""The routine that heads run on targets is checked in assembled; it must be what its source says."""
import pathlib
import re
import struct
import subprocess

HEAD = pathlib.Path(__file__).resolve().parent.parent.parent / "firmware" / "head"


def test_header_is_the_assembled_source(tmp_path):
    """Assemble it and compare the words."""
    binary = tmp_path / "routine.bin"
    for command in (["arm-none-eabi-as", "-o", tmp_path / "routine.o", HEAD / "crc_routine.S"],
                    ["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", tmp_path / "routine.o", binary]):
        subprocess.run(command, check=True, timeout=60)
    code = binary.read_bytes()
    words = re.findall(r"0x([0-9a-f]{8})", (HEAD / "crc_routine.h").read_text(encoding="utf-8"))
    assert len(code) == 4 * len(words) > 0
    assert struct.unpack(f"<{len(words)}I", code) == tuple(int(word, 16) for word in words)
