# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's source: its UAPI on every word size, and what kernel maintainers run before they read."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build"))
UAPI = TOP / "driver" / "include" / "uapi"
LAYOUT = TOP / "tests" / "source" / "uapi_layout.c"


def compile_layout(option, include=UAPI):
    """Check the layout with a compiler option; its complaints, empty when there are none."""
    multiarch = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    done = subprocess.run(["gcc", "-std=gnu11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-Wpadded", "-Werror", option,
                           f"-I{include}", f"-I/usr/include/{multiarch}", str(LAYOUT)],
                          capture_output=True, text=True, check=False, timeout=60)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("option", ["-m64", "-m32", "-mx32"])
def test_uapi_layout(option):
    """The same structures for 64-bit and 32-bit callers, without a byte of padding."""
    assert not compile_layout(option)


@pytest.mark.parametrize("option, field, instead", [
    ("-m64", "__u32 out_result;\n\t__u32 __reserved;", "__u32 out_result;"),
    ("-m32", "__aligned_u64 user_data;", "unsigned long user_data;"),
])
def test_uapi_layout_control(tmp_path, option, field, instead):
    """A field that leaves a gap, or one as wide as the caller's words, is found."""
    text = (UAPI / "linux" / "provcard.h").read_text()
    assert field in text
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux" / "provcard.h").write_text(text.replace(field, instead))
    assert compile_layout(option, include=tmp_path)


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
