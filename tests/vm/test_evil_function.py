# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI functions that are not what a card's should be, all in one guest."""
import pytest

from provtest import evil

# Options of the evil card, and what the driver makes of it: interrupt vectors and I/O queues in use, or what it says instead.
FUNCTIONS = {
    "small-bar": (("--bar", "0x1000"), "no usable card"),
    "one-vector": (("--vectors", "1"), (1, 4)),
    "two-vectors": (("--vectors", "2"), (2, 1)),
    "more-vectors-than-heads": (("--vectors", "20"), (5, 4)),
    "msi": (("--msi-only",), (1, 4)),
    "no-function-reset": (("--config", "0x57=0"), (5, 4)),
    "no-power-management": (("--config", "0x34=0x50"), (5, 4)),
}


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """One good card, and one of each kind beside it."""
    folder = tmp_path_factory.mktemp("function")
    others = [evil.card(folder / name, *options) for name, (options, _) in FUNCTIONS.items()]
    with evil.EvilStation(folder / "station", further_cards=others) as place:
        place.guest.run("sleep 3")
        yield place
        place.guest.run("rmmod provcard", timeout=200)
        place.guest.examine()


def function(place, name):
    """The PCI address of the card in that slot: each root port has a bus of its own."""
    number = 1 + list(FUNCTIONS).index(name)
    functions = place.guest.run("ls -d /sys/bus/pci/devices/*/ | while read d; do [ $(cat $d/device) = 0x10f0 ] && basename $d; done").out
    return functions.split()[number]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(place, name):
    """Used with as many vectors as it offers, or refused; the cards beside it are served in any case."""
    _, wanted = FUNCTIONS[name]
    address = function(place, name)
    if isinstance(wanted, tuple):
        vectors = place.guest.run(f"ls /sys/bus/pci/devices/{address}/msi_irqs | wc -l").out
        node = place.guest.run(f"ls /sys/bus/pci/devices/{address}/provcard").out.strip()
        assert int(vectors) == wanted[0]
        ended = place.guest.run(f"[ {node} = provcard0 ] || {{ rm -f /dev/provcard0; ln -s /dev/{node} /dev/provcard0; }}; "
                                f"evil-load command {wanted[1]} 3000 100; evil-load command {wanted[1] + 1} 3000 100").out.split("\n")
        assert ended[0] == evil.GOOD and ended[1].startswith("EINVAL")
    else:
        log = place.guest.kernel_log()
        assert f"provcard {address}" in log and wanted in log
        assert place.guest.run(f"ls /sys/bus/pci/devices/{address}/provcard", check=False).code
