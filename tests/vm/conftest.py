# SPDX-License-Identifier: GPL-2.0-or-later
"""A station in service, with its guest."""
import pytest

from provtest.service import in_service


@pytest.fixture(name="service")
def fixture_service(tmp_path):
    """A station for one test."""
    with in_service(tmp_path) as service:
        yield service
