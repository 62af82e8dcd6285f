# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that differ: an IOMMU, bounce buffers, MSI instead of MSI-X, two cards."""
import json
import shutil

import pytest

from provtest import processes, station
from provtest.service import in_service

USAGE = 2
MACHINES = {
    "iommu": {"guest_options": {"iommu": True}},
    "bounce-buffers": {"guest_options": {"append": "swiotlb=force"}},
    "msi": {"card_options": ("--msi-only",)},
}


@pytest.mark.parametrize("options", MACHINES.values(), ids=MACHINES.keys())
def test_workflow(tmp_path, options):
    """Load, allocate, run four heads; then the selftests."""
    with in_service(tmp_path, **options) as service:
        service.load(count=4)
        service.place.insert_all()
        service.house.provcard("run --once")
        job = json.loads(service.house.provcard("-o json jobs"))["jobs"][0]
        assert (job["good"], job["scrap"]) == (4, 0)
        for program in ("provcard_ioctl", "provcard_job", "provcard_fail_nth"):
            shutil.copy(processes.program(f"kselftest/{program}"), service.place.share)
            service.place.guest.run(f"./{program}", timeout=200)
        assert_machine(service.place.guest, options)


def assert_machine(guest, options):
    """That the machine is the one it is said to be."""
    vectors = guest.run("grep -c provcard /proc/interrupts").out.strip()
    assert vectors == ("1" if options == MACHINES["msi"] else "5")
    if options == MACHINES["iommu"]:
        guest.run("[ -e /sys/class/provcard/provcard0/device/iommu_group ]")
    if options == MACHINES["bounce-buffers"]:
        used = guest.run("cat /sys/kernel/debug/swiotlb/io_tlb_used_hiwater").out
        assert int(used) > 0


def test_two_cards(tmp_path):
    """Each has its node and its name; a command without --card does not guess."""
    other = processes.Card(tmp_path / "other", 2, "PC0002")
    with station.Station(tmp_path / "station", further_cards=[other]) as place:
        guest = place.guest
        place.await_node("/dev/provcard1")
        by_serial = ("mkdir -p /dev/provcard/by-serial; for card in /sys/class/provcard/*; do "
                     "ln -sf /dev/$(basename $card) /dev/provcard/by-serial/$(cat $card/serial); done")
        guest.run(by_serial)
        ambiguous = guest.run("provcard status", check=False)
        assert ambiguous.code == USAGE and "--card" in ambiguous.err
        for serial in ("PC0001", "PC0002"):
            status = guest.run(f"provcard --card /dev/provcard/by-serial/{serial} -o json status").out
            assert json.loads(status)["status"]["serial"] == serial
        other.power_cut()
        guest.run("for i in $(seq 50); do [ $(cat /sys/class/provcard/provcard1/state) = gone ] && exit 0; sleep 0.1; done; exit 1")
        guest.run("provcard --card /dev/provcard/by-serial/PC0001 status")
        assert not guest.splats()
