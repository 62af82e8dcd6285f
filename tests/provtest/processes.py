# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of a station: the emulated card and the simulated parts in its sockets. Each ends with its context."""
import os
import pathlib
import signal
import subprocess
import time

BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build"))


def program(name):
    """Path of a program of ours."""
    return str((BUILD / name).resolve())


class Process:
    """One process of ours with its log; killed at the end if it still lives."""

    def __init__(self, arguments, log):
        self.arguments, self.log_path = [str(word) for word in arguments], pathlib.Path(log)
        self.child = None

    def start(self, ready):
        """Start and wait until the file @ready appears (a socket it listens on)."""
        ready = pathlib.Path(ready)
        ready.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not ready.exists():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.arguments[0]} did not start: {self.log_path.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        return self

    def stop(self, how=signal.SIGTERM, timeout=20):
        """Ask it to end (SIGTERM) or cut its power (SIGKILL)."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def kill(self):
        """Cut its power."""
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Part(Process):
    """A simulated microcontroller in a socket. Its flash lives in a file, so it can be pulled and put back."""

    def __init__(self, socket, folder, uid, *options, family="nrf52840"):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.uid, self.socket, self.flash = uid, pathlib.Path(socket), folder / f"{uid}.flash"
        super().__init__([program("provcard-part"), "--family", family, "--cable", socket, "--flash", self.flash,
                          "--uid", uid, *options], folder / f"{uid}.log")

    def insert(self):
        """Plug it in."""
        return self.start(self.socket)

    def pull(self):
        """Take it out of the socket."""
        self.kill()
        self.socket.unlink(missing_ok=True)


class Card(Process):
    """The emulated card. Its state folder is its memory: starting again on the same one is power returning."""

    def __init__(self, folder, heads=4, serial="PC0001", *options, firmware="provcard-card"):
        self.folder = pathlib.Path(folder)
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "card.sock"
        self.cables = [self.folder / f"socket{head}.sock" for head in range(heads)]
        cables = [word for path in self.cables for word in ("--cable", path)]
        super().__init__([program(firmware), "--socket", self.socket, "--state", self.folder / "state", "--serial", serial,
                          "--heads", heads, *cables, *options], self.folder / "card.log")

    def power_on(self):
        """Start it."""
        return self.start(self.socket)

    def power_cut(self):
        """Kill it, as a power cut does."""
        self.kill()

    @property
    def address(self):
        """For `provcard --card`."""
        return f"vfio-user:{self.socket}"
