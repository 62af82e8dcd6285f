# SPDX-License-Identifier: GPL-2.0-or-later
"""The second verifier on a real delivery, and on alterations of it: each must be refused for its own reason."""
import base64
import json
import pathlib
import re
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provtest import handover
from verifier import Refused, asn1, device, tree
from verifier.certificate import Certificate, read_pem
from verifier.delivery import Verifier
from verifier.grant import Grant
from verifier.log import Checkpoint, check_counters
from verifier.package import lifecycle_key

KEY, LIFECYCLE_KEY, CERTIFICATE = 0xFE000, 0xFE040, 0xFE100
SECRET = bytes(range(32))
FOLDER = pathlib.Path(__file__).resolve().parent


@pytest.fixture(name="check")
def checker(delivery, anchors):
    """check(): judge the copy anew."""
    return lambda: Verifier(delivery, anchors.maker, anchors.device).check()


def records(delivery):
    """Its heading, with the lines behind it as its list "records"."""
    heading, lines = handover.read(delivery)
    return {**heading, "records": lines}


def write(delivery, whole):
    """As records() gives it."""
    handover.write(delivery, {name: value for name, value in whole.items() if name != "records"}, whole["records"])


def rewrite(delivery, change):
    """Change records.jsonl by change(whole)."""
    whole = records(delivery)
    change(whole)
    write(delivery, whole)


def entries(whole, event):
    """Of one event."""
    return [entry for entry in whole["records"] if entry.get("event") == event]


def flip(text, place):
    """base64 with one bit of the byte at @place the other way."""
    data = bytearray(base64.b64decode(text))
    data[place] ^= 1
    return base64.b64encode(data).decode()


# ---- An honest one ----

def test_delivery_is_right(delivered, anchors):
    """All of it."""
    verifier = Verifier(delivered.folder, anchors.maker, anchors.device)
    end = verifier.check()
    assert (end["granted"], end["good"], end["scrap"], end["unused"]) == (7, 3, 1, 3)
    assert verifier.time_authenticated is False
    uids = {entry[1:1 + entry[0]] for entry in verifier.uids.entries()}
    assert uids == {uid.to_bytes(8, "big") for uid in delivered.uids}
    events = [entry.event for entry in verifier.delivery.records()]
    assert set(events) == {asn1.LOADED, asn1.GRANTED, asn1.ALLOCATED, asn1.GOOD, asn1.SCRAP, asn1.UNIT_REFUSED, asn1.CLOSED}
    assert any(entry.certificate for entry in verifier.delivery.records() if entry.event != asn1.GOOD)


def test_a_job_that_its_oem_ended(delivered, anchors):
    """By a grant that terminates; nothing was made, nothing is left."""
    verifier = Verifier(delivered.ended, anchors.maker, anchors.device)
    end = verifier.check()
    assert (end["granted"], end["good"], end["scrap"], end["unused"]) == (5, 0, 0, 5)
    assert verifier.granted.fields["termination"] and verifier.granted.signed.oem(anchors.oem, int(time.time()))


def test_grants_follow_one_another(delivered, anchors):
    """The second has both signatures of the OEM; another order, another first, a fallen ceiling are refused."""
    entries_granted = [entry for entry in Verifier(delivered.folder, anchors.maker).delivery.records()
                       if entry.event in (asn1.LOADED, asn1.GRANTED)]
    assert [entry.event for entry in entries_granted] == [asn1.LOADED, asn1.GRANTED]
    first, second = (Grant(entry.attachment) for entry in entries_granted)
    assert second.signed.content == second.der and delivered.grant.read_bytes() == entries_granted[1].attachment
    second.signed.oem(anchors.oem, int(time.time()))
    with pytest.raises(Refused, match="no path"):
        second.signed.oem(anchors.maker, int(time.time()))
    first.follows(None)
    second.follows(first)
    with pytest.raises(Refused, match="the first is missing"):
        second.follows(None)
    with pytest.raises(Refused, match="out of sequence"):
        second.follows(second)
    with pytest.raises(Refused, match="without signatures"):
        Grant(second.der)
    for name, value, reason in (("previous", bytes(32), "follows another"), ("card_id", bytes(32), "another job"),
                                ("ceiling_scrap", 1, "falls")):
        with pytest.raises(Refused, match=reason):
            altered = Grant(delivered.grant.read_bytes())
            altered.fields[name] = value
            altered.follows(first)
    for place in range(0, len(entries_granted[1].attachment), 997):
        data = bytearray(entries_granted[1].attachment)
        data[place] ^= 1
        with pytest.raises(Refused):
            Grant(bytes(data)).signed.oem(anchors.oem, int(time.time()))


def test_command_line(delivered, people):
    """For anyone."""
    done = subprocess.run([sys.executable, "-m", "verifier", "delivery", delivered.folder, "--anchors", people.maker.anchors,
                           "--device-ca", people.oem.device_root.certificate], cwd=FOLDER, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "7 granted = 3 good + 1 scrap + 3 unused: all right" in done.stdout, done.stdout + done.stderr


def test_one_unit_alone(delivered, delivery, anchors):
    """Its record must be in the log, whatever the others say."""
    uid = delivered.uids[1].to_bytes(8, "big")
    Verifier(delivery, anchors.maker, anchors.device).check_unit(uid)
    with pytest.raises(Refused, match="not one good record"):
        Verifier(delivery, anchors.maker, anchors.device).check_unit(bytes(8))
    rewrite(delivery, without("loaded"))
    with pytest.raises(Refused, match="not the log's|run: "):
        Verifier(delivery, anchors.maker, anchors.device).check_unit(uid)


def test_parts_hold_what_the_delivery_says(delivered):
    """Certificate, its private key, and the lifecycle key that the OEM derives again."""
    for uid, path in delivered.flashes.items():
        flash, octets = path.read_bytes(), uid.to_bytes(8, "big")
        certificate = Certificate(handover.certificates(delivered.folder)[octets.hex()])
        size = int.from_bytes(flash[CERTIFICATE:CERTIFICATE + 4], "little")
        assert flash[CERTIFICATE + 4:CERTIFICATE + 4 + size] == certificate.der
        private = ec.derive_private_key(int.from_bytes(flash[KEY:KEY + 32], "big"), ec.SECP256R1())
        assert private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == certificate.key.octets
        assert flash[LIFECYCLE_KEY:LIFECYCLE_KEY + 32] == lifecycle_key(SECRET, octets, "debug-unlock", 32)


def test_tree_against_the_standard():
    """The example tree of RFC 9162 section 2.1.5: seven leaves and the proofs of four of them."""
    leaves = [bytes([number]) for number in range(7)]
    a, b, c, d, e, f, j = map(tree.leaf_hash, leaves)
    g, h, i = tree.node_hash(a, b), tree.node_hash(c, d), tree.node_hash(e, f)
    k, l = tree.node_hash(g, h), tree.node_hash(i, j)
    proofs = {0: [b, h, l], 3: [c, g, l], 4: [f, j, k], 6: [i, k]}
    for index, path in proofs.items():
        assert tree.root_from_inclusion(leaves[index], index, 7, path) == tree.root(leaves) == tree.node_hash(k, l)


# ---- Alterations ----

def in_record(event, place):
    """A bit of a record, by its place in the DER."""
    def change(whole):
        entry = entries(whole, event)[0]
        entry["record"] = flip(entry["record"], place)
    return change


def runs(whole):
    """What is not shown."""
    return [line for line in whole["records"] if "subtrees" in line]


def in_run(number, node):
    """A bit of a hash of others' entries."""
    def change(whole):
        hashes = runs(whole)[number]["subtrees"]
        hashes[node] = f"{int(hashes[node], 16) ^ 1:064x}"
    return change


def put(name, value, event=None):
    """Another value in JSON: at the top, or of the first record of an event."""
    def change(whole):
        (entries(whole, event)[0] if event else whole)[name] = value
    return change


def without(event, number=0):
    """A record is held back."""
    return lambda whole: whole["records"].remove(entries(whole, event)[number])


def swapped(whole):
    """Two records change places."""
    whole["records"][2:4] = whole["records"][3:1:-1]


def twice(whole):
    """A record is there twice."""
    whole["records"].insert(3, whole["records"][2])


def counted_twice(whole):
    """A good unit's counters in JSON."""
    entries(whole, "unit-good")[0]["after"]["good"] += 1


def shorter_run(whole):
    """The last hash is gone."""
    runs(whole)[0]["subtrees"].pop()


def longer_run(whole):
    """One hash too many."""
    runs(whole)[0]["subtrees"].append("00" * 32)


def two_runs(whole):
    """The run from the beginning in two pieces, with hashes that do not matter."""
    at = whole["records"].index(runs(whole)[0])
    count = whole["records"][at]["count"]
    whole["records"][at:at + 1] = [{"from": 0, "count": 1, "subtrees": ["00" * 32]},
                                   {"from": 1, "count": count - 1, "subtrees": ["00" * 32]}]


def hidden(event):
    """A record as if it were another's: its leaf hash alone, which keeps the tree whole."""
    def change(whole):
        entry = entries(whole, event)[0]
        at = whole["records"].index(entry)
        leaf = tree.leaf_hash(base64.b64decode(entry["record"]))
        whole["records"][at] = {"from": entry["index"], "count": 1, "subtrees": [leaf.hex()]}
    return change


def foreign_attachment(whole):
    """The closing's request at the allocation's place."""
    entries(whole, "allocated")[0]["attachment"] = entries(whole, "closed")[0]["attachment"]


def foreign_certificate(whole):
    """Another good unit's certificate."""
    first, second = entries(whole, "unit-good")[:2]
    first["certificate"] = second["certificate"]


ALTERATIONS = {
    "a bit in the middle of a record": (in_record("unit-good", 60), "does not follow the last|of record"),
    "a bit of a record's last byte": (in_record("closed", -1), "of record|counters"),
    "a record's DER header": (in_record("loaded", 0), "DER|Record"),
    "a bit of the first hash of others": (in_run(0, 0), "not the log's"),
    "a bit of the last hash of others": (in_run(-1, -1), "not the log's"),
    "a run too short": (shorter_run, "run: too few"),
    "a run too long": (longer_run, "run: too many"),
    "a run in two pieces": (two_runs, "run: not the shortest form"),
    "the first run gone": (lambda whole: whole["records"].pop(0), "first record is missing"),
    "the first record held back": (without("loaded"), "first record is missing"),
    "a later grant held back": (without("granted"), "is missing"),
    "an allocation held back": (without("allocated"), "is missing"),
    "a good unit held back": (without("unit-good"), "is missing"),
    "the last good unit held back": (without("unit-good", -1), "is missing"),
    "a scrapped unit held back": (without("unit-scrap"), "is missing"),
    "a failed attempt held back": (without("unit-refused"), "is missing"),
    "a good unit hidden": (hidden("unit-good"), "good jumps"),
    "a scrapped unit hidden": (hidden("unit-scrap"), "scrap jumps|shortest form"),
    "a failed attempt hidden": (hidden("unit-refused"), "a record is missing|shortest form"),
    "the closing hidden": (hidden("closed"), "closing is missing|shortest form"),
    "the closing held back": (without("closed"), "closing is missing"),
    "every record held back": (lambda whole: whole["records"].clear(), "closing is missing"),
    "two records swapped": (swapped, "first record|out of order|is missing"),
    "a record twice": (twice, "out of order"),
    "more granted than signed": (put("granted", 8), "granted is not what"),
    "more good than signed": (put("good", 4), "good is not what"),
    "another product": (put("product", "Another"), "product is not what"),
    "another UID beside a record": (put("uid", "00" * 8, "unit-good"), "uid of record"),
    "another event beside a record": (put("event", "unit-good", "unit-scrap"), "event of record"),
    "other counters beside a record": (counted_twice, "after of record"),
    "no refusal beside a scrap": (put("refusal", None, "unit-scrap"), "refusal of record"),
    "a good unit without certificate": (put("certificate", None, "unit-good"), "no certificate"),
    "another unit's certificate": (foreign_certificate, "another attachment"),
    "another request": (foreign_attachment, "another attachment"),
    "a certificate that is none": (put("certificate", "AAAA", "unit-good"), "certificate|DER"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_records_are_refused(name, delivery, check):
    """Each for its own reason; and without the alteration nothing is refused."""
    change, reason = ALTERATIONS[name]
    check()
    rewrite(delivery, change)
    with pytest.raises(Refused, match=reason):
        check()


def test_every_part_of_a_record_counts(delivery, check):
    """A bit of every seventh byte of a good unit's record, one after the other."""
    whole = records(delivery)
    entry = entries(whole, "unit-good")[0]
    original = entry["record"]
    for place in range(0, len(base64.b64decode(original)), 7):
        entry["record"] = flip(original, place)
        write(delivery, whole)
        with pytest.raises(Refused):
            check()


def flip_in_file(path, place):
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.8, 0.99])
def test_altered_end_certificate_is_refused(part, delivery, check):
    """A bit anywhere: content, certificates, signatures."""
    path = delivery / "end-certificate.p7m"
    flip_in_file(path, int(path.stat().st_size * part))
    with pytest.raises(Refused):
        check()


def test_altered_counts_in_the_end_certificate_are_refused(delivery, check):
    """A bit of every third byte of what is signed."""
    path = delivery / "end-certificate.p7m"
    original = path.read_bytes()
    begin = original.index(records(delivery)["product"].encode()) - 60
    for place in range(begin, begin + 180, 3):
        path.write_bytes(original)
        flip_in_file(path, place)
        with pytest.raises(Refused):
            check()


def test_altered_device_certificate_is_refused(delivery, check):
    """Signature, then public key: the record's digest tells, and without a record the issuer's signature would."""
    whole = records(delivery)
    entry = entries(whole, "unit-good")[0]
    original = entry["certificate"]
    for place in (-1, 40, 200, 300):
        entry["certificate"] = flip(original, place)
        write(delivery, whole)
        with pytest.raises(Refused):
            check()


def test_a_certificate_by_somebody_else_is_refused(delivered):
    """The right names and the right profile are not enough: the issuer's signature is looked at."""
    issuer, = read_pem((delivered.folder / "ca.pem").read_text())[:1]
    uid = delivered.uids[0].to_bytes(8, "big")
    certificate = Certificate(handover.certificates(delivered.folder)[uid.hex()])
    device.check(certificate, issuer, uid)
    with pytest.raises(Refused, match="UID"):
        device.check(certificate, issuer, bytes(8))
    forged = bytearray(certificate.der)
    forged[forged.index(certificate.key.octets) + 40] ^= 1
    with pytest.raises(Refused, match="subjectKeyId"):
        device.check(Certificate(forged), issuer, uid)
    forged = bytearray(certificate.der)
    forged[-1] ^= 1
    with pytest.raises(Refused, match="wrong ECDSA signature"):
        device.check(Certificate(forged), issuer, uid)


# ---- A card that signs what is not so ----

FALSE_STATEMENTS = {
    "one good unit more": ({"good": 1, "unused": -1}, "records and end certificate differ"),
    "one scrapped unit less": ({"scrap": -1, "unused": 1}, "records and end certificate differ"),
    "a sum that is none": ({"unused": 1}, "do not add up"),
    "more granted": ({"granted": 1, "granted_good": 1, "unused": 1}, "not what the grant in force says"),
    "more scrap granted for good": ({"granted_good": -1, "granted_scrap": 1}, "not what the grant in force says"),
    "more made than granted": ({"granted_good": -3, "granted_scrap": 3}, "more than was granted"),
    "a record more": ({"records": 1}, "number of records"),
    "a record less": ({"records": -1}, "a record is missing"),
    "no records": ({"records": -10}, "number of records"),
    "an earlier beginning": ({"first_index": -1}, "first record is missing"),
    "an earlier end": ({"last_index": -1, "records": -1}, "behind the last"),
    "an end beyond the log": ({"last_index": 1}, "indexes"),
    "a longer log": ({"log_size": 1}, "another log"),
}


@pytest.mark.parametrize("name", FALSE_STATEMENTS)
def test_false_end_certificates_are_refused(name, delivered, anchors):
    """As if its signatures were right."""
    changes, reason = FALSE_STATEMENTS[name]
    verifier = Verifier(delivered.folder, anchors.maker, anchors.device)
    for field, change in changes.items():
        verifier.end[field] += change
        if isinstance(verifier.delivery.json.get(field), int):
            verifier.delivery.json[field] += change
    with pytest.raises(Refused, match=reason):
        verifier.check()


@pytest.mark.parametrize("field, reason", [("log_root", "another log"), ("certificates_root", "not those of the end")])
def test_false_roots_are_refused(field, reason, delivered, anchors):
    """Likewise."""
    verifier = Verifier(delivered.folder, anchors.maker, anchors.device)
    verifier.end[field] = bytes(32)
    verifier.delivery.json["log_root"] = verifier.end["log_root"].hex()
    with pytest.raises(Refused, match=reason):
        verifier.check()


@pytest.mark.parametrize("event, counter, amount", [
    ("unit-good", "good", 1), ("unit-good", "good", -1), ("unit-good", "scrap", 1), ("unit-good", "reserved", 1),
    ("unit-scrap", "good", 1), ("unit-scrap", "scrap", -1), ("allocated", "allocated", -2), ("allocated", "good", 1),
    ("loaded", "allocated", 1), ("unit-refused", "reserved", -1), ("closed", "reserved", 1), ("closed", "good", -1)])
def test_records_that_change_the_wrong_counter(event, counter, amount, delivered):
    """What each event may do, and no more."""
    entry = entries(records(delivered.folder), event)[0]
    record = asn1.read(asn1.Record, base64.b64decode(entry["record"]))
    check_counters(record)
    changed = record.copy()
    before, after = (changed["job"][name] for name in ("before", "after"))
    for side in (before, after):  # room to go down
        for name in ("good", "scrap", "reserved", "allocated"):
            side[name] = side[name].native + 5
    check_counters(changed)
    after[counter] = after[counter].native + amount
    with pytest.raises(Refused, match="record: "):
        check_counters(changed)


# ---- Checkpoint ----

def test_checkpoint_needs_both_signatures(delivered, anchors):
    """Each line removed, each altered; lines of unknown keys are passed over."""
    verifier = Verifier(delivered.folder, anchors.maker)
    card, note = verifier.card, verifier.delivery.note
    text, blank, lines = note.partition(b"\n\n")
    first, second = lines.splitlines(keepends=True)
    stranger = "\u2014 somebody AAAAAAAA\n".encode()
    Checkpoint(text + blank + first + stranger + second, card.identities, card.serial)
    for rest, reason in ((first, "missing"), (second, "missing"), (first + stranger, "missing"), (b"", "not a signed note")):
        with pytest.raises(Refused, match=reason):
            Checkpoint(text + blank + rest, card.identities, card.serial)
    for line in (first, second):
        name, value = line.decode().rstrip("\n").rsplit(" ", 1)
        forged = lines.replace(line, f"{name} {flip(value, 30)}\n".encode())
        with pytest.raises(Refused, match="wrong .* signature"):
            Checkpoint(text + blank + forged, card.identities, card.serial)


@pytest.mark.parametrize("pattern, new, reason", [
    (rb"\n\d+\n", b"\n99\n", "wrong ECDSA signature"), (rb"\n\d+\n", b"\n099\n", "three lines"),
    (rb"^provcard/PC0001", b"provcard/PC0002", "another card"), (rb"=\n\n", b"=\nmore\n\n", "three lines")])
def test_altered_checkpoint_is_refused(pattern, new, reason, delivery, check):
    """Size, origin, a line too many."""
    path = delivery / "checkpoint.txt"
    path.write_bytes(re.sub(pattern, new, path.read_bytes(), count=1))
    with pytest.raises(Refused, match=reason):
        check()


# ---- People who may not be believed ----

def test_another_makers_card_is_refused(delivered, anchors):
    """Neither family leads anywhere; and the P-384 chain alone is not enough."""
    with pytest.raises(Refused, match="no path to an anchor"):
        Verifier(delivered.folder, anchors.oem).check()
    with pytest.raises(Refused, match="no anchor of the right kind"):
        Verifier(delivered.folder, anchors.maker[:1]).check()


def test_another_device_root_is_refused(delivered, anchors):
    """When the caller knows the right one."""
    with pytest.raises(Refused, match="no path to an anchor"):
        Verifier(delivered.folder, anchors.maker, anchors.oem[:1]).check()
