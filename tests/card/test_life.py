# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a card as its people see it: maintenance, time, evidence, tampering, the end."""
import os
import pathlib
import shutil
import signal
import time

import pytest

from provtest import pki, workflow

JUMPER = "--zeroise-jumper"


def card_of(bench):
    """The process of the bench's card."""
    return bench.card.child.pid


def memory_of(bench):
    """The folder of what the bench's card keeps without power."""
    return bench.card.folder / "state"


def restart(bench, *options):
    """Cut the power; it comes back, with the jumper set or not."""
    bench.card.power_cut()
    bench.card.arguments = [word for word in bench.card.arguments if word != JUMPER] + list(options)
    bench.card.power_on()


def state(bench):
    """As the card says."""
    return bench.json("status")["status"]["state"]


def by(person):
    """The options by which a person signs."""
    return workflow.signed_by(person)


def test_maintenance(packed, people):
    """Officers lead into it and out of it; nothing is made meanwhile."""
    house = packed.house
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count 2 {by(people.operator)}")
    assert "APPROVER_ROLE" in house.provcard(f"state maintenance {by(people.operator)}", expected=1)
    house.provcard(f"state maintenance {by(people.officer)}")
    assert state(packed) == "maintenance"
    packed.insert(0)
    assert "IN_MAINTENANCE" in house.provcard("run --heads 0", expected=1)
    assert "IN_MAINTENANCE" in house.provcard("load package.ppkg", expected=1)
    restart(packed)
    assert state(packed) == "maintenance"
    assert "STATE_EDGE" in house.provcard(f"state initialised {by(people.officer)}", expected=1)
    house.provcard(f"state broken {by(people.officer)}", expected=2)
    house.provcard(f"state operational {by(people.officer)}")
    house.provcard("run --heads 0")
    events = [record["event"] for record in packed.json("log")["records"]]
    assert events.count("state-changed") == 2


def test_decommission(packed, people):
    """The hand-over of what was made can be fetched from a card that makes nothing more."""
    house = packed.house
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count 2 {by(people.operator)}")
    packed.insert(0)
    house.provcard("run --heads 0")
    house.provcard(f"state decommissioned {by(people.officer)}")
    assert state(packed) == "decommissioned"
    assert "DECOMMISSIONED" in house.provcard("run --heads 0", expected=1)
    assert "STATE_EDGE" in house.provcard(f"state operational {by(people.officer)}", expected=1)
    restart(packed)
    house.provcard(f"close --output delivery {by(people.operator)}")
    assert "verified" in house.provcard(f"verify delivery --maker-ca {people.maker.anchors}")
    house.provcard(f"zeroise {by(people.officer)}")
    assert state(packed) == "blank"


def test_time(packed, people, tmp_path):
    """A time authority, enrolled by officers; the host's clock is not asked."""
    house = packed.house
    authority = pki.Person(tmp_path / "people", "tick")
    house.provcard(f"enrol --role time --name tick --certificate {authority.certificate} {by(people.officer)}")
    assert "not authenticated" in house.provcard("time")
    assert "APPROVER_ROLE" in house.provcard(f"time --set now {by(people.officer)}", expected=1)
    by_authority = f"--key {authority.key} --cert {authority.certificate}"
    assert ", authenticated" in house.provcard(f"time --set now {by_authority}")
    assert packed.json("status")["status"]["time_authenticated"]
    assert "TIME_BACKWARDS" in house.provcard(f"time --set 2020-01-01 {by_authority}", expected=1)
    assert "TIME_TOO_FAR" in house.provcard(f"time --set 2120-01-01 {by_authority}", expected=1)
    house.provcard("time --set now", expected=2)
    # So far ahead, officers sign as well. A card of its own, for no way leads back.
    later = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 400 * 86400))
    assert later in house.provcard(f"time --set {later} {by_authority} {by(people.officer)}")
    restart(packed)
    assert ", authenticated" in house.provcard("time")


@pytest.fixture(name="asked")
def fixture_asked(packed):
    """A card that was asked with a nonce: evidence.p7m and nonce.bin in the house's folder."""
    (packed.house.folder / "nonce.bin").write_bytes(os.urandom(32))
    packed.house.provcard("evidence --nonce-file nonce.bin --output evidence.p7m")
    return packed


def test_evidence(asked, people):
    """What the card says is checked without it, in words and as JSON."""
    house = asked.house
    check = f"evidence --verify evidence.p7m --card-certs card-certs.pem --maker-ca {people.maker.anchors}"
    said = house.provcard(f"{check} --nonce-file nonce.bin")
    assert "verified" in said and "operational" in said and "ML-KEM-1024" in said
    evidence = asked.json(f"{check} --nonce {(house.folder / 'nonce.bin').read_bytes().hex()}")["evidence"]
    assert evidence["verified"] and evidence["card"] == asked.json("status")["status"]["serial"]
    assert evidence["card_id"] == asked.json("status")["status"]["card_id"]
    digest = evidence["firmware_digest"]
    house.provcard(f"{check} --firmware-digest {digest}")
    assert "EVIDENCE_STALE" in house.provcard(f"{check} --nonce {'00' * 32}", expected=3)
    assert "EVIDENCE_STALE" in house.provcard(f"{check} --max-age 100", expected=3)
    assert "EVIDENCE_FIRMWARE" in house.provcard(f"{check} --firmware-digest {'00' * 32}", expected=3)
    wrong = bytearray((house.folder / "evidence.p7m").read_bytes())
    wrong[-5] ^= 1
    (house.folder / "wrong.p7m").write_bytes(wrong)
    assert "STATEMENT_SIGNATURE" in house.provcard(check.replace("evidence.p7m", "wrong.p7m"), expected=3)
    for bad in ("evidence", "evidence --output x", "evidence --nonce 12 --output x", "evidence --verify evidence.p7m",
                f"evidence --nonce {'00' * 32} --nonce-file nonce.bin --output x"):
        house.provcard(bad, expected=2)


def test_pack_demands_evidence(asked, people, tmp_path):
    """The OEM packs to nothing but a card that said what it is, and is what it should be."""
    house, desk = asked.house, workflow.Desk(people.oem.folder)
    words = workflow.pack_command(house, people, house.folder / "asked.ppkg",
                                  extra=f"--require-evidence {house.folder}/evidence.p7m --nonce-file {house.folder}/nonce.bin")
    desk.provcard(words)
    assert "EVIDENCE_STALE" in desk.provcard(words.replace(f"--nonce-file {house.folder}/nonce.bin", f"--nonce {'00' * 32}"), expected=3)
    assert "EVIDENCE_FIRMWARE" in desk.provcard(f"{words} --firmware-digest {'11' * 32}", expected=3)
    desk.provcard(words.replace(f"--require-evidence {house.folder}/evidence.p7m", ""), expected=2)
    house.provcard(f"state maintenance {by(people.officer)}")
    house.provcard("evidence --nonce-file nonce.bin --output evidence.p7m")
    assert "EVIDENCE_STATE" in desk.provcard(words, expected=3)
    # The issuing certificate is for another key.
    house.provcard(f"state operational {by(people.officer)}")
    house.provcard("evidence --nonce-file nonce.bin --output evidence.p7m")
    with_other = words.replace("--issuer issuer.pem", f"--issuer {people.oem.device_root.certificate}")
    assert with_other != words
    assert "EVIDENCE_KEYS" in desk.provcard(with_other, expected=3)
    # Another card of the same maker says the same of itself.
    from conftest import Bench
    with Bench(tmp_path / "other") as other:
        workflow.initialise(other.house, people)
        shutil.copy(house.folder / "nonce.bin", other.house.folder)
        other.house.provcard("evidence --nonce-file nonce.bin --output evidence.p7m")
        theirs = words.replace(f"{house.folder}/evidence.p7m", f"{other.house.folder}/evidence.p7m")
        assert "STATEMENT_SIGNER" in desk.provcard(theirs, expected=3)


def wait_for_state(bench, wanted):
    """The card takes a moment."""
    for _ in range(100):
        if state(bench) == wanted:
            return
        time.sleep(0.05)
    assert state(bench) == wanted


def test_tamper(packed, people):
    """The signal is the board's tamper input: the root secret is gone at once, and after a restart as well."""
    house, folder = packed.house, memory_of(packed)
    root = (folder / "root").read_bytes()
    os.kill(card_of(packed), signal.SIGUSR2)
    wait_for_state(packed, "tampered")
    assert not (folder / "root").exists() or (folder / "root").read_bytes() != root
    assert "TAMPERED" in house.provcard("jobs", expected=1)
    assert "TAMPERED" in house.provcard(f"zeroise {by(people.officer)}", expected=1)
    assert "PRESENCE_MISSING" in house.provcard("zeroise --present", expected=1)
    restart(packed)
    assert state(packed) == "tampered"
    restart(packed, JUMPER)
    assert state(packed) == "tampered"
    house.provcard("zeroise --present")
    restart(packed)
    assert state(packed) == "blank"


def test_jumper_does_not_wipe_a_working_card(packed):
    """Whoever holds the card, but no officer's key, gets nowhere while it works."""
    restart(packed, JUMPER)
    assert "REQUEST_DER" in packed.house.provcard("zeroise --present", expected=1)
    assert state(packed) == "operational"
    packed.house.provcard("zeroise", expected=2)


def test_no_core_dumps(packed, tmp_path):
    """Nothing of the card's memory is written by the kernel when it dies, whatever the limits were; nobody attaches to it."""
    process = pathlib.Path("/proc") / str(card_of(packed))
    limits = {line[:26].strip(): line[26:].split() for line in (process / "limits").read_text().splitlines()}
    assert limits["Max core file size"][:2] == ["0", "0"]
    assert int((process / "coredump_filter").read_text(), 16) == 0
    # A process that may not be dumped belongs to root, here or outside, in /proc; its memory maps are closed to its own user.
    assert (process / "mem").stat().st_uid == 0
    before = set(tmp_path.iterdir()) | set(memory_of(packed).iterdir())
    os.kill(card_of(packed), signal.SIGABRT)
    _, status = os.waitpid(card_of(packed), 0)
    packed.card.child.returncode = -signal.SIGABRT
    assert os.WTERMSIG(status) == signal.SIGABRT and not os.WCOREDUMP(status)
    assert before == set(tmp_path.iterdir()) | set(memory_of(packed).iterdir())


def test_an_old_image_opens_nothing(packed, people):
    """Whatever was copied of the card's memory is worth nothing after a zeroise, and shows no key before."""
    folder, regions = memory_of(packed), ("vault.nv", "ledger.nv", "log.nv", "staging.nv")
    before = {name: (folder / name).read_bytes() for name in regions}
    root = (folder / "root").read_bytes()
    # What every private key of the card begins with in DER: SEC 1 of P-256 and P-384.
    for name, data in before.items():
        for mark in (bytes.fromhex("30770201010420"), bytes.fromhex("3081a40201010430"), root):
            assert mark not in data, name
    packed.house.provcard(f"zeroise {by(people.officer)}")
    assert (folder / "root").read_bytes() != root
    packed.card.power_cut()
    for name, data in before.items():
        (folder / name).write_bytes(data)
    packed.card.power_on()
    assert state(packed) in ("blank", "failed")
    assert not packed.json("status")["status"].get("jobs")
