# SPDX-License-Identifier: GPL-2.0-or-later
"""Our head and stock OpenOCD on the same simulated nRF52840: what one has done, the other judges."""
import json
import random
import subprocess

import pytest

from provtest.processes import Part, program

UID = "deadbeef01234567"
SIZE = 24 * 1024 + 20
ATTACH = "adapter driver buspirate; buspirate port {pirate}; transport select swd"


class Bench:
    """A part with both plugs, a folder, an image."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.pirate = folder / "pirate"
        self.image = folder / "image.bin"
        self.image.write_bytes(random.Random(1).randbytes(SIZE))
        self.part = Part(folder / "cable", folder, UID, "--bus-pirate", self.pirate, *options)

    def head(self, *steps, refusal=None):
        """One session of our head; its report."""
        done = subprocess.run([program("head-session"), self.part.socket, "nRF52840", *[str(step) for step in steps]],
                              capture_output=True, text=True, timeout=60, check=False)
        report = json.loads(done.stdout)
        assert report["refusal"] == refusal, done.stderr
        return report

    def openocd(self, *commands):
        """One session of OpenOCD: (succeeded, what it said)."""
        words = ["openocd", "-c", "gdb_port disabled; tcl_port disabled; telnet_port disabled",
                 "-c", ATTACH.format(pirate=self.pirate), "-f", "target/nrf52.cfg", "-c", "init"]
        for command in commands:
            words += ["-c", command]
        done = subprocess.run(words + ["-c", "exit"], capture_output=True, text=True, timeout=120, check=False)
        return done.returncode == 0, done.stdout + done.stderr

    def dump(self, address, size):
        """Memory as OpenOCD reads it."""
        path = self.folder / "dump.bin"
        good, said = self.openocd("halt", f"dump_image {path} {address:#x} {size}")
        assert good, said
        return path.read_bytes()


@pytest.fixture(name="bench")
def both_plugs(tmp_path):
    """A blank part."""
    bench = Bench(tmp_path)
    with bench.part.insert():
        yield bench


def test_openocd_reads_what_we_programmed(bench):
    """Image and key, and nothing else."""
    key = bench.folder / "key.bin"
    key.write_bytes(b"key material of odd length")
    bench.head("erase", "program", 0, bench.image, "program", 0xF003, key, "verify", 0, bench.image)
    flash = bench.dump(0, 0x10000)
    expected = bytearray(b"\xff" * 0x10000)
    expected[:SIZE] = bench.image.read_bytes()
    expected[0xF003:0xF003 + 26] = key.read_bytes()
    assert flash == expected


def test_openocd_is_refused_after_our_lock(bench):
    """It sees the lock, reads nothing; recovered by us, the part is open and blank."""
    report = bench.head("erase", "program", 0, bench.image, "verify", 0, bench.image, "lock", "read-lock")
    assert report["locked"] and report["uid"] == UID
    good, said = bench.openocd("halt", f"dump_image {bench.folder / 'none'} 0 16")
    assert not good and "AP lock engaged" in said
    good, said = bench.openocd("nrf52.dap apreg 1 0xc")
    assert "0x00000000" in said, said
    assert bench.head()["locked"]
    bench.head("erase")
    assert bench.dump(0, SIZE) == b"\xff" * SIZE


def test_we_verify_what_openocd_programmed(bench):
    """Equal is equal, and one bit is different."""
    good, said = bench.openocd(f"program {bench.image} verify")
    assert good, said
    assert bench.head("verify", 0, bench.image)["uid"] == UID
    data = bytearray(bench.image.read_bytes())
    data[SIZE // 2] ^= 1
    bench.image.write_bytes(data)
    bench.head("verify", 0, bench.image, refusal="VERIFY_FAILED")


def test_a_part_locked_by_openocd_is_locked_to_us(bench):
    """It can be recovered and no more."""
    good, said = bench.openocd("halt", "flash fillw 0x10001208 0xffffff00 1", "reset run")
    assert good, said
    report = bench.head("program", 0, bench.image, refusal="PART_LOCKED")
    assert report["locked"] and not report["uid"]
    assert bench.head("erase", "program", 0, bench.image, "verify", 0, bench.image)["uid"] == UID
