# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages that were damaged, aimed wrong, stripped or are out of time: refused in the right words, and nothing is lost by it."""
import random
import re
import shutil

import pytest

import checks
from provtest import pki, workflow

DAY = 86400
HEADER_END = 4096


@pytest.fixture(scope="module", name="floor")
def card_with_a_job(tmp_path_factory, people):
    """A card with a job in work. What follows must not disturb it: in the end it is produced with, delivered, verified."""
    from conftest import Bench
    folder = tmp_path_factory.mktemp("floor")
    with Bench(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        workflow.pack(bench.house, people, folder / "working.ppkg", count=3)
        workflow.pack(bench.house, people, folder / "good.ppkg", count=2)
        bench.house.provcard("load working.ppkg")
        bench.house.provcard(f"allocate --count 2 {checks.signed(people)}")
        bench.insert(0)
        bench.house.provcard("run --heads 0")
        yield bench
        prove_it_works(bench, people)


def prove_it_works(bench, people):
    """The job in work goes on where it was, and the package that was tampered with all the time loads and runs."""
    for head in (0, 1):
        bench.insert(head)
    working = checks.job_id(bench)
    assert checks.counts(bench) == (1, 0, 0)
    bench.house.provcard(f"run --heads 0 --job {working}")
    bench.house.provcard("load good.ppkg")
    good = checks.job_id(bench)
    bench.house.provcard(f"allocate --count 1 --job {good} {checks.signed(people)}")
    bench.house.provcard(f"run --heads 1 --job {good}")
    assert checks.counts(bench, 0) == (2, 0, 0) and checks.counts(bench, 1) == (1, 0, 0)
    checks.deliver(bench, people, "delivery-working", f"--job {working}")
    checks.deliver(bench, people, "delivery-good", f"--job {good}")


def code_of(said):
    """The name of the refusal that the tool printed."""
    return re.search(r"\(([A-Z_]+), 0x[0-9a-f]{4}\)", said).group(1)


def answers(bench, data):
    """What card and offline check say to a file, each in the right words."""
    path = bench.house.folder / "tried.ppkg"
    path.write_bytes(data)
    said = bench.house.provcard("load tried.ppkg", expected=checks.REFUSED if data else checks.INPUT)
    offline = bench.house.provcard("verify tried.ppkg --anchor oem-anchors.pem", expected=checks.INPUT)
    for text in (said, offline):
        number, sentence, remedy = checks.REFUSALS[code_of(text)]
        assert number in text and sentence in text and f"what to do: {remedy}" in text
    assert code_of(said) == code_of(offline), said + offline
    return code_of(said)


def sections(package):
    """(offset, size) of manifest, leaves and payload."""
    numbers = [int.from_bytes(package[16 + 8 * i:24 + 8 * i], "little") for i in range(6)]
    return dict(zip(("manifest", "leaves", "payload"), zip(numbers[::2], numbers[1::2])))


def test_truncated_anywhere(floor):
    """At the ends of sections, beside them, and at places by chance."""
    package = (floor.house.folder / "good.ppkg").read_bytes()
    edges = {0, 1, 16, 63, 64, HEADER_END, len(package) - 1}
    for offset, size in sections(package).values():
        edges |= {offset - 1, offset, offset + 1, offset + size - 1}
    chance = random.Random(1)
    places = sorted(edges | {chance.randrange(len(package)) for _ in range(12)})
    with checks.unchanged(floor):
        for size in places:
            assert answers(floor, package[:size]) == "PACKAGE_TRUNCATED", size


EXPECTED = {
    "header": {"PACKAGE_MAGIC", "PACKAGE_VERSION", "PACKAGE_LAYOUT", "PACKAGE_TRUNCATED", "TRAILING_DATA", "MANIFEST_DER"},
    "manifest": {"MANIFEST_DER", "MANIFEST_SIGNATURE", "MANIFEST_SIGNER_MISSING", "SIGNER_UNTRUSTED", "TRAILING_DATA", "SUITE_UNKNOWN",
                 "CRITICAL_UNKNOWN"},
    "leaves": {"LEAVES_MISMATCH"},
    "payload": {"SEGMENT_DIGEST"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_flipped_anywhere(floor, name):
    """Bits of every section, at places by chance; the first and the last byte too. Padding is covered as well."""
    package = (floor.house.folder / "good.ppkg").read_bytes()
    offset, size = sections(package).get(name, (0, 64))
    chance = random.Random(2)
    places = {offset, offset + size - 1} | {offset + chance.randrange(size) for _ in range(24)}
    seen = set()
    with checks.unchanged(floor):
        for place in sorted(places):
            data = bytearray(package)
            data[place] ^= 1 << chance.randrange(8)
            seen.add(answers(floor, bytes(data)))
    assert seen <= EXPECTED[name], seen


def test_flipped_padding(floor):
    """Between the sections there is nothing to hide in."""
    package = (floor.house.folder / "good.ppkg").read_bytes()
    places, end = [64, HEADER_END - 1], HEADER_END
    for offset, size in sections(package).values():
        places += [place for place in (end, offset - 1) if end <= place < offset]
        end = offset + size
    with checks.unchanged(floor):
        for place in places:
            data = bytearray(package)
            data[place] ^= 1
            assert answers(floor, bytes(data)) == "PACKAGE_LAYOUT", place


def test_parts_of_two_packages(floor):
    """A manifest over another package's payload, or leaves, of the same OEM, image and size."""
    good, other = ((floor.house.folder / name).read_bytes() for name in ("good.ppkg", "working.ppkg"))
    assert len(good) == len(other)
    with checks.unchanged(floor):
        for name, code in (("payload", "SEGMENT_DIGEST"), ("leaves", "LEAVES_MISMATCH")):
            offset, size = sections(good)[name]
            mixed = bytearray(good)
            mixed[offset:offset + size] = other[offset:offset + size]
            assert answers(floor, bytes(mixed)) == code


def with_stranger(package, people):
    """The package with a certificate more in its manifest's CMS, which no signature covers."""
    offset, size = sections(package)["manifest"]
    cms = package[offset:offset + size]
    der = pki.openssl("x509", "-in", people.maker.classical.certificate, "-outform", "DER")
    for found in re.finditer(rb"\xa0\x82(..)\x30\x82", cms, re.DOTALL):
        length = int.from_bytes(found.group(1), "big")
        if cms[found.start() + 4 + length:found.start() + 6 + length] == b"\x31\x82":
            break
    inner = bytearray(cms)
    inner[found.start() + 4:found.start() + 4] = der
    for at in (found.start(), *outer_lengths(cms, found.start())):
        inner[at + 2:at + 4] = (int.from_bytes(cms[at + 2:at + 4], "big") + len(der)).to_bytes(2, "big")
    changed = bytearray(package)
    changed[offset:offset + len(inner)] = inner
    changed[24:32] = len(inner).to_bytes(8, "little")
    return bytes(changed)


def outer_lengths(cms, inside):
    """Where the structures begin that enclose @inside: ContentInfo, its content, SignedData."""
    content = cms.index(b"\xa0\x82", 4)
    assert content < inside
    return 0, content, content + 4


def test_certificate_slipped_in(house, people):
    """Certificates in a CMS are nobody's statement: one more that says nothing on the signers is refused, the honest copy is not."""
    workflow.pack(house.house, people, house.folder / "honest.ppkg")
    package = (house.house.folder / "honest.ppkg").read_bytes()
    (house.house.folder / "slipped.ppkg").write_bytes(with_stranger(package, people))
    with checks.unchanged(house):
        checks.refused(house.house, "load slipped.ppkg", "SURPLUS_CERTIFICATE")
    assert "its counts stand" not in house.house.provcard("load honest.ppkg")


def test_second_load(floor):
    """No fresh count, however often; not under another name either."""
    shutil.copy(floor.house.folder / "working.ppkg", floor.house.folder / "renamed.ppkg")
    with checks.unchanged(floor):
        for name in ("working", "renamed", "working"):
            assert "its counts stand" in floor.house.provcard(f"load {name}.ppkg")


def test_count_above_the_grant(floor, people):
    """By one, and by far; the rest can still be allocated."""
    assert floor.json("jobs")["jobs"][0]["allocated"] == 2
    with checks.unchanged(floor):
        for count in (2, 4, 4294967295):
            checks.refused(floor.house, f"allocate --count {count} {checks.signed(people)}", "ALLOCATION_ABOVE_GRANT")


def repack(bench, people, name, **options):
    """Another package for the same card."""
    workflow.pack(bench.house, people, bench.folder / f"{name}.ppkg", **options)


def test_signer_stripped(floor, people):
    """A package whose post-quantum signature was taken away: stock openssl would verify it, the card does not."""
    package = (floor.house.folder / "good.ppkg").read_bytes()
    (offset, size), end = sections(package)["manifest"], sections(package)["leaves"][0]
    folder = people.oem.folder
    (folder / "manifest.p7m").write_bytes(package[offset:offset + size])
    pki.openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", folder / "manifest.p7m", "-binary", "-out", folder / "manifest.der")
    pki.openssl("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha512", "-econtent_type", content_type(package, offset),
                "-signer", people.oem.certificate, "-inkey", people.oem.key, "-in", folder / "manifest.der", "-out", folder / "one.p7m")
    one = (folder / "one.p7m").read_bytes()
    stripped = bytearray(package)
    stripped[offset:end] = one.ljust(end - offset, b"\0")
    stripped[24:32] = len(one).to_bytes(8, "little")
    with checks.unchanged(floor):
        assert answers(floor, bytes(stripped)) in ("MANIFEST_SIGNER_MISSING", "MANIFEST_DER")


def content_type(package, offset):
    """The manifest's content type, dotted."""
    text = pki.openssl("asn1parse", "-inform", "DER", stdin=package[offset:]).decode()
    return re.findall(r"OBJECT +:([0-9.]+)", text)[0]


@pytest.fixture(name="aged")
def card_with_another_clock(people, tmp_path):
    """Starts the card at another time, after it was taken into service now."""
    from conftest import Bench
    bench = Bench(tmp_path / "aged")

    def at(seconds):
        bench.card.power_cut()
        bench.card.arguments = [word for word in bench.card.arguments if "clock-offset" not in word]
        bench.card.arguments.append(f"--clock-offset={seconds}")
        bench.card.power_on()

    with bench:
        workflow.initialise(bench.house, people)
        bench.at = at
        yield bench


def test_grant_expires_while_it_is_used(aged, people):
    """Loaded in time: allocation and charge end with the window; units that were charged before too; nothing made is lost."""
    from datetime import datetime, timedelta, timezone
    until = (datetime.now(timezone.utc) + timedelta(days=2)).strftime("%Y-%m-%d")
    repack(aged, people, "short", count=4, extra=f"--not-after {until}")
    aged.house.provcard("load short.ppkg")
    aged.house.provcard(f"allocate --count 3 {checks.signed(people)}")
    aged.insert(0)
    aged.house.provcard("run --heads 0")
    aged.at(3 * DAY)
    aged.insert(0)
    with checks.unchanged(aged):
        checks.refused(aged.house, "run --heads 0", "GRANT_EXPIRED")
        assert "its counts stand" not in checks.refused(aged.house, "load short.ppkg", "PACKAGE_EXPIRED")
    assert checks.counts(aged) == (1, 0, 0)
    checks.deliver(aged, people, "delivery")


def test_not_yet_valid(aged, people):
    """Refused before its time, loaded when it has come."""
    repack(aged, people, "later", count=1, extra="--not-before 2100-01-01")
    with checks.unchanged(aged):
        checks.refused(aged.house, "load later.ppkg", "PACKAGE_NOT_YET_VALID")
    oem = workflow.pki.Oem(people.oem.folder / "coming", "Coming", not_before="20400101000000Z", not_after="20500101000000Z")
    workflow.enrol_oem(aged.house, people, oem)
    repack(aged, people, "early", oem=oem)
    with checks.unchanged(aged):
        checks.refused(aged.house, "load early.ppkg", "SIGNER_EXPIRED")


def test_signer_expired(aged, people):
    """An OEM whose signing certificates ran out: by the card's clock."""
    repack(aged, people, "good", count=1)
    aged.at(20 * 365 * DAY)
    with checks.unchanged(aged):
        checks.refused(aged.house, "load good.ppkg", "SIGNER_EXPIRED")
    aged.at(20 * 365 * DAY + 10)
    assert "jobs" not in aged.json("jobs")


def test_rollback(house, people):
    """The floor rises with what was loaded, per product; an older image is refused, the running job goes on."""
    workflow.pack(house.house, people, house.folder / "one.ppkg", count=1)
    words = workflow.pack_command(house.house, people, house.house.folder / "two.ppkg", count=1)
    workflow.Desk(people.oem.folder).provcard(words.replace("--security-version 1", "--security-version 7"))
    house.house.provcard("load two.ppkg")
    with checks.unchanged(house):
        checks.refused(house.house, "load one.ppkg", "ROLLBACK")
    house.card.power_cut()
    house.card.power_on()
    checks.refused(house.house, "load one.ppkg", "ROLLBACK")
    house.house.provcard(f"allocate --count 1 {checks.signed(people)}")
    house.insert(0)
    house.house.provcard("run --heads 0")
    other = workflow.pack_command(house.house, people, house.house.folder / "other.ppkg", count=1)
    workflow.Desk(people.oem.folder).provcard(other.replace(f"'{workflow.PRODUCT}'", "Other"))
    house.house.provcard("load other.ppkg")
    checks.deliver(house, people, "delivery", f"--job {house.json('jobs')['jobs'][0]['id']}")


def test_storage_image_has_no_head(house, people):
    """A package for a storage medium is in order, but this card has nothing to program it with."""
    def storage(configuration):
        for key in ("identity", "lifecycle_keys", "responder_timeout_us"):
            del configuration[key]
        configuration.update(part="generic", lock="none")

    workflow.pack(house.house, people, house.folder / "storage.ppkg", change=storage)
    with checks.unchanged(house):
        checks.refused(house.house, "load storage.ppkg", "FAMILY_UNKNOWN")
    house.house.provcard("verify storage.ppkg")


def test_package_larger_than_the_card(people, tmp_path):
    """Refused before it is sent whole, and a small one still finds room."""
    from conftest import Bench
    with Bench(tmp_path / "small", card_options=("--staging", "1M")) as bench:
        workflow.initialise(bench.house, people)
        (people.oem.folder / "large.bin").write_bytes(bytes(range(256)) * 4000)

        def large(configuration):
            configuration["images"] = [{"name": "large", "file": "large.bin", "address": 0}]

        repack(bench, people, "large", change=large)
        with checks.unchanged(bench):
            checks.refused(bench.house, "load large.ppkg", "PACKAGE_TOO_LARGE")
        repack(bench, people, "small")
        bench.house.provcard("load small.ppkg")
