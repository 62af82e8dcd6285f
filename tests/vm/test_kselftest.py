# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's own selftests, in the guest, on the emulated card."""
import shutil

import pytest

from provtest import processes, station

PROGRAMS = sorted((processes.BUILD / "kselftest").glob("provcard_*")) if (processes.BUILD / "kselftest").exists() else []


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """One station for all of them."""
    with station.Station(tmp_path_factory.mktemp("kselftest")) as place:
        yield place
        assert not place.guest.splats()


def test_there_are_selftests():
    """The list is not empty by mistake."""
    assert PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_kselftest(place, program):
    """TAP: every line ok."""
    shutil.copy(program, place.share)
    result = place.guest.run(f"./{program.name}", timeout=200, check=False)
    lines = [line for line in result.out.splitlines() if line.startswith(("ok", "not ok"))]
    assert result.code == 0 and lines and not [line for line in lines if line.startswith("not ok")], result
