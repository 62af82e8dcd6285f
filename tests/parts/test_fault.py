# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults by script."""

import subprocess

import pytest

import cable
from cable import CSW, CTRL_STAT, DPIDR, DRW, FAULT, NVMC_CONFIG, NVMC_ERASEPAGE, OK, RDBUFF, STICKYERR, TAR, WAIT

CONNECT_CLOCKS = 52 + 5 * 46  # of Probe.connect


@pytest.fixture(name="faulty")
def faulty_part(tmp_path):
    """Makes parts with a fault script."""
    opened = []

    def make(script, *arguments):
        (tmp_path / "script").write_text(script)
        context = cable.part("--fault", str(tmp_path / "script"), *arguments)
        opened.append(context)
        return context.__enter__()

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def test_pull_at_a_clock(faulty, tmp_path):
    probe = faulty(f"clock {CONNECT_CLOCKS + 20} pull\n", "--flash", str(tmp_path / "flash"))
    probe.connect()
    with pytest.raises(cable.Pulled):
        probe.read(0, DPIDR)
    assert probe.part.process.wait(10) == 3
    assert (tmp_path / "flash").stat().st_size == (1 << 20) + 4096


@pytest.mark.parametrize("after", [1, 5, 9])
def test_pull_in_the_middle_of_a_page(faulty, tmp_path, after):
    """What was written before is there, what came after is not."""
    probe = faulty(f"write {after} pull\n", "--flash", str(tmp_path / "flash"))
    probe.connect()
    probe.halt()
    with pytest.raises(cable.Pulled):
        probe.program(0x1000, b"\0" * 40)
    image = (tmp_path / "flash").read_bytes()
    assert image[0x1000:0x1028] == b"\0" * (4 * after) + b"\xff" * (40 - 4 * after)


def test_power_fails_after_an_erase(faulty):
    probe = faulty("# between erase and program\nerase 1 power\n")
    probe.connect()
    probe.halt()
    probe.program(0x1000, b"old!")
    probe.poke(NVMC_CONFIG, 2)
    probe.ap_write(0, TAR, NVMC_ERASEPAGE)
    probe.try_write(1, DRW, 0x1000)
    assert probe.try_read(0, DPIDR)[0] == cable.NO_ANSWER
    probe.connect()
    assert probe.peek(0x1000) == 0xFFFFFFFF


def test_wait_storm(faulty):
    probe = faulty(f"clock {CONNECT_CLOCKS + 1} wait 3\n")
    probe.connect()
    assert probe.read(0, DPIDR), "the debug port itself is not busy"
    assert [probe.try_read(1, CSW)[0] for _ in range(4)] == [WAIT, WAIT, WAIT, OK]


def test_bus_error_at_a_clock(faulty):
    probe = faulty(f"clock {CONNECT_CLOCKS + 1} fault\n")
    probe.connect()
    assert probe.try_read(1, CSW)[0] == OK
    assert probe.try_read(0, RDBUFF)[0] == FAULT
    assert probe.status() & STICKYERR
    probe.clear()
    assert probe.ap_read(0, CSW)


def test_wrong_parity_from_the_part(faulty):
    probe = faulty(f"clock {CONNECT_CLOCKS + 1} parity\n")
    probe.connect()
    ack, data, good = probe.try_read(0, CTRL_STAT)
    assert ack == OK and data >> 28 == 0xF and not good
    assert probe.status() >> 28 == 0xF


@pytest.mark.parametrize("bit, expected", [(1, cable.NO_ANSWER), (6, cable.NO_ANSWER), (20, OK)])
def test_noise_on_the_line(faulty, bit, expected):
    """One header bit turned is a parity error; one data bit turned spoils the data of a write."""
    probe = faulty(f"clock {CONNECT_CLOCKS + bit + 1} flip\n")
    probe.connect()
    assert probe.try_write(0, CTRL_STAT, cable.POWER_UP) == expected
    if expected == OK:
        assert probe.status() & cable.WDATAERR


@pytest.mark.parametrize("value, erased, programmed", [(0, 0xFFFFFFF7, 0), (1, 0xFFFFFFFF, 0x8)])
def test_stuck_bit(faulty, value, erased, programmed):
    probe = faulty(f"stuck 0x1000 3 {value}\n")
    probe.connect()
    probe.halt()
    probe.erase_all()
    assert probe.peek(0x1000) == erased
    probe.program(0x1000, b"\0" * 4)
    assert probe.peek(0x1000) == programmed


@pytest.mark.parametrize("script", ["clock pull", "clock 5 explode", "moon 5 pull", "stuck 0 8 1", "stuck 0 1 2", "clock x wait"])
def test_bad_script_is_refused(tmp_path, script):
    (tmp_path / "script").write_text("\n# fine\n" + script + "\n")
    done = subprocess.run([cable.binary(), "--family", "nrf52840", "--cable", str(tmp_path / "c"), "--fault",
                           str(tmp_path / "script")], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1 and "script:3:" in done.stderr
