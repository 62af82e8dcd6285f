#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run suites of tests and count: the last line is "N passed, N failed, N skipped".

A suite is "unit" (cmocka programs of the build folder), "sanitize" (the same, built with sanitizers), a folder of tests/ (pytest), or
"vm-newest": of tests/vm, what depends on the kernel most, on the newest one that there is.
"""
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

from provtest import guest

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build"))
PROGRAM_LIMIT = 600
SUITE_LIMIT = 3000
NEWEST = ("test_kselftest.py", "test_driver.py", "test_removal.py")
UNIT_BUILDS = {"unit": BUILD, "sanitize": BUILD / "sanitize"}


class Count:
    """Passed, failed and skipped tests."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        """Take another count into this one."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        tail = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{tail}"


def count_tap(text):
    """Count the results of one TAP output."""
    count = Count()
    for line in text.splitlines():
        if line.startswith("not ok"):
            count.failed += 1
        elif line.startswith("ok") and "# SKIP" in line.upper():
            count.skipped += 1
        elif line.startswith("ok"):
            count.passed += 1
    return count


def run_unit_program(path):
    """One cmocka program. A crash, a time-out or an output without results is a failure."""
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run([path], env=environment, capture_output=True, text=True, errors="replace",
                              timeout=PROGRAM_LIMIT, stdin=subprocess.DEVNULL, check=False)
        out, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, code = (late.stdout or b"").decode(errors="replace") + f"\ntime-out after {PROGRAM_LIMIT} s", 1
    count = count_tap(out)
    if (code and not count.failed) or not (count.passed + count.failed + count.skipped):
        count.failed += 1
    if count.failed:
        print(out[-6000:])
    print(f"  {path.name}: {count}", flush=True)
    return count


def run_unit(folder):
    """Every cmocka program that has its source; one that was not built fails."""
    total = Count()
    for source in sorted((TOP / "tests" / "unit").glob("test_*.c")):
        path = folder / "unit" / source.stem
        if path.exists():
            total.add(run_unit_program(path))
        else:
            print(f"  {path.name}: was not built", flush=True)
            total.failed += 1
    return total


def pytest_files(suite):
    """(what pytest is to run, changes of the environment)."""
    if suite == "vm-newest":
        return [TOP / "tests" / "vm" / name for name in NEWEST], {"PROVCARD_KERNEL": guest.kernel_releases()[-1]}
    return [TOP / "tests" / suite], {}


def run_pytest(suite):
    """One folder of pytest files."""
    files, changes = pytest_files(suite)
    report = BUILD / "reports" / f"{suite}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", f"--junitxml={report}",
               *map(str, files)]
    try:
        code = subprocess.run(command, cwd=TOP, timeout=SUITE_LIMIT, stdin=subprocess.DEVNULL, check=False,
                              env=dict(os.environ, **changes)).returncode
    except subprocess.TimeoutExpired:
        print(f"  {suite}: time-out after {SUITE_LIMIT} s")
        code = 1
    if not report.exists():
        return Count(failed=1)
    count = Count()
    for node in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(node.get("failures")) + int(node.get("errors"))
        skipped = int(node.get("skipped"))
        count.add(Count(int(node.get("tests")) - bad - skipped, bad, skipped))
    if code and not count.failed:
        count.failed += 1
    return count


def main(suites):
    """Run the suites in order."""
    total = Count()
    for suite in suites:
        begun = time.monotonic()
        print(f"== {suite}", flush=True)
        count = run_unit(UNIT_BUILDS[suite]) if suite in UNIT_BUILDS else run_pytest(suite)
        print(f"== {suite}: {count} in {time.monotonic() - begun:.0f} s", flush=True)
        if not count.passed and not count.failed:
            count.failed += 1
            print(f"== {suite}: no test was run, which is a failure")
        total.add(count)
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["unit"]))
