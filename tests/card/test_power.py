# SPDX-License-Identifier: GPL-2.0-or-later
"""The process provcard-card: its command line, its lock, orderly stop, power cut, clients that misbehave."""
import contextlib
import os
import pathlib
import signal
import struct
import subprocess
import time

import pytest

from provtest.host import Client

CARD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build")) / "provcard-card"


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
