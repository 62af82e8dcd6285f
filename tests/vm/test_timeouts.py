# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that a card does not let go of. The card has another firmware here, made for that."""
import re
import time

import pytest

from provtest import processes, station

UNTIL_ABORT, UNTIL_RESET = "0xe0", "0xe1"
IN_FLIGHT = 4 * 63  # every slot of every I/O queue


@pytest.fixture(name="guest", scope="module")
def fixture_guest(tmp_path_factory):
    """A guest with a stubborn card."""
    with station.Station(tmp_path_factory.mktemp("stubborn"), firmware="vm/stubborn-card",
                         programs=[processes.program("vm/send-command")]) as place:
        yield place.guest
        assert not place.guest.splats()


def resets(guest):
    """How often the driver has reset the card."""
    return guest.kernel_log().count("resetting the controller")


def ends(text):
    """(how the commands ended, what the job's next command came to)."""
    lines = text.splitlines()
    return set(lines[:-1]), lines[-1]


def test_time_out_and_abort(guest):
    """The command is aborted and says that its time was over; nothing else is disturbed."""
    before = resets(guest)
    ended, after = ends(guest.run(f"send-command {UNTIL_ABORT} 300 1").out)
    assert ended == {"ETIMEDOUT 5"} and after == "0"
    assert resets(guest) == before


def test_time_out_and_reset(guest):
    """The queues are full. The first command of each heeds no abort: one reset ends them, and the job with them, not the card."""
    before, begun = resets(guest), time.monotonic()
    ended, after = ends(guest.run(f"send-command {UNTIL_RESET} 300 {IN_FLIGHT}").out)
    assert ended == {"ETIMEDOUT 0", "ETIMEDOUT 5"} and after == "EIO"  # without an answer; aborted before they began
    assert resets(guest) == before + 1
    assert re.search("command 0xe1 timed out", guest.kernel_log())
    assert time.monotonic() - begun < 30
    assert guest.run("cat /sys/class/provcard/provcard0/state").out == "live\n"
    assert ends(guest.run(f"send-command {UNTIL_ABORT} 100 1").out) == ({"ETIMEDOUT 5"}, "0")


def test_killed_program_does_not_wait(guest):
    """A program that is killed ends at once, whatever the card does; its job's end reaches the card later."""
    begun = time.monotonic()
    guest.run(f"send-command {UNTIL_ABORT} 0 8 & sleep 0.3; kill -9 $!; wait $!; true")
    assert time.monotonic() - begun < 5
    assert ends(guest.run(f"send-command {UNTIL_ABORT} 100 1").out) == ({"ETIMEDOUT 5"}, "0")
