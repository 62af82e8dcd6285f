# SPDX-License-Identifier: GPL-2.0-or-later
"""Let every test import tests/provtest, and give each a limit of time."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


def pytest_collection_modifyitems(items):
    """A test that hangs fails after five minutes unless it says otherwise. The debug kernel takes its time."""
    import pytest
    from provtest.guest import PATIENCE
    for item in items:
        marker = item.get_closest_marker("timeout")
        limit = marker.args[0] if marker else 300
        item.add_marker(pytest.mark.timeout(limit * PATIENCE), append=False)
