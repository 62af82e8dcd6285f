# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel starts another one while the card is in use: in good order, and after a crash that stopped nothing."""
import shutil
import time

import pytest

from provtest import guest as vm
from provtest import processes, station

UNTIL_RESET = "0xe1"
DEVICE = "/sys/bus/pci/devices/0000:01:00.0"
MASTER = 4


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    """A card that keeps commands until it is reset; a guest with room for a crash kernel, and what it boots in its folder."""
    with station.Station(tmp_path, firmware="vm/stubborn-card", programs=[processes.program("vm/send-command"), "/usr/sbin/kexec"],
                         guest_options={"memory": 768, "append": "crashkernel=256M"}) as place:
        shutil.copy(vm.kernel_image(), place.share / "kernel")
        shutil.copy(tmp_path / "initramfs.cpio.zst", place.share / "initramfs")
        yield place


def load(guest, how, append=""):
    """Put the next kernel into memory."""
    guest.run(f"kexec -s {how} kernel --initrd=initramfs --command-line=\"$(sed 's/crashkernel=[^ ]*//' /proc/cmdline) {append}\"",
              timeout=120)


def use_card(guest):
    """Commands in flight, with memory of this kernel in the card's hands."""
    guest.run(f"cd /; setsid send-command {UNTIL_RESET} 100000 40 memory-of-the-first-kernel >/dev/null 2>&1 </dev/null & sleep 0.5")


def command_register(guest):
    """Of the card's function, before a driver has touched it."""
    return guest.run(f"hexdump -s 4 -n 1 -e '1/1 \"%d\"' {DEVICE}/config").out


def assert_serves(place):
    """The next kernel's driver finds a card that works."""
    guest = place.guest
    guest.run("insmod /provcard.ko")
    place.await_node()
    assert guest.run("send-command 0x40 0 20").out == "0 0\n" * 20 + "0\n"
    assert guest.run("cat /sys/class/provcard/provcard0/state").out == "live\n"
    assert "resetting the controller" not in guest.kernel_log()


def test_kexec(place):
    """The card is shut down and is no bus master any more when the next kernel begins."""
    guest = place.guest
    load(guest, "-l")
    use_card(guest)
    assert int(command_register(guest)) & MASTER
    guest.send("kexec -e")
    guest.await_shell()
    assert place.card.log_path.read_text().count("shut down by the host") == 1
    assert not int(command_register(guest)) & MASTER
    assert_serves(place)
    assert not guest.splats()


def test_kernel_crash(place):
    """Nobody stopped the card: it is still enabled when the crash kernel's driver comes."""
    guest = place.guest
    load(guest, "-p", "maxcpus=1 reset_devices")
    use_card(guest)
    guest.send("echo c >/proc/sysrq-trigger")
    time.sleep(1)
    guest.await_shell()
    guest.console.write_text("")  # the crash was wanted; from here on nothing is
    assert "shut down by the host" not in place.card.log_path.read_text()
    assert_serves(place)
    assert "left enabled" in guest.kernel_log()
