# SPDX-License-Identifier: GPL-2.0-or-later
"""debugfs: queues, requests and registers, for root, while there is a card to read them of."""
import re

import pytest

from provtest import processes, station

FOLDER = "/sys/kernel/debug/provcard"
FILES = ("queues", "registers", "requests")
DRIVER = "/sys/bus/pci/drivers/provcard"
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard*/device))"
UNTIL_ABORT = "0xe0"


@pytest.fixture(name="place")
def fixture_place(tmp_path):
    """A station whose card holds commands until they are aborted."""
    with station.Station(tmp_path, firmware="vm/stubborn-card", programs=[processes.program("vm/send-command")]) as place:
        yield place
        assert not place.guest.splats()


def read(guest, name, card=0):
    """One file."""
    return guest.run(f"cat {FOLDER}/provcard{card}/{name}").out


def registers(guest):
    """By name."""
    return {name: int(value, 16) for name, value in re.findall(r"^(\w+) +(0x[0-9a-f]+)$", read(guest, "registers"), re.MULTILINE)}


def test_files(place):
    """What they say, and that only root may read them and nobody write."""
    guest = place.guest
    modes = guest.run(f"stat -c '%n %a %u' {FOLDER}/provcard0/*").out.split("\n")[:-1]
    assert modes == [f"{FOLDER}/provcard0/{name} 400 0" for name in FILES]
    values = registers(guest)
    assert values["CSTS"] == 1 and values["CC"] & 1 and values["VS"] >> 16 == 1
    assert values["ASQ"] and not values["ASQ"] & 0xFFF and values["AQA"] & 0xFFF == 63
    text = read(guest, "queues")
    assert re.findall(r"^queue (\d+): vector (\d+), enabled, closed 0$", text, re.MULTILINE) == [(str(i), str(i)) for i in range(5)]
    # The admin queue has an event's command in flight, and nothing else is.
    assert re.findall(r"^queue (\d+): cid 0x\w{4} opcode (0x\w\w) .* driver$", read(guest, "requests"), re.MULTILINE) == [("0", "0x08")]


def depths(guest, queue):
    """How many submissions there were at each depth."""
    part = read(guest, "queues").split(f"queue {queue}:")[1]
    return [int(number) for number in re.findall(r"\d+\+:(\d+)", part.split("\nqueue")[0])]


def test_commands_in_flight(place):
    """They are seen while the card has them, and how deep the queue was afterwards."""
    guest = place.guest
    running = guest.spawn(f"send-command {UNTIL_ABORT} 3000 32")
    guest.run(f"for i in $(seq 100); do [ $(grep -c 'opcode 0xe0' {FOLDER}/provcard0/requests) = 32 ] && exit 0; usleep 20000; done; exit 1")
    lines = [line for line in read(guest, "requests").splitlines() if "opcode 0xe0" in line]
    assert all(re.fullmatch(r"queue [1-4]: cid 0x\w{4} opcode 0xe0 job \d+ in 0 out 0 timeout_ms 3000 user", line) for line in lines)
    assert read(guest, "queues").count("slots: 8 of 63 taken") == 4
    guest.join(running)
    assert "0xe0" not in read(guest, "requests")
    assert depths(guest, 1) == [1, 2, 4, 1, 0, 0]


def test_removal_while_reading(place):
    """Readers in a loop, and descriptors that stay open, while the driver lets go of the card and takes it again."""
    guest = place.guest
    readers = [guest.spawn(f"touch /tmp/reading; while [ -e /tmp/reading ]; do cat {FOLDER}/provcard*/{name} 2>/dev/null | wc -l; done")
               for name in FILES]
    guest.run(f"exec 8<{FOLDER}/provcard0/queues 9<{FOLDER}/provcard0/registers; function={FUNCTION}; "
              f"echo $function >{DRIVER}/unbind; ! cat <&8 && ! cat <&9 && [ ! -e {FOLDER}/provcard0 ] && echo $function >{DRIVER}/bind")
    guest.run(f"function={FUNCTION}; for i in $(seq 30); do echo $function >{DRIVER}/unbind; echo $function >{DRIVER}/bind || exit 1; done",
              timeout=300)
    assert sorted(guest.run(f"ls {FOLDER}/provcard0").out.split()) == sorted(FILES)
    guest.run("rm /tmp/reading")
    for reader in readers:
        lengths = set(guest.join(reader).out.split())
        assert "0" in lengths and len(lengths) > 1, lengths  # they came when it was there and when it was not


def test_card_that_lost_its_power(place):
    """Registers of all ones are shown as what they mean; what the driver knows can still be read, until the function goes."""
    guest = place.guest
    place.cut_power()
    assert read(guest, "registers") == "gone\n"
    guest.run("for i in $(seq 100); do grep -q gone /sys/class/provcard/provcard0/state && exit 0; usleep 50000; done; exit 1")
    assert re.search(r"^queue 1: vector 1, disabled, closed -19$", read(guest, "queues"), re.MULTILINE)
    assert read(guest, "requests") == ""
    guest.run(f"echo 1 >/sys/class/provcard/provcard0/device/remove; [ ! -e {FOLDER}/provcard0 ]")


def test_lockdown(place):
    """
    A locked down kernel shows nobody the registers, which hold addresses; the rest is as harmless as before. It is locked down after
    the module was loaded, since it would take none without a signature.
    """
    guest = place.guest
    read(guest, "registers")
    guest.run("mount -t securityfs security /sys/kernel/security; echo confidentiality >/sys/kernel/security/lockdown")
    refused = guest.run(f"cat {FOLDER}/provcard0/registers", check=False)
    assert refused.code and "not permitted" in refused.err and not refused.out
    assert "0x" not in read(guest, "queues") and "address" not in read(guest, "requests")
