# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's KUnit tests (driver/tests), on a kernel that has KUnit. Debian's has not; that of make check-debug has."""
import pytest

from provtest import guest as vm
from provtest import processes, station

MODULES = sorted((processes.BUILD / "driver" / vm.kernel_release() / "tests").glob("*_test.ko"))


@pytest.fixture(name="guest", scope="module")
def fixture_guest(tmp_path_factory):
    """A guest without a card."""
    if not MODULES:
        pytest.skip("this kernel has no KUnit")
    folder = tmp_path_factory.mktemp("kunit")
    with vm.Guest(folder, vm.kernel_image(), station.build_initramfs(folder, MODULES), []) as guest:
        yield guest
        guest.examine()


@pytest.mark.parametrize("name", ["queue", "dma"])
def test_kunit(guest, name):
    """KTAP: every line ok, and as many as were announced."""
    guest.run(f"insmod /provcard_{name}_test.ko", timeout=100)
    lines = guest.run(f"cat /sys/kernel/debug/kunit/provcard-{name}/results").out.splitlines()
    assert lines[-1] == f"ok 1 provcard-{name}", "\n".join(lines)
    plan = int(next(line for line in lines if line.startswith("    1..")).split("..")[1])
    assert len([line for line in lines if line.startswith("    ok ")]) == plan > 3
    assert not [line for line in lines if line.lstrip().startswith("not ok")]
    guest.run(f"rmmod provcard_{name}_test")
