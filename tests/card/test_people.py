# SPDX-License-Identifier: GPL-2.0-or-later
"""Several people approve, at one desk or at several; some leave, some are locked out; an auditor looks on."""
import json
import subprocess
import sys

import pytest

import checks
from provtest import pki, workflow


def by(*people):
    """The options that sign as these people."""
    return " ".join(workflow.signed_by(person) for person in people)


@pytest.fixture(scope="session", name="more")
def more_people(tmp_path_factory):
    """A second officer, the first one's spare key, and an auditor."""
    folder = tmp_path_factory.mktemp("more")
    spare = pki.Person(folder / "spare", "officer")
    spare.key, spare.certificate = spare.key.rename(folder / "spare.key"), spare.certificate.rename(folder / "spare.pem")
    return {"second": pki.Person(folder, "second"), "spare": spare, "auditor": pki.Person(folder, "auditor")}


@pytest.fixture(name="two")
def two_officers(house, people, more):
    """A house where two officers must sign, and three failures lock out."""
    for person in more.values():
        house.house.give(person.key, person.certificate)
    for name, role in (("second", "officer"), ("auditor", "auditor")):
        house.house.provcard(f"enrol --role {role} --name {name} --certificate {name}.pem {by(people.officer)}")
    house.house.provcard(f"policy --officers 2 --failures 3 {by(people.officer, more['second'])}")
    return house


def person(house, name):
    """How the card says that somebody stands."""
    found, = (entry for entry in house.json("status")["status"]["enrolled"] if entry["name"] == name)
    return found["state"], found["failures"]


def events(house):
    """The log's events, with who did it."""
    return [(record["event"], record.get("actor")) for record in house.json("log")["records"]]


def test_two_at_one_desk(two, people, more):
    """One is not enough, nor is one with a spare; two are."""
    status = two.json("status")["status"]
    assert status["policy"] == {"officers": 2, "failures": 3, "request_awaited": False}
    assert "2 officers must sign" in two.house.provcard("status")
    checks.refused(two.house, f"remove operator {by(people.officer)}", "APPROVALS_MISSING")
    checks.refused(two.house, f"enrol --role officer --name spare --certificate spare.pem {by(people.officer)}", "APPROVALS_MISSING")
    two.house.provcard(f"enrol --role officer --name spare --certificate spare.pem {by(people.officer, more['second'])}")
    checks.refused(two.house, f"remove operator {by(people.officer, more['spare'])}", "APPROVALS_MISSING")
    checks.refused(two.house, f"remove second {by(people.officer, more['second'])}", "QUORUM_UNREACHABLE")
    two.house.provcard(f"remove operator {by(people.officer, more['second'])}")
    checks.refused(two.house, f"remove operator {by(people.officer, more['second'])}", "PERSON_UNKNOWN")
    assert events(two)[-2] == ("removed", "officer")


def test_two_at_two_desks(two, people, more, tmp_path):
    """A request goes from desk to desk; everybody sees what it is, and stock openssl opens it."""
    two.house.provcard(f"unlock operator {by(people.officer)} --request-only request.p7m")
    assert two.json("status")["status"]["policy"]["request_awaited"]
    desk = workflow.Desk(tmp_path / "second")
    desk.give(two.house.folder / "request.p7m", more["second"].key, more["second"].certificate)
    shown = desk.provcard("inspect request.p7m")
    assert "unlock" in shown and "operator" in shown and "CN=officer" in shown and "CN=second" not in shown
    checks.refused(two.house, "submit request.p7m", "APPROVALS_MISSING")
    two.house.provcard(f"unlock operator {by(people.officer)} --request-only request.p7m")
    desk.give(two.house.folder / "request.p7m")
    desk.provcard(f"sign request.p7m {by(more['second'])} --output signed.p7m")
    assert "SIGNED_ALREADY" in desk.provcard(f"sign signed.p7m {by(more['second'])} --output again.p7m", expected=checks.INPUT)
    code, said = desk.execute("-o json inspect signed.p7m", 60)
    assert not code
    said = json.loads(said)
    checks.output_schema().validate(said)
    assert said["request"]["operation"] == "unlock" and said["request"]["person"] == "operator"
    assert len(said["signers"]) == 2
    opened = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", desk.folder / "signed.p7m", "-noverify",
                             "-out", "/dev/null"], capture_output=True, text=True, timeout=60, check=False)
    assert opened.returncode == 0, opened.stderr
    two.house.give(desk.folder / "signed.p7m")
    two.house.provcard("submit signed.p7m")
    checks.refused(two.house, "submit signed.p7m", "REQUEST_REPLAYED")
    assert ("unlocked", "officer") in events(two)


def test_lockout(two, people, more):
    """Who does again and again what is not his, is locked out until two officers say otherwise, power cuts or not."""
    for _ in range(3):
        checks.refused(two.house, f"remove auditor {by(people.operator)}", "APPROVER_ROLE")
        two.card.power_cut()
        two.card.power_on()
    assert person(two, "operator") == ("locked", 3)
    checks.refused(two.house, f"remove auditor {by(people.operator)}", "APPROVER_LOCKED")
    checks.refused(two.house, f"unlock operator {by(people.officer)}", "APPROVALS_MISSING")
    two.house.provcard(f"unlock operator {by(people.officer, more['second'])}")
    assert person(two, "operator") == ("ok", 0)
    assert ("locked-out", "operator") in events(two)


def test_pause(two, people, more):
    """What might be the host's doing makes the card wait, and no more."""
    for _ in range(3):
        checks.refused(two.house, f"remove operator {by(people.officer)}", "APPROVALS_MISSING")
    assert person(two, "officer") == ("paused", 3)
    checks.refused(two.house, f"remove operator {by(people.officer, more['second'])}", "APPROVER_PAUSED")


def test_one_person(two, people, more):
    """An auditor is none of those whose work is audited."""
    two.house.provcard(f"policy --officers 1 --failures 3 {by(people.officer, more['second'])}")
    checks.refused(two.house, f"enrol --role auditor --name a --certificate spare.pem {by(people.officer)}", "ROLE_CONFLICT")
    checks.refused(two.house, f"enrol --role auditor --name a --certificate officer.pem {by(people.officer)}", "ALREADY_ENROLLED")
    checks.refused(two.house, f"policy --officers 3 --failures 3 {by(people.officer)}", "QUORUM_UNREACHABLE")


def test_audit(two, people, more, tmp_path):
    """The auditor checks the log's file and countersigns it; the hand-over shows it."""
    workflow.pack(two.house, people, tmp_path / "package.ppkg")
    two.house.provcard("load package.ppkg")
    checks.refused(two.house, f"remove '{people.oem.name}' {by(people.officer, more['second'])}", "ENROLMENT_IN_USE")
    two.house.provcard("log export --output log.jsonl")
    maker = f"--maker-ca {people.maker.anchors.name}"
    checks.refused(two.house, f"audit log.jsonl {maker} {by(people.operator)}", "APPROVER_ROLE")
    two.house.provcard(f"audit log.jsonl {maker} --job {checks.job_id(two)} {by(more['auditor'])}")
    two.house.provcard(f"audit log.jsonl {maker} {by(more['auditor'])}")
    two.house.provcard(f"allocate --count 1 {by(people.operator)}")
    delivery = checks.deliver(two, people, "delivery")
    assert '"audited"' in (delivery / "records.jsonl").read_text()
    two.house.provcard("log export --output whole.jsonl")
    # And somebody who shares no code with us reads all of it: people, policy, audits.
    for words in (("delivery", delivery), ("log", two.house.folder / "whole.jsonl")):
        read = subprocess.run([sys.executable, "-m", "verifier", *words, "--anchors", people.maker.anchors],
                              cwd=checks.TOP / "tests" / "interop", capture_output=True, text=True, timeout=60, check=False)
        assert read.returncode == 0, read.stdout + read.stderr


def test_audit_of_another_log(two, people, more, tmp_path):
    """A log that is not this card's is not countersigned."""
    from conftest import Bench
    with Bench(tmp_path / "other") as other:
        workflow.initialise(other.house, people)
        other.house.provcard("log export --output log.jsonl")
        two.house.give(other.house.folder / "log.jsonl")
    checks.refused(two.house, f"audit log.jsonl --maker-ca {people.maker.anchors.name} {by(more['auditor'])}", "AUDIT_MISMATCH")
