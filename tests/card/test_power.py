# SPDX-License-Identifier: GPL-2.0-or-later
"""The process provcard-card: its command line, its lock, orderly stop, power cut, clients that misbehave.

The client is written from the vfio-user specification and Documentation/host-interface.rst, not from libprovcard.
"""
import array
import contextlib
import mmap
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

import pytest

CARD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build")) / "provcard-card"
CONFIG, COMMAND = 7, 4
CAP, CC, CSTS, AQA, ASQ, ACQ, DOORBELL = 0x00, 0x14, 0x1C, 0x24, 0x28, 0x30, 0x1000
MEMORY, SIZE = 0x10000000, 1 << 20
STATUS = 0x40


class Card:
    """One run of the card on a state folder."""

    def __init__(self, folder, *options):
        self.socket = str(folder / "card.sock")
        self.log = open(folder / "card.log", "a+", encoding="utf-8")
        self.process = subprocess.Popen([CARD, "--socket", self.socket, "--state", folder / "state", "--heads", "2", *options],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(30)
        self.process.stdout.close()
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        return self.process.returncode, text


@contextlib.contextmanager
def running(folder, *options):
    card = Card(folder, *options)
    try:
        yield card
    finally:
        if card.process.poll() is None:
            card.end(signal.SIGKILL)


class Client:
    """A host without a kernel: one admin queue."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.number = self.tail = 0
        self.call(1, struct.pack("<HH", 0, 0))

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the card has hung up")
            data += piece
        return data

    def call(self, command, payload=b"", fds=()):
        self.number += 1
        message = struct.pack("<HHIII", self.number, command, 16 + len(payload), 0, 0) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([message], rights)
        number, _, size, flags, error = struct.unpack("<HHIII", self.receive(16))
        assert (number, flags & 0xF) == (self.number, 1)
        data = self.receive(size - 16)
        if flags & 0x20:
            raise OSError(error, os.strerror(error))
        return data

    def read(self, offset, size=4, region=0):
        return int.from_bytes(self.call(9, struct.pack("<QII", offset, region, size))[16:], "little")

    def write(self, offset, value, size=4, region=0):
        self.call(10, struct.pack("<QII", offset, region, size) + value.to_bytes(size, "little"))

    def wait(self, ready):
        end = time.monotonic() + 30
        while self.read(CSTS) & 1 != ready:
            assert time.monotonic() < end
            time.sleep(0.01)

    def enable(self):
        fd = os.memfd_create("host")
        os.ftruncate(fd, SIZE)
        self.memory = mmap.mmap(fd, SIZE)
        self.call(2, struct.pack("<IIQQQ", 32, 3, 0, MEMORY, SIZE), [fd])
        os.close(fd)
        self.write(COMMAND, 6, 2, CONFIG)
        self.write(CC, 0)
        self.wait(0)
        self.write(AQA, 7 << 16 | 7)
        self.write(ASQ, MEMORY, 8)
        self.write(ACQ, MEMORY + 0x1000, 8)
        self.write(CC, 1)
        self.wait(1)

    def status(self):
        """The card's own answer to STATUS: refusal code, start count, fault."""
        slot = self.tail
        self.memory[slot * 64:slot * 64 + 64] = struct.pack("<BBHI QI3sB QI3sB QQQ", STATUS, 0, slot, 0, 0, 0, b"", 0,
                                                            MEMORY + 0x2000, 152, b"", 0, 0, 0, 0)
        self.tail += 1
        self.write(DOORBELL, self.tail)
        end = time.monotonic() + 20
        while not self.memory[0x1000 + slot * 16 + 14] & 1:
            assert time.monotonic() < end
            time.sleep(0.005)
        code = struct.unpack_from("<H", self.memory, 0x1000 + slot * 16 + 14)[0] >> 1
        boots, _, _, fault = struct.unpack_from("<4I", self.memory, 0x2000 + 8 + 32 + 32 + 32 + 8)
        return code, boots, fault

    def close(self):
        self.socket.close()


def boots(card):
    client = Client(card.socket)
    client.enable()
    code, count, fault = client.status()
    client.close()
    assert (code, fault) == (0, 0)
    return count


def test_help():
    result = subprocess.run([CARD, "--help"], capture_output=True, text=True, check=True)
    for option in ("socket", "state", "serial", "heads", "cable", "staging", "nv-size", "msi-only", "clock-offset"):
        assert f"--{option} " in result.stdout


@pytest.mark.parametrize("arguments", [
    [], ["--socket", "s"], ["--state", "s"], ["--socket", "s", "--state", "s", "extra"],
    ["--socket", "s", "--state", "s", "--heads", "0"], ["--socket", "s", "--state", "s", "--heads", "32"],
    ["--socket", "s", "--state", "s", "--heads", "4x"], ["--socket", "s", "--state", "s", "--serial", ".hidden"],
    ["--socket", "s", "--state", "s", "--serial", "a/b"], ["--socket", "s", "--state", "s", "--nv-size", "cellar=1"],
    ["--socket", "s", "--state", "s", "--nv-size", "log=99999999999G"], ["--socket", "s", "--state", "s", "--staging", "-5"],
    ["--socket", "s", "--state", "s", "--heads", "1", "--cable", "a", "--cable", "b"], ["--nonsense"],
])
def test_wrong_command_line(tmp_path, arguments):
    result = subprocess.run([CARD.resolve(), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert result.returncode == 2
    assert result.stderr
    assert not list(tmp_path.iterdir())


def test_orderly_stop_and_start(tmp_path):
    for expected in (1, 2, 3):
        with running(tmp_path) as card:
            assert boots(card) == expected
            code, log = card.end(signal.SIGTERM)
            assert code == 0
            assert log.count("powered off") == expected
            assert not os.path.exists(card.socket)


def test_power_cuts(tmp_path):
    """What the card has told is there after each cut; the socket left behind is no obstacle."""
    for expected in range(1, 6):
        with running(tmp_path) as card:
            assert boots(card) == expected
            assert card.end(signal.SIGKILL)[0] == -signal.SIGKILL
            assert os.path.exists(card.socket)


def test_power_cut_while_starting(tmp_path):
    for delay in range(1, 8):
        process = subprocess.Popen([CARD, "--socket", tmp_path / "s", "--state", tmp_path / "state"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(delay * 0.012)
        process.kill()
        process.wait()
    with running(tmp_path) as card:
        assert boots(card) >= 1


def test_one_card_on_a_state(tmp_path):
    with running(tmp_path) as card:
        second = subprocess.run([CARD, "--socket", tmp_path / "other", "--state", tmp_path / "state"],
                                capture_output=True, text=True, timeout=20)
        assert second.returncode == 1
        assert "another card runs on it" in second.stderr
        assert boots(card) == 1


def test_socket_in_use_is_not_taken(tmp_path):
    with running(tmp_path) as card:
        second = subprocess.run([CARD, "--socket", card.socket, "--state", tmp_path / "elsewhere"], capture_output=True, text=True,
                                timeout=20)
        assert second.returncode == 1
        assert boots(card) == 1


def test_lost_fuse_is_refused(tmp_path):
    with running(tmp_path) as card:
        card.end(signal.SIGTERM)
    (tmp_path / "state" / "fuse").unlink()
    result = subprocess.run([CARD, "--socket", tmp_path / "s", "--state", tmp_path / "state"],
                            capture_output=True, text=True, timeout=20)
    assert result.returncode == 1
    assert "fuse" in result.stderr


def test_malformed_message_costs_the_connection_only(tmp_path):
    with running(tmp_path) as card:
        for message in (b"\0" * 16, b"\xff" * 64, struct.pack("<HHIII", 1, 99, 16, 0, 0)):
            client = Client(card.socket)
            client.socket.sendall(message)
            with pytest.raises(ConnectionError):
                client.receive(1)
            client.close()
        assert boots(card) == 1
        code, log = card.end(signal.SIGTERM)
        assert code == 0
        assert log.count("client disconnected: ") == 3


def test_memory_of_the_process_is_protected(tmp_path):
    with running(tmp_path) as card:
        limits = pathlib.Path(f"/proc/{card.process.pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]
