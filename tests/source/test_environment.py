# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/env/root.sh with a stand-in for mmdebstrap: once only, never half, and a remedy in every refusal."""
import os
import pathlib
import subprocess
import time

import pytest

ROOT_SH = pathlib.Path(__file__).resolve().parent.parent / "env" / "root.sh"
INDEX = "#!/bin/sh\n[ \"$1\" = indextargets ] && echo 'Debian|main|http://mirror.invalid/debian'\nexit 0\n"
BUILDER = """#!/bin/sh
echo run >>"$CALLS"
for word; do case $word in */root-*.partial) mkdir -p "$word"; : >"$word/half";; esac; folder=$word; done
for word; do case $word in */root-*.partial) folder=$word;; esac; done
sleep "${SLOW:-0}"
[ -z "$FAIL" ] || exit 1
: >"$folder/whole"
"""


@pytest.fixture(name="bench")
def fixture_bench(tmp_path):
    """A cache folder, stand-ins first in PATH, and how to run the script."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, text in (("mmdebstrap", BUILDER), ("apt-get", INDEX)):
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    environment = dict(os.environ, PATH=f"{bin_folder}:{os.environ['PATH']}", CALLS=str(tmp_path / "calls"), FAIL="",
                       PROVCARD_CACHE=str(tmp_path / "cache"))

    def run(**changes):
        return subprocess.Popen([str(ROOT_SH)], env=dict(environment, **changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    run.calls = lambda: (tmp_path / "calls").read_text().count("run") if (tmp_path / "calls").exists() else 0
    run.bin = bin_folder
    run.cache = tmp_path / "cache"
    return run


def finish(process):
    """(exit code, stdout, stderr)."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err


def test_builds_once(bench):
    """The second run finds the first one's root."""
    first, second = finish(bench()), finish(bench())
    assert first[0] == second[0] == 0 and first[1] == second[1]
    assert (pathlib.Path(first[1]) / "whole").exists() and bench.calls() == 1


def test_two_runs_at_once(bench):
    """One builds, the other waits for it."""
    runs = [bench(SLOW="1"), bench(SLOW="1")]
    ends = [finish(run) for run in runs]
    assert [end[0] for end in ends] == [0, 0] and ends[0][1] == ends[1][1] and bench.calls() == 1


def test_interrupted_build_is_begun_anew(bench):
    """What a killed run left behind is not taken for a root."""
    run = bench(SLOW="2")
    while not bench.calls():
        time.sleep(0.02)
    run.kill()
    run.communicate(timeout=60)
    code, root, _ = finish(bench())
    assert code == 0 and (pathlib.Path(root) / "whole").exists() and bench.calls() == 2


@pytest.mark.parametrize("change, said, remedy", [
    ({"FAIL": "1"}, "the root could not be built", "check the network"),
    ({"PROVCARD_CACHE": "/proc/none"}, "cannot be made", "set PROVCARD_CACHE"),
])
def test_refusals_say_what_to_do(bench, change, said, remedy):
    """Network gone, folder not writable."""
    code, _, err = finish(bench(**change))
    assert code != 0 and said in err and "what to do:" in err and remedy in err
    assert not list(bench.cache.glob("root-*[0-9a-f]")) if bench.cache.exists() else True


def test_no_mirror(bench):
    """A machine whose apt knows no Debian archive."""
    (bench.bin / "apt-get").write_text("#!/bin/sh\nexit 0\n")
    code, _, err = finish(bench())
    assert code != 0 and "apt knows no Debian archive" in err and "what to do:" in err


def test_no_space(bench):
    """A disk that is too small."""
    (bench.bin / "df").write_text("#!/bin/sh\nprintf 'h\\nfs 1 1 1000 1%% /\\n'\n")
    (bench.bin / "df").chmod(0o755)
    code, _, err = finish(bench())
    assert code != 0 and "MiB free" in err and "PROVCARD_CACHE" in err and not bench.calls()
