# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that are pulled, cut off, put back, or fall silent, while programs use them."""
import json
import os
import signal
import time

import pytest

from provtest import guest as vm
from provtest import station
from provtest.service import in_service

GONE = 4

@pytest.fixture(name="place")
def fixture_place(tmp_path):
    """A station with a blank card."""
    with station.Station(tmp_path) as place:
        yield place
        assert not place.guest.splats()


def start_load(guest):
    """Three programs that talk to the card without a pause until it does not answer any more."""
    running = [guest.spawn("while provcard status >/dev/null 2>last.$$; do :; done; cat last.$$ >&2; provcard status")
               for _ in range(3)]
    time.sleep(0.5)
    return running


def test_power_cut_under_load(place):
    """A true surprise removal: within two seconds everybody knows, then the function goes, and the module."""
    guest = place.guest
    running = start_load(guest)
    place.cut_power()
    for number in running:
        result = guest.join(number, timeout=20)
        assert result.code == GONE and "gone" in result.err, result
    assert guest.run("cat /sys/class/provcard/provcard0/state").out.strip() == "gone"
    guest.run("echo 1 >/sys/class/provcard/provcard0/device/remove; [ ! -e /dev/provcard0 ] && rmmod provcard")


def test_hot_unplug_and_replug(tmp_path):
    """An orderly unplug by the slot's button; another power-on of the same card in the same slot has its job still."""
    with in_service(tmp_path, card_options=("--msi-only",)) as service:
        service.load(count=4)
        guest, card = service.place.guest, service.place.card
        guest.run("exec 9<>/dev/provcard0; sleep 1000 &")
        guest.unplug("card0")
        guest.run("for i in $(seq 200); do [ -e /dev/provcard0 ] || exit 0; sleep 0.1; done; exit 1")
        wait_until(lambda: "shut down by the host" in card.log_path.read_text() and not has_card(guest))
        card.stop()
        card.power_on()
        guest.replug("card0")
        service.place.await_node("/dev/provcard1")
        jobs = json.loads(service.house.provcard("-o json jobs"))["jobs"]
        assert [(job["allocated"], job["good"]) for job in jobs] == [(4, 0)]
        service.place.insert_all()
        service.house.provcard("run --once")


def test_slot_power_under_load(tmp_path):
    """A slot that the kernel works itself: its power is turned off while programs use the card, which is told first; then another
    power-on of the card is found by the slot's own interrupt."""
    with station.Station(tmp_path, card_options=("--msi-only",), guest_options={"extra": vm.NATIVE_SLOTS}) as place:
        guest, card = place.guest, place.card
        running = start_load(guest)
        guest.run("echo 0 >/sys/bus/pci/slots/1/power", timeout=60)
        for number in running:
            assert guest.join(number, timeout=60).code == GONE
        wait_until(lambda: "shut down by the host" in card.log_path.read_text() and not has_card(guest))
        card.stop()
        card.power_on()
        guest.replug("card0")
        place.await_node()
        guest.run("provcard status")
        assert not guest.splats()


def has_card(guest):
    """Whether QEMU still has it."""
    return any(device["name"] == "card0" for device in guest.monitor("qom-list", path="/machine/peripheral"))


def wait_until(condition, timeout=20):
    """Poll it."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_card_that_stands_still(place):
    """Its process is stopped, so register reads come back as all ones and it counts as gone. Its return does no harm."""
    guest = place.guest
    running = start_load(guest)
    os.kill(place.card.child.pid, signal.SIGSTOP)
    for number in running:
        result = guest.join(number, timeout=60)
        assert result.code == GONE and "gone" in result.err, result
    os.kill(place.card.child.pid, signal.SIGCONT)
    time.sleep(1)
    assert guest.run("cat /sys/class/provcard/provcard0/state").out.strip() == "gone"
    guest.run("rmmod provcard && [ ! -e /dev/provcard0 ]", timeout=90)
    guest.stop()
    code, output = station.host_tool("--card", place.card.address, "status")
    assert code == 0, output
