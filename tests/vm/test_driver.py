# SPDX-License-Identifier: GPL-2.0-or-later
"""What admins do to a card in service, and what an unprivileged operator can do. One station for all of it."""
import json
import os

import pytest

from provtest import workflow
from provtest.service import in_service

REFUSED = 1
GONE = 4
MACHINE = 6
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard*/device))"
DRIVER = "/sys/bus/pci/drivers/provcard"
OPERATOR_ID = 1000
GROUP_ID = 900


@pytest.fixture(name="line", scope="module")
def fixture_line(tmp_path_factory):
    """The station, with a job of many units."""
    with in_service(tmp_path_factory.mktemp("line")) as service:
        service.load(count=40)
        yield service


def job(line):
    """The demonstration's job, as the card counts it."""
    return json.loads(line.house.provcard("-o json jobs"))["jobs"][0]


def state(line):
    """The driver's word for the card's state."""
    return line.place.guest.run("cat /sys/class/provcard/provcard*/state").out.strip()


def start_run(line):
    """Four blank parts in work, and the wait for the next ones; the number to wait for."""
    line.place.insert_all()
    running = line.place.guest.spawn("provcard run --wait-for-parts")
    line.place.await_programming()
    return running


def finish_run(line, before):
    """Whatever interrupted the four parts, the next run makes them good, each under its first charge."""
    assert not job(line)["scrap"]
    line.house.provcard("run --once", expected=None)
    after = job(line)
    assert (after["good"], after["reserved"], after["scrap"]) == (before["good"] + 4, 0, 0)


def test_function_reset_is_over_when_it_returns(line):
    """The PCI core's reset finds the driver prepared at whatever moment it comes: no polling finds a lost card meanwhile."""
    for number in range(8):
        line.place.guest.run(f"usleep {number * 130000}; echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
        assert state(line) == "live"
        line.house.provcard("status")
    assert "resetting the controller" not in line.place.guest.kernel_log()


def test_function_reset_during_a_run(line):
    """The job's descriptor is void, the units stop; nothing is lost."""
    before = job(line)
    running = start_run(line)
    line.place.guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
    result = line.place.guest.join(running)
    assert result.code == GONE and "gone" not in result.err and "Input/output error" in result.err, result
    assert state(line) == "live"
    finish_run(line, before)


def test_unbind_during_a_run(line):
    """The run ends because the card is gone; the descriptor it has open does not hinder a new binding."""
    before = job(line)
    running = start_run(line)
    guest = line.place.guest
    guest.run(f"exec 9<>/dev/provcard0; function={FUNCTION}; echo $function >{DRIVER}/unbind && "
              f"[ ! -e /dev/provcard0 ] && echo $function >{DRIVER}/bind && ls /dev/provcard1")
    result = guest.join(running)
    assert result.code == GONE and "gone" in result.err, result
    guest.run(f"function={FUNCTION}; echo $function >{DRIVER}/unbind; echo $function >{DRIVER}/bind; ls /dev/provcard0")
    finish_run(line, before)


def status_while_deaf(guest):
    """A command to a card that must not read memory any more: it reports itself failed, and the driver resets it."""
    guest.run(f"printf '\\002\\004' | dd of=/sys/bus/pci/devices/{FUNCTION}/config bs=1 seek=4 conv=notrunc")
    return guest.run("provcard status", check=False)


def test_card_that_fails_again_and_again(line):
    """Four resets a minute, then it is given up; who resets its function gets it back."""
    guest = line.place.guest
    for _ in range(4):
        assert status_while_deaf(guest).code
        guest.run(f"for i in $(seq 50); do grep -q live /sys/class/provcard/provcard*/state && exit 0; sleep 0.1; done; exit 1")
        line.house.provcard("status")
    assert status_while_deaf(guest).code
    assert state(line) == "dead"
    assert guest.run("provcard status", check=False).code == GONE
    guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
    assert state(line) == "live"
    line.house.provcard("status")


def test_module_stays_while_a_descriptor_is_open(line):
    """Refused, and nothing happens to the card."""
    guest = line.place.guest
    refused = guest.run("exec 9<>/dev/provcard0; rmmod provcard", check=False)
    assert refused.code and state(line) == "live"
    guest.run("rmmod provcard && [ ! -e /dev/provcard0 ] && insmod /provcard.ko")
    line.place.await_node()
    line.house.provcard("status")


def storage(folder, size):
    """Change the configuration to one image for a storage medium."""
    def change(configuration):
        (folder / "storage.bin").write_bytes(os.urandom(size))
        configuration.update({"part": "generic", "images": [{"name": "storage", "file": "storage.bin", "address": "0x0"}],
                              "lock": "none"})
        for key in ("identity", "lifecycle_keys", "responder_timeout_us"):
            configuration.pop(key, None)
    return change


def as_operator(guest, command, limit=""):
    """Run as an unprivileged user of the group that the udev rule gives the node to."""
    guest.run(f"grep -q operator /etc/passwd || {{ echo 'operator:x:{OPERATOR_ID}:{GROUP_ID}::/:/bin/sh' >>/etc/passwd; "
              f"echo 'provcard-operator:x:{GROUP_ID}:' >>/etc/group; }}; "
              "chown root:provcard-operator /dev/provcard0; chmod 0660 /dev/provcard0")
    return guest.run(f"su -s /bin/sh operator -c '{limit}{command}'", check=False, timeout=120)


def test_operator_loads_a_large_package(line):
    """20 MiB go to the card from pinned pages of a user without privileges, within the usual limit of locked memory."""
    desk = line.people.oem.folder
    package = workflow.pack(line.house, line.people, desk / "storage.ppkg", change=storage(desk, 20 << 20))
    assert package.stat().st_size > 20 << 20
    guest = line.place.guest
    assert guest.run("ulimit -l").out.strip() == "8192"
    short = as_operator(guest, f"provcard load {package.name}", limit="ulimit -l 64; ")
    assert short.code == MACHINE and "memory" in short.err, short
    done = as_operator(guest, f"provcard load {package.name}")
    assert done.code == REFUSED and "FAMILY_UNKNOWN" in done.err, done  # said when the whole package is in the card
    assert as_operator(guest, "provcard load package.ppkg && [ $(id -u) = 1000 ]").code == 0
    stranger = guest.run("echo stranger:x:1001:1001::/:/bin/sh >>/etc/passwd; su -s /bin/sh stranger -c 'provcard status'", check=False)
    assert stranger.code == GONE and "ermission" in stranger.err, stranger
