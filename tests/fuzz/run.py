#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the fuzzing harnesses of a build: "run.py fuzz SECONDS" or "run.py corpus".

fuzz: SECONDS of wall clock are divided among all harnesses, two at a time. A crash, leak or time-out fails, and its input is
saved under out/fuzz/HARNESS/found; new inputs that reach more code stay in out/fuzz/HARNESS/corpus for the next run.
corpus: the harnesses write tests/fuzz/corpus/HARNESS anew, but for saved regressions (regression-*).
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = TOP / os.environ.get("PROVCARD_BUILD", "build/env") / "fuzz"
CORPUS = TOP / "tests" / "fuzz" / "corpus"
OUT = TOP / "out" / "fuzz"
CORES = 2
INPUT_SECONDS = 20
START_SECONDS = 60
SANITIZERS = {
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/addr2line",
    "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={TOP}/tests/fuzz/leaks.txt:print_suppressions=0",
}


def names():
    """Every harness."""
    return sorted(path.stem.removeprefix("fuzz_") for path in (TOP / "tests" / "fuzz").glob("fuzz_*.c"))


def command(name, artifacts, folders, *more):
    """Arguments of one run. Its own messages go to a file of its own; what a card or tool says is of no interest."""
    dictionary = TOP / "tests" / "fuzz" / f"{name}.dict"
    extra = [f"-dict={dictionary}"] if dictionary.exists() else []
    return [str(PROGRAMS / f"fuzz_{name}"), f"-artifact_prefix={artifacts}/", f"-timeout={INPUT_SECONDS}", "-rss_limit_mb=3000",
            "-close_fd_mask=2", "-print_final_stats=1", *extra, *more, *map(str, folders)]


def run(arguments, seconds):
    """(exit code, output). A run that does not end in time is a failure with what it said so far."""
    try:
        done = subprocess.run(arguments, env=dict(os.environ, **SANITIZERS), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode(errors="replace") + "\nthe run did not end in time"


def number(pattern, text):
    """The last match of a pattern as a number, 0 without one."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


class Result:
    """What one run of a harness came to."""

    def __init__(self, name, code, output):
        self.name, self.code, self.output = name, code, output
        self.executions = number(r"number_of_executed_units: (\d+)", output) or number(r"#(\d+)\s+(?:DONE|RELOAD|NEW|pulse)", output)
        self.per_second = number(r"average_exec_per_sec:\s+(\d+)", output)
        self.edges = number(r"cov: (\d+)", output)
        self.features = number(r"ft: (\d+)", output)
        self.accepted = number(r"accepted (\d+) of", output)

    def __str__(self):
        state = "ok" if not self.code else f"FAILED ({self.code})"
        return (f"{self.name:<12} {self.executions:>9} executions {self.per_second:>7}/s {self.edges:>6} edges "
                f"{self.features:>6} features {self.accepted:>8} accepted  {state}")


def saved(name):
    """Where a harness's failing inputs go."""
    folder = OUT / name / "found"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fuzz(name, seconds, grown):
    """Fuzz one harness for so long, beginning with the tree's corpus; @grown: folder for inputs that reach more code."""
    grown.mkdir(parents=True, exist_ok=True)
    code, output = run(command(name, saved(name), [grown, CORPUS / name], f"-max_total_time={seconds}", "--accepted"),
                       seconds + START_SECONDS + 2 * INPUT_SECONDS)
    (OUT / name / "log.txt").write_text(output)
    return Result(name, code, output)


def replay(name):
    """Every input of the tree's corpus once, and all that failed before on this machine."""
    code, output = run(command(name, saved(name), [CORPUS / name, saved(name)], "-runs=0", "--accepted"), 2 * START_SECONDS)
    return Result(name, code, output)


def fuzz_all(seconds):
    """Every harness for an equal share of the time."""
    chosen = names()
    share = max(1, seconds * CORES // len(chosen))
    print(f"{len(chosen)} harnesses, {share} s each, {CORES} at a time", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        for result in pool.map(lambda name: fuzz(name, share, OUT / name / "corpus"), chosen):
            print(result, flush=True)
            if result.code:
                failed += 1
                print(result.output[-4000:], flush=True)
    print(f"fuzz: {len(chosen) - failed} harnesses clean, {failed} failed"
          + (f"; the inputs are under {OUT.relative_to(TOP)}/" if failed else ""), flush=True)
    return 1 if failed else 0


def write_corpus():
    """Let each harness write its seeds."""
    failed = 0
    for name in names():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("regression-"):
                old.unlink()
        code, output = run([str(PROGRAMS / f"fuzz_{name}"), f"--seeds={folder}"], START_SECONDS)
        if code:
            failed = 1
            print(f"{name}: {output}")
    return failed


def main(arguments):
    """See above."""
    if arguments == ["corpus"]:
        return write_corpus()
    if len(arguments) == 2 and arguments[0] == "fuzz" and arguments[1].isdigit():
        begun = time.monotonic()
        code = fuzz_all(int(arguments[1]))
        print(f"{time.monotonic() - begun:.0f} s")
        return code
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
