# SPDX-License-Identifier: GPL-2.0-or-later
"""A job of very many units that no parts are needed for: made by the card's mind alone, closed and checked by card and tool."""
import dataclasses
import pathlib
import shutil
import subprocess
import sys
import time

from . import processes

SERIAL = "TEST-1"
MADE_AT = 1790000000  # the clock of the card that made it
BYTES_PER_UNIT = 5000  # of state and delivery


@dataclasses.dataclass
class Cost:
    """What one process took."""

    seconds: float
    memory: int  # bytes, the most that was resident


# A process begins with the memory of the one that started it, in the system's books; so a small one starts what is measured.
STARTER = """
import os, sys
status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[1:]
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measure(words):
    """Run a command to its good end."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-S", "-E", "-c", STARTER, *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return Cost(time.monotonic() - begun, int(done.stderr.splitlines()[-1]) * 1024)


def most_memory(pid):
    """That a running process ever had resident, in bytes."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def roomy_folder(units):
    """Memory that is a file system, when it holds so much; else None."""
    memory = pathlib.Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * units * BYTES_PER_UNIT else None


class LargeJob:
    """Made in a new folder; close() and verify() give their costs."""

    def __init__(self, folder, units, timeout=3000):
        self.folder = pathlib.Path(folder)
        done = subprocess.run([processes.program("bench/bench_job"), self.folder, str(units)], capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL, check=True)
        self.figures = {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}

    def card(self):
        """The card that made it, in a process of its own."""
        sizes = [word for name in ("ledger", "log") for word in ("--nv-size", f"{name}={self.figures[f'{name}_bytes']}")]
        offset = MADE_AT - int(time.time())
        return processes.Card(self.folder, 1, SERIAL, *sizes, "--clock-offset", str(offset))

    def close(self):
        """(of the tool, of the card from its start on)"""
        with self.card() as card:
            begun = time.monotonic()
            card.power_on()
            started = time.monotonic() - begun
            tool = measure([processes.program("provcard"), "--card", card.address, "close", "--key", self.folder / "operator.key",
                            "--cert", self.folder / "operator.pem", "--output", self.folder / "delivery"])
            return tool, Cost(started, most_memory(card.child.pid))

    def verify(self):
        """By the OEM."""
        return measure([processes.program("provcard"), "verify", self.folder / "delivery", "--maker-ca",
                        self.folder / "maker-anchors.pem", "--device-ca", self.folder / "device-root.pem"])
