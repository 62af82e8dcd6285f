# SPDX-License-Identifier: GPL-2.0-or-later
"""What "make install" puts where, and that a program finds it there; what "make clean" leaves."""
import os
import pathlib
import shutil
import subprocess

import pytest

from provtest import processes

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = TOP / "lib" / "provcard" / "example" / "list-cards.c"
FORMATS = """
#include <stdio.h>
#include <provcard-refusal.h>
#include <provpkg.h>

int main(void)
{
	static const uint8_t bytes[64] = { 0x30, 0x82 };
	struct provpkg_manifest *manifest = NULL;
	struct provpkg_view view = { bytes, sizeof(bytes) };
	int code = provpkg_manifest_open(view, &manifest);

	printf("%s\\n", code > 0 ? provcard_refusal_find((unsigned int)code)->name : "none");
	provpkg_manifest_free(manifest);
	return 0;
}
"""


def run(*words, cwd=TOP, timeout=300, **environment):
    """A command that must succeed; what it prints."""
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run([str(word) for word in words], cwd=cwd, env={**outer, **environment}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(name="root", scope="module")
def fixture_root(tmp_path_factory):
    """An installation for prefix /usr in a folder, after a build for the default prefix."""
    root = tmp_path_factory.mktemp("root")
    run("make", f"O={processes.BUILD}", "libraries")
    run("make", f"O={processes.BUILD}", "install", f"DESTDIR={root}", "prefix=/usr")
    return root


def names(folder):
    """All files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_everything_has_its_place(root):
    """Tool, libraries, headers, documentation, the driver's files."""
    found = names(root)
    expected = {"usr/bin/provcard", "usr/share/man/man1/provcard.1", "usr/share/bash-completion/completions/provcard",
                "usr/share/provcard/rot-configuration.schema.json", "usr/share/provcard/provcard.yaml",
                "usr/lib/udev/rules.d/60-provcard.rules",
                "usr/lib/sysusers.d/provcard.conf", "usr/lib/modprobe.d/provcard.conf", "usr/include/linux/provcard.h",
                "usr/include/linux/provcard_netlink.h"}
    for name in ("provcard", "provpkg"):
        expected |= {f"usr/lib/lib{name}.a", f"usr/lib/lib{name}.so", f"usr/lib/lib{name}.so.0", f"usr/lib/pkgconfig/{name}.pc"}
    public = {f"usr/include/{path.relative_to(TOP / 'lib' / 'include')}" for path in (TOP / "lib" / "include").rglob("*.*")}
    assert expected | public <= found, sorted((expected | public) - found)
    places = ("usr/bin/", "usr/lib/", "usr/include/", "usr/share/", "usr/src/provcard-", "lib/modules/")
    assert not [name for name in found if not name.startswith(places)]
    assert "/usr/local" not in (root / "usr" / "lib" / "pkgconfig" / "provpkg.pc").read_text()
    assert (root / "usr" / "bin" / "provcard").stat().st_mode & 0o777 == 0o755
    assert (root / "usr" / "lib" / "libprovpkg.so").readlink() == pathlib.Path("libprovpkg.so.0")
    run("udevadm", "verify", "--no-style", "--resolve-names=never", root / "usr" / "lib" / "udev" / "rules.d" / "60-provcard.rules")


def test_dkms_source_is_whole(root):
    """What dkms would compile: every source of the driver, no placeholder left."""
    source = next((root / "usr" / "src").iterdir())
    run("test", "-s", source / "Kbuild")
    assert "@" not in (source / "dkms.conf").read_text()
    assert {path.name for path in (TOP / "driver").glob("*.[ch]")} <= {path.name for path in source.iterdir()}


def flags(root):
    """As a user gets them."""
    folder = root / "usr" / "lib" / "pkgconfig"
    words = run("pkg-config", "--define-prefix", "--cflags", "--libs", "provcard", "provpkg", PKG_CONFIG_PATH=str(folder)).split()
    assert f"-I{root}/usr/include" in words and f"-L{root}/usr/lib" in words
    return words


@pytest.mark.parametrize("compiler, suffix", [(("gcc", "-std=c11"), "c"), (("g++", "-std=c++17"), "cc")], ids=["c", "c++"])
def test_program_on_libprovpkg(root, tmp_path, compiler, suffix):
    """Compiles without a warning, links, runs."""
    source, program = tmp_path / f"formats.{suffix}", tmp_path / "formats"
    source.write_text(FORMATS)
    run(*compiler, "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags(root))
    assert run(program, LD_LIBRARY_PATH=f"{root}/usr/lib") == "MANIFEST_DER\n"


def test_example_lists_a_card(root, tmp_path):
    """The example program, on an emulated card."""
    program = tmp_path / "list-cards"
    run("gcc", "-Wall", "-Wextra", "-Werror", "-o", program, EXAMPLE, *flags(root))
    with processes.Card(tmp_path / "card", 2, "PC0042") as card:
        card.power_on()
        assert "serial PC0042, firmware" in run(program, card.address, LD_LIBRARY_PATH=f"{root}/usr/lib")


def test_clean_leaves_a_clean_tree(tmp_path):
    """Building and cleaning a copy of the tree changes nothing in it."""
    files = run("git", "ls-files", "-z").split("\0")
    for name in files:
        if name and (TOP / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, tmp_path / name)
    before = names(tmp_path)
    run("make", "-j2", "OPTIMISE=-O0", "libraries", "driver-sources", cwd=tmp_path)
    assert names(tmp_path) > before
    run("make", "clean", cwd=tmp_path)
    assert names(tmp_path) == before
