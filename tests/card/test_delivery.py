# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand-overs that somebody changed on the way: each change is found and named."""
import base64
import hashlib
import json
import shutil

import pytest

import checks
from provtest import handover, pki, workflow


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


def first(lines, event):
    """Index of the first record of an event."""
    return next(index for index, line in enumerate(lines) if line.get("event") == event)


def change_der(line, place, name="record"):
    """Another bit in base64."""
    data = bytearray(base64.b64decode(line[name]))
    data[place] ^= 1
    line[name] = base64.b64encode(data).decode()


def test_counts_are_said(people, delivery):
    """The grant and what was made of it, in words and in JSON."""
    records = handover.records(delivery)
    said = verify(people, delivery)
    assert f"granted 5 good and 1 scrap; made 5 good, 0 scrap; {len(records)} records" in said
    assert "by its own clock, which nobody vouches for" in said
    said = json.loads(verify(people, delivery, "-o json"))["delivery"]
    assert (said["granted"], said["granted_good"], said["granted_scrap"], said["good"]) == (6, 5, 1, 5)
    assert (said["judged_at"], said["judged_by"], said["time_authenticated"]) == (said["closed_at"], "card", False)


def test_the_moment_that_is_judged_by(people, delivery):
    """The closing's, or the caller's."""
    refused(people, delivery, "CARD_CERTIFICATE", "--at 2400-01-01")
    verify(people, delivery, "--at 1999-01-01", expected=checks.INPUT)
    now = handover.heading_of(delivery)["closed_at"]
    said = json.loads(verify(people, delivery, f"--at {now} -o json"))["delivery"]
    assert (said["judged_at"], said["judged_by"]) == (now, "caller")
    verify(people, delivery, "--at yesterday", expected=2)


@pytest.mark.parametrize("event", ["loaded", "allocated", "unit-good", "unit-refused", "closed"])
def test_withheld_record(people, copy, event):
    """A record that changes no counter is missed like any other."""
    handover.rewrite(copy, lambda lines: lines.pop(first(lines, event)))
    refused(people, copy, "RECORD_MISSING")


@pytest.mark.parametrize("event", ["loaded", "unit-good", "unit-refused", "closed"])
def test_hidden_record(people, copy, event):
    """One that is given as if it were another job's, with the right hash."""
    def hide(lines):
        line = lines[first(lines, event)]
        leaf = hashlib.sha256(b"\0" + base64.b64decode(line["record"])).hexdigest()
        lines[lines.index(line)] = {"from": line["index"], "count": 1, "subtrees": [leaf]}

    handover.rewrite(copy, hide)
    code, said = workflow.Desk(copy.parent).execute(f"verify {copy} --maker-ca {people.maker.anchors}", 60)
    assert code == checks.INPUT and ("RECORD_MISSING" in said or "RUN_MALFORMED" in said)


def test_reordered_and_repeated_records(people, copy):
    """The order is the log's, and each record comes once."""
    def swap(lines):
        at = first(lines, "unit-good")
        lines[at], lines[at + 1] = lines[at + 1], lines[at]

    def repeat(lines):
        at = first(lines, "unit-good")
        lines.insert(at + 1, lines[at])

    kept = (copy / handover.NAME).read_text()
    for change, name in ((swap, "RECORD_MISSING"), (repeat, "RECORD_MISPLACED")):
        handover.rewrite(copy, change)
        refused(people, copy, name)
        (copy / handover.NAME).write_text(kept)
    verify(people, copy)


def in_first_run(**changes):
    """Other members of the run before the job."""
    return lambda lines: lines[0].update(changes)


def flip_run(lines):
    """A bit of what is not shown."""
    lines[0]["subtrees"][0] = f"{int(lines[0]['subtrees'][0], 16) ^ 1:064x}"


def smuggle(lines):
    """The first record says that it is of another job."""
    data = base64.b64decode(lines[1]["record"])
    job = bytes.fromhex(lines[1]["job"])
    lines[1]["record"] = base64.b64encode(data.replace(job, bytes(16))).decode()


CHANGES = {
    "a record": (lambda lines: change_der(lines[first(lines, "loaded")], -1), "COUNTS_MISMATCH|RECORD_CHAIN"),
    "the last record": (lambda lines: change_der(lines[-1], 40), "LOG_ROOT_MISMATCH|STATEMENT_DER|RECORD_"),
    "a record of another job": (smuggle, "RECORD_MISPLACED"),
    "a certificate": (lambda lines: change_der(lines[first(lines, "unit-good")], -1, "certificate"), "ATTACHMENT_MISMATCH"),
    "a certificate gone": (lambda lines: lines[first(lines, "unit-good")].pop("certificate"), "DEVICE_CERTIFICATE"),
    "a request": (lambda lines: change_der(lines[first(lines, "allocated")], -1, "attachment"), "ATTACHMENT_MISMATCH"),
    "a hash of others": (flip_run, "LOG_ROOT_MISMATCH"),
    "a run with a hash too many": (lambda lines: lines[0]["subtrees"].append("00" * 32), "RUN_MALFORMED"),
    "a run from elsewhere": (in_first_run(**{"from": 1}), "RUN_MALFORMED"),
    "a run of nothing": (in_first_run(count=0, subtrees=[]), "RUN_MALFORMED"),
    "a run of less than nothing": (in_first_run(count=-1), "RUN_MALFORMED"),
    "a run without end": (in_first_run(count=1 << 62), "RUN_MALFORMED"),
    "the run gone": (lambda lines: lines.pop(0), "RECORD_MISSING"),
    "a run behind the end": (lambda lines: lines.append({"from": lines[-1]["index"] + 1, "count": 1, "subtrees": ["00" * 32]}),
                             "RUN_MALFORMED"),
    "a line of something else": (lambda lines: lines.insert(3, {"hello": 1}), "RUN_MALFORMED"),
    "base64 that is none": (lambda lines: lines[1].update(record="!"), "DELIVERY_FORM"),
    "base64 behind spaces": (lambda lines: lines[1].update(record="    " + lines[1]["record"]), "DELIVERY_FORM"),
    "base64 of spaces": (lambda lines: lines[1].update(record="    "), "DELIVERY_FORM"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_lines(people, copy, name):
    """Each for its own reason."""
    change, names = CHANGES[name]
    handover.rewrite(copy, change)
    code, said = workflow.Desk(copy.parent).execute(f"verify {copy} --maker-ca {people.maker.anchors}", 60)
    assert code == checks.INPUT and any(f"({name}" in said for name in names.split("|")), said


@pytest.mark.parametrize("keep, name", [(0.0, "DELIVERY_FORM"), (0.02, "DELIVERY_FORM"), (0.6, "DELIVERY_FORM"),
                                        (0.9999, "DELIVERY_FORM")])
def test_truncated_file(people, copy, keep, name):
    """Within a line."""
    path = copy / handover.NAME
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * keep)] or b"{")
    refused(people, copy, name)


def test_truncated_at_a_line(people, copy):
    """Between lines: what is missing is missed."""
    path = copy / handover.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    for count in (1, 2, len(lines) - 1):
        path.write_bytes(b"".join(lines[:count]))
        refused(people, copy, "RECORD_MISSING")


def test_lines_without_end(people, copy):
    """Memory has a bound, whatever the file says."""
    with open(copy / handover.NAME, "ab") as file:
        file.write(b'{"record":"' + b"A" * (4 << 20))
    refused(people, copy, "DELIVERY_FORM")


def test_one_unit(people, copy):
    """By its UID: right, not there, with another certificate, in another log."""
    known = list(handover.certificates(copy))
    assert "are right" in verify(people, copy, f"--uid {known[0]}")
    refused(people, copy, "RECORD_MISSING", "--uid 00")

    def exchange(lines):
        good = [line for line in lines if line.get("event") == "unit-good"]
        good[0]["certificate"] = good[1]["certificate"]

    kept = (copy / handover.NAME).read_text()
    handover.rewrite(copy, exchange)
    refused(people, copy, "DEVICE_CERTIFICATE", f"--uid {known[0]}")
    (copy / handover.NAME).write_text(kept)
    handover.rewrite(copy, flip_run)
    refused(people, copy, "LOG_ROOT_MISMATCH", f"--uid {known[0]}")


def test_checkpoint_is_the_end_certificates(people, copy):
    """Another size, another root, another origin, another card's."""
    path = copy / "checkpoint.txt"
    text = path.read_text()
    verify(people, copy)
    for change in (text.replace("PC0001\n", "PC0001\n1", 1), text.replace("PC0001", "PC0002"), text[:-20], ""):
        path.write_text(change)
        refused(people, copy, "CHECKPOINT")
    path.unlink()
    verify(people, copy, expected=checks.INPUT)


def test_end_certificate_that_is_not_the_cards(people, copy, tmp_path):
    """Another maker's card, and a signature that broke."""
    kept = (copy / "end-certificate.p7m").read_bytes()
    (copy / "end-certificate.p7m").write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    refused(people, copy, "STATEMENT_SIGNATURE")
    (copy / "end-certificate.p7m").write_bytes(kept)
    other = pki.Maker(tmp_path / "maker")
    code, said = workflow.Desk(tmp_path).execute(f"verify {copy} --maker-ca {other.anchors}", 60)
    assert code == checks.INPUT and "CARD_CERTIFICATE" in said
