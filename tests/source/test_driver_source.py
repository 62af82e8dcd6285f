# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's source: what kernel maintainers run before they read, on every kernel it is for; and that each tool finds what it is for."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
DRIVER = TOP / "driver"
BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build")).resolve()
HEADERS = pathlib.Path("/usr/src")
OLDEST, STABLE = (6, 1), (6, 12)


def releases():
    """Kernels with headers here, the oldest first."""
    names = [path.parent.parent.parent.name for path in HEADERS.glob("linux-headers-*/include/generated/utsrelease.h")]
    return sorted((name.removeprefix("linux-headers-") for name in names), key=version)


def version(release):
    """Major and minor, and what follows."""
    return tuple(int(number) for number in re.findall(r"\d+", release))


@pytest.fixture(autouse=True)
def fixture_tools():
    """A machine that is not the reference environment may lack them."""
    for tool in ("sparse", "perl", "clang", "ld.lld", "spatch"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} on this machine")
    if not releases() or not list(HEADERS.glob("linux-source-*.tar.xz")):
        pytest.skip("no kernel headers or no kernel source on this machine")


def lint(target, folder=BUILD, **variables):
    """Run it: (exit code, output)."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    words = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(["make", "-C", TOP, f"O={folder}", target, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, check=False, env=environment, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


@pytest.mark.timeout(960)
def test_driver_lint():
    """Everything is clean: the oldest kernel, the release's own and a newer one, gcc and clang."""
    code, text = lint("driver-lint")
    assert code == 0 and "warning:" not in text.lower(), text[-6000:]
    done = set(re.findall(r"^  LINT (\S+(?: \d\S*[^\s,])?)", text, re.MULTILINE))
    assert {"checkpatch", "kernel-doc"} <= done
    found = [version(release)[:2] for release in releases()]
    assert OLDEST in found and STABLE in found and found[-1] > STABLE
    assert {f"{compiler} {release}" for compiler in ("gcc", "clang") for release in releases()} <= done, done
    assert {f"gcc {release}, sparse" for release in releases() if version(release)[:2] <= STABLE} <= set(re.findall(r"gcc .*", text))


SPOT = "static void provcard_remove(struct pci_dev *pdev)\n{\n"
DOCUMENTED = " * @buffer: keeps what provcard_buffer_unmap() needs; zeroed\n"
GCC, CLANG = (f"driver-lint-{compiler}-{{stable}}" for compiler in ("gcc", "clang"))
DEFECTS = {
    "unused-variable-gcc": (GCC, "pci.c", SPOT, SPOT + "\tint unused;\n\n", "unused variable"),
    "unused-variable-clang": (CLANG, "pci.c", SPOT, SPOT + "\tint unused;\n\n", "unused variable"),
    "extra-warning": (GCC, "pci.c", SPOT, "void provcard_unheard_of(void)\n{\n}\n\n" + SPOT, "no previous prototype"),
    "clang-alone": (CLANG, "pci.c", SPOT, SPOT + "\tpdev = pdev;\n", "self-assign"),
    "address-space": (GCC, "pci.c", SPOT, SPOT + "\twritel(0, (void *)pdev);\n", "different address spaces"),
    "endianness": (GCC, "pci.c", SPOT, SPOT + "\t*(__le32 *)pdev = 1;\n", "incorrect type in assignment"),
    "missing-symbol": (GCC, "pci.c", SPOT, "void provcard_nowhere(void);\n\n" + SPOT + "\tprovcard_nowhere();\n", "undefined"),
    "checkpatch": ("driver-lint-checkpatch", "pci.c", SPOT, SPOT + "    if(pdev) return;\n", "ERROR:SPACING"),
    "kernel-doc": ("driver-lint-kernel-doc", "dma.c", DOCUMENTED, DOCUMENTED.replace("@buffer", "@puffer"), "'puffer'"),
    "coccinelle": ("driver-lint-coccinelle", "pci.c", SPOT, SPOT + "\tif (pdev->driver_override)\n\t\tkfree(pdev->driver_override);\n",
                   "NULL check before some freeing functions is not needed"),
}


@pytest.mark.parametrize("target, name, before, after, said", DEFECTS.values(), ids=DEFECTS.keys())
def test_control_defect_is_found(tmp_path, target, name, before, after, said):
    """One defect of each kind, planted in a copy of the driver, makes the lint fail and is named."""
    shutil.copytree(DRIVER, tmp_path / "driver")
    path = tmp_path / "driver" / name
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    stable = next(release for release in releases() if version(release)[:2] == STABLE)
    code, text = lint(target.format(stable=stable), tmp_path / "build", DRIVER=tmp_path / "driver", COCCI="ifnullfree")
    assert code and said in text, text[-4000:]


def version_tests(text):
    """(number of tests of the kernel's version, of those with an upstream commit, by number and subject, in the comment before them)."""
    places = [match.start() for match in re.finditer(r"^#\s*(?:el)?if\b.*\bLINUX_VERSION_CODE\b", text, re.MULTILINE)]
    before = [re.findall(r"/\*.*?\*/", text[:place], re.DOTALL) for place in places]
    named = [comments for comments in before if comments and re.search(r'\b[0-9a-f]{12}\b[ ,(]+"[^"]{10,}"', comments[-1])]
    return len(places), len(named)


def test_versions_are_compared_in_one_place():
    """compat.h alone knows of kernel versions, and each difference names the commit that made it."""
    word = re.compile(r"LINUX_VERSION|KERNEL_VERSION|UTS_RELEASE|RHEL_|linux/version\.h")
    for path in sorted(DRIVER.rglob("*.[ch]")):
        if path.name != "compat.h":
            assert not word.search(path.read_text()), path
    tests, named = version_tests((DRIVER / "compat.h").read_text())
    assert tests and tests == named


def test_control_unnamed_version_test():
    """A comparison without a commit is counted, and not as named."""
    later = "#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)\n#endif\n"
    commit = '/* 1aaba11da9aa ("driver core: class: remove module * from class_create()"), 6.4 */\n'
    assert version_tests(later) == (1, 0)
    assert version_tests("/* since 6.4 */\n" + later) == (1, 0)
    assert version_tests(commit + later) == (1, 1)
    assert version_tests(commit + later + "/* another */\n" + later) == (2, 1)
