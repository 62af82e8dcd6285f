# SPDX-License-Identifier: GPL-2.0-or-later
"""What admins expect of any device: sensors, the kernel's random number generator, firmware by sysfs."""
import time

import pytest

from provtest import processes, station, workflow
from provtest.service import in_service

FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard*/device))"
DRIVER = "/sys/bus/pci/drivers/provcard"
HWMON = "/sys/class/provcard/provcard0/device/hwmon/hwmon*"
RANDOM = "/sys/class/misc/hw_random"
UPLOAD = "/sys/class/firmware/provcard0"
NEXT = processes.BUILD / "firmware/next.pfw"
MEBIBYTE = 1 << 20


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """A station in service."""
    with in_service(tmp_path_factory.mktemp("admin")) as service:
        yield service.place


def sensor(place, name):
    """One attribute, as a number."""
    return int(place.guest.run(f"cat {HWMON}/{name}").out)


def board_says(place, text):
    """What the sensors measure from now on; what was said before is forgotten by then."""
    (place.card.folder / "state" / "sensors").write_text(text)
    time.sleep(1.2)


def test_sensors(place):
    """Temperature and supply with their limits, readable by everybody."""
    guest = place.guest
    assert guest.run(f"cat {HWMON}/name {HWMON}/temp1_label {HWMON}/in0_label").out.split() == ["provcard", "board", "supply"]
    board_says(place, "-12500 3123")
    limits = {"temp1_input": -12500, "temp1_max": 85000, "temp1_crit": 105000, "in0_input": 3123, "in0_min": 3135, "in0_max": 3465}
    assert {name: sensor(place, name) for name in limits} == limits
    assert {line.split()[0] for line in guest.run(f"ls -l {HWMON}/*_input").out.splitlines()} == {"-r--r--r--"}


def test_sensors_that_lie(place):
    """What no board measures is held within what one could."""
    board_says(place, "-2147483648 4294967295 2147483647")
    assert (sensor(place, "temp1_input"), sensor(place, "temp1_max"), sensor(place, "in0_input")) == (-273150, 1000000, 100000)
    board_says(place, "")


def bits_balanced(data):
    """The monobit test, far beyond chance: ten standard deviations."""
    ones = sum(byte.bit_count() for byte in data)
    return abs(ones - 4 * len(data)) < 10 * (2 * len(data)) ** 0.5


def test_random_bytes(place):
    """The kernel's generator has the card; a mebibyte is random as far as can be seen, and worth next to nothing until an admin says."""
    guest = place.guest
    assert "provcard0" in guest.run(f"cat {RANDOM}/rng_available").out.split()
    guest.run(f"echo provcard0 >{RANDOM}/rng_current")
    assert guest.run(f"cat {RANDOM}/rng_quality").out.strip() == "1"
    for name in ("first", "second"):
        guest.run(f"dd if=/dev/hwrng of={name} bs=64k count=16 iflag=fullblock", timeout=300)
    first, second = ((place.share / name).read_bytes() for name in ("first", "second"))
    assert len(first) == len(second) == MEBIBYTE and first != second
    assert bits_balanced(first) and bits_balanced(second)
    assert len({first[at:at + 16] for at in range(0, MEBIBYTE, 16)}) == MEBIBYTE // 16


def test_unbind_while_reading(place):
    """The readers are told, or go on with another generator; nothing hangs, and the card comes back."""
    guest = place.guest
    guest.run(f"echo provcard0 >{RANDOM}/rng_current")
    readers = [guest.spawn("dd if=/dev/hwrng of=/dev/null bs=64k count=64 iflag=fullblock") for _ in range(2)]
    readers.append(guest.spawn(f"while cat {HWMON}/temp1_input; do :; done"))
    time.sleep(0.5)
    guest.run(f"function={FUNCTION}; echo $function >{DRIVER}/unbind; echo $function >{DRIVER}/bind", timeout=120)
    for reader in readers:
        guest.join(reader, timeout=120)
    place.await_node()
    assert "provcard0" in guest.run(f"cat {RANDOM}/rng_available").out.split()
    guest.run(f"cat {HWMON}/temp1_input; provcard status")


def upload(guest, name):
    """A file of the shared folder through the kernel's interface; until nothing is under way any more."""
    guest.run(f"echo 1 >{UPLOAD}/loading; cat {name} >{UPLOAD}/data; echo 0 >{UPLOAD}/loading")
    guest.run(f"for i in $(seq 600); do [ $(cat {UPLOAD}/status) = idle ] && exit 0; sleep 0.1; done; exit 1", timeout=120)
    return guest.run(f"cat {UPLOAD}/error").out.strip()


def test_firmware_refused(place):
    """The card judges: no firmware at all, a wrong byte, too much of it. The slots stay as they were."""
    guest = place.guest
    before = guest.run("provcard firmware status").out
    damaged = bytearray(NEXT.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (place.share / "damaged.pfw").write_bytes(damaged)
    (place.share / "text.pfw").write_text("no firmware\n")
    assert upload(guest, "damaged.pfw") == "programming:firmware-invalid"
    assert upload(guest, "text.pfw") == "transferring:hw-error"
    guest.run("dd if=/dev/zero of=/tmp/huge.pfw bs=1M count=65")
    assert upload(guest, "/tmp/huge.pfw") == "transferring:invalid-file-size"
    guest.run("rm /tmp/huge.pfw")
    assert guest.run("provcard firmware status").out == before
    assert "refused with status" in guest.kernel_log()


def test_firmware_cancelled(place):
    """Between two pieces; the next upload is not its victim, nor is the card."""
    guest = place.guest
    guest.run("dd if=/dev/zero of=/tmp/large.pfw bs=1M count=8")
    cancel = f"while read -r state <{UPLOAD}/status; do case $state in transferring) echo 1 >{UPLOAD}/cancel;; idle) exit;; esac; done"
    guest.run(f"echo 1 >{UPLOAD}/loading; cat /tmp/large.pfw >{UPLOAD}/data; echo 0 >{UPLOAD}/loading; {cancel}")
    assert guest.run(f"cat {UPLOAD}/error").out.strip() == "transferring:user-abort"
    assert int(guest.run(f"cat {UPLOAD}/remaining_size").out) > 0
    assert guest.run(f"echo 1 >{UPLOAD}/cancel", check=False).code
    assert upload(guest, "/tmp/large.pfw").endswith(":firmware-invalid")
    guest.run(f"echo 1 >{UPLOAD}/loading; cat /tmp/large.pfw >{UPLOAD}/data; echo 0 >{UPLOAD}/loading; "
              f"function={FUNCTION}; echo $function >{DRIVER}/unbind; [ ! -e {UPLOAD} ] && echo $function >{DRIVER}/bind", timeout=120)
    place.await_node()
    guest.run(f"rm /tmp/large.pfw; cat {UPLOAD}/status")


def test_gone(tmp_path):
    """Of a card without power nothing is said any more, also not what was known a moment ago."""
    with station.Station(tmp_path) as place:
        guest = place.guest
        guest.run(f"echo provcard0 >{RANDOM}/rng_current; cat {HWMON}/temp1_input")
        place.cut_power()
        guest.run("for i in $(seq 50); do [ $(cat /sys/class/provcard/provcard0/state) = gone ] && exit 0; sleep 0.1; done; exit 1")
        for read in (f"cat {HWMON}/temp1_input", "dd if=/dev/hwrng of=/dev/null bs=16 count=1"):
            refused = guest.run(read, check=False)
            assert refused.code and "No such device" in refused.err, refused
        guest.run("echo 1 >/sys/class/provcard/provcard0/device/remove; rmmod provcard")
        assert "provcard0" not in guest.run(f"cat {RANDOM}/rng_available").out
        assert not guest.splats()


def test_noise_source_fails(tmp_path):
    """The card's own tests find it: it stops, and not one byte comes out any more."""
    with station.Station(tmp_path) as place:
        guest = place.guest
        guest.run(f"echo provcard0 >{RANDOM}/rng_current")
        (place.card.folder / "state" / "noise").write_bytes(b"U")
        for _ in range(2):
            refused = guest.run("dd if=/dev/hwrng of=bytes bs=16 count=8", check=False)
            assert refused.code and "Input/output error" in refused.err, refused
            assert len((place.share / "bytes").read_bytes()) == 0
        assert "no random bytes" in guest.kernel_log()
        assert guest.run("provcard status", check=False).code == 0
        guest.run(f"cat {HWMON}/temp1_input")
        assert not guest.splats()


def test_card_of_the_first_interface(tmp_path):
    """Nothing of all that, and it is a card all the same. Nor of a card whose generator the module was told to leave alone."""
    with station.Station(tmp_path, card_options=("--host-interface", "1.0")) as place:
        guest = place.guest
        guest.run("provcard status")
        assert guest.run("grep -l provcard /sys/class/hwmon/*/name", check=False).code
        assert guest.run(f"grep provcard {RANDOM}/rng_available", check=False).code
        assert not guest.run(f"ls /sys/class/firmware | grep provcard", check=False).out
        assert not guest.splats()
    with station.Station(tmp_path / "other") as place:
        guest = place.guest
        assert "provcard0" in guest.run(f"cat {RANDOM}/rng_available").out
        guest.run("rmmod provcard; insmod /provcard.ko hwrng=0")
        place.await_node()
        assert guest.run(f"grep provcard {RANDOM}/rng_available", check=False).code


def stored(guest):
    """How often the card's log says that it has stored firmware."""
    return guest.run("provcard log").out.count("firmware-stored")


def test_autostage(tmp_path):
    """Offered with each binding, stored once; what is no firmware is not, and the card serves all the same."""
    with in_service(tmp_path) as service:
        guest = service.place.guest
        service.house.give(NEXT)
        said = "for i in $(seq 300); do dmesg | grep -q 'the card {0} provcard/firmware.pfw' && exit 0; sleep 0.1; done; dmesg; exit 1"
        guest.run(f"mkdir -p /lib/firmware/provcard; cp {NEXT.name} /lib/firmware/provcard/firmware.pfw; rmmod provcard; "
                  "insmod /provcard.ko firmware_autostage=1")
        guest.run(said.format("has"), timeout=60)
        assert "stored" in guest.run("provcard firmware status").out and stored(guest) == 1
        guest.run(f"function={FUNCTION}; dmesg -c >/dev/null; echo $function >{DRIVER}/unbind; echo $function >{DRIVER}/bind")
        guest.run(said.format("has"), timeout=60)
        assert stored(guest) == 1
        guest.run(f"echo nothing >/lib/firmware/provcard/firmware.pfw; function={FUNCTION}; echo $function >{DRIVER}/unbind; "
                  f"echo $function >{DRIVER}/bind")
        guest.run(said.format("does not take"), timeout=60)
        guest.run(f"function={FUNCTION}; cp {NEXT.name} /lib/firmware/provcard/firmware.pfw; echo $function >{DRIVER}/unbind; "
                  f"echo $function >{DRIVER}/bind; echo $function >{DRIVER}/unbind; rmmod provcard")


def test_update_by_sysfs(tmp_path):
    """Uploaded by the admin, activated by a signed request, started by a power cycle."""
    with in_service(tmp_path, card_options=("--msi-only",)) as service:
        guest, card, house = service.place.guest, service.place.card, service.house
        house.give(NEXT)
        assert not upload(guest, NEXT.name)
        assert "stored" in guest.run("provcard firmware status").out
        assert guest.run("cat /sys/class/provcard/provcard0/firmware").out.strip() != "9.2.0"
        house.provcard(f"firmware activate {NEXT.name} {workflow.signed_by(service.people.officer)}")
        guest.unplug("card0")
        guest.run("for i in $(seq 200); do [ -e /dev/provcard0 ] || exit 0; sleep 0.1; done; exit 1")
        deadline = time.monotonic() + 20
        while any(device["name"] == "card0" for device in guest.monitor("qom-list", path="/machine/peripheral")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        card.stop()
        card.power_on()
        guest.replug("card0")
        service.place.await_node()
        assert guest.run("cat /sys/class/provcard/provcard0/firmware").out.strip() == "9.2.0"
