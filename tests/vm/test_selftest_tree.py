# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/kselftest in a kernel's tree: it goes in unchanged, and the tree's own Makefiles and scripts build, install and run it."""
import pathlib
import re
import shutil
import subprocess

import pytest

from provtest import station

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HEADERS = sorted((TOP / "driver" / "include" / "uapi" / "linux").glob("*.h"))
COLLECTION = "drivers/provcard"
# What the kselftests need of the tree; all of it would be 1.5 GB.
NEEDED = ["Makefile", "lib.mk", "run_kselftest.sh", "kselftest.h", "kselftest_harness.h", "kselftest/*"]
SCRIPTS = ["scripts/subarch.include", "scripts/headers_install.sh", "scripts/unifdef.c", "scripts/kconfig/merge_config.sh"]
PROGRAMS = sorted(path.stem for path in (TOP / "tests" / "kselftest").glob("provcard_*.c"))


def run(*words, cwd=None):
    """One of the tree's tools; what it said."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(name="tree", scope="module")
def fixture_tree(tmp_path_factory):
    """The part of the release's kernel tree that selftests consist of, with our folder and our headers in their places."""
    tarballs = sorted(pathlib.Path("/usr/src").glob("linux-source-*.tar.xz"))
    if not tarballs:
        pytest.skip("no kernel source on this machine")
    tree = tmp_path_factory.mktemp("tree")
    patterns = [f"*/tools/testing/selftests/{name}" for name in NEEDED] + [f"*/{name}" for name in SCRIPTS]
    run("tar", "-xf", tarballs[0], "-C", tree, "--strip-components=1", "--wildcards", *patterns)
    shutil.copytree(TOP / "tests" / "kselftest", tree / "tools" / "testing" / "selftests" / COLLECTION)
    (tree / "usr" / "include" / "linux").mkdir(parents=True)
    run("gcc", "-o", tree / "scripts" / "unifdef", tree / "scripts" / "unifdef.c")
    for header in HEADERS:
        run("sh", tree / "scripts" / "headers_install.sh", header, tree / "usr" / "include" / "linux" / header.name, cwd=tree)
    return tree


@pytest.fixture(name="installed", scope="module")
def fixture_installed(tree):
    """As `make kselftest-install` leaves it."""
    folder = tree / "installed"
    text = run("make", "-C", tree / "tools" / "testing" / "selftests", f"TARGETS={COLLECTION}", "FORCE_TARGETS=1",
               f"KSFT_INSTALL_PATH={folder}", "install")
    assert "warning" not in text.lower(), text
    return folder


def test_install(installed):
    """Every program, the configuration and the settings are where run_kselftest.sh looks for them."""
    names = {path.name for path in (installed / COLLECTION).iterdir()}
    assert names == {*PROGRAMS, "config", "settings"}
    assert (installed / "kselftest-list.txt").read_text().split() == [f"{COLLECTION}:{name}" for name in PROGRAMS]


def test_config_merges(tree):
    """merge_config.sh takes the fragment whole: no line is overridden by another."""
    fragment = tree / "tools" / "testing" / "selftests" / COLLECTION / "config"
    (tree / "base.config").write_text("CONFIG_PCI=y\n# CONFIG_PCI_MSI is not set\n")
    run("sh", tree / "scripts" / "kconfig" / "merge_config.sh", "-m", "-O", tree, tree / "base.config", fragment, cwd=tree)
    merged = (tree / ".config").read_text().splitlines()
    wanted = [line for line in fragment.read_text().splitlines() if line.startswith("CONFIG_")]
    assert wanted and not set(wanted) - set(merged), merged


def results(text):
    """{program: "ok" or "not ok" and what follows} of one run; the output must be TAP."""
    assert re.search(rf"^TAP version 13\n1\.\.\d+\n# timeout set to [\d.]+\n# selftests: {COLLECTION}: ", text, re.MULTILINE), text
    strange = [line for line in text.splitlines() if line and not re.match(r"(not )?ok \d|#|1\.\.|TAP version 13$", line)]
    assert not strange, strange
    return {name: (verdict, rest.strip()) for verdict, name, rest in
            re.findall(rf"^(ok|not ok) \d+ selftests: {COLLECTION}: (\w+)(.*)$", text, re.MULTILINE)}


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory, installed):
    """A station with the installed tests, and coreutils' timeout where the runner looks for it."""
    with station.Station(tmp_path_factory.mktemp("station"), programs=["/usr/bin/timeout"]) as place:
        shutil.copytree(installed, place.share / "kselftest")
        place.guest.run("mkdir -p /usr/bin; ln -s /bin/timeout /usr/bin/timeout; /usr/bin/timeout --version | grep -q coreutils")
        yield place


@pytest.mark.timeout(600)
def test_run_kselftest(place):
    """The tree's runner finds them all good, or skipped for want of what this kernel does not have."""
    result = place.guest.run("cd kselftest; ./run_kselftest.sh | cat", timeout=500)
    verdicts = results(result.out)
    assert set(verdicts) == set(PROGRAMS), result
    assert not [name for name, (verdict, _) in verdicts.items() if verdict != "ok"], result
    assert verdicts["provcard_ioctl"] == ("ok", "")


def test_settings_are_honoured(place):
    """With another time-out in them the runner ends a test that takes longer, and says so."""
    settings = place.share / "kselftest" / COLLECTION / "settings"
    settings.write_text(re.sub(r"timeout=\d+", "timeout=0.1", settings.read_text()))
    result = place.guest.run(f"cd kselftest; ./run_kselftest.sh -t {COLLECTION}:provcard_job | cat", timeout=100)
    assert results(result.out)["provcard_job"] == ("not ok", "# TIMEOUT 0.1 seconds"), result
