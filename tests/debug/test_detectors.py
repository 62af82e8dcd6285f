# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug kernel's detectors, each on a mistake made for it: a clean run means something only because these are found."""
import re

import pytest

from provtest import processes, station

# In this order: lockdep holds its tongue after any other report, and a leak is looked for at the end.
MISTAKES = {
    "lock-inversion": "possible circular locking dependency",
    "sleep-in-atomic": "sleeping function called from invalid context",
    "mapped-memory": "DMA-API:.*pending DMA allocations",
    "shift": "UBSAN: shift-out-of-bounds",
    "index": "UBSAN: array-index-out-of-bounds",
    "refcount": "refcount_t: addition on 0",
    "list": "list_add double add|list_add corruption|WARNING:.*list_debug",
    "live-timer": "ODEBUG: free active",
    "use-after-free": "KASAN: slab-use-after-free",
    "out-of-bounds": "KASAN: slab-out-of-bounds",
}


@pytest.fixture(name="guest", scope="module")
def fixture_guest(tmp_path_factory):
    """A guest whose kernel reports more than the first mistake. Its card is there for DMA; it is not examined at its end."""
    place = station.Station(tmp_path_factory.mktemp("detectors"), programs=[processes.program("debug/defects.ko")],
                            guest_options={"append": "kasan_multi_shot"})
    try:
        place.start()
        place.guest.run("rmmod provcard")
        yield place.guest
    finally:
        place.stop()


def make_mistake(guest, name):
    """The complaints that it brings."""
    before = len(guest.splats())
    guest.run(f"insmod /defects.ko defect={name}; rmmod defects; true")
    return guest.splats()[before:]


@pytest.mark.parametrize("name, complaint", MISTAKES.items(), ids=MISTAKES.keys())
def test_mistake_is_found(guest, name, complaint):
    """By the detector that is there for it."""
    splats = make_mistake(guest, name)
    assert [line for line in splats if re.search(complaint, line)], splats


def test_session_with_a_mistake_fails(guest):
    """Whatever a test itself has looked at, and also a leak, which makes itself known only to who looks."""
    assert not make_mistake(guest, "leak")
    with pytest.raises(AssertionError, match="unreferenced object"):
        guest.examine()
    with pytest.raises(AssertionError, match="KASAN: slab-out-of-bounds"):
        guest.assert_no_splats()
