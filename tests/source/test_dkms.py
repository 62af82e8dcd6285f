# SPDX-License-Identifier: GPL-2.0-or-later
"""The dkms package, installed and removed by dpkg on an overlay over this machine, which therefore keeps nothing of it."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
VERSION = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.MULTILINE)[1]
RELEASES = sorted(path.parent.name for path in pathlib.Path("/lib/modules").glob("*/build")
                  if pathlib.Path(f"/boot/vmlinuz-{path.parent.name}").exists())
NEWEST = RELEASES[-1] if RELEASES else ""
BUILD = f"/lib/modules/{NEWEST}/build"
OVERLAY = """set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/tmp"
cp "$2" "$1/root/tmp/package.deb"
exec chroot "$1/root" sh -c "$3" """
MODULES = "find /lib/modules -name 'provcard.ko*'"
USE = f"""set -e
dpkg -i /tmp/package.deb
echo == status; dkms status provcard/{VERSION}
echo == modules; {MODULES} | while read -r module; do modinfo -F vermagic $module; modinfo -F signer $module; modinfo -F alias $module; done
echo == place; ls /usr/lib/udev/rules.d/60-provcard.rules /usr/lib/sysusers.d/provcard.conf
echo == removed; dpkg -r provcard-dkms >/dev/null; dkms status; {MODULES}; find /usr/src -name 'provcard*'
echo == unpacked; dpkg --unpack /tmp/package.deb
echo == old; dkms build provcard/{VERSION} -k 6.0.0-1-amd64 --kernelsourcedir {BUILD} || echo refused
echo == without-msi; sed /CONFIG_PCI_MSI=/d {BUILD}/.config >/tmp/config
dkms build provcard/{VERSION} -k {NEWEST} --config /tmp/config || echo refused
"""


def run(*words, timeout=300):
    """A command that must succeed; what it prints, errors as well."""
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run([str(word) for word in words], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False, env=outer, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.fixture(name="package", scope="module")
def fixture_package(tmp_path_factory):
    """Built as a packager would."""
    for tool in ("dkms", "dpkg-deb", "modinfo"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} on this machine")
    if os.geteuid() or not RELEASES:
        pytest.skip("not the superuser, or no kernel with headers and image")
    folder = tmp_path_factory.mktemp("dkms")
    run("make", f"O={folder}", "dkms-package")
    return next(folder.glob("*.deb"))


def test_package_is_reproducible(package, tmp_path):
    """The same bytes again, under the only version there is."""
    assert package.name == f"provcard-dkms_{VERSION}_all.deb"
    run("make", f"O={tmp_path}", "dkms-package")
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


@pytest.mark.timeout(960)
def test_install_builds_for_every_kernel(package, tmp_path):
    """dpkg -i builds, signs and installs the module for each; kernels it cannot work on are left out; dpkg -r leaves nothing."""
    text = run("unshare", "--mount", "sh", "-c", OVERLAY, "sh", tmp_path, package, USE, timeout=900)
    parts = dict(part.split("\n", 1) for part in re.split(r"^== ", text, flags=re.MULTILINE)[1:])
    assert sorted(parts["status"].split("\n")[:-1]) == [f"provcard/{VERSION}, {release}, x86_64: installed" for release in RELEASES], text
    for release in RELEASES:
        assert f"{release} SMP" in parts["modules"]
    assert parts["modules"].count("DKMS module signing key") == parts["modules"].count("pci:v") == len(RELEASES)
    assert len(parts["place"].split()) == 2
    for name in ("old", "without-msi"):
        assert "refused" in parts[name] and "BUILD_EXCLUSIVE" in parts[name], parts[name]
    assert parts["removed"] == "", parts["removed"]
