# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory, flash rules, locks and identity of the simulated nRF52840, through its debug port."""

import os
import signal
import subprocess

import pytest

import cable
from cable import (CSW, CTRL_AP, DRW, FAULT, NVMC_CONFIG, NVMC_ERASEALL, NVMC_ERASEPAGE, NVMC_ERASEUICR, NVMC_READY, OK, TAR,
                   UICR_APPROTECT, WAIT)

BLANK = 0xFFFFFFFF
PSELRESET = 0x10001200
DEVICEID = 0x10000060
WORD_NS, PAGE_NS, MASS_NS = 41_000, 85_000_000, 169_000_000


@pytest.fixture(name="probe")
def a_part():
    with cable.part() as probe:
        probe.connect()
        probe.halt()
        yield probe


def set_word(probe, address, value):
    probe.poke(NVMC_CONFIG, 1)
    probe.poke(address, value)
    probe.poke(NVMC_CONFIG, 0)


def lock(probe, word=0xFFFFFF00):
    set_word(probe, UICR_APPROTECT, word)
    probe.soft_reset()


def test_access_port_registers(probe):
    assert probe.ap_read(0, 0xFC) == 0x24770011
    assert probe.ap_read(0, 0xF4) == 0
    assert probe.ap_read(0, 0xF8) == 0xE00FF003
    assert probe.ap_read(0, CSW) & 0x40


def test_identity(probe):
    assert probe.peek(0x10000100) == 0x52840
    assert probe.peek(0x10000010) * probe.peek(0x10000014) == 1 << 20
    assert not probe.try_poke(0x10000100, 0)
    assert probe.peek(0x10000100) == 0x52840


@pytest.mark.parametrize("uid", ["0000000000000000", "ffffffffffffffff", "0123456789ABCDEF"])
def test_unique_id(uid):
    with cable.part("--uid", uid) as probe:
        probe.connect()
        assert probe.peek(DEVICEID + 4) << 32 | probe.peek(DEVICEID) == int(uid, 16)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_byte_lanes(probe, size):
    probe.poke(0x20000000, 0)
    for offset in range(0, 4, size):
        probe.poke(0x20000000 + offset, 0x44332211 >> 8 * offset & (1 << 8 * size) - 1, size)
    assert probe.peek(0x20000000) == 0x44332211
    for offset in range(0, 4, size):
        assert probe.peek(0x20000000 + offset, size) == 0x44332211 >> 8 * offset & (1 << 8 * size) - 1


def test_packed_transfers(probe):
    probe.poke(0x20000000, 0x44332211)
    for size in (0, 1):
        probe.ap_write(0, CSW, 0x23000020 | size)
        probe.write(1, TAR, 0x20000000)
        probe.read(1, DRW)
        assert probe.read(0, cable.RDBUFF) == 0x44332211
        assert probe.ap_read(0, TAR) == 0x20000004


@pytest.mark.parametrize("address, after", [(0x20000FFC, 0x20000000), (0x20000FF8, 0x20000FFC), (0x200013FC, 0x20001400)])
def test_address_wraps_in_4_kib(probe, address, after):
    probe.ap_write(0, CSW, 0x23000012)
    probe.write(1, TAR, address)
    probe.write(1, DRW, 0)
    assert probe.ap_read(0, TAR) == after


def test_banked_data_registers(probe):
    for index in range(4):
        probe.poke(0x20000010 + 4 * index, index + 7)
    probe.ap_write(0, TAR, 0x20000018)
    assert [probe.ap_read(0, 0x10 + 4 * index) for index in range(4)] == [7, 8, 9, 10]


@pytest.mark.parametrize("address", [0x00100000, 0x10002000, 0x20040000, 0x40030000, 0x50001000, 0x60000000, 0xE0003000,
                                     0xFFFFFFFC])
def test_nobody_there(probe, address):
    assert probe.try_peek(address) is None
    assert not probe.try_poke(address, 0)


@pytest.mark.parametrize("address, size", [(0x20000001, 2), (0x20000001, 4), (0x20000002, 4)])
def test_unaligned_access_is_an_error(probe, address, size):
    assert probe.try_peek(address, size) is None


def test_programming_only_clears_bits(probe):
    probe.program(0, (0xFFFF0F0F).to_bytes(4, "little"))
    probe.program(0, (0x0F0FFFFF).to_bytes(4, "little"))
    assert probe.peek(0) == 0x0F0F0F0F


def test_programming_needs_write_enable(probe):
    for config in (0, 2):
        probe.poke(NVMC_CONFIG, config)
        assert not probe.try_poke(0x100, 0)
    assert probe.peek(0x100) == BLANK


def test_programming_takes_whole_words(probe):
    probe.poke(NVMC_CONFIG, 1)
    assert not probe.try_poke(0x100, 0, 1)
    assert not probe.try_poke(0x102, 0, 2)
    assert probe.peek(0x100) == BLANK


def test_page_erase(probe):
    for address in (0x0FFC, 0x1000, 0x1FFC, 0x2000):
        probe.program(address, b"\0" * 4)
    probe.poke(NVMC_ERASEPAGE, 0x1000)
    assert probe.peek(0x1000) == 0, "without erase enable nothing happens"
    probe.poke(NVMC_CONFIG, 2)
    probe.poke(NVMC_ERASEPAGE, 0x1000)
    assert [probe.peek(address) for address in (0x0FFC, 0x1000, 0x1FFC, 0x2000)] == [0, BLANK, BLANK, 0]


def test_uicr_is_erased_by_its_own_command_only(probe):
    set_word(probe, 0x10001080, 0x12345678)
    probe.program(0xFF000, b"\0" * 4)
    probe.poke(NVMC_CONFIG, 2)
    probe.poke(NVMC_ERASEPAGE, 0x10001000)
    assert probe.peek(0x10001080) == 0x12345678
    probe.poke(NVMC_ERASEUICR, 1)
    assert probe.peek(0x10001080) == BLANK and probe.peek(0xFF000) == 0
    probe.poke(NVMC_ERASEALL, 1)
    assert probe.peek(0xFF000) == BLANK


@pytest.mark.parametrize("word, locked", [(0xFFFFFFFF, False), (0xFFFFFF00, True), (0xFFFFFF5A, True), (0x00000000, True),
                                          (0x00FFFFFF, False), (0xFFFFFFFE, True)])
def test_lock_words_of_old_silicon(probe, word, locked):
    set_word(probe, UICR_APPROTECT, word)
    assert probe.try_peek(0) is not None, "the lock waits for a reset"
    probe.soft_reset()
    assert probe.ap_read(CTRL_AP, 0x0C) == (not locked)
    assert (probe.try_peek(0) is None) == locked


def test_locked_part_shows_only_its_control_port(probe):
    probe.program(0, b"\0" * 4)
    lock(probe)
    assert probe.ap_read(0, 0xFC) == 0 and not probe.ap_read(0, CSW) & 0x40
    assert probe.ap_read(CTRL_AP, 0xFC) == 0x02880000
    for address in (0, 0x10000060, 0x20000000, 0x40001000, cable.DHCSR):
        assert probe.try_peek(address) is None
        assert not probe.try_poke(address, 0)


def test_lock_survives_power_and_process():
    with cable.part("--flash", flash := os.path.join(os.environ.get("TMPDIR", "/tmp"), f"flash-{os.getpid()}")) as probe:
        probe.connect()
        probe.halt()
        probe.program(0x5000, b"kept")
        lock(probe)
        probe.cable.power(0)
        probe.cable.power(1)
        probe.connect()
        assert probe.try_peek(0) is None
        probe.part.stop(signal.SIGKILL)
    try:
        with cable.part("--flash", flash) as probe:
            probe.connect()
            assert probe.ap_read(CTRL_AP, 0x0C) == 0 and probe.try_peek(0x5000) is None
        with open(flash, "rb") as image:
            assert image.read()[0x5000:0x5004] == b"kept"
    finally:
        os.unlink(flash)


def test_recover_erases_and_opens(probe):
    probe.program(0, b"\0" * 4)
    set_word(probe, 0x10001080, 0)
    probe.poke(0x20000000, 0x5EC2E7)
    lock(probe)
    probe.ap_write(CTRL_AP, 0x04, 0)
    assert probe.ap_read(CTRL_AP, 0x0C) == 0, "nothing erased yet"
    probe.recover()
    assert probe.ap_read(CTRL_AP, 0x0C) == 1
    assert probe.peek(0) == BLANK and probe.peek(0x10001080) == BLANK and probe.peek(UICR_APPROTECT) == BLANK
    assert probe.peek(0x20000000) == 0, "no secret stays in RAM"


def test_erase_without_reset_does_not_open_old_silicon(probe):
    lock(probe)
    probe.ap_write(CTRL_AP, 0x04, 1)
    assert probe.ap_read(CTRL_AP, 0x08) == 0 and probe.try_peek(0) is None


def test_control_port_holds_reset(probe):
    probe.ap_write(CTRL_AP, 0x00, 1)
    assert probe.ap_read(CTRL_AP, 0x00) == 1 and probe.try_peek(0) is None
    probe.ap_write(CTRL_AP, 0x00, 0)
    assert probe.peek(cable.DHCSR) & 1 << 25
    assert not probe.peek(cable.DHCSR) & 1 << 25, "sticky until read"


def test_reset_pin_works_only_where_uicr_names_it(probe):
    probe.poke(0x20000000, 1)
    set_word(probe, UICR_APPROTECT, 0)
    probe.cable.reset(1)
    probe.cable.reset(0)
    assert probe.try_peek(0x20000000) == 1, "a blank part has no reset pin"
    set_word(probe, PSELRESET, 18)
    probe.cable.reset(1)
    assert probe.try_peek(0x20000000) == 1, "both words must name it"
    probe.cable.reset(0)
    set_word(probe, PSELRESET + 4, 18)
    probe.cable.reset(1)
    assert probe.try_peek(0x20000000) is None
    probe.cable.reset(0)
    assert probe.ap_read(CTRL_AP, 0x0C) == 0, "the lock has taken effect"


def test_hardened_silicon_is_closed_at_first():
    with cable.part("--hardened") as probe:
        probe.connect()
        assert probe.ap_read(CTRL_AP, 0x0C) == 0 and probe.try_peek(0) is None
        probe.recover()
        assert probe.peek(0) == BLANK
        probe.halt()
        probe.soft_reset()
        assert probe.peek(0) == BLANK, "stays open over a soft reset"
        probe.cable.power(0)
        probe.cable.power(1)
        probe.connect()
        assert probe.try_peek(0) is None


@pytest.mark.parametrize("word, opened", [(0xFFFFFF5A, True), (0xFFFFFFFF, False), (0xFFFFFF00, False)])
def test_hardened_silicon_needs_uicr_and_firmware(word, opened):
    """The bootloader opens the port where the UICR says so."""
    with cable.part("--hardened") as probe:
        probe.connect()
        probe.recover()
        probe.halt()
        with open(cable.binary("device/bootloader.bin"), "rb") as image:
            probe.program(0, image.read())
        set_word(probe, UICR_APPROTECT, word)
        probe.cable.power(0)
        probe.cable.power(1)
        probe.cable.delay(1000)
        probe.connect()
        assert (probe.try_peek(0x10000100) is not None) == opened


def test_protection_can_be_forced_on_hardened_silicon():
    with cable.part("--hardened") as probe:
        probe.connect()
        probe.recover()
        probe.halt()
        set_word(probe, UICR_APPROTECT, 0xFFFFFF5A)
        probe.cable.power(0)
        probe.cable.power(1)
        probe.connect()
        assert probe.try_peek(0) is None, "nobody wrote DISABLE"


def busy_clocks(probe, action):
    """Virtual nanoseconds until a memory that was given work answers again."""
    begun = probe.cable.stats()[1]
    action()
    assert probe.settle()
    while not probe.peek(NVMC_READY):
        probe.cable.delay(1)
    return probe.cable.stats()[1] - begun


def test_real_timing():
    with cable.part("--timing", "real", "--swclk", "10000000") as probe:
        probe.connect()
        probe.halt()
        probe.poke(NVMC_CONFIG, 1)
        probe.ap_write(0, TAR, 0x1000)
        spent = busy_clocks(probe, lambda: probe.write(1, DRW, 0))
        assert WORD_NS <= spent < WORD_NS + 100_000
        probe.poke(NVMC_CONFIG, 2)
        for register, value, time in ((NVMC_ERASEPAGE, 0x1000, PAGE_NS), (NVMC_ERASEALL, 1, MASS_NS)):
            probe.ap_write(0, TAR, register)
            begun = probe.cable.stats()[1]
            probe.write(1, DRW, value)
            probe.ap_write(0, TAR, 0x1000)
            probe.read(1, DRW)
            assert probe.try_read(0, cable.RDBUFF)[0] == WAIT
            probe.cable.delay(time // 1000 - 200)
            assert probe.try_read(0, cable.RDBUFF)[0] == WAIT
            probe.cable.delay(300)
            assert probe.try_read(0, cable.RDBUFF) == (OK, BLANK, True)
            assert probe.cable.stats()[1] - begun >= time


def test_mass_erase_takes_time_that_the_control_port_shows():
    with cable.part("--timing", "real") as probe:
        probe.connect()
        begun = probe.cable.stats()[1]
        probe.ap_write(CTRL_AP, 0x04, 1)
        assert probe.ap_read(CTRL_AP, 0x08) == 1
        probe.recover()
        assert probe.cable.stats()[1] - begun >= MASS_NS


def test_power_loses_everything_but_flash(probe):
    probe.poke(0x20000000, 5)
    probe.program(0x3000, b"abcd")
    probe.cable.power(0)
    probe.cable.power(1)
    assert probe.try_read(0, cable.DPIDR)[0] not in (OK, FAULT, WAIT)
    probe.connect()
    assert probe.peek(0x20000000) == 0 and probe.peek(0x3000) == int.from_bytes(b"abcd", "little")


@pytest.mark.parametrize("arguments", [
    [], ["--family", "z80", "--cable", "x"], ["--family", "nrf52840"], ["--family", "nrf52840", "--cable", "x", "--uid", "12"],
    ["--family", "nrf52840", "--cable", "x", "--swclk", "0"], ["--family", "nrf52840", "--cable", "x", "--timing", "none"],
    ["--family", "nrf52840", "--cable", "x", "rest"], ["--nonsense"]])
def test_wrong_options_are_refused(arguments):
    done = subprocess.run([cable.binary(), *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr


def test_foreign_flash_file_is_refused(tmp_path):
    (tmp_path / "flash").write_bytes(b"not a flash image")
    done = subprocess.run([cable.binary(), "--family", "nrf52840", "--cable", str(tmp_path / "c"), "--flash",
                           str(tmp_path / "flash")], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1 and "is not a flash image" in done.stderr
    assert (tmp_path / "flash").read_bytes() == b"not a flash image"
