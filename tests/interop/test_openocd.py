# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock OpenOCD with its stock nRF52 configuration judges the simulated part, through a Bus Pirate terminal."""
import json
import pathlib
import random
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "parts"))
import cable  # noqa: E402  pylint: disable=wrong-import-position

LIMIT = 60  # seconds for one call of OpenOCD
LOCK = "flash fillw 0x10001208 0x00 1"
SILENT = "gdb_port disabled; tcl_port disabled; telnet_port disabled"


class Bench:
    """A part with a persistent flash, a cable and a Bus Pirate."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.options = ["--bus-pirate", str(folder / "pirate"), "--flash", str(folder / "flash"), "--stats",
                        str(folder / "stats"), *options]
        self.part = cable.Part(folder, *self.options)

    def openocd(self, commands):
        """Exit status and everything it said."""
        done = subprocess.run(["openocd", "-c", SILENT, "-c", "adapter driver buspirate", "-c",
                               f"buspirate port {self.folder / 'pirate'}", "-c", "transport select swd", "-f", "target/nrf52.cfg",
                               "-c", commands], capture_output=True, text=True, timeout=LIMIT, check=False)
        return done.returncode, done.stdout + done.stderr

    def image(self, size, seed=1):
        """A file of bytes that no erase leaves."""
        path = self.folder / f"image-{size}.bin"
        path.write_bytes(random.Random(seed).randbytes(size))
        return path

    def clocks(self):
        """SWCLK cycles since power on. Each of OpenOCD's was answered before it left."""
        line = self.part.cable()
        counted = line.stats()[0]
        line.close()
        return counted


@pytest.fixture(name="bench")
def a_bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    if bench.part.process.poll() is None:
        bench.part.stop()


def program(bench, path, address=0):
    code, said = bench.openocd(f"program {path} {address:#x} verify; shutdown")
    assert code == 0 and "** Verified OK **" in said, said


def dump(bench, address, size):
    path = bench.folder / "dump.bin"
    code, said = bench.openocd(f"init; halt; dump_image {path} {address:#x} {size}; shutdown")
    assert code == 0, said
    return path.read_bytes()


def test_attach(bench):
    code, said = bench.openocd("init; halt; nrf52.dap info; shutdown")
    assert code == 0 and "SWD DPIDR 0x2ba01477" in said and "Cortex-M4 r0p1 processor detected" in said, said
    assert "6 breakpoints, 4 watchpoints" in said


def test_program_verify_and_compare(bench):
    path = bench.image(65536)
    program(bench, path)
    counted = bench.clocks()
    assert 46 * 16384 < counted < 1_300_000
    assert dump(bench, 0, 65536) == path.read_bytes()
    bench.part.stop()
    stats = json.loads((bench.folder / "stats").read_text())
    assert stats["clocks"] > counted + 46 * 16384 and stats["writes"] == 16384 and stats["erases"] == 16


def test_flash_file_holds_what_openocd_wrote(bench):
    path = bench.image(5000)
    program(bench, path, 0x8000)
    assert (bench.folder / "flash").read_bytes()[0x8000:0x8000 + 5000] == path.read_bytes()


def test_verify_notices_a_difference(bench):
    path = bench.image(4096)
    program(bench, path)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    code, said = bench.openocd(f"init; halt; verify_image {path} 0; shutdown")
    assert code == 1 and "checksum mismatch" in said


def test_stuck_bit_fails_the_verification(tmp_path):
    (tmp_path / "script").write_text("stuck 0x800 0 1\n")
    bench = Bench(tmp_path, "--fault", str(tmp_path / "script"))
    path = tmp_path / "zeroes.bin"
    path.write_bytes(bytes(4096))
    code, said = bench.openocd(f"program {path} 0 verify; shutdown")
    bench.part.stop()
    assert code == 1 and "Verify Failed" in said


def test_programming_without_erase_ands(bench):
    for byte in (b"\x0f", b"\x35"):
        path = bench.folder / "byte.bin"
        path.write_bytes(byte * 1024)
        code, said = bench.openocd(f"init; halt; flash write_bank 0 {path} 0; shutdown")
        assert code == 0, said
    assert dump(bench, 0, 1024) == b"\x05" * 1024


def lock(bench):
    code, said = bench.openocd(f"init; halt; {LOCK}; reset run; shutdown")
    assert code == 0, said


def test_locked_part_refuses(bench):
    path = bench.image(4096)
    program(bench, path)
    lock(bench)
    code, said = bench.openocd(f"init; set idr [nrf52.dap apreg 1 0xfc]; echo \"IDR $idr\"; "
                               f"dump_image {bench.folder / 'x'} 0 64; shutdown")
    assert code == 1 and "nRF52 device has AP lock engaged" in said, said
    assert "IDR 0x02880000" in said and "Could not find MEM-AP" in said
    assert not (bench.folder / "x").exists() or not (bench.folder / "x").read_bytes()


def test_recover_makes_it_blank_and_attachable(bench):
    program(bench, bench.image(4096))
    lock(bench)
    code, said = bench.openocd("init; nrf52_recover; halt; shutdown")
    assert code == 0 and "successfully erased and unlocked" in said, said
    assert dump(bench, 0, 4096) == b"\xff" * 4096
    assert dump(bench, 0x10001000, 4096) == b"\xff" * 4096
    program(bench, bench.image(4096, seed=2))


def test_hardened_part_is_closed_until_recovered(tmp_path):
    bench = Bench(tmp_path, "--hardened")
    code, said = bench.openocd("init; halt; shutdown")
    assert code == 1 and "AP lock engaged" in said
    code, said = bench.openocd("init; nrf52_recover; halt; shutdown")
    assert code == 0, said
    program(bench, bench.image(4096))
    bench.part.stop()


def test_real_flash_times(tmp_path):
    """The tool's time-outs hold when flash takes its time."""
    bench = Bench(tmp_path, "--timing", "real")
    program(bench, bench.image(16384))
    line = bench.part.cable()
    assert line.stats()[1] > 4 * 85_000_000 + 4096 * 41_000, "four pages and their words"
    line.close()
    bench.part.stop()


def test_programmed_device_answers_over_the_cable(bench):
    """OpenOCD installs the demonstration device, the cable asks it."""
    for name, address in (("bootloader", 0), ("application", 0x8000)):
        program(bench, cable.binary(f"device/{name}.bin"), address)
    key = bench.folder / "key.bin"
    key.write_bytes((4711).to_bytes(32, "big"))
    program(bench, key, 0xFE000)
    code, said = bench.openocd("init; reset run; shutdown")
    assert code == 0, said
    line = bench.part.cable()
    assert len(line.uart(bytes(32), 64, 1_000_000)) == 64
    line.close()


def test_both_ways_in_count_the_same_clocks(bench):
    code, said = bench.openocd("init; shutdown")
    assert code == 0, said
    before = bench.clocks()
    line = bench.part.cable()
    assert line.stats()[0] == before
    line.clocks([0] * 100)
    line.close()
    code, said = bench.openocd("init; shutdown")
    assert code == 0 and bench.clocks() > before + 100
