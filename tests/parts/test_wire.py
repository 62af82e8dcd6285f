# SPDX-License-Identifier: GPL-2.0-or-later
"""The line protocol and the debug port, ADIv5.2 chapters B2 and B4, clock by clock."""

import random

import pytest

import cable
from cable import (ABORT, CLEAR_STICKY, CSW, CTRL_STAT, DPIDR, DRW, FAULT, NO_ANSWER, OK, ORUNDETECT, POWER_UP, RDBUFF, READOK,
                   RESEND, SELECT, STICKYCMP, STICKYERR, STICKYORUN, TAR, WAIT, WDATAERR, bits, header, parity)

DPIDR_M4 = 0x2BA01477


@pytest.fixture(name="probe")
def a_part():
    with cable.part() as probe:
        yield probe


def answer(probe, out):
    """Acknowledge after a hand-made header."""
    line = probe.cable.clocks(out + [0] * 4, [1] * len(out) + [0] * 4)
    return cable.word(line[len(out) + 1:])


def test_hello(probe):
    assert probe.cable.hello() == (0x50434231, 1)


def test_silent_until_line_reset(probe):
    assert probe.try_read(0, DPIDR)[0] == NO_ANSWER
    probe.line_reset()
    assert probe.try_read(0, DPIDR) == (OK, DPIDR_M4, True)


@pytest.mark.parametrize("ones, idle, expected", [(49, 2, NO_ANSWER), (50, 2, OK), (50, 1, NO_ANSWER), (50, 0, NO_ANSWER),
                                                  (1000, 100, OK)])
def test_line_reset_boundaries(probe, ones, idle, expected):
    probe.cable.clocks([0] * 8)
    probe.line_reset(ones, idle)
    assert probe.try_read(0, DPIDR)[0] == expected


def test_switch_from_jtag(probe):
    probe.cable.clocks([1] * 50 + bits(0xE79E, 16) + [1] * 50 + [0] * 2)
    assert probe.read(0, DPIDR) == DPIDR_M4


def test_first_access_after_reset_must_identify(probe):
    probe.line_reset()
    assert probe.try_read(0, CTRL_STAT)[0] == NO_ANSWER
    assert probe.try_read(0, DPIDR)[0] == NO_ANSWER, "lost until the next line reset"
    probe.line_reset()
    assert probe.try_write(0, ABORT, CLEAR_STICKY) == NO_ANSWER, "a write to the same address identifies nothing"
    probe.line_reset()
    assert probe.read(0, DPIDR) == DPIDR_M4


@pytest.mark.parametrize("wrong", [5, 6, 7], ids=["parity", "stop", "park"])
def test_broken_header_locks_out(probe, wrong):
    probe.connect()
    out = header(0, 1, DPIDR)
    out[wrong] ^= 1
    assert answer(probe, out) == NO_ANSWER
    probe.cable.clocks([0] * 64)
    assert probe.try_read(0, DPIDR)[0] == NO_ANSWER
    probe.line_reset()
    assert probe.read(0, DPIDR) == DPIDR_M4


def test_transaction_takes_46_clocks(probe):
    probe.connect()
    before = probe.cable.stats()[0]
    probe.read(0, DPIDR)
    assert probe.cable.stats()[0] - before == 46
    probe.write(0, SELECT, 0)
    assert probe.cable.stats()[0] - before == 92


def test_transactions_need_no_idle_between(probe):
    probe.connect()
    one = header(0, 1, DPIDR) + [0] * 38
    line = probe.cable.clocks(one * 3, ([1] * 8 + [0] * 38) * 3)
    for start in range(0, 138, 46):
        assert cable.word(line[start + 9:start + 12]) == OK
        assert cable.word(line[start + 12:start + 44]) == DPIDR_M4


def test_line_is_pulled_up_when_released(probe):
    probe.connect()
    line = probe.cable.clocks(header(0, 1, DPIDR) + [0] * 38, [1] * 8 + [0] * 38)
    assert line[8] == 1 and line[45] == 1, "the two turnaround clocks"


def test_longer_turnaround(probe):
    probe.connect()
    probe.write(0, SELECT, 1)
    for turn in (1, 2, 3):
        probe.write(0, CTRL_STAT, turn << 8)
        probe.turn = turn + 1
        assert probe.read(0, CTRL_STAT) >> 8 & 3 == turn
    probe.line_reset()
    probe.turn = 1
    assert probe.read(0, DPIDR) == DPIDR_M4


def test_power_up_is_acknowledged(probe):
    probe.line_reset()
    probe.read(0, DPIDR)
    assert probe.status() >> 28 == 0
    probe.write(0, CTRL_STAT, POWER_UP)
    assert probe.status() >> 28 == 0xF
    probe.write(0, CTRL_STAT, 0x10000000)
    assert probe.status() >> 28 == 0x3


def test_access_port_without_power_is_an_error(probe):
    probe.line_reset()
    probe.read(0, DPIDR)
    assert probe.try_read(1, CSW)[0] == OK, "posted"
    assert probe.status() & STICKYERR


def test_write_with_wrong_parity_is_dropped(probe):
    probe.connect()
    assert probe.try_write(0, CTRL_STAT, 0, wrong_parity=1) == OK
    assert probe.status() & WDATAERR and probe.status() >> 28 == 0xF
    assert probe.try_write(0, SELECT, 0) == FAULT
    probe.write(0, ABORT, 1 << 3)
    assert not probe.status() & WDATAERR
    probe.ap_write(0, TAR, 0x20000000)
    assert probe.try_write(1, TAR, 0x12345678, wrong_parity=1) == OK
    probe.clear()
    assert probe.ap_read(0, TAR) == 0x20000000


def test_posted_reads(probe):
    probe.connect()
    probe.ap_write(0, TAR, 0x11111110)
    probe.read(1, TAR)
    assert probe.read(1, CSW) == 0x11111110, "the answer is that of the read before"
    assert probe.read(0, RDBUFF) & 0xFF == 0x42
    assert probe.read(0, RESEND) & 0xFF == 0x42
    assert probe.status() & READOK


def test_fault_until_sticky_error_is_cleared(probe):
    probe.connect()
    probe.ap_write(0, TAR, 0x60000000)
    assert probe.try_read(1, DRW)[0] == OK
    for attempt in (lambda: probe.try_read(1, TAR)[0], lambda: probe.try_read(0, RDBUFF)[0], lambda: probe.try_write(1, TAR, 0),
                    lambda: probe.try_write(0, SELECT, 0), lambda: probe.try_read(0, RESEND)[0]):
        assert attempt() == FAULT
    assert probe.status() & STICKYERR and not probe.status() & READOK
    assert probe.read(0, DPIDR) == DPIDR_M4
    probe.write(0, ABORT, 1 << 2)
    assert probe.ap_read(0, TAR) == 0x60000000


def test_sticky_flags_survive_a_line_reset(probe):
    probe.connect()
    assert probe.try_peek(0x20000000) is not None
    probe.ap_write(0, TAR, 0x60000000)
    probe.read(1, DRW)
    probe.line_reset()
    probe.read(0, DPIDR)
    assert probe.status() & STICKYERR


def test_overrun_detection_keeps_the_data_phase(probe):
    probe.connect()
    probe.write(0, CTRL_STAT, POWER_UP | ORUNDETECT)
    probe.overrun = True
    probe.ap_write(0, TAR, 0x60000000)
    assert probe.try_read(1, DRW)[0] == OK
    assert probe.try_read(1, TAR)[0] == FAULT
    assert probe.try_write(1, TAR, 0) == FAULT
    assert probe.status() & STICKYORUN and probe.status() & STICKYERR
    probe.write(0, ABORT, 1 << 2)
    assert probe.try_write(1, TAR, 0) == FAULT, "the overrun is sticky for itself"
    probe.write(0, ABORT, 1 << 4)
    assert probe.ap_read(0, TAR) == 0x60000000


def test_stream_stays_in_step_after_a_wait():
    """A page as one sequence: after the WAIT every write faults, nothing behind the gap is written."""
    with cable.part("--timing", "real") as probe:
        probe.connect()
        probe.halt()
        probe.poke(cable.NVMC_CONFIG, 1)
        probe.write(0, CTRL_STAT, POWER_UP | ORUNDETECT)
        probe.ap_write(0, CSW, 0x23000012)
        probe.write(1, TAR, 0x1000)
        out, drive = [], []
        for value in range(4):
            out += header(1, 0, DRW) + [0] * 5 + bits(value, 32) + [parity(value)]
            drive += [1] * 8 + [0] * 5 + [1] * 33
        line = probe.cable.clocks(out, drive)
        assert [cable.word(line[start + 9:start + 12]) for start in range(0, 4 * 46, 46)] == [OK, OK, WAIT, FAULT]
        probe.overrun = True
        assert probe.status() & STICKYORUN
        probe.clear()
        probe.cable.delay(1000)
        assert probe.settle()
        assert [probe.peek(0x1000 + 4 * i) for i in range(4)] == [0, 1, 0xFFFFFFFF, 0xFFFFFFFF]


def test_abort_drops_what_is_pending():
    with cable.part("--timing", "real") as probe:
        probe.connect()
        probe.halt()
        probe.poke(cable.NVMC_CONFIG, 2)
        probe.poke(cable.NVMC_ERASEPAGE, 0x1000)
        probe.ap_write(0, TAR, 0x1000)
        probe.read(1, DRW)
        assert probe.try_read(0, RDBUFF)[0] == WAIT
        assert probe.try_write(0, SELECT, 0) == WAIT
        assert probe.status() >> 28 == 0xF, "never answered WAIT"
        probe.write(0, ABORT, 1)
        assert probe.try_read(0, RDBUFF)[0] == OK


@pytest.mark.parametrize("mode, value, mask, sticks", [
    (1, 0x11223344, 0xF, False), (1, 0x11223345, 0xF, True), (1, 0x99223344, 0x7, False),
    (2, 0x11223344, 0xF, True), (2, 0x11223345, 0xF, False)])
def test_pushed_compare(probe, mode, value, mask, sticks):
    """TRNMODE 1 sticks when the bytes differ, 2 when they are equal; MASKLANE chooses the bytes."""
    probe.connect()
    probe.halt()
    probe.poke(0x20000000, 0x11223344)
    probe.ap_write(0, CSW, 0x23000002)
    probe.write(1, TAR, 0x20000000)
    probe.write(0, CTRL_STAT, POWER_UP | mode << 2 | mask << 8)
    probe.write(1, DRW, value)
    assert bool(probe.status() & STICKYCMP) == sticks
    probe.clear()
    probe.write(0, CTRL_STAT, POWER_UP)
    assert probe.peek(0x20000000) == 0x11223344, "nothing was written"


def test_absent_access_ports_read_zero(probe):
    probe.connect()
    for port in (2, 3, 4, 255):
        assert probe.ap_read(port, 0xFC) == 0
    assert not probe.status() & STICKYERR


def test_without_power_nothing_answers(probe):
    probe.connect()
    probe.cable.power(0)
    probe.line_reset()
    assert probe.try_read(0, DPIDR)[0] == 0
    assert probe.cable.stats() == (0, 0)
    probe.cable.power(1)
    assert probe.connect() == DPIDR_M4


def test_many_connections_one_after_another(probe):
    probe.connect()
    for _ in range(5):
        probe.cable.close()
        probe.cable = probe.part.cable()
        assert probe.read(0, DPIDR) == DPIDR_M4


@pytest.mark.parametrize("kind, body", [(cable.SWD, b""), (cable.SWD, b"\x09\0\0\0" + b"\0" * 2), (cable.SWD, b"\xff\xff\xff\xff"),
                                        (cable.UART, b"\0\0\0\0"), (cable.UART, b"\xff" * 8), (cable.RESET, b""),
                                        (cable.POWER, b"\0" * 8), (cable.DELAY, b"\0"), (cable.HELLO, b"\0"), (99, b"")])
def test_senseless_message_unplugs(probe, kind, body):
    probe.connect()
    with pytest.raises(cable.Pulled):
        probe.cable.call(kind, body)
    probe.cable.close()
    probe.cable = probe.part.cable()
    assert probe.read(0, DPIDR) == DPIDR_M4, "the part itself is unharmed"


def test_oversize_message_unplugs(probe):
    probe.cable.socket.sendall((1 << 20 | 1).to_bytes(4, "little") + cable.SWD.to_bytes(4, "little"))
    with pytest.raises(cable.Pulled):
        probe.cable.receive(1)


@pytest.mark.parametrize("seed", range(4))
def test_noise_never_breaks_the_part(probe, seed):
    """Any level, driven or not, at any clock: a line reset brings the part back."""
    source = random.Random(seed)
    for chance in (0.5, 0.95, 0.05):
        size = 20000
        probe.cable.clocks([source.random() < chance for _ in range(size)], [source.random() < 0.9 for _ in range(size)])
        probe.cable.clocks([0] * 50)
        probe.line_reset()
        assert probe.read(0, DPIDR) == DPIDR_M4


@pytest.mark.parametrize("seed", range(6))
def test_senseless_transactions_never_break_the_part(probe, seed):
    """Well-formed transactions with any content, at the places where content matters most; recovery always works."""
    source = random.Random(seed)
    places = [0, 0x1000, 0x10000060, 0x10001208, 0x20000000, 0x2003FFFC, cable.NVMC_CONFIG, cable.NVMC_ERASEPAGE, cable.DHCSR,
              cable.DCRSR, cable.DCRDR, cable.DEMCR, cable.AIRCR, 0xE0002000, 0xE0002008, 0x40002008, 0x40002544, 0x40002548]
    values = [0, 1, 2, 8, 0xA05F0003, 0xA05F0001, 0xA05F0005, 0x05FA0004, 0x1000F, 0x20000000, 0xFFFFFFFF]
    probe.connect()
    for _ in range(300):
        if source.random() < 0.1:
            probe.clear()
            probe.write(0, SELECT, source.choice((0, 0, 0x01000000, 0x10, 0xF0)))
            probe.try_write(0, CTRL_STAT, POWER_UP)
        probe.try_write(1, TAR, source.choice(places))
        probe.try_write(1, source.choice((CSW, DRW, DRW, DRW)), source.choice(values + [source.getrandbits(32)]))
        probe.try_read(1, source.choice((CSW, TAR, DRW)))
    probe.connect()
    probe.recover()
    probe.halt()
    assert probe.peek(0xE000ED00) == 0x410FC241 and probe.peek(0) == 0xFFFFFFFF
