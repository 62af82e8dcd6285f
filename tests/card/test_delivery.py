# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-overs that somebody changed on the way: each change is found and named."""
import json
import shutil

import pytest

import checks
from provtest import pki, workflow


@pytest.fixture(name="copy")
def copy_of_delivery(delivery, tmp_path):
    """A copy to change."""
    return shutil.copytree(delivery, tmp_path / "copy")


def verify(people, folder, extra="", expected=0):
    """What the OEM's check says."""
    return workflow.Desk(folder.parent).provcard(f"verify {folder} --maker-ca {people.maker.anchors} {extra}", expected=expected)


def refused(people, folder, name, extra=""):
    """The check ends with this refusal."""
    assert f"({name}, " in verify(people, folder, extra, expected=checks.INPUT)


def change_records(folder, change):
    """Let @change have the list of records."""
    path = folder / "records.json"
    delivery = json.loads(path.read_text())
    change(delivery["records"])
    path.write_text(json.dumps(delivery))


def first(records, event):
    """Index of the first record of an event."""
    return next(index for index, record in enumerate(records) if record["event"] == event)


def test_counts_are_said(people, delivery):
    """The grant and what was made of it, in words and in JSON."""
    records = json.loads((delivery / "records.json").read_text())
    assert f"granted 5 good and 1 scrap; made 5 good, 0 scrap; {len(records['records'])} records" in verify(people, delivery)
    said = json.loads(verify(people, delivery, "-o json"))["delivery"]
    assert (said["granted"], said["granted_good"], said["granted_scrap"], said["good"]) == (6, 5, 1, 5)


@pytest.mark.parametrize("event", ["loaded", "allocated", "unit-good", "unit-refused", "closed"])
def test_withheld_record(people, copy, event):
    """A record that changes no counter is missed like any other."""
    change_records(copy, lambda records: records.pop(first(records, event)))
    refused(people, copy, "RECORD_MISSING")


def test_reordered_and_repeated_records(people, copy):
    """The order is the log's, and each record comes once."""
    def swap(records):
        at = first(records, "unit-good")
        records[at], records[at + 1] = records[at + 1], records[at]

    def repeat(records):
        at = first(records, "unit-good")
        records.insert(at + 1, records[at])

    for change in (swap, repeat):
        kept = (copy / "records.json").read_text()
        change_records(copy, change)
        code, said = workflow.Desk(copy.parent).execute(f"verify {copy} --maker-ca {people.maker.anchors}", 60)
        assert code == checks.INPUT and ("RECORD_MISPLACED" in said or "RECORD_MISSING" in said)
        (copy / "records.json").write_text(kept)
    verify(people, copy)


def test_changed_certificates(people, copy):
    """One replaced by another part's, one taken away, one too many."""
    certificates = sorted((copy / "certs").iterdir())
    kept = certificates[0].read_bytes()
    shutil.copy(certificates[1], certificates[0])
    refused(people, copy, "ATTACHMENT_MISMATCH")
    refused(people, copy, "DEVICE_CERTIFICATE", f"--uid {certificates[0].stem}")
    certificates[0].unlink()
    verify(people, copy, expected=checks.INPUT)
    certificates[0].write_bytes(kept)
    verify(people, copy)
    shutil.copy(certificates[0], copy / "certs" / "0123456789abcdef.pem")
    refused(people, copy, "DEVICE_CERTIFICATE")


def test_end_certificate_that_is_not_the_cards(people, copy, tmp_path):
    """Another maker's card, and a signature that broke."""
    end = bytearray((copy / "end-certificate.p7m").read_bytes())
    end[-1] ^= 1
    (copy / "end-certificate.p7m").write_bytes(end)
    refused(people, copy, "STATEMENT_SIGNATURE")
    other = pki.Maker(tmp_path / "maker")
    code, said = workflow.Desk(tmp_path).execute(f"verify {copy} --maker-ca {other.anchors}", 60)
    assert code == checks.INPUT and "CARD_CERTIFICATE" in said
