# SPDX-License-Identifier: GPL-2.0-or-later
"""The fuzzer of the ioctls, guided by what it reaches in the module. "make fuzz-ioctl TIME= SEED=" runs it longer."""
import os
import re
import shutil
import subprocess

import pytest

from provtest import guest as vm
from provtest import processes, station

TIME = int(os.environ.get("PROVCARD_FUZZ_TIME", "60"))
SEED = int(os.environ.get("PROVCARD_FUZZ_SEED", "1"))
REACHED_AT_LEAST = 250


def points_in_module():
    """How many places the module has that KCOV counts."""
    module = processes.BUILD / "driver" / vm.kernel_release() / "provcard.ko"
    text = subprocess.run(["objdump", "-dr", str(module)], capture_output=True, text=True, check=True, timeout=60).stdout
    return len(re.findall(r"R_X86_64_PLT32\s+__sanitizer_cov_trace_pc\b", text))


def report(place, text):
    """{word: number} of the fuzzer's report, which is shown."""
    found = {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", text, re.MULTILINE)}
    print(f"\n{text}of {points_in_module()} points of the module, seed {SEED}, {TIME} s")
    log = place.guest.kernel_log()
    print("resets:", log.count("resetting the controller"), "time-outs:", log.count("timed out"))
    return found


@pytest.mark.timeout(TIME + 300)
def test_fuzz_ioctl(tmp_path):
    """Neither the kernel nor the card takes harm, and a good part of the driver was really reached."""
    with station.Station(tmp_path) as place:
        shutil.copy(processes.program("debug/fuzz_ioctl"), place.share)
        result = place.guest.run(f"ulimit -c 0; ./fuzz_ioctl --seed {SEED} --time {TIME} --points points.txt", timeout=TIME + 200, check=False)
        found = report(place, result.out)
        assert result.code == 0, result
        assert found["points"] >= REACHED_AT_LEAST, result
        assert place.guest.run("cat /sys/class/provcard/provcard0/state").out.strip() == "live"
