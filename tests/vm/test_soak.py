# SPDX-License-Identifier: GPL-2.0-or-later
"""A short soak: "make soak" is the long one."""
import pytest

from provtest.soak import Soak


@pytest.mark.timeout(600)
def test_twenty_cycles(tmp_path):
    """Each kind once at least; no splat, nothing left behind."""
    lines = []
    soak = Soak(tmp_path, seed=5, note=lines.append)
    assert soak.run(20) == 20, lines
    assert all(soak.counts.values()), soak.counts
    assert len(lines) == 3, lines
