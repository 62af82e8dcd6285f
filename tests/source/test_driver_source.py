# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's source: what kernel maintainers run before they read."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build"))


def test_driver_lint():
    """checkpatch --strict, kernel-doc, sparse, W=1: no complaint. In a folder of its own, for the build's to stay as it is."""
    for tool in ("sparse", "perl"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} on this machine")
    if not list(pathlib.Path("/lib/modules").glob("*/build")) or not list(pathlib.Path("/usr/src").glob("linux-source-*.tar.xz")):
        pytest.skip("no kernel headers or no kernel source on this machine")
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", "-C", str(TOP), f"O={(BUILD / 'lint').resolve()}", "driver-lint"], capture_output=True, text=True,
                          timeout=240, check=False, env=environment, stdin=subprocess.DEVNULL)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-4000:]
    assert "warning:" not in text.lower(), text[-4000:]
