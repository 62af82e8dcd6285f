# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's own selftests, in the guest, on the emulated card."""
import shutil

import pytest

from provtest import processes, station

PROGRAMS = sorted((processes.BUILD / "kselftest").glob("provcard_*")) if (processes.BUILD / "kselftest").exists() else []
HOLDERS = ("provcard_async", "provcard_share", "provcard_uring")


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """One station for all of them."""
    with station.Station(tmp_path_factory.mktemp("kselftest")) as place:
        yield place
        assert not place.guest.splats()


@pytest.fixture(name="stubborn", scope="module")
def fixture_stubborn(tmp_path_factory):
    """A card that holds commands as long as it is wanted, for what must happen meanwhile."""
    with station.Station(tmp_path_factory.mktemp("stubborn"), firmware="vm/stubborn-card") as place:
        yield place
        assert not place.guest.splats()


def test_there_are_selftests():
    """The list is not empty by mistake."""
    assert PROGRAMS


def run_program(place, program):
    """TAP: every line ok. Those that were left out."""
    shutil.copy(program, place.share)
    result = place.guest.run(f"./{program.name}", timeout=200, check=False)
    lines = [line for line in result.out.splitlines() if line.startswith(("ok", "not ok"))]
    assert result.code == 0 and lines and not [line for line in lines if line.startswith("not ok")], result
    return [line for line in lines if "# SKIP" in line]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_kselftest(place, program):
    """On a card that works."""
    run_program(place, program)


# Cancelling is the same for 32-bit callers, and takes its time.
HELD = [path for path in PROGRAMS if path.name.startswith(HOLDERS) and path.name != "provcard_async-32"]


@pytest.mark.parametrize("program", HELD, ids=lambda path: path.name)
def test_kselftest_held(stubborn, program):
    """On a card that holds commands nothing is left out."""
    assert not run_program(stubborn, program)
