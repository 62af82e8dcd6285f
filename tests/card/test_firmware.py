# SPDX-License-Identifier: GPL-2.0-or-later
"""Firmware of the card itself: from one slot to the other and back again, and all that must not start."""
import json
import shutil
import struct
import subprocess
import time

import pytest

import checks
from provtest import pki, processes, workflow

FACTORY, NEXT, PATCH, CRASH = (processes.BUILD / name for name in
                               ("provcard-firmware.pfw", "firmware/next.pfw", "firmware/patch.pfw", "firmware/crash.pfw"))
MAKER = processes.BUILD / "maker"
ATTEMPTS = 3


def firmware(bench):
    """What the card says of its firmware."""
    return bench.json("firmware status")["firmware"]


def restart(bench):
    """Off and on again; the card comes up."""
    bench.card.stop()
    bench.card.power_on()


def load(bench, file):
    """The file onto the house's desk and into the card."""
    bench.house.give(file)
    return bench.json(f"firmware load {file.name}")


def activate(bench, people, file, **options):
    """An officer has it started."""
    return bench.house.provcard(f"firmware activate {file.name} {workflow.signed_by(people.officer)}", **options)


def update(bench, people, file):
    """All steps, and the restart."""
    load(bench, file)
    activate(bench, people, file)
    restart(bench)


def words_of_pack(output, image=processes.BUILD / "firmware/next", release="9.2.0", security=2, board="provcard-emulated", maker=None):
    """Of `provcard firmware pack`, by the build's maker or by another."""
    maker = maker or MAKER
    return (f"firmware pack --image {image.resolve()} --board {board} --release {release} --security-version {security} "
            f"--key {(maker / 'classical.key').resolve()} --cert {(maker / 'classical.pem').resolve()} "
            f"--key {(maker / 'pq.key').resolve()} --cert {(maker / 'pq.pem').resolve()} --output {output}")


def pack(folder, name, expected=0, **terms):
    """A firmware file."""
    output = folder / f"{name}.pfw"
    said = workflow.Desk(folder).provcard(words_of_pack(output, **terms), expected=expected)
    return output if expected == 0 else said


def test_no_room_for_a_firmware_file(tmp_path):
    """Not half of it; an image that is not there, or a folder that is not, is said as what it is."""
    output = tmp_path / "next.pfw"
    checks.no_room(words_of_pack(output), output)
    assert "check the file's name" in pack(tmp_path, "other", image=tmp_path / "none", expected=checks.INPUT)
    said = workflow.Desk(tmp_path).provcard(words_of_pack(tmp_path / "none" / "next.pfw"), expected=checks.MACHINE)
    assert "what to do: check the name" in said


def starts_and_dies(bench):
    """One power-on of a firmware that does not come up."""
    with pytest.raises(RuntimeError, match="did not start"):
        bench.card.power_on()


def card_log(bench):
    """The card's own log."""
    return bench.card.log_path.read_text(errors="replace")


def events(bench):
    """(event, code) of the card's records about firmware."""
    return [(record["event"], (record.get("refusal") or {}).get("name")) for record in bench.json("log")["records"]
            if record["event"].startswith("firmware-")]


def test_new_card_runs_what_the_factory_gave_it(blank):
    found = firmware(blank)
    assert (found["running"], found["active"], found["floor"]) == ("a", "a", 1)
    assert found["slots"]["b"]["state"] == "empty"
    inspected = json.loads(blank.oem.provcard(f"-o json firmware inspect {FACTORY.resolve()}"))["firmware_file"]
    assert found["sha256"] == inspected["sha256"] == checks.digest((processes.BUILD / "provcard-firmware").read_bytes())
    checks.output_schema().validate(blank.json("firmware status"))


def test_update_keeps_everything(packed, people):
    """The other slot runs, by its new name, with vault, ledger and log of the old one; and there is no way back."""
    bench = packed
    bench.house.provcard("load package.ppkg")
    bench.house.provcard(f"allocate --count 5 {checks.signed(people)}")
    bench.insert(0)
    bench.house.provcard("run --units 1 --heads 0", expected=None)
    before, records = checks.standing(bench), bench.json("log")["records"]
    assert load(bench, NEXT)["firmware"]["slots"]["b"]["state"] == "stored"
    assert firmware(bench)["running"] == "a"
    activate(bench, people, NEXT)
    assert firmware(bench)["slots"]["b"]["state"] == "pending"
    restart(bench)
    found = firmware(bench)
    assert (found["version"], found["security_version"], found["running"], found["active"], found["floor"]) == \
        ("9.2.0", 2, "b", "b", 2)
    assert found["slots"]["a"]["refusal"]["name"] == "FIRMWARE_ROLLBACK"
    status = bench.json("status")["status"]
    assert (status["firmware"], status["security_version"]) == ("9.2.0", 2)
    assert "firmware  9.2.0, security version 2, slot B" in bench.house.provcard("status")
    assert "9.2.0" in bench.house.provcard("--version")
    after = checks.standing(bench)
    assert after[1] == before[1]
    assert {**after[0], "boot_count": 0} == {**before[0], "boot_count": 0} and after[0]["boot_count"] == before[0]["boot_count"] + 1
    assert bench.json("log")["records"][:len(records)] == records
    assert events(bench) == [("firmware-stored", None), ("firmware-activated", None), ("firmware-confirmed", None)]
    assert "starts firmware 9.2.0, security version 2, from slot B" in card_log(bench)

    checks.refused(bench.house, f"firmware load {FACTORY.resolve()}", "FIRMWARE_ROLLBACK")
    bench.house.give(FACTORY)
    checks.refused(bench.house, f"firmware activate {FACTORY.name} {workflow.signed_by(people.officer)}", "FIRMWARE_ROLLBACK")
    bench.insert(1)
    bench.house.provcard("run --units 1 --heads 1", expected=None)
    checks.deliver(bench, people, "delivery")


def test_there_and_back_again(house, people):
    """Two firmware of one security version: each can be activated again."""
    update(house, people, PATCH)
    assert firmware(house)["version"] == "9.1.1"
    house.house.give(FACTORY)
    activate(house, people, FACTORY)
    restart(house)
    found = firmware(house)
    assert (found["running"], found["active"], found["floor"]) == ("a", "a", 1)
    assert found["slots"]["b"]["state"] == "good"


def test_boot_stage_refuses_a_roll_back(house, people):
    """Somebody turns the flags back to the old slot, which was good once."""
    update(house, people, NEXT)
    house.card.stop()
    write_flags(house, active=0, states=(4, 5))
    starts_and_dies(house)
    assert "slot A is passed over: the firmware's security version is below the card's floor" in card_log(house)
    write_flags(house, active=0, states=(4, 4))
    house.card.power_on()
    assert firmware(house)["running"] == "b"


def write_flags(bench, active, states):
    """What the boot stage reads: both copies, as somebody with the card's memory in his hands writes them."""
    with open(bench.card.folder / "state" / "boot.nv", "r+b") as memory:
        for number in (1000, 1001):
            copy = struct.pack("<IIQIIII", 0x42564350, active, number, states[0], 0, states[1], 0)
            memory.seek(number % 2 * 4096)
            memory.write(copy + bytes.fromhex(checks.digest(copy)))


def flip(path, offset):
    """One bit."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_bit_flip_after_commit_falls_back(house, people):
    load(house, NEXT)
    activate(house, people, NEXT)
    house.card.stop()
    flip(house.card.folder / "state" / "firmware-b.nv", NEXT.stat().st_size - 5000)
    house.card.power_on()
    found = firmware(house)
    assert (found["running"], found["slots"]["b"]["state"], found["floor"]) == ("a", "bad", 1)
    assert "slot B is passed over: the firmware's image does not match its digests" in card_log(house)
    assert events(house)[-1] == ("firmware-activated", "FIRMWARE_FELL_BACK")
    checks.refused(house.house, f"firmware activate {NEXT.name} {workflow.signed_by(people.officer)}", "FIRMWARE_NOT_STORED")
    update(house, people, NEXT)
    assert firmware(house)["version"] == "9.2.0"


def test_image_that_crashes_falls_back(house, people):
    load(house, CRASH)
    activate(house, people, CRASH)
    house.card.stop()
    for _ in range(ATTEMPTS):
        starts_and_dies(house)
    house.card.power_on()
    found = firmware(house)
    assert (found["running"], found["slots"]["b"]["state"], found["floor"]) == ("a", "bad", 1)
    assert events(house)[-1] == ("firmware-activated", "FIRMWARE_FELL_BACK")
    assert house.json("status")["status"]["state"] == "operational"


def test_image_that_is_no_program_falls_back(house, people, tmp_path):
    image = tmp_path / "text"
    image.write_text("not a program\n" * 100)
    file = pack(tmp_path, "text", image=image)
    load(house, file)
    activate(house, people, file)
    for _ in range(ATTEMPTS + 1):
        restart(house)
        assert firmware(house)["running"] == "a"
    assert firmware(house)["slots"]["b"]["state"] == "bad"


def test_image_under_a_false_name_falls_back(house, people, tmp_path):
    """Packed by mistake with another security version: it would raise the floor above all firmware there is."""
    file = pack(tmp_path, "false", security=1000)
    load(house, file)
    activate(house, people, file)
    house.card.stop()
    for _ in range(ATTEMPTS):
        starts_and_dies(house)
    house.card.power_on()
    found = firmware(house)
    assert (found["running"], found["floor"], found["slots"]["b"]["state"]) == ("a", 1, "bad")
    assert "the manifest calls this firmware 9.2.0, security version 1000; it is 9.2.0, security version 2" in card_log(house)


def test_activated_firmware_is_not_pushed_aside(house, people):
    load(house, NEXT)
    activate(house, people, NEXT)
    house.house.give(PATCH)
    checks.refused(house.house, f"firmware load {PATCH.name}", "FIRMWARE_BUSY")
    restart(house)
    assert firmware(house)["version"] == "9.2.0"


def test_only_the_makers_firmware(house, tmp_path):
    """Another maker; both signatures by different makers; one signature; another board; an altered image."""
    subprocess.run(["firmware/make-maker.sh", tmp_path / "stranger"], check=True, timeout=60, capture_output=True)
    strange = pack(tmp_path, "strange", maker=tmp_path / "stranger")
    mixed = tmp_path / "mixed"
    shutil.copytree(MAKER, mixed)
    for name in ("pq.key", "pq.pem"):
        shutil.copy(tmp_path / "stranger" / name, mixed / name)
    altered = tmp_path / "altered.pfw"
    shutil.copy(NEXT, altered)
    flip(altered, NEXT.stat().st_size - 1)
    short = tmp_path / "short.pfw"
    short.write_bytes(NEXT.read_bytes()[:-1])
    longer = tmp_path / "longer.pfw"
    longer.write_bytes(NEXT.read_bytes() + b"\0")
    flags = (house.card.folder / "state" / "boot.nv").read_bytes()
    for file, name in ((strange, "FIRMWARE_UNTRUSTED"), (pack(tmp_path, "both", maker=mixed), "FIRMWARE_UNTRUSTED"),
                       (pack(tmp_path, "board", board="another"), "FIRMWARE_WRONG_BOARD"),
                       (one_signature(tmp_path), "FIRMWARE_SIGNATURE"), (altered, "FIRMWARE_DIGEST"), (short, "FIRMWARE_FILE"),
                       (longer, "TRAILING_DATA"), (processes.BUILD / "provcard-firmware", "FIRMWARE_FILE")):
        checks.refused(house.house, f"firmware load {file.resolve()}", name)
    assert (house.card.folder / "state" / "boot.nv").read_bytes() == flags
    assert firmware(house)["slots"]["b"]["state"] == "empty"


def rebuild(file, manifest):
    """The file with another manifest."""
    data = file.read_bytes()
    image_at, = struct.unpack_from("<Q", data, 32)
    start = -(-(4096 + len(manifest)) // 4096) * 4096
    header = bytearray(data[:4096])
    struct.pack_into("<QQQ", header, 16, 4096, len(manifest), start)
    return bytes(header) + manifest + bytes(start - 4096 - len(manifest)) + data[image_at:]


def manifest_of(file):
    """The CMS inside."""
    data = file.read_bytes()
    offset, size = struct.unpack_from("<QQ", data, 16)
    return data[offset:offset + size]


def one_signature(folder):
    """A firmware that was signed by the classical key alone; stock openssl makes it, in our form but for that."""
    content = folder / "content.der"
    content.write_bytes(manifest_content(manifest_of(NEXT), folder))
    cms = folder / "one.p7m"
    pki.openssl("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha512", "-in", content, "-outform", "DER", "-out", cms,
                "-econtent_type", "2.25.164986415590780601343394135739266742624.1.6",
                "-signer", MAKER / "classical.pem", "-inkey", MAKER / "classical.key")
    file = folder / "one.pfw"
    file.write_bytes(rebuild(NEXT, cms.read_bytes()))
    return file


def manifest_content(cms, folder):
    """What stock openssl finds signed."""
    path = folder / "manifest.p7m"
    path.write_bytes(cms)
    return pki.openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", path, "-CAfile", MAKER / "anchors.pem",
                       "-purpose", "any", "-certfile", MAKER / "anchors.pem")


def test_stock_openssl_opens_the_manifest(tmp_path):
    content = manifest_content(manifest_of(NEXT), tmp_path)
    image = (processes.BUILD / "firmware" / "next").read_bytes()
    assert bytes.fromhex(checks.digest(image)) in content and b"9.2.0" in content and b"provcard-emulated" in content


def test_tool_makes_nothing_without_both_keys(tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(MAKER, wrong)
    for name in ("pq.key", "pq.pem"):
        shutil.copy(MAKER / name.replace("pq", "classical"), wrong / name)
    assert "FIRMWARE_SIGNATURE" in pack(tmp_path, "wrong", maker=wrong, expected=3)
    assert not (tmp_path / "wrong.pfw").exists()


def test_operators_do_not_activate(house, people):
    load(house, NEXT)
    checks.refused(house.house, f"firmware activate {NEXT.name} {workflow.signed_by(people.operator)}", "APPROVER_ROLE")
    restart(house)
    assert firmware(house)["running"] == "a"


def test_blank_card_takes_no_firmware(blank):
    checks.refused(blank.house, f"firmware load {NEXT.resolve()}", "NOT_INITIALISED")


def test_power_cuts_while_loading_and_starting(house, people):
    """Whenever the power goes, the card comes up; what was activated comes up with it."""
    house.house.give(NEXT)
    for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
        process = subprocess.Popen([processes.program("provcard"), "--card", house.card.address, "firmware", "load", NEXT.resolve()],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        house.card.power_cut()
        process.wait(60)
        house.card.power_on()
        assert firmware(house)["running"] == "a"
        assert firmware(house)["slots"]["b"]["state"] in ("empty", "stored")
    load(house, NEXT)
    activate(house, people, NEXT)
    house.card.power_cut()
    house.card.power_on()
    house.card.power_cut()
    house.card.power_on()
    assert (firmware(house)["version"], firmware(house)["floor"]) == ("9.2.0", 2)


def test_plain_firmware_has_no_slots(tmp_path):
    """Started by hand, for tests: it says so, and takes nothing."""
    card = processes.Card(tmp_path / "card", 1, firmware="provcard-firmware")
    with card.power_on():
        said = subprocess.run([processes.program("provcard"), "--card", card.address, "-o", "json", "firmware", "status"],
                              capture_output=True, text=True, timeout=60, check=True).stdout
        found = json.loads(said)["firmware"]
        assert found["running"] is None and found["active"] is None and "slots" not in found
        assert found["sha256"] == checks.digest((processes.BUILD / "provcard-firmware").read_bytes())


def test_nobody_but_the_boot_stage_says_booted(tmp_path):
    done = subprocess.run([processes.program("provcard-card"), "--socket", "s", "--state", "state", "--booted", "0,1"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and not (tmp_path / "state").exists()


def test_factory_file_is_judged(tmp_path):
    subprocess.run(["firmware/make-maker.sh", tmp_path / "stranger"], check=True, timeout=60, capture_output=True)
    strange = pack(tmp_path, "strange", maker=tmp_path / "stranger")
    words = [processes.program("provcard-card"), "--socket", tmp_path / "s", "--state", tmp_path / "state"]
    done = subprocess.run([*words, "--factory", strange], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "is not signed by this card's maker" in done.stderr
    done = subprocess.run([*words, "--factory", tmp_path / "none"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "there is no firmware for a new card" in done.stderr
    card = processes.Card(tmp_path, 1)
    with card.power_on():
        pass
