# SPDX-License-Identifier: GPL-2.0-or-later
"""The log in an auditor's hands: exported, continued, checked without the card; and what somebody changed is found."""
import base64
import json

import pytest

import checks
from provtest import workflow


class Audit:
    """A card with a history, and an auditor's desk."""

    def __init__(self, bench, people, folder):
        self.bench, self.people = bench, people
        self.desk = workflow.Desk(folder / "auditor")

    def export(self, name, extra="", expected=0):
        """The log's file on the auditor's desk."""
        said = self.bench.house.provcard(f"log export --output {self.desk.folder / name} {extra}", expected=expected)
        return said if expected else self.desk.folder / name

    def verify(self, name, extra="", expected=0):
        """What the check says."""
        return self.desk.provcard(f"log verify {name} --maker-ca {self.people.maker.anchors} {extra}", expected=expected)

    def refused(self, name, code, extra=""):
        """With a code of the table."""
        assert f"({code}, " in self.verify(name, extra, expected=checks.INPUT)

    def size(self):
        """Entries that the card has now."""
        return self.bench.json("status")["status"]["log_size"]

    def happen(self):
        """Something for the log."""
        self.bench.house.provcard(f"enrol --role auditor --name auditor{self.size()} --certificate "
                                  f"{self.people.operator.certificate.name} {workflow.signed_by(self.people.officer)}", expected=None)


@pytest.fixture(name="audit")
def auditor(packed, people, tmp_path):
    """A card that has worked."""
    packed.house.provcard("load package.ppkg")
    packed.house.provcard(f"allocate --count 2 {checks.signed(people)}")
    packed.insert(0)
    packed.house.provcard("run --heads 0")
    return Audit(packed, people, tmp_path)


def read(path):
    """(heading, lines)."""
    heading, *lines = (json.loads(line) for line in path.read_text().splitlines())
    return heading, lines


def rewrite(path, change):
    """change(heading, lines)."""
    heading, lines = read(path)
    change(heading, lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in (heading, *lines)))


def test_whole_log(audit):
    """Every entry, with what belongs to it; the same records that `provcard log` shows."""
    path = audit.export("whole")
    size = audit.size()
    heading, lines = read(path)
    assert (heading["from"], heading["log_size"], len(lines)) == (0, size, size)
    shown = audit.bench.json("log")["records"]
    assert [{key: line[key] for key in shown[0]} for line in lines] == [{key: line[key] for key in shown[0]} for line in shown]
    assert any("attachment" in line for line in lines) and any("certificate" in line for line in lines)
    said = audit.verify("whole")
    assert f"{size} entries, signed; {size} from 0 on in whole, all right" in said and "nobody vouches for" in said
    said = json.loads(audit.verify("whole", "-o json"))
    checks.output_schema().validate(said)
    assert (said["log"]["entries"], said["log"]["judged_by"]) == (size, "card")


def test_continued(audit):
    """Entries since, behind the proof that nothing before has changed; by file, by checkpoint, in brief."""
    audit.export("first")
    before = audit.size()
    (audit.desk.folder / "checkpoint.txt").write_text(read(audit.desk.folder / "first")[0]["checkpoint"])
    audit.happen()
    after = audit.size()
    assert after > before
    heading, lines = read(audit.export("second", f"--from {before}"))
    assert heading["from"] == before and heading["consistency"] and lines[0]["count"] == before and len(lines) == after - before + 1
    for earlier in ("first", "checkpoint.txt"):
        assert f"begins with the log of {before} entries of {earlier}" in audit.verify("second", f"--after {earlier}")
    audit.verify("second")
    audit.export("brief", f"--from {before} --brief")
    assert len(read(audit.desk.folder / "brief")[1]) == 1
    assert "0 from" in audit.verify("brief", "--after checkpoint.txt") and audit.verify("brief", "--after first")
    audit.export("whole")
    audit.verify("whole", "--after first")
    audit.verify("whole", "--after second")
    audit.refused("first", "CONSISTENCY_MISMATCH", "--after second")


def test_proofs_that_do_not_hold(audit):
    """A proof that leads elsewhere, and none."""
    audit.export("first")
    (audit.desk.folder / "old.txt").write_text(read(audit.desk.folder / "first")[0]["checkpoint"])
    audit.happen()
    audit.export("brief", f"--from {read(audit.desk.folder / 'first')[0]['log_size']} --brief")

    def change(heading, _):
        heading["consistency"][0] = f"{int(heading['consistency'][0], 16) ^ 1:064x}"

    rewrite(audit.desk.folder / "brief", change)
    audit.refused("brief", "CONSISTENCY_MISMATCH", "--after old.txt")
    rewrite(audit.desk.folder / "brief", lambda heading, _: heading.pop("consistency"))
    audit.refused("brief", "CONSISTENCY_MISMATCH", "--after old.txt")


def flip(name, place):
    """A bit of base64 in some line."""
    def change(lines):
        line = next(line for line in lines if name in line)
        data = bytearray(base64.b64decode(line[name]))
        data[place] ^= 1
        line[name] = base64.b64encode(data).decode()
    return change


CHANGES = {
    "a record": (lambda lines: flip("record", 60)(lines[2:]), "RECORD_CHAIN|STATEMENT_DER|RECORD_MISPLACED|RECORD_MISSING"),
    "a digest of the record before": (lambda lines: flip("record", 30)(lines[3:]), "RECORD_CHAIN"),
    "an attachment": (flip("attachment", -1), "ATTACHMENT_MISMATCH"),
    "a certificate": (flip("certificate", -1), "ATTACHMENT_MISMATCH"),
    "an attachment gone": (lambda lines: next(line for line in lines if "attachment" in line).pop("attachment"),
                           "ATTACHMENT_MISMATCH"),
    "an entry gone": (lambda lines: lines.pop(2), "RECORD_MISSING"),
    "the last entry gone": (lambda lines: lines.pop(), "RECORD_MISSING"),
    "the first entry gone": (lambda lines: lines.pop(0), "RECORD_MISSING"),
    "an entry twice": (lambda lines: lines.insert(2, lines[1]), "RECORD_MISPLACED"),
    "entries swapped": (lambda lines: lines.insert(1, lines.pop(2)), "RECORD_MISSING"),
    "an entry hidden": (lambda lines: lines.__setitem__(2, {"from": 2, "count": 1, "subtrees": ["00" * 32]}), "RUN_MALFORMED"),
    "the beginning hidden": (lambda lines: lines.__setitem__(0, {"from": 0, "count": 1, "subtrees": ["00" * 32]}), "LOG_ROOT_MISMATCH"),
    "something else": (lambda lines: lines.append({"hello": 1}), "RUN_MALFORMED"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_files(audit, name):
    """Each for its own reason."""
    change, names = CHANGES[name]
    audit.export("whole")
    rewrite(audit.desk.folder / "whole", lambda _, lines: change(lines))
    said = audit.verify("whole", expected=checks.INPUT)
    assert any(f"({code}, " in said for code in names.split("|")), said


def test_headings(audit, people):
    """Another size, another card, no card, another maker, another time, an earlier file that is none."""
    whole = audit.export("whole")
    kept = whole.read_text()
    for change, name in ((lambda heading: heading.update(checkpoint=heading["checkpoint"].replace("PC0001\n", "PC0001\n1", 1)), "CHECKPOINT"),
                         (lambda heading: heading.update(checkpoint=heading["checkpoint"].replace("PC0001", "PC0002")), "CHECKPOINT"),
                         (lambda heading: heading.pop("checkpoint"), "DELIVERY_FORM"),
                         (lambda heading: heading.pop("card_certificates"), "DELIVERY_FORM"),
                         (lambda heading: heading.update(card_certificates="no"), "CARD_CERTIFICATE"),
                         (lambda heading: heading.pop("from"), "DELIVERY_FORM"),
                         (lambda heading: heading.update(schema_version=1), "DELIVERY_FORM")):
        rewrite(whole, lambda heading, _, change=change: change(heading))
        audit.refused("whole", name)
        whole.write_text(kept)
    audit.refused("whole", "CARD_CERTIFICATE", "--at 2400-01-01")
    assert "by your clock" in audit.verify("whole", f"--at {read(whole)[1][-1]['time']}")
    assert "CARD_CERTIFICATE" in audit.desk.provcard(f"log verify whole --maker-ca {people.oem.anchors}", expected=checks.INPUT)
    (audit.desk.folder / "none").write_text("none")
    audit.refused("whole", "CHECKPOINT", "--after none")
    audit.verify("whole", "--after nowhere", expected=checks.INPUT)


def test_wrong_words(audit):
    """More than there is, brief without a beginning; the log itself is still shown."""
    audit.export("x", f"--from {audit.size() + 1}", expected=2)
    audit.export("x", "--brief", expected=2)
    assert not list(audit.desk.folder.glob("x*"))
    audit.bench.house.provcard("log frobnicate", expected=2)
    assert "boot" in audit.bench.house.provcard("log --count 1")


def test_nowhere_to_write(audit):
    """A folder that is not there, and one that is none."""
    for name, said in (("none/whole", "what to do: check the name"), ("/dev/full/whole", "what to do: check the name")):
        assert said in audit.bench.house.provcard(f"log export --output {audit.desk.folder / name}", expected=checks.MACHINE)
    assert not list(audit.desk.folder.glob("*"))
