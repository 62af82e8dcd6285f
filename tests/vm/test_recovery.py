# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of the link, as the PCI core reports them to the driver: AER injection, with the real recovery and its real resets."""
import contextlib
import struct

import pytest

from provtest import guest as vm
from provtest import processes, station

UNTIL_RESET = "0xe1"
POISONED_TLP, DATA_LINK_PROTOCOL, RECEIVER_ERROR = 0x1000, 0x10, 0x1
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard0/device))"


@contextlib.contextmanager
def station_with_errors(folder, options=()):
    """A card that keeps commands until it is reset, below a root port with error reporting."""
    with station.Station(folder, firmware="vm/stubborn-card", programs=[processes.program("vm/send-command")],
                         guest_options={"extra": options}) as place:
        if place.guest.run("modprobe aer_inject && ls /dev/aer_inject", check=False).code:
            pytest.skip("this kernel cannot inject errors")
        yield place
        assert not place.guest.splats()


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """One whose link comes up again after a reset of the bus."""
    with station_with_errors(tmp_path_factory.mktemp("recovery"), vm.NATIVE_SLOTS) as place:
        yield place


def inject(guest, uncorrectable=0, correctable=0, function=FUNCTION):
    """Let the PCI core see an error of a function; the words of struct aer_error_inj."""
    name = guest.run(f"echo {function}").out.strip()
    bus, device, number = int(name[5:7], 16), int(name[8:10], 16), int(name[11])
    error = struct.pack("<BBBxIIIIIII", bus, device, number, uncorrectable, correctable, 0, 0, 0, 0, 0)
    (guest.share / "error").write_bytes(error)
    guest.run("dd if=error of=/dev/aer_inject bs=32 2>/dev/null")


def hold_commands(guest):
    """Commands that nothing but a reset of the card ends; the number to wait for."""
    running = guest.spawn(f"send-command {UNTIL_RESET} 0 20")
    guest.run("sleep 0.5")
    return running


def recovered(guest, running):
    """Every command ended with EIO, its job is void, and the card serves the next one at once."""
    ended = guest.join(running)
    assert set(ended.out.split("\n")) == {"EIO 0", "EIO", ""}, ended
    guest.run("for i in $(seq 100); do grep -q live /sys/class/provcard/provcard0/state && exit 0; sleep 0.1; done; exit 1")
    assert guest.run("send-command 0x40 0 4").out == "0 0\n" * 4 + "0\n"


def lines(guest, text):
    """How often the kernel said it."""
    return guest.kernel_log().count(text)


@pytest.mark.parametrize("error", [POISONED_TLP, DATA_LINK_PROTOCOL], ids=["nonfatal", "fatal"])
def test_uncorrectable_error(place, error):
    """Nonfatal: the link stands, nothing in flight is believed. Fatal: the port resets everything below it. Twice each: what
    recovery restores must have been saved again."""
    guest = place.guest
    for _ in range(2):
        before = lines(guest, "device recovery successful")
        running = hold_commands(guest)
        inject(guest, uncorrectable=error)
        recovered(guest, running)
        assert lines(guest, "device recovery successful") == before + 1
    assert "resetting the controller" not in guest.kernel_log()


def test_error_after_a_function_reset(place):
    """The PCI core's reset has restored configuration space before; recovery must be able to do so again."""
    guest = place.guest
    guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
    running = hold_commands(guest)
    inject(guest, uncorrectable=DATA_LINK_PROTOCOL)
    recovered(guest, running)


def test_correctable_error_disturbs_nobody(place):
    """It is counted, and that is all."""
    guest = place.guest
    running = hold_commands(guest)
    inject(guest, correctable=RECEIVER_ERROR)
    counted = f"cat /sys/bus/pci/devices/{FUNCTION}/aer_dev_correctable"
    assert "RxErr 1" in guest.run(f"for i in $(seq 50); do {counted} | grep 'RxErr 1' && exit 0; sleep 0.1; done").out
    assert not (guest.share / ".guest" / f"{running}.code").exists()
    assert guest.run("cat /sys/class/provcard/provcard0/state").out == "live\n"
    guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
    recovered(guest, running)


def fail_recovery(guest):
    """A fatal error, after which the link stays down. The number of the program whose commands are in flight."""
    before = lines(guest, "device recovery failed")
    running = hold_commands(guest)
    inject(guest, uncorrectable=DATA_LINK_PROTOCOL)
    guest.run(f"for i in $(seq 100); do [ $(dmesg | grep -c 'device recovery failed') = {before + 1} ] && exit 0; sleep 0.1; done; exit 1")
    return running


def await_dead(guest):
    """Some kernels say that recovery failed; of others the driver hears nothing, and waits a minute and a half."""
    guest.run("for i in $(seq 1200); do grep -q dead /sys/class/provcard/provcard0/state && exit 0; sleep 0.1; done; exit 1", timeout=130)


@pytest.mark.timeout(500)
def test_recovery_that_fails(tmp_path):
    """The PCI core gives up. Users wait until the card is reset by hand or given up; unbinding the driver does not wait."""
    with station_with_errors(tmp_path) as place:
        guest = place.guest
        running = fail_recovery(guest)
        guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
        recovered(guest, running)

        running = fail_recovery(guest)
        await_dead(guest)
        assert set(guest.join(running).out.split("\n")) == {"EIO 0", "EIO", ""}
        dump = guest.run("cat /sys/class/devcoredump/devcd*/data").out
        assert "register unreachable" in dump and "given-up" in dump
        guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
        assert guest.run("send-command 0x40 0 4").out == "0 0\n" * 4 + "0\n"

        running = fail_recovery(guest)
        guest.run(f"name={FUNCTION}; echo $name >/sys/bus/pci/drivers/provcard/unbind")
        assert set(guest.join(running).out.split()) <= {"ENODEV", "EIO", "0"}
