# SPDX-License-Identifier: GPL-2.0-or-later
"""Birth bundles, by our tool and by the second verifier; and alterations of them, which both must refuse."""
import base64
import json
import pathlib
import subprocess
import sys

import pytest

from provtest import handover, workflow
from verifier import Refused
from verifier.birth import Birth

FOLDER = pathlib.Path(__file__).resolve().parent


@pytest.fixture(name="desk", scope="session")
def oems_desk(tmp_path_factory):
    """Without the delivery."""
    return workflow.Desk(tmp_path_factory.mktemp("births"))


@pytest.fixture(name="births", scope="session")
def all_births(delivered, people, desk):
    """The bundle of every device, in a folder."""
    desk.provcard(f"export {delivered.folder} --as bundle --maker-ca {people.maker.anchors} --output all")
    return desk.folder / "all"


@pytest.fixture(name="birth")
def one_birth(delivered, births, tmp_path):
    """A copy of one, to be altered."""
    path = tmp_path / "birth.json"
    path.write_text((births / f"{delivered.uids[1]:016x}.json").read_text())
    return path


def verify(people, path, extra="", expected=0):
    """Our tool's word."""
    words = f"verify --device {path} --maker-ca {people.maker.anchors} --device-ca {people.oem.device_root.certificate} {extra}"
    return workflow.Desk(path.parent).provcard(words, expected=expected)


def test_every_device_has_one(delivered, births, people, anchors):
    """And no other part; each is checked alone."""
    assert sorted(path.stem for path in births.iterdir()) == sorted(f"{uid:016x}" for uid in delivered.uids)
    for path in births.iterdir():
        says = Birth(path).check(anchors.maker, anchors.device)
        said = verify(people, path)
        assert says["unit"]["uid"].hex() == path.stem and f"part {path.stem} (nRF52840): made good by card PC0001" in said
        assert "and certificate are right" in said and "nobody vouches for" in said


def test_one_device(delivered, desk, people, births, birth):
    """By its UID; the same bytes. One that is no good unit's has none."""
    uid = f"{delivered.uids[1]:016x}"
    words = f"export {delivered.folder} --as bundle --maker-ca {people.maker.anchors} --output one.json --uid"
    desk.provcard(f"{words} {uid}")
    assert (desk.folder / "one.json").read_text() == (births / birth.name).with_name(f"{uid}.json").read_text()
    assert "RECORD_MISSING" in desk.provcard(f"{words} 00", expected=3)


def test_json(people, birth):
    """What the tool says to programs."""
    said = json.loads(verify(people, birth, "-o json"))["device"]
    assert said["verified"] and said["certified"] and said["record"]["event"] == "unit-good" and said["judged_by"] == "card"
    assert said["judged_at"] == said["record"]["time"]


def test_command_line(people, birth):
    """For anyone."""
    done = subprocess.run([sys.executable, "-m", "verifier", "device", birth, "--anchors", people.maker.anchors, "--device-ca",
                           people.oem.device_root.certificate], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "are right" in done.stdout, done.stdout + done.stderr


def flip(name, place):
    """A bit of base64."""
    def change(bundle, _):
        data = bytearray(base64.b64decode(bundle[name]))
        data[place] ^= 1
        bundle[name] = base64.b64encode(data).decode()
    return change


def flip_hash(bundle, _):
    """A bit of the proof."""
    bundle["inclusion"][0] = f"{int(bundle['inclusion'][0], 16) ^ 1:064x}"


def of_the_other(*names):
    """Parts of another device's bundle."""
    return lambda bundle, other: bundle.update({name: other[name] for name in names})


def without(name):
    """Nothing there."""
    return lambda bundle, _: bundle.pop(name)


def note(old, new):
    """Other words in the checkpoint."""
    return lambda bundle, _: bundle.update(checkpoint=bundle["checkpoint"].replace(old, new, 1))


ALTERATIONS = {
    "a record": (flip("record", -1), "PROOF_MISMATCH|STATEMENT_DER"),
    "a proof": (flip_hash, "PROOF_MISMATCH"),
    "a proof too short": (lambda bundle, _: bundle["inclusion"].pop(), "PROOF_MISMATCH"),
    "a proof too long": (lambda bundle, _: bundle["inclusion"].append("00" * 32), "PROOF_MISMATCH"),
    "a certificate": (flip("certificate", -1), "DEVICE_CERTIFICATE"),
    "another's certificate": (of_the_other("certificate"), "DEVICE_CERTIFICATE"),
    "another's record": (of_the_other("record"), "PROOF_MISMATCH"),
    "another's record and proof": (of_the_other("record", "inclusion"), "DEVICE_CERTIFICATE"),
    "no certificate": (without("certificate"), "DEVICE_CERTIFICATE"),
    "secrets of a job that returns none": (lambda bundle, _: bundle.update(sealed_secrets=bundle["certificate"]), "ATTACHMENT_MISMATCH"),
    "secrets that are no base64": (lambda bundle, _: bundle.update(sealed_secrets="*"), "DELIVERY_FORM"),
    "no issuer": (without("issuer_chain"), "DEVICE_CERTIFICATE"),
    "no record": (without("record"), "DELIVERY_FORM"),
    "no checkpoint": (without("checkpoint"), "DELIVERY_FORM"),
    "no card": (without("card_certificates"), "DELIVERY_FORM"),
    "another size": (note("PC0001\n", "PC0001\n1"), "CHECKPOINT"),
    "another origin": (note("provcard/PC0001", "provcard/PC0002"), "CHECKPOINT"),
    "another version": (lambda bundle, _: bundle.update(schema_version=2), "DELIVERY_FORM"),
    "base64 that is none": (lambda bundle, _: bundle.update(record="*"), "DELIVERY_FORM"),
    "a chain of text": (lambda bundle, _: bundle.update(issuer_chain="MIIB"), "DELIVERY_FORM"),
    "a chain of nothing": (lambda bundle, _: bundle.update(issuer_chain=[]), "DELIVERY_FORM|DEVICE_CERTIFICATE"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_bundles_are_refused(name, delivered, births, birth, people, anchors):
    """By both."""
    change, names = ALTERATIONS[name]
    bundle, other = (json.loads((births / f"{uid:016x}.json").read_text()) for uid in (delivered.uids[1], delivered.uids[2]))
    change(bundle, other)
    birth.write_text(json.dumps(bundle))
    said = verify(people, birth, expected=3)
    assert any(f"({code}," in said for code in names.split("|")), said
    with pytest.raises(Refused):
        Birth(birth).check(anchors.maker, anchors.device)


def test_whom_to_believe(birth, people, anchors):
    """Another maker, another root, another time; what is no bundle at all."""
    words = f"verify --device {birth} --maker-ca"
    desk = workflow.Desk(birth.parent)
    assert "CARD_CERTIFICATE" in desk.provcard(f"{words} {people.oem.anchors}", expected=3)
    assert "DEVICE_CERTIFICATE" in desk.provcard(f"{words} {people.maker.anchors} --device-ca {people.oem.anchors}", expected=3)
    assert "CARD_CERTIFICATE" in verify(people, birth, "--at 2400-01-01", expected=3)
    for wrong in ((anchors.oem, anchors.device), (anchors.maker, anchors.oem[:1])):
        with pytest.raises(Refused, match="no path"):
            Birth(birth).check(*wrong)
    for text in ("", "{", "[]", "{} {}", "\0"):
        birth.write_text(text)
        assert "DELIVERY_FORM" in verify(people, birth, expected=3)
        with pytest.raises(Refused):
            Birth(birth)


def test_a_part_in_the_scrap_bin_has_none(delivered, births, birth, people):
    """A bundle that is put together for a part which did not become good."""
    bundle = json.loads(birth.read_text())
    line = next(line for line in handover.records(delivered.folder) if line["event"] == "unit-refused" and "certificate" in line)
    bundle.update(record=line["record"], certificate=line["certificate"])
    birth.write_text(json.dumps(bundle))
    assert "PROOF_MISMATCH" in verify(people, birth, expected=3)
    assert not (births / f"{line['uid']}.json").exists() or line["uid"] in {f"{uid:016x}" for uid in delivered.uids}
