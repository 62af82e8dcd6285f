# SPDX-License-Identifier: GPL-2.0-or-later
"""A station whose card is evil (tests/evil), and what a test tells it and sees of it."""
import socket
import time

from . import guest as vm
from . import processes, station

DRIVER = "/sys/bus/pci/drivers/provcard"
GOOD = "0 status=0 length=100 data=good margins=good"


def card(folder, *options, heads=4):
    """A card for Station's further_cards."""
    return processes.Card(folder, heads, "EVIL0001", *options, firmware="evil/evil-card")


class Script:
    """The card's ear: each line is answered by one line."""

    def __init__(self, evil):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(evil.folder / "state" / "script"))
        self.lines = self.socket.makefile("rw")

    def __call__(self, line):
        self.lines.write(line + "\n")
        self.lines.flush()
        answer = self.lines.readline().strip()
        assert not answer.startswith("error"), f"{line}: {answer}"
        return answer

    def close(self):
        """Hang up."""
        self.lines.close()
        self.socket.close()


class EvilStation(station.Station):
    """One evil card and what the driver makes of it."""

    def __init__(self, folder, card_options=(), **options):
        super().__init__(folder, card_options=card_options, firmware="evil/evil-card",
                         programs=[processes.program("evil/evil-load")], **options)
        self.say = None

    def start(self):
        """Begin with a good card."""
        super().start()
        self.say = Script(self.card)
        self.function = self.guest.run("basename $(readlink /sys/class/provcard/provcard0/device)").out.strip()

    def stop(self):
        """Everything off."""
        if self.say:
            self.say.close()
        super().stop()

    def unbind(self):
        """Take the driver from the card, if it has it."""
        self.guest.run(f"[ ! -e {DRIVER}/{self.function} ] || echo {self.function} >{DRIVER}/unbind", timeout=200)

    def bind(self, check=True):
        """Give the card to the driver."""
        return self.guest.run(f"echo {self.function} >{DRIVER}/bind", timeout=200, check=check)

    def renew(self):
        """The card is good, and the driver has forgotten what it was before."""
        self.say("good")
        self.unbind()
        self.bind()
        self.await_node()

    def function_reset(self):
        """The PCI core resets the function."""
        self.guest.run(f"echo 1 >/sys/bus/pci/devices/{self.function}/reset", timeout=200)

    def state(self):
        """The driver's word."""
        return self.guest.run("cat /sys/class/provcard/provcard0/state").out.strip()

    def await_state(self, state, seconds=30):
        """Until the driver says so."""
        deadline = time.monotonic() + seconds * vm.PATIENCE
        while (found := self.state()) != state:
            assert time.monotonic() < deadline, f"{found}, not {state}\n{self.log()[-2000:]}"
            time.sleep(0.2)

    def command(self, queue=1, timeout_ms=20000, size=100):
        """One command: how it ended."""
        return self.guest.run(f"evil-load command {queue} {timeout_ms} {size}", timeout=100).out.strip()

    def log(self):
        """What the kernel has said since mark()."""
        return self.guest.kernel_log()[self.marked:]

    marked = 0

    def mark(self):
        """Forget the kernel log so far."""
        self.marked = 0
        self.marked = len(self.log())

    def resets(self):
        """Controller resets since mark()."""
        return self.log().count("resetting the controller")
