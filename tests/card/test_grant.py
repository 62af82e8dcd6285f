# SPDX-License-Identifier: GPL-2.0-or-later
"""Later grants from the OEM's desk to the card: more units, their order, who may sign them, and the end of a job."""
import json
import shutil

import pytest

import checks
from provtest import handover, pki, workflow


class Grants:
    """A job of two units and no scrap on a card, and the OEM's desk that grants more."""

    def __init__(self, bench, people, folder):
        self.bench, self.people, self.house = bench, people, bench.house
        self.desk = workflow.Desk(people.oem.folder)
        self.package = workflow.pack(bench.house, people, folder / "package.ppkg", count=2, scrap=0)
        self.house.provcard("load package.ppkg")
        self.allocate(2)

    def allocate(self, count, expected=0):
        """An operator releases units."""
        return self.house.provcard(f"allocate --count {count} {checks.signed(self.people)}", expected=expected)

    def words(self, name, previous, what, oem=None):
        """The words of `provcard grant`."""
        oem = oem or self.people.oem
        return (f"grant --previous {previous} {what} --key {oem.key} --cert {oem.certificate} --key {oem.pq_key} "
                f"--cert {oem.pq_certificate} --output {self.house.folder / name}")

    def make(self, name, previous, what, oem=None):
        """A grant in the house's folder; its path."""
        self.desk.provcard(self.words(name, previous, what, oem))
        return self.house.folder / name

    def produce(self, count):
        """So many good units."""
        for _ in range(count):
            self.bench.insert(0)
            self.house.provcard("run --heads 0")

    def granted(self):
        """(good, scrap) as the card says."""
        job, = self.bench.json("jobs")["jobs"]
        return job["granted"], job["granted_scrap"]


@pytest.fixture(name="grants")
def job_that_wants_more(house, people, tmp_path):
    """See Grants."""
    return Grants(house, people, tmp_path)


def test_more_units(grants, people):
    """What the first grant does not hold the second does; a repeated one changes nothing; the delivery tells of it."""
    grants.produce(2)
    grants.bench.insert(0)
    checks.refused(grants.house, "run --heads 0", "GRANT_EXHAUSTED")
    checks.refused(grants.house, f"allocate --count 1 {checks.signed(people)}", "ALLOCATION_ABOVE_GRANT")
    second = grants.make("second.pgrant", grants.package, "--count 3 --scrap 1")
    said = grants.house.provcard("load second.pgrant")
    assert "3 good and 1 scrap granted in all, 2 made" in said and grants.granted() == (3, 1)
    grants.allocate(1)
    grants.produce(1)
    with checks.unchanged(grants.bench):
        before = len(grants.bench.json("log")["records"])
        assert "in force" in grants.house.provcard("load second.pgrant")
        assert len(grants.bench.json("log")["records"]) == before
    third = grants.make("third.pgrant", second, "--scrap 2")
    grants.house.provcard(f"load {third.name}")
    assert grants.granted() == (3, 2)
    checks.refused(grants.house, "load second.pgrant", "GRANT_SEQUENCE")
    grants.bench.card.power_cut()
    grants.bench.card.power_on()
    assert grants.granted() == (3, 2)
    delivery = checks.deliver(grants.bench, people, "delivery")
    heading, records = handover.heading_of(delivery), handover.records(delivery)
    assert (heading["granted_good"], heading["granted_scrap"], heading["good"]) == (3, 2, 3)
    assert [record["actor"] for record in records if record["event"] == "granted"] == ["Example Devices"] * 2


def test_who_granted_is_seen_in_the_delivery(grants, people, tmp_path):
    """The OEM by its anchors, and nobody else's; a grant that is left out, or is another's, is missed."""
    grants.produce(1)
    second = grants.make("second.pgrant", grants.package, "--count 3")
    grants.house.provcard(f"load {second.name}")
    delivery = checks.deliver(grants.bench, people, "delivery")
    words, desk = f"verify {delivery} --maker-ca {people.maker.anchors}", grants.bench.oem
    assert "all verified" in desk.provcard(f"{words} --anchor {people.oem.anchors}")
    stranger = pki.Oem(tmp_path / "stranger", "Stranger")
    checks.refused(desk, f"{words} --anchor {stranger.anchors}", "SIGNER_UNTRUSTED", checks.INPUT)
    for event in ("loaded", "granted"):
        altered = shutil.copytree(delivery, tmp_path / event)
        handover.rewrite(altered, lambda lines, event=event: [line.pop("attachment") for line in lines if line.get("event") == event])
        checks.refused(desk, f"verify {altered} --maker-ca {people.maker.anchors}", "ATTACHMENT_MISMATCH", checks.INPUT)


def test_order(grants):
    """A gap, a fork, and a grant that follows something else: GRANT_SEQUENCE, and nothing changes."""
    second = grants.make("second.pgrant", grants.package, "--count 4")
    third = grants.make("third.pgrant", second, "--count 5")
    fork = grants.make("fork.pgrant", grants.package, "--count 9")
    orphan = grants.make("orphan.pgrant", fork, "--count 10")
    with checks.unchanged(grants.bench):
        checks.refused(grants.house, f"load {third.name}", "GRANT_SEQUENCE")
    grants.house.provcard(f"load {second.name}")
    with checks.unchanged(grants.bench):
        checks.refused(grants.house, f"load {fork.name}", "GRANT_SEQUENCE")
        checks.refused(grants.house, f"load {orphan.name}", "GRANT_SEQUENCE")
    grants.house.provcard(f"load {third.name}")
    assert grants.granted() == (5, 0)


def test_signers(grants, people, tmp_path):
    """A stranger's; an enrolled OEM's that is not this job's; one signature; altered bytes."""
    stranger = pki.Oem(tmp_path / "stranger", "Stranger")
    other = pki.Oem(tmp_path / "other", "Other OEM")
    workflow.enrol_oem(grants.house, people, other)
    names = [grants.make(f"{oem.name.split()[0]}.pgrant", grants.package, "--count 9", oem).name for oem in (stranger, other)]
    good = grants.make("good.pgrant", grants.package, "--count 3")
    broken = bytearray(good.read_bytes())
    broken[-1] ^= 1
    (grants.house.folder / "broken.pgrant").write_bytes(broken)
    (grants.house.folder / "longer.pgrant").write_bytes(good.read_bytes() + b"\0")
    with checks.unchanged(grants.bench):
        for name in names:
            checks.refused(grants.house, f"load {name}", "SIGNER_UNTRUSTED")
        checks.refused(grants.house, "load broken.pgrant", "MANIFEST_SIGNATURE", checks.INPUT)
        checks.refused(grants.house, "load longer.pgrant", "TRAILING_DATA", checks.INPUT)
    one = grants.words("one.pgrant", grants.package, "--count 3").replace(
        f"--key {people.oem.pq_key} --cert {people.oem.pq_certificate}", "")
    checks.refused(grants.desk, one, "MANIFEST_SIGNER_MISSING", checks.INPUT)
    checks.refused(grants.desk, f"verify {good} --anchor {stranger.anchors}", "SIGNER_UNTRUSTED", checks.INPUT)
    assert "grant verified" in grants.desk.provcard(f"verify {good} --anchor {people.oem.anchors}")
    pki.openssl("cms", "-verify", "-inform", "DER", "-in", good, "-binary", "-purpose", "any", "-CAfile", people.oem.anchors,
                "-out", tmp_path / "grant.der")


def test_another_card(grants, people, tmp_path):
    """A card takes its own grants alone."""
    from conftest import Bench
    grant = grants.make("second.pgrant", grants.package, "--count 9")
    with Bench(tmp_path / "other") as other:
        workflow.initialise(other.house, people)
        shutil.copy(grant, other.house.folder)
        checks.refused(other.house, "load second.pgrant", "JOB_NOT_LOADED")
        other.house.provcard("cert --output other.pem")
        checks.refused(grants.desk, grants.words("x.pgrant", grants.package, f"--card-certs {other.house.folder}/other.pem"),
                       "NOT_A_RECIPIENT", checks.INPUT)
        checks.refused(grants.desk, grants.words("x.pgrant", grant, f"--card-certs {other.house.folder}/other.pem"),
                       "GRANT_MISSING", checks.INPUT)


def test_terms(grants):
    """Totals only rise; windows are by the card's time and stay unless changed."""
    checks.refused(grants.desk, grants.words("x.pgrant", grants.package, "--count 1"), "GRANT_LOWERED", checks.INPUT)
    assert "totals since" in grants.desk.provcard(grants.words("x.pgrant", grants.package, "--count 1"), expected=checks.INPUT)
    grants.desk.provcard(grants.words("x.pgrant", grants.package, "--not-after tomorrow"), expected=2)
    grants.desk.provcard(grants.words("x.pgrant", grants.package, "--not-before 2030-01-02 --not-after 2030-01-01"), expected=2)
    assert not (grants.house.folder / "x.pgrant").exists()
    for what, name in (("--not-after 2020-01-01", "GRANT_EXPIRED"), ("--not-before 2120-01-01", "GRANT_NOT_YET_VALID")):
        grant = grants.make("window.pgrant", grants.package, what)
        with checks.unchanged(grants.bench):
            checks.refused(grants.house, f"load {grant.name}", name)
    second = grants.make("second.pgrant", grants.package, "--not-after 2120-01-01")
    third = grants.make("third.pgrant", second, "--count 5")
    code, said = grants.desk.execute(f"-o json verify {third}", 60)
    checks.output_schema().validate(json.loads(said))
    grant = json.loads(said)["grant"]
    assert code == 0 and (grant["good"], grant["scrap"], grant["sequence"], grant["not_after"]) == (5, 0, 3, "2120-01-01T00:00:00Z")


def test_termination(grants, people):
    """The OEM ends the job: no unit more, no grant more, and the hand-over as after a closing."""
    grants.produce(1)
    end = grants.make("end.pgrant", grants.package, "--termination")
    assert "the job is ended by" in grants.house.provcard("load end.pgrant")
    grants.bench.insert(0)
    checks.refused(grants.house, "run --heads 0", "JOB_CLOSED")
    checks.refused(grants.desk, grants.words("more.pgrant", end, "--count 9"), "JOB_CLOSED", checks.INPUT)
    more = grants.make("more.pgrant", grants.package, "--count 9")
    checks.refused(grants.house, f"load {more.name}", "JOB_CLOSED")
    delivery = checks.deliver(grants.bench, people, "delivery")
    heading, records = handover.heading_of(delivery), handover.records(delivery)
    assert (heading["granted_good"], heading["good"], heading["unused"]) == (2, 1, 1)
    assert records[-1]["actor"] == "Example Devices"
