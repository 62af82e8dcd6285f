# SPDX-License-Identifier: GPL-2.0-or-later
"""A small client of the emulated cable, and SWD transactions over it, for tests of the simulated part.

It is written from the protocol descriptions, not from firmware/head, so that the two check each other.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

HELLO, SWD, RESET, POWER, DELAY, UART, STATS = range(1, 8)
OK, WAIT, FAULT = 1, 2, 4
NO_ANSWER = 7

DPIDR = ABORT = 0x0
CTRL_STAT = 0x4
SELECT = RESEND = 0x8
RDBUFF = 0xC
CSW, TAR, DRW = 0x00, 0x04, 0x0C

STICKYORUN, STICKYCMP, STICKYERR, READOK, WDATAERR = 1 << 1, 1 << 4, 1 << 5, 1 << 6, 1 << 7
ORUNDETECT = 1
POWER_UP = 0x50000000
CLEAR_STICKY = 0x1E

NVMC_READY, NVMC_CONFIG, NVMC_ERASEPAGE, NVMC_ERASEALL, NVMC_ERASEUICR = (
    0x4001E400, 0x4001E504, 0x4001E508, 0x4001E50C, 0x4001E514)
UICR_APPROTECT = 0x10001208
AIRCR, DHCSR, DCRSR, DCRDR, DEMCR = 0xE000ED0C, 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC
CTRL_AP = 1


def binary(name="provcard-part"):
    return os.path.join(os.environ.get("PROVCARD_BUILD", "build"), name)


class Pulled(Exception):
    """The part is gone."""


class Refused(Exception):
    """A transaction was not answered OK; the answer is the argument."""


def parity(word):
    return bin(word).count("1") & 1


class Cable:
    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = b""
        while len(data) < size:
            try:
                got = self.socket.recv(size - len(data))
            except ConnectionResetError:
                got = b""
            if not got:
                raise Pulled()
            data += got
        return data

    def call(self, kind, body=b""):
        try:
            self.socket.sendall(struct.pack("<II", len(body), kind) + body)
        except (BrokenPipeError, ConnectionResetError):
            raise Pulled() from None
        size, answered = struct.unpack("<II", self.receive(8))
        assert answered == kind
        return self.receive(size)

    def hello(self):
        return struct.unpack("<II", self.call(HELLO))

    def reset(self, asserted):
        assert self.call(RESET, struct.pack("<I", asserted)) == b""

    def power(self, on):
        assert self.call(POWER, struct.pack("<I", on)) == b""

    def delay(self, microseconds):
        assert self.call(DELAY, struct.pack("<I", microseconds)) == b""

    def uart(self, data, size, timeout_us):
        return self.call(UART, struct.pack("<II", size, timeout_us) + data)

    def stats(self):
        """SWCLK cycles and nanoseconds since power on."""
        return struct.unpack("<QQ", self.call(STATS))

    def clocks(self, out, drive=None):
        """Lists of bits; returns the line in each clock."""
        drive = [1] * len(out) if drive is None else drive
        size = (len(out) + 7) // 8
        pack = lambda bits: sum(bit << i for i, bit in enumerate(bits)).to_bytes(size, "little")
        got = int.from_bytes(self.call(SWD, struct.pack("<I", len(out)) + pack(out) + pack(drive)), "little")
        return [got >> i & 1 for i in range(len(out))]


def bits(value, count):
    return [value >> i & 1 for i in range(count)]


def word(line):
    return sum(bit << i for i, bit in enumerate(line))


def header(ap, read, address):
    fields = ap | read << 1 | (address >> 2 & 3) << 2
    return bits(1 | fields << 1 | parity(fields) << 5 | 1 << 7, 8)


class Probe:
    """SWD transactions. `turn` is the turnaround in clocks, `overrun` says that data phases are always there."""

    def __init__(self, cable):
        self.cable = cable
        self.turn = 1
        self.overrun = False

    def line_reset(self, ones=50, idle=2):
        self.cable.clocks([1] * ones + [0] * idle)

    def read_bits(self, ap, address):
        """Acknowledge, data and whether its parity is right, in one fixed sequence with a data phase."""
        out = header(ap, 1, address) + [0] * (2 * self.turn + 3 + 33)
        line = self.cable.clocks(out, [1] * 8 + [0] * (len(out) - 8))
        start = 8 + self.turn
        data = word(line[start + 3:start + 35])
        return word(line[start:start + 3]), data, line[start + 35] == parity(data)

    def try_read(self, ap, address):
        """As an interactive host does it: no data phase after anything but OK."""
        if self.overrun:
            return self.read_bits(ap, address)
        out = header(ap, 1, address) + [0] * (self.turn + 3)
        line = self.cable.clocks(out, [1] * 8 + [0] * (self.turn + 3))
        ack = word(line[8 + self.turn:])
        if ack != OK:
            self.cable.clocks([0] * self.turn, [0] * self.turn)
            return ack, None, None
        line = self.cable.clocks([0] * (33 + self.turn), [0] * (33 + self.turn))
        data = word(line[:32])
        return ack, data, line[32] == parity(data)

    def try_write(self, ap, address, data, wrong_parity=0):
        out = header(ap, 0, address) + [0] * (2 * self.turn + 3)
        line = self.cable.clocks(out, [1] * 8 + [0] * (2 * self.turn + 3))
        ack = word(line[8 + self.turn:8 + self.turn + 3])
        if ack == OK or self.overrun:
            self.cable.clocks(bits(data, 32) + [parity(data) ^ wrong_parity])
        return ack

    def read(self, ap, address):
        ack, data, good = self.try_read(ap, address)
        if ack != OK:
            raise Refused(ack)
        assert good, "parity"
        return data

    def write(self, ap, address, data):
        ack = self.try_write(ap, address, data)
        if ack != OK:
            raise Refused(ack)

    def connect(self):
        self.line_reset()
        identity = self.read(0, DPIDR)
        self.write(0, ABORT, CLEAR_STICKY)
        self.write(0, SELECT, 0)
        self.write(0, CTRL_STAT, POWER_UP)
        assert self.read(0, CTRL_STAT) >> 28 == 0xF
        return identity

    def status(self):
        return self.read(0, CTRL_STAT)

    def clear(self):
        self.write(0, ABORT, CLEAR_STICKY)

    def ap_read(self, port, register):
        self.write(0, SELECT, port << 24 | register & 0xF0)
        self.read(1, register & 0xC)
        return self.read(0, RDBUFF)

    def ap_write(self, port, register, value):
        self.write(0, SELECT, port << 24 | register & 0xF0)
        self.write(1, register & 0xC, value)

    def settle(self, tries=100000):
        """Wait for the last access; True if it went well."""
        for _ in range(tries):
            ack, _, _ = self.try_read(0, RDBUFF)
            if ack == OK:
                break
            if ack == FAULT:
                break
        if self.status() & (STICKYERR | STICKYORUN | WDATAERR | STICKYCMP):
            self.clear()
            return False
        return True

    def try_peek(self, address, size=4):
        """The word, or None after a bus error."""
        self.ap_write(0, CSW, 0x23000000 | {1: 0, 2: 1, 4: 2}[size])
        self.write(1, TAR, address)
        self.read(1, DRW)
        while True:
            ack, data, _ = self.try_read(0, RDBUFF)
            if ack != WAIT:
                break
        if self.status() & STICKYERR:
            self.clear()
            return None
        return data >> 8 * (address & 3) & (1 << 8 * size) - 1

    def peek(self, address, size=4):
        value = self.try_peek(address, size)
        assert value is not None, f"bus error at {address:#x}"
        return value

    def try_poke(self, address, value, size=4):
        self.ap_write(0, CSW, 0x23000000 | {1: 0, 2: 1, 4: 2}[size])
        self.write(1, TAR, address)
        self.write(1, DRW, value << 8 * (address & 3) & 0xFFFFFFFF)
        return self.settle()

    def poke(self, address, value, size=4):
        assert self.try_poke(address, value, size), f"bus error at {address:#x}"

    def read_block(self, address, count):
        """Words by posted reads, all in one message per KiB."""
        words = []
        for start in range(address, address + 4 * count, 1024):
            size = min(256, (address + 4 * count - start) // 4)
            self.ap_write(0, CSW, 0x23000012)
            self.write(1, TAR, start)
            self.read(1, DRW)
            words += [self.read(1, DRW) for _ in range(size - 1)] + [self.read(0, RDBUFF)]
        return words

    def write_block(self, address, data):
        """A whole stream per KiB without looking at acknowledges: only for ideal timing or RAM."""
        data = data + b"\xff" * (-len(data) % 4)
        for start in range(0, len(data), 1024):
            self.ap_write(0, CSW, 0x23000012)
            self.write(1, TAR, address + start)
            out, drive = [], []
            for (value,) in struct.iter_unpack("<I", data[start:start + 1024]):
                out += header(1, 0, DRW) + [0] * 5 + bits(value, 32) + [parity(value)]
                drive += [1] * 8 + [0] * 5 + [1] * 33
            self.cable.clocks(out, drive)
        assert self.settle()

    def halt(self):
        self.poke(DHCSR, 0xA05F0003)
        assert self.peek(DHCSR) & 1 << 17

    def core_register(self, number):
        self.poke(DCRSR, number)
        return self.peek(DCRDR)

    def set_core_register(self, number, value):
        self.poke(DCRDR, value)
        self.poke(DCRSR, 1 << 16 | number)

    def resume(self):
        self.poke(DHCSR, 0xA05F0001)

    def soft_reset(self):
        self.poke(AIRCR, 0x05FA0004)

    def erase_all(self):
        self.poke(NVMC_CONFIG, 2)
        self.poke(NVMC_ERASEALL, 1)
        self.poke(NVMC_CONFIG, 0)

    def program(self, address, data):
        self.poke(NVMC_CONFIG, 1)
        self.write_block(address, data)
        self.poke(NVMC_CONFIG, 0)

    def recover(self):
        self.ap_write(CTRL_AP, 0x04, 1)
        while self.ap_read(CTRL_AP, 0x08):
            self.cable.delay(1000)
        self.ap_write(CTRL_AP, 0x00, 1)
        self.ap_write(CTRL_AP, 0x00, 0)
        self.ap_write(CTRL_AP, 0x04, 0)


class Part:
    """A provcard-part of its own, with a cable plugged in."""

    def __init__(self, folder, *arguments):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "cable")
        command = [binary(), "--family", "nrf52840", "--cable", self.socket, *arguments]
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.socket):
            assert self.process.poll() is None and time.monotonic() < deadline, "the part did not start"
            time.sleep(0.005)

    def cable(self):
        return Cable(self.socket)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)


@contextlib.contextmanager
def part(*arguments):
    """Yields a connected Probe with its part in .part."""
    with tempfile.TemporaryDirectory() as folder:
        running = Part(folder, *arguments)
        probe = Probe(running.cable())
        probe.part = running
        try:
            yield probe
        finally:
            probe.cable.close()
            if running.process.poll() is None:
                running.stop()
