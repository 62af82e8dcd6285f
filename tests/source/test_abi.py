# SPDX-License-Identifier: GPL-2.0-or-later
"""The sysfs files that admins' scripts rely on are described in the kernel's own form, as the kernel's own script reads it."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
ABI = TOP / "Documentation" / "ABI"
CACHE = pathlib.Path(os.environ.get("PROVCARD_CACHE", "/nonexistent"))


def script():
    """The newest copy of get_abi.pl that the environment has."""
    found = sorted(CACHE.glob("linux-source-*/scripts/get_abi.pl"), key=lambda path: path.stat().st_mtime)
    if not found:
        pytest.skip("no kernel source on this machine")
    return found[-1]


def validate(folder):
    """What the kernel's script has to say."""
    done = subprocess.run(["perl", str(script()), "validate", "--dir", str(folder)], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr + (f"exit {done.returncode}" if done.returncode else "")


def test_abi_files_are_valid():
    """No complaint."""
    assert validate(ABI) == ""


def test_control_invalid_file(tmp_path):
    """The script would complain of an entry with another head."""
    (tmp_path / "testing").mkdir()
    text = (ABI / "testing" / "sysfs-class-provcard").read_text()
    (tmp_path / "testing" / "sysfs-class-provcard").write_text(text.replace("What:", "Where:", 1))
    assert validate(tmp_path)


def test_every_attribute_is_described():
    """Each DEVICE_ATTR of the driver has its What, and nothing else has one."""
    declared = set()
    for path in (TOP / "driver").glob("*.c"):
        declared |= set(re.findall(r"^static DEVICE_ATTR\w*\((\w+)\)", path.read_text(), re.M))
    described = {line.rsplit("/", 1)[1] for line in (ABI / "testing" / "sysfs-class-provcard").read_text().splitlines()
                 if line.startswith("What:")}
    assert declared and declared == described
