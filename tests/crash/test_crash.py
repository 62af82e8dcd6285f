# SPDX-License-Identifier: GPL-2.0-or-later
"""A short enumeration of crash states, and boards that break the port's contract: what finds nothing there would find nothing."""
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build")).resolve()
BREAKS = ["flush-vault", "flush-ledger", "flush-log", "flush-staging", "flush-late", "fuse-stuck", "fuse-volatile", "fuse-old"]


class Result:
    """What a run says of itself."""

    def __init__(self, *options, build=BUILD):
        done = subprocess.run([build / "crash", *options], capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL,
                              check=False)
        self.code, self.text = done.returncode, done.stdout + done.stderr
        last = re.fullmatch(r"(\d+) crash states, (\d+) violations", done.stdout.strip().splitlines()[-1])
        assert last, self.text
        self.states, self.violations = int(last[1]), int(last[2])
        self.shape = re.findall(r"^seed \d+, shape [0-9a-f]{16}$", done.stdout, re.M)
        self.again = re.findall(r"^  again: (.*)$", done.stdout, re.M)


def test_states():
    """The card is true to what it told after every crash."""
    result = Result("--states", "6000")
    assert result.code == 0 and result.violations == 0 and result.states >= 6000, result.text


def test_sanitized():
    """Recovery does nothing that C leaves undefined."""
    result = Result("--states", "800", "--seed", "2", build=BUILD / "sanitize")
    assert result.code == 0 and result.violations == 0 and result.states >= 800, result.text


def test_same_seed_same_states():
    """The seed decides, not the machine: side by side or one by one, the states are the same. Another seed has others."""
    first, second = (Result("--states", "1000", "--seed", "7", "--jobs", jobs) for jobs in "13")
    assert first.shape and (first.states, first.shape) == (second.states, second.shape)
    assert Result("--states", "1000", "--seed", "8").shape != first.shape


@pytest.mark.parametrize("name", BREAKS)
def test_broken_board(name):
    """A board that does not do what firmware/port.h promises is found out."""
    result = Result("--states", "6000", "--break", name)
    assert result.code == 1 and result.violations, result.text


def test_replay():
    """What is printed with a violation leads to it again."""
    found = Result("--states", "6000", "--break", "flush-log")
    again = Result(*found.again[0].split())
    assert again.code == 1 and again.violations, again.text


def test_breaks_are_all_tested():
    """The program knows no other."""
    done = subprocess.run([BUILD / "crash", "--break", "?"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.split("breaks:")[1].split() == BREAKS
