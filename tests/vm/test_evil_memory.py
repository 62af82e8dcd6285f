# SPDX-License-Identifier: GPL-2.0-or-later
"""What host memory a hostile card can reach behind an IOMMU: what it was given, while it was given it."""
import pytest

from provtest import evil

REACHED = "read reached write reached"
NOTHING = "read unreachable write unreachable"
SIZE = 300000


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """An evil card behind a virtual IOMMU."""
    with evil.EvilStation(tmp_path_factory.mktemp("memory"), guest_options={"iommu": True}) as place:
        yield place
        place.guest.run("rmmod provcard", timeout=200)
        place.guest.examine()


def held_command(place, queue=1):
    """A command that the card keeps: number to wait for."""
    place.say(f"silent queue={queue} opcode=0x50 times=1")
    held = int(place.say("hits"))
    number = place.guest.spawn(f"evil-load command {queue} 60000 {SIZE}")
    place.guest.run("sleep 1")
    assert int(place.say("hits")) == held + 1
    return number


def test_memory_of_a_command(place):
    """In data can be read, out data written, each with the rest of its pages, nothing else; once the command is completed, nothing."""
    place.renew()
    number = held_command(place)
    assert place.say("poke in") == "read reached write unreachable"
    assert place.say("poke in offset=-4096") == place.say(f"poke out offset={1 << 20}") == NOTHING
    assert place.say("poke out offset=10").endswith("write reached")  # not every IOMMU can allow that and forbid to read
    place.say("release")
    result = place.guest.join(number)
    assert result.out.startswith(f"0 status=0 length={SIZE}") and "margins=good" in result.out, result
    for what in ("in", "out"):
        assert place.say(f"poke {what}") == NOTHING


def test_memory_after_a_reset(place):
    """Commands in flight are ended by the reset and their memory taken back, whatever the card says of itself. Its rings stay."""
    place.renew()
    number = held_command(place)
    place.function_reset()
    assert place.guest.join(number).out.startswith("EIO")
    for what in ("in", "out"):
        assert place.say(f"poke {what}") == NOTHING
    assert place.say("poke ring") == REACHED


def test_memory_of_a_card_that_was_given_up(place):
    """It does not even say that it is disabled. Its bus mastering is turned off, which it ignores; the IOMMU does not."""
    place.renew()
    number = held_command(place)
    place.say("never-idle")
    place.say("fatal")
    assert place.guest.join(number).out.startswith("EIO")
    place.await_state("dead")
    for what in ("in", "out"):
        assert place.say(f"poke {what}") == NOTHING


def test_no_memory_without_a_driver(place):
    """Unbound, nothing of the host is left to the card; and nothing is lost: bound again it reaches as much as before."""
    place.renew()
    ranges, _ = map(int, place.say("maps").split())
    assert place.command(size=SIZE).startswith("0 status=0")
    assert int(place.say("maps").split()[0]) == ranges
    ring = place.say("poke ring")
    place.unbind()
    assert ring == REACHED
    after, size = map(int, place.say("maps").split())
    assert after < ranges and size < 1 << 21, (after, size)  # the window for interrupt messages, at most
    for address in (0, 0x1000, 0x100000, 0x1000000, 0x10000000):
        assert place.say(f"poke at address={address}") == NOTHING


def test_thousands_of_commands_leave_no_memory_reachable(place):
    """Lengths, commands in flight and programs that end in the middle of them: what the card can reach is as little as before."""
    place.renew()
    ranges = int(place.say("maps").split()[0])
    result = place.guest.run("evil-load run 8 6", timeout=100)
    assert "margins 0" in result.out and "\n0 " in "\n" + result.out, result
    place.guest.run("sleep 1")
    assert int(place.say("maps").split()[0]) == ranges
