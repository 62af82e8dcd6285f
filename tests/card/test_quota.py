# SPDX-License-Identifier: GPL-2.0-or-later
"""A separate quota authority, M of N, from its members' desks to the card; approvals that an OEM demands; a look into files."""
import base64
import json
import time

import pytest

import checks
from provtest import handover, pki, workflow

NAMES = ("alice", "bob", "carol")


class Member:
    """One who grants with others: a desk with two keys that never leave it."""

    def __init__(self, folder, name):
        self.name, self.signer = name, pki.Oem(folder / name, f"Supply {name}")
        self.desk = workflow.Desk(folder / name)
        self.bundle = self.desk.folder / "signers.pem"
        self.bundle.write_text(self.signer.pq_certificate.read_text() + self.signer.certificate.read_text())

    @property
    def words(self):
        """The options by which this member signs."""
        return signing(self.signer)


def signing(signer):
    """The options of a pair of keys."""
    return f"--key {signer.key} --cert {signer.certificate} --key {signer.pq_key} --cert {signer.pq_certificate}"


@pytest.fixture(scope="module", name="members")
def three_members(tmp_path_factory):
    """Their keys do not change."""
    folder = tmp_path_factory.mktemp("members")
    return [Member(folder, name) for name in NAMES]


class Quota:
    """A package whose grants are the members' alone, loaded."""

    def __init__(self, bench, people, members, folder, extra=""):
        self.bench, self.people, self.house, self.members = bench, people, bench.house, members
        self.package = folder / "package.ppkg"
        self.said = self.pack(extra)

    def pack(self, extra=""):
        """Pack, load; what pack said."""
        named = " ".join(f"--quota-member {member.name}={member.bundle}" for member in self.members)
        words = workflow.pack_command(self.house, self.people, self.package, count=None,
                                      extra=f"{named} --quota-threshold 2 {extra}")
        said = workflow.Desk(self.people.oem.folder).provcard(words)
        self.house.give(self.package)
        self.house.provcard("load package.ppkg")
        return said

    def start(self, member, name, previous, what):
        """One member makes a grant at its own desk."""
        path = self.house.folder / name
        member.desk.provcard(f"grant --previous {previous} {what} {member.words} --output {path}")
        return path

    def join(self, member, path, name, expected=0):
        """Another adds its signatures."""
        to = self.house.folder / name
        member.desk.provcard(f"sign {path} {member.words} --package {self.package} --output {to}", expected=expected)
        return to

    def grant(self, name, previous, what, first=0, second=1):
        """By two of the three."""
        path = self.start(self.members[first], f"one-{name}", previous, what)
        return self.join(self.members[second], path, name)

    def allocate(self, count):
        """An operator releases units."""
        return self.house.provcard(f"allocate --count {count} {checks.signed(self.people)}")

    def job(self):
        """The job as the card has it."""
        found, = self.bench.json("jobs")["jobs"]
        return found


@pytest.fixture(name="quota")
def package_without_grants(house, people, members, tmp_path):
    """See Quota."""
    return Quota(house, people, members, tmp_path)


def test_members_grant(quota, people, members, tmp_path):
    """Nothing before the first grant; one member is too few; two of three are enough; the OEM counts for nothing."""
    assert quota.job()["quota_threshold"] == 2 and quota.job()["grant_sequence"] == 0
    checks.refused(quota.house, f"allocate --count 1 {checks.signed(people)}", "GRANT_MISSING")
    alone = quota.start(members[0], "alone.pgrant", quota.package, "--count 2 --scrap 1")
    half = quota.house.folder / "half.pgrant"
    bob = members[1].signer
    members[1].desk.provcard(f"sign {alone} --key {bob.pq_key} --cert {bob.pq_certificate} --output {half}")
    oems = quota.house.folder / "oems.pgrant"
    quota.members[0].desk.provcard(f"grant --previous {quota.package} --count 9 {signing(people.oem)} --output {oems}")
    both = quota.house.folder / "both.pgrant"
    members[0].desk.provcard(f"sign {oems} {members[0].words} --output {both}")
    with checks.unchanged(quota.bench):
        for name, refusal in (("alone", "GRANT_APPROVALS"), ("half", "GRANT_APPROVALS"), ("oems", "GRANT_AUTHORITY"),
                              ("both", "GRANT_AUTHORITY")):
            checks.refused(quota.house, f"load {name}.pgrant", refusal)
    first = quota.join(members[2], alone, "first.pgrant")
    assert "2 good and 1 scrap granted in all" in quota.house.provcard("load first.pgrant")
    assert quota.job()["grant_sequence"] == 1
    quota.allocate(2)
    quota.bench.insert(0)
    quota.house.provcard("run --heads 0")
    second = quota.grant("second.pgrant", first, "--count 3", 1, 2)
    quota.house.provcard(f"load {second.name}")
    quota.bench.card.power_cut()
    quota.bench.card.power_on()
    assert (quota.job()["granted"], quota.job()["grant_sequence"]) == (3, 2)
    delivery = checks.deliver(quota.bench, people, "delivery")
    words = f"verify {delivery} --maker-ca {people.maker.anchors}"
    assert "all verified" in quota.bench.oem.provcard(f"{words} --anchor {people.oem.anchors}")
    lines = handover.read(delivery)[1]
    granted = next(line for line in lines if line.get("event") == "granted")
    granted["attachment"] = base64.b64encode(alone.read_bytes()).decode()
    handover.write(delivery, handover.heading_of(delivery), lines)
    checks.refused(quota.bench.oem, words, "ATTACHMENT_MISMATCH", checks.INPUT)
    pki.openssl("cms", "-verify", "-inform", "DER", "-in", first, "-binary", "-purpose", "any", "-CAfile",
                anchors_of(members, tmp_path), "-out", tmp_path / "grant.der")


def anchors_of(members, folder):
    """The roots of all of them."""
    path = folder / "anchors.pem"
    path.write_text("".join(member.signer.anchors.read_text() for member in members))
    return path


def test_order_and_replay(quota, members):
    """A gap, a fork and what follows it; the same grant again, by whomever it is signed."""
    first = quota.grant("first.pgrant", quota.package, "--count 4")
    second = quota.grant("second.pgrant", first, "--count 5")
    fork = quota.grant("fork.pgrant", quota.package, "--count 9")
    with checks.unchanged(quota.bench):
        checks.refused(quota.house, "load second.pgrant", "GRANT_SEQUENCE")
    quota.house.provcard("load first.pgrant")
    all_three = quota.join(members[2], first, "all-three.pgrant")
    records = len(quota.bench.json("log")["records"])
    for path in (first, all_three):
        quota.house.provcard(f"load {path.name}")
    assert len(quota.bench.json("log")["records"]) == records
    with checks.unchanged(quota.bench):
        checks.refused(quota.house, f"load {fork.name}", "GRANT_SEQUENCE")
    quota.house.provcard(f"load {second.name}")
    assert quota.job()["granted"] == 5


def test_termination(quota, people):
    """By the authority too, whatever its window; the OEM gets its end certificate; once more is once."""
    first = quota.grant("first.pgrant", quota.package, "--count 3")
    quota.house.provcard("load first.pgrant")
    quota.allocate(2)
    quota.bench.insert(0)
    quota.house.provcard("run --heads 0")
    end = quota.grant("end.pgrant", first, "--termination --not-before 2120-01-01", 2, 1)
    assert "the job is ended by" in quota.house.provcard(f"load {end.name}")
    quota.bench.insert(0)
    checks.refused(quota.house, "run --heads 0", "JOB_CLOSED")
    records = len(quota.bench.json("log")["records"])
    assert "the job is ended by" in quota.house.provcard(f"load {end.name}")
    assert len(quota.bench.json("log")["records"]) == records
    checks.deliver(quota.bench, people, "delivery")


def test_nobody_signs_twice(quota, members):
    """Nor what was altered, nor what is no grant."""
    alone = quota.start(members[0], "alone.pgrant", quota.package, "--count 2")
    words = f"{members[0].words} --output {alone}.x"
    checks.refused(members[0].desk, f"sign {alone} {words}", "SIGNED_ALREADY", checks.INPUT)
    broken = bytearray(alone.read_bytes())
    broken[-1] ^= 1
    altered = alone.with_name("altered.pgrant")
    altered.write_bytes(broken)
    words = f"{members[1].words} --output {alone}.x"
    checks.refused(members[1].desk, f"sign {altered} {words}", "MANIFEST_SIGNATURE", checks.INPUT)
    members[1].desk.provcard(f"sign {quota.package} {words}", expected=checks.INPUT)
    members[1].desk.provcard(f"sign {alone} --key {members[1].signer.key} --cert {members[1].signer.certificate} "
                             f"--cert {members[1].signer.pq_certificate} --output {alone}.x", expected=2)
    assert not alone.with_name("alone.pgrant.x").exists()


def test_verify_before_it_travels(quota, people, members):
    """Members see who has signed and who is missing; `verify --package` is the card's judgement without a card."""
    alone = quota.start(members[0], "alone.pgrant", quota.package, "--count 2")
    desk = members[1].desk
    assert "2 of 3 members must sign; signed by alice" in desk.provcard(f"inspect {alone} --package {quota.package}")
    checks.refused(desk, f"verify {alone} --package {quota.package}", "GRANT_APPROVALS", checks.INPUT)
    both = quota.join(members[1], alone, "both.pgrant")
    assert "signed as its package demands" in desk.provcard(f"verify {both} --package {quota.package}")
    desk.provcard(f"verify {both} --package {quota.package} --anchor {people.oem.anchors}")
    checks.refused(desk, f"verify {both} --package {quota.package} --anchor {members[0].signer.anchors}", "SIGNER_UNTRUSTED",
                   checks.INPUT)
    other = quota.package.with_name("other.ppkg")
    workflow.pack(quota.house, people, other, count=1)
    checks.refused(desk, f"verify {both} --package {other}", "GRANT_MISSING", checks.INPUT)


def test_inspect(house, people, members, tmp_path):
    """All that a package and a grant say in the clear, in words and in JSON."""
    quota = Quota(house, people, members, tmp_path, "--approvals allocate:operator:2,close:auditor:1 --not-after 2120-01-01")
    desk = members[0].desk
    said = desk.provcard(f"inspect {quota.package}")
    for text in ("2 of 3 members sign each grant", "allocate by 2 operators", "close by 1 auditor", "member    carol: certificate",
                 "P-384 certificate", "ML-DSA-65 certificate", "any time to 2120-01-01T00:00:00Z"):
        assert text in said, said
    package = look(desk, quota.package)
    told = package["package"]
    assert told["approvals"] == [{"operation": "allocate", "role": "operator", "count": 2},
                                 {"operation": "close", "role": "auditor", "count": 1}]
    assert told["quota_authority"]["threshold"] == 2 and not told["grants"] and not told["checked"]
    assert [member["name"] for member in told["quota_authority"]["members"]] == list(NAMES)
    assert told["cards"] == [house.json("status")["status"]["card_id"]]
    assert {signer["key"] for signer in package["signers"]} == {"P-384", "ML-DSA-65"}
    grant = quota.grant("first.pgrant", quota.package, "--count 7 --scrap 2", 0, 2)
    told = look(desk, f"{grant} --package {quota.package}")
    assert (told["grant"]["good"], told["grant"]["scrap"], told["grant"]["sequence"]) == (7, 2, 1)
    assert [member["signed"] for member in told["grant"]["quota_authority"]["members"]] == [True, False, True]
    assert len(told["signers"]) == 4
    job = quota.job()
    assert job["approvals"] == package["package"]["approvals"]
    assert "the OEM demands: allocate by 2 operators, close by 1 auditor" in quota.house.provcard("jobs")


def look(desk, words):
    """What `inspect` says in JSON, which is as its schema demands."""
    code, said = desk.execute(f"-o json inspect {words}", 60)
    assert code == 0, said
    checks.output_schema().validate(json.loads(said))
    return json.loads(said)


def test_approvals(house, people, tmp_path):
    """One operator is not two, whoever signs first; nor does an operator close without the auditor. At one desk or at two."""
    desk, officer = house.house, workflow.signed_by(people.officer)
    others = {}
    for name, role in (("second", "operator"), ("auditor", "auditor")):
        others[name] = pki.Person(tmp_path / "others", name)
        desk.give(others[name].key, others[name].certificate)
        desk.provcard(f"enrol --role {role} --name {name} --certificate {others[name].certificate.name} {officer}")
    workflow.pack(house.house, people, tmp_path / "package.ppkg", count=2,
                  extra="--approvals allocate:operator:2,close:auditor:1")
    house.house.provcard("load package.ppkg")
    with checks.unchanged(house):
        checks.refused(house.house, f"allocate --count 1 {checks.signed(people)}", "APPROVALS_MISSING")
        checks.refused(house.house, f"close --output delivery {checks.signed(people)}", "APPROVALS_MISSING")
    desk.provcard(f"allocate --count 1 {checks.signed(people)} --request-only one.req", expected=None)
    assert "allocate" in desk.provcard("inspect one.req")
    desk.provcard(f"sign one.req {workflow.signed_by(others['second'])} --output two.req")
    assert len(look(desk, "two.req")["signers"]) == 2
    desk.provcard("submit two.req")
    desk.provcard(f"allocate --count 1 {checks.signed(people)} {workflow.signed_by(others['second'])}")
    house.insert(0)
    desk.provcard("run --heads 0")
    checks.refused(desk, f"close --output delivery {checks.signed(people)} {workflow.signed_by(others['second'])}",
                   "APPROVALS_MISSING")
    desk.provcard(f"close --output delivery {checks.signed(people)} {workflow.signed_by(others['auditor'])}")
    assert checks.counts(house) == (1, 0, 0)


@pytest.mark.parametrize("words", [
    "--count 5", "--scrap 1", "--quota-threshold 4", "--quota-threshold 0", "--quota-member {alice}",
    "--quota-member x{alice}", "--approvals allocate:operator", "--approvals allocate:operator:0", "--approvals allocate:operator:17",
    "--approvals zeroise:officer:1", "--approvals allocate:oem:1", "--approvals close:auditor:1,close:auditor:2", "--approvals ,"])
def test_wrong_demands_are_not_packed(house, people, members, tmp_path, words):
    """By the command line's own rules."""
    named = " ".join(f"--quota-member {member.name}={member.bundle}" for member in members)
    words = words.format(alice=members[0].bundle)
    command = workflow.pack_command(house.house, people, tmp_path / "x.ppkg", count=None, extra=f"{named} {words}")
    workflow.Desk(people.oem.folder).provcard(command, expected=2)
    assert not (tmp_path / "x.ppkg").exists()


def test_wrong_members_are_not_packed(house, people, members, tmp_path):
    """One certificate of two, one key under two names; and a package that grants needs a count."""
    desk = workflow.Desk(people.oem.folder)
    half, alice = members[1].signer.certificate, members[0].bundle
    for words, expected in ((f"--quota-member bob={half}", checks.INPUT),
                            (f"--quota-member alice={alice} --quota-member twin={alice}", checks.INPUT), ("", 2)):
        desk.provcard(workflow.pack_command(house.house, people, tmp_path / "x.ppkg", count=None, extra=words), expected=expected)
    assert not (tmp_path / "x.ppkg").exists()


def test_members_expire_by_the_cards_time(house, people, members, tmp_path):
    """A member whose certificates ran out by the card's clock counts no more."""
    quota = Quota(house, people, members, tmp_path)
    quota.grant("first.pgrant", quota.package, "--count 2")
    house.card.power_cut()
    house.card.arguments.append(f"--clock-offset={20 * 365 * 86400}")
    house.card.power_on()
    with checks.unchanged(house):
        checks.refused(house.house, "load first.pgrant", "SIGNER_EXPIRED")


def test_a_window_that_ends(house, people, members, tmp_path):
    """By the card's clock: no unit more, until the next grant gives more time; a grant before its time waits."""
    quota = Quota(house, people, members, tmp_path)
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    first = quota.grant("first.pgrant", quota.package, f"--count 3 --not-after {until}")
    house.house.provcard("load first.pgrant")
    quota.allocate(3)
    house.insert(0)
    house.house.provcard("run --heads 0")
    house.card.power_cut()
    house.card.arguments.append(f"--clock-offset={3 * 86400}")
    house.card.power_on()
    house.insert(0)
    early = quota.grant("early.pgrant", first, "--not-before 2119-01-01 --not-after 2120-01-01")
    with checks.unchanged(house):
        checks.refused(house.house, "run --heads 0", "GRANT_EXPIRED")
        checks.refused(house.house, f"load {early.name}", "GRANT_NOT_YET_VALID")
    second = quota.grant("second.pgrant", first, "--not-after 2120-01-01")
    house.house.provcard(f"load {second.name}")
    house.house.provcard("run --heads 0")
    assert checks.counts(house) == (2, 0, 0) and quota.job()["not_after"] == "2120-01-01T00:00:00Z"
