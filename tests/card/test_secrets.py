# SPDX-License-Identifier: GPL-2.0-or-later
"""Lifecycle-management keys: made by the card or derived, into the part, and back to the OEM, who alone can open them."""
import base64
import json
import shutil

import pytest

import checks
from provtest import handover, workflow

RANDOM, DERIVED = 0xFE040, 0xFE070


def change(configuration):
    """A random key and a derived one; both are returned."""
    configuration["lifecycle_keys"] = [
        {"name": "debug-unlock", "address": hex(RANDOM), "size": 48, "mode": "random"},
        {"name": "reset", "address": hex(DERIVED), "size": 16, "mode": "derived", "secret_file": "lifecycle.secret", "return": True},
        {"name": "kept", "address": hex(DERIVED + 16), "size": 16, "secret_file": "lifecycle.secret"},
    ]


@pytest.fixture(name="escrow", scope="module")
def escrow_keys(people, tmp_path_factory):
    """The OEM's."""
    return people.oem.make_escrow(tmp_path_factory.mktemp("escrow"))


def certificates(escrow):
    """As `provcard pack` takes them."""
    return " ".join(f"--escrow {certificate}" for _, certificate in escrow)


def make_job(bench, people, package, extra, alter=change, count=5):
    """Pack, load, allocate."""
    workflow.pack(bench.house, people, package, count=count, change=alter, extra=extra)
    bench.house.provcard(f"load {package.name}")
    bench.house.provcard(f"allocate --count {count} {checks.signed(people)}")


def secrets_words(people, delivery, keys, extra=""):
    """Of `provcard secrets`."""
    return f"secrets {delivery} --maker-ca {people.maker.anchors} " + " ".join(f"--key {key}" for key in keys) + f" {extra}"


class Job:
    """What came of a job with secrets."""

    def __init__(self, delivery, flashes, scrap):
        self.delivery, self.flashes, self.scrap = delivery, flashes, scrap


@pytest.fixture(name="job", scope="module")
def job_with_secrets(bench_factory, people, escrow, tmp_path_factory):
    """Three good units, one of them resumed after a power cut, and a scrapped one."""
    folder = tmp_path_factory.mktemp("secrets")
    fault = folder / "fault"
    with bench_factory(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        make_job(bench, people, folder / "package.ppkg", certificates(escrow))
        uids = [bench.insert(head) for head in range(2)]
        bench.house.provcard("run --heads 0,1")
        fault.write_text("write 1000 pull\n")
        uids.append(bench.insert(2, options=["--fault", fault]))
        bench.house.provcard("run --heads 2", expected=None)
        bench.card.power_cut()
        bench.card.power_on()
        fault.write_text("")
        bench.insert(2, uid=uids[2])
        bench.house.provcard("run --heads 2")
        fault.write_text("stuck 0x10001208 0 1\n")
        scrap = bench.insert(3, options=["--fault", fault])
        bench.house.provcard("run --heads 3", expected=checks.REFUSED)
        flashes = {uid: bench.parts[head].flash.read_bytes() for head, uid in enumerate(uids)}
        flashes[scrap] = bench.parts[3].flash.read_bytes()
        yield Job(checks.deliver(bench, people, "delivery"), flashes, scrap)


@pytest.fixture(name="delivery")
def copy_of_delivery(job, tmp_path):
    """To change."""
    return shutil.copytree(job.delivery, tmp_path / "delivery")


def test_the_oem_gets_what_the_parts_hold(job, people, escrow, tmp_path):
    """Random and derived, of the good and of the scrapped; the file is the OEM's alone. What was not asked for is not returned."""
    desk = workflow.Desk(tmp_path)
    output = tmp_path / "secrets.json"
    desk.provcard(secrets_words(people, job.delivery, [key for key, _ in escrow], f"--output {output}"))
    assert output.stat().st_mode & 0o777 == 0o600
    said = json.loads(output.read_text())
    assert set(said["units"]) == set(job.flashes) - {job.scrap} and set(said["scrap"]) == {job.scrap}
    for uid, keys in {**said["units"], **said["scrap"]}.items():
        flash = job.flashes[uid]
        assert {name: bytes.fromhex(key) for name, key in keys.items()} == {
            "debug-unlock": flash[RANDOM:RANDOM + 48], "reset": flash[DERIVED:DERIVED + 16]}
    assert len({keys["debug-unlock"] for keys in said["units"].values()}) == 3
    printed = desk.provcard(secrets_words(people, job.delivery, [key for key, _ in reversed(escrow)]))
    assert json.loads(printed) == said


def test_no_room_for_secrets(job, people, escrow, tmp_path):
    """Not half of them."""
    output = tmp_path / "secrets.json"
    checks.no_room(secrets_words(people, job.delivery, [key for key, _ in escrow], f"--output {output}"), output, limit=200)


def test_nobody_else_can_open_them(job, people, escrow, tmp_path):
    """One key of two, other keys of the same kinds, the OEM's signing keys: nothing comes out."""
    desk, other = workflow.Desk(tmp_path), people.oem.make_escrow(tmp_path / "other")
    ours, theirs = [key for key, _ in escrow], [key for key, _ in other]
    for keys in (ours[:1], ours[1:], theirs, [ours[0], theirs[1]], [theirs[0], ours[1]], [people.oem.key, people.oem.pq_key]):
        said = checks.refused(desk, secrets_words(people, job.delivery, keys, f"--output {tmp_path / 'out'}"), "ESCROW_KEY",
                              checks.INPUT)
        assert "debug-unlock" not in said
    assert not list(tmp_path.glob("out*"))


def test_no_secret_is_in_the_clear(job):
    """Neither keys nor halves of them in any file of the house's."""
    house = job.delivery.parent
    secrets = [flash[place:place + 16] for flash in job.flashes.values() for place in (RANDOM, RANDOM + 32, DERIVED)]
    for path in house.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data or secret.hex().encode() in data or base64.b64encode(secret)[:20] in data
                           for secret in secrets), path


@pytest.mark.parametrize("place", [0, 10, 20, -1])
def test_altered_secrets_are_found(people, escrow, delivery, place):
    """A flipped bit is another attachment than the record names; verify and secrets say so."""
    def flip(lines):
        line = next(line for line in lines if line.get("event") == "unit-good")
        data = bytearray(base64.b64decode(line["sealed_secrets"]))
        data[place] ^= 1
        line["sealed_secrets"] = base64.b64encode(data).decode()

    handover.rewrite(delivery, flip)
    desk = workflow.Desk(delivery.parent)
    checks.refused(desk, f"verify {delivery} --maker-ca {people.maker.anchors}", "ATTACHMENT_MISMATCH", checks.INPUT)
    checks.refused(desk, secrets_words(people, delivery, [key for key, _ in escrow]), "ATTACHMENT_MISMATCH", checks.INPUT)


def test_withheld_secrets_are_missed(people, delivery):
    """A unit without what its record names is as bad."""
    def withhold(lines):
        del next(line for line in lines if line.get("event") == "unit-good")["sealed_secrets"]

    handover.rewrite(delivery, withhold)
    checks.refused(workflow.Desk(delivery.parent), f"verify {delivery} --maker-ca {people.maker.anchors}", "ATTACHMENT_MISMATCH",
                   checks.INPUT)


def test_a_job_without_identity_returns_secrets_too(house, people, escrow, tmp_path):
    """Then the attachment of a unit is the secrets alone."""
    def without_identity(configuration):
        change(configuration)
        del configuration["identity"]
        configuration["responder_timeout_us"] = 0

    make_job(house, people, tmp_path / "package.ppkg", certificates(escrow), without_identity, count=1)
    uid = house.insert(0)
    house.house.provcard("run --heads 0")
    flash = house.parts[0].flash.read_bytes()
    delivery = checks.deliver(house, people, "delivery")
    said = json.loads(house.oem.provcard(secrets_words(people, delivery, [key for key, _ in escrow])))
    assert said["units"][uid]["debug-unlock"] == flash[RANDOM:RANDOM + 48].hex()
    assert not (delivery / "ca.pem").exists()


def test_packing_wants_escrow_exactly_when_secrets_are_returned(house, people, escrow, tmp_path):
    """And of the right kinds."""
    desk = workflow.Desk(people.oem.folder)

    def pack(extra, alter, name):
        words = workflow.pack_command(house.house, people, tmp_path / "out.ppkg", change=alter, extra=extra)
        checks.refused(desk, words, name, checks.INPUT)

    pack("", change, "ESCROW_MISSING")
    pack(certificates(escrow), lambda configuration: None, "ESCROW_MISSING")
    agreement, kem = escrow
    signer = people.oem.certificate
    for wrong in ([agreement], [kem], [agreement, agreement], [kem, (None, signer)], [agreement, kem, kem]):
        pack(certificates(wrong), change, "ESCROW_CERTIFICATE")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("entry", [
    {"mode": "random", "secret_file": "lifecycle.secret"}, {"mode": "random", "return": False}, {"mode": "other"}, {"mode": "derived"}])
def test_configurations_that_make_no_sense(house, people, tmp_path, entry):
    """A random key with a secret, or returned to nobody; a mode that is not there; a derived key without its secret."""
    def alter(configuration):
        configuration["lifecycle_keys"] = [{"name": "key", "address": hex(RANDOM), "size": 16, **entry}]

    words = workflow.pack_command(house.house, people, tmp_path / "out.ppkg", change=alter)
    said = workflow.Desk(people.oem.folder).provcard(words, expected=checks.INPUT)
    assert "ROT_RANGE" in said or "ROT_MISSING" in said


def test_a_job_that_returns_nothing(people, delivery, escrow, tmp_path, bench_factory):
    """Says so instead of writing an empty file."""
    with bench_factory(tmp_path / "bench") as bench:
        workflow.initialise(bench.house, people)
        make_job(bench, people, tmp_path / "package.ppkg", "", lambda configuration: None, count=1)
        bench.insert(0)
        bench.house.provcard("run --heads 0")
        plain = checks.deliver(bench, people, "delivery")
    words = secrets_words(people, plain, [key for key, _ in escrow], f"--output {tmp_path / 'out'}")
    checks.refused(workflow.Desk(tmp_path), words, "SEALED_SECRETS", checks.INPUT)
    assert not list(tmp_path.glob("out*"))
