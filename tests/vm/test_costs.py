# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command costs where it can be counted: register writes, interrupts, kernel memory. Limits are those of issue 4."""
import pathlib
import sys

import pytest

from provtest import processes, station

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import beside_nvme  # noqa: E402  pylint: disable=wrong-import-position
from figures import card_statistics  # noqa: E402  pylint: disable=wrong-import-position

COUNT = 4000
PAGE = 4096


@pytest.fixture(name="machine", scope="module")
def fixture_machine(tmp_path_factory):
    """A guest with a card that answers at once."""
    with station.Station(tmp_path_factory.mktemp("costs"), firmware="vm/stubborn-card",
                         programs=[processes.program("bench/commands")]) as place:
        beside_nvme.prepare(place.guest)
        yield beside_nvme.Machine(place)
        assert not place.guest.splats()


def counted(machine, way, depth):
    """What each command cost, as the card counts."""
    before = card_statistics(machine.place.card)
    machine.seconds(way, depth, COUNT)
    after = card_statistics(machine.place.card)
    commands = after["commands"] - before["commands"]
    assert commands >= COUNT
    return {key: (after[key] - before[key]) / commands for key in after}


@pytest.mark.parametrize("way", ("provcard-ioctl", "provcard-submit"))
def test_one_register_write(machine, way):
    """A command at a time, or each by a system call of its own: a doorbell each, and nothing else."""
    assert counted(machine, way, 1 if way == "provcard-ioctl" else 32)["writes"] <= 1


def test_commands_in_flight_share(machine):
    """Submitted together they share the doorbell, and what ends together the interrupt. A busy host may be late once."""
    if machine.deep() != "provcard-uring":
        pytest.skip("no io_uring passthrough on this kernel")
    found = [counted(machine, "provcard-uring", 32) for _ in range(3)]
    assert min(cost["writes"] for cost in found) < 0.2, found
    assert min(cost["interrupts"] for cost in found) < 0.1, found


@pytest.mark.parametrize("size", (PAGE, 64 * 1024, 1 << 20))
def test_kernel_memory_in_flight(machine, size):
    """At most a page for each command, also of a megabyte, when it lies in a huge page."""
    used = machine.kernel_bytes(size)
    assert 0 < used <= PAGE, used
