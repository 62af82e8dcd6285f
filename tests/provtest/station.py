# SPDX-License-Identifier: GPL-2.0-or-later
"""A programming house in one object: the card, the parts in its sockets, and a guest whose driver reaches the card."""
import itertools
import os
import pathlib
import subprocess
import time

from . import guest as vm
from . import processes

APPLICATION = 0x8000  # where the demonstration's application begins in flash


def build_initramfs(folder, programs=(), release=None):
    """The guest's initramfs with our driver, our tool and further programs."""
    release = release or vm.kernel_release()
    output = pathlib.Path(folder) / "initramfs.cpio.zst"
    module = processes.BUILD / "driver" / release / "provcard.ko"
    script = pathlib.Path(__file__).resolve().parent.parent / "vm" / "initramfs.sh"
    subprocess.run([str(script), str(output), release, str(module), processes.program("provcard"), *map(str, programs)],
                   check=True, timeout=120)
    return output


def boot_id():
    """Names this start of this machine."""
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]


class Station:
    """Card, sockets, guest. Use as a context manager."""

    def __init__(self, folder, heads=4, card_options=(), guest_options=None, part_options=(), further_cards=(),
                 firmware="provcard-card", programs=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.card = processes.Card(self.folder / "card", heads, "PC0001", *card_options, firmware=firmware)
        self.parts = [None] * heads
        self.part_options = part_options
        self.uids = (f"{0xC0FFEE00_00000000 + number:016x}" for number in itertools.count(1))
        self.guest_options = guest_options or {}
        self.further_cards, self.programs = further_cards, programs
        self.guest = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.guest:
                self.guest.examine()
        finally:
            self.stop()

    def start(self):
        """Power on the card, boot the guest, load the driver."""
        cards = [self.card, *self.further_cards]
        for card in cards:
            card.power_on()
        accel = vm.accelerator(pathlib.Path(os.environ.get("PROVCARD_CACHE", processes.BUILD)) / f"accelerator-{boot_id()}")
        options = {"accel": accel, "initramfs": build_initramfs(self.folder, self.programs), **self.guest_options}
        folder = self.folder / "guest"
        folder.mkdir(exist_ok=True)
        self.guest = vm.Guest(folder, vm.kernel_image(), cards=[card.socket for card in cards], **options)
        self.guest.start()
        self.guest.run("insmod /provcard.ko")
        self.await_node()

    def await_node(self, node="/dev/provcard0"):
        """Until the driver has a card ready."""
        self.guest.run(f"for i in $(seq 100); do [ -e {node} ] && exit 0; sleep 0.1; done; exit 1")

    def cut_power(self):
        """The card's power goes while it works. QEMU 11 dies of a card that leaves requests unread, so for a moment none are sent."""
        self.guest.monitor("stop")
        time.sleep(0.1)
        self.card.power_cut()
        self.guest.monitor("cont")

    def stop(self):
        """Everything off."""
        if self.guest:
            self.guest.stop()
        for head in range(len(self.parts)):
            self.pull(head)
        for card in [self.card, *self.further_cards]:
            card.stop()

    @property
    def share(self):
        """The folder that guest and host both see."""
        return self.guest.share

    def insert(self, head, uid=None, options=None):
        """A part into a socket: a blank one unless its uid was there before."""
        self.pull(head)
        uid = uid or next(self.uids)
        chosen = self.part_options if options is None else options
        self.parts[head] = processes.Part(self.card.cables[head], self.folder / "parts", uid, *chosen).insert()
        return uid

    def insert_all(self, count=None):
        """Blank parts into the first sockets; the others are left empty."""
        uids = []
        for head in range(len(self.parts)):
            if count is None or head < count:
                uids.append(self.insert(head))
            else:
                self.pull(head)
        return uids

    def await_programming(self):
        """Until the application begins to appear in the flash of one of the parts."""
        deadline = time.monotonic() + 60
        while all(part.flash.read_bytes()[APPLICATION:APPLICATION + 64] == b"\xff" * 64 for part in self.parts if part):
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def pull(self, head):
        """Empty a socket."""
        if self.parts[head]:
            self.parts[head].pull()
            self.parts[head] = None


def host_tool(*words, cwd=None, timeout=120):
    """Run our tool on the host, where the OEM works: (exit code, output)."""
    done = subprocess.run([processes.program("provcard"), *map(str, words)], cwd=cwd, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False, env=dict(os.environ, TERM="dumb"))
    return done.returncode, done.stdout + done.stderr
