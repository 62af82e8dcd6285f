# SPDX-License-Identifier: GPL-2.0-or-later
"""Quota authorities and approvals as a stranger reads them: the manifest, the grants, and a whole job's records."""
import time
import types

import pytest

from conftest import Floor
from provtest import pki, workflow
from verifier import Refused, asn1
from verifier.delivery import Verifier
from verifier.grant import Authority, Grant
from verifier.package import Package


def now():
    """A little later than certificates made just now."""
    return 2 + int(time.time())


@pytest.fixture(name="members", scope="module")
def three_members(tmp_path_factory):
    """Each with two keys."""
    folder = tmp_path_factory.mktemp("members")
    found = [pki.Oem(folder / name, name) for name in ("alice", "bob", "carol")]
    for member in found:
        (member.folder / "both.pem").write_text(member.certificate.read_text() + member.pq_certificate.read_text())
    return found


def sign(member, words):
    """Run a tool's command with a member's keys."""
    workflow.Desk(member.folder).provcard(f"{words} --key {member.key} --cert {member.certificate} --key {member.pq_key} "
                                          f"--cert {member.pq_certificate}")


@pytest.fixture(name="job", scope="module")
def job_by_quota(people, members, tmp_path_factory):
    """One unit made of two granted, then ended by the authority: package, grants, delivery."""
    folder = tmp_path_factory.mktemp("quota")
    floor = Floor(folder)
    floor.card.power_on()
    try:
        workflow.initialise(floor.house, people)
        named = " ".join(f"--quota-member {member.name}={member.folder}/both.pem" for member in members)
        package = workflow.pack(floor.house, people, folder / "package.ppkg", count=None,
                                extra=f"{named} --quota-threshold 2 --approvals allocate:operator:1")
        job = types.SimpleNamespace(package=package, one=folder / "one.pgrant", first=folder / "first.pgrant",
                                    all=folder / "all.pgrant", end=folder / "end.pgrant", delivery=floor.house.folder / "delivery")
        sign(members[0], f"grant --previous {package} --count 2 --scrap 1 --output {job.one}")
        sign(members[1], f"sign {job.one} --output {job.first}")
        sign(members[2], f"sign {job.first} --output {job.all}")
        sign(members[2], f"grant --previous {job.first} --termination --output {folder}/half.pgrant")
        sign(members[1], f"sign {folder}/half.pgrant --output {job.end}")
        floor.house.give(job.first, job.end)
        for name in ("package.ppkg", "first.pgrant"):
            floor.house.provcard(f"load {name}")
        floor.house.provcard(f"allocate --count 1 {workflow.signed_by(people.operator)}")
        floor.make(0xC0FFEE)
        floor.house.provcard("load end.pgrant")
        floor.house.provcard(f"close --output delivery {workflow.signed_by(people.operator)}")
        return job
    finally:
        floor.card.stop()


def test_manifest(job, anchors):
    """Who grants, and what the OEM demands."""
    package = Package(job.package.read_bytes(), anchors.oem, now())
    assert list(package.authority.members) == ["alice", "bob", "carol"] and package.authority.threshold == 2
    assert [dict(item) for item in package.core["approvals"].native] == [{"operation": 3, "role": 2, "count": 1}]
    with pytest.raises(Refused, match="no grant"):
        package.grant(package.manifest["recipients"][0]["card_id"].native)


def test_grants(job, anchors):
    """Two members are enough, one is not; the OEM's rules do not hold for them."""
    authority = Package(job.package.read_bytes(), anchors.oem, now()).authority
    first = Grant(job.first.read_bytes(), authority, now())
    assert first.members == ["alice", "bob"] and first.ceilings == (2, 1)
    assert Grant(job.all.read_bytes(), authority, now()).members == ["alice", "bob", "carol"]
    assert Grant(job.all.read_bytes(), authority, now()).der == first.der
    first.follows(None)
    end = Grant(job.end.read_bytes(), authority, now())
    end.follows(first)
    assert end.members == ["bob", "carol"] and end.fields["termination"]
    with pytest.raises(Refused, match="1 members .* 2 must"):
        Grant(job.one.read_bytes(), authority, now())
    with pytest.raises(Refused, match="0 members"):
        Grant(job.first.read_bytes(), authority, now() + 20 * 365 * 86400)
    with pytest.raises(Refused):
        Grant(job.first.read_bytes())


def test_strangers(job, anchors):
    """Without one of the members in the authority, the signature of that one is a stranger's."""
    authority = Package(job.package.read_bytes(), anchors.oem, now()).authority
    del authority.members["bob"]
    with pytest.raises(Refused, match="not of the quota authority"):
        Grant(job.first.read_bytes(), authority, now())


def test_no_altered_byte(job, anchors):
    """Wherever a byte of a grant is altered."""
    authority, data = Package(job.package.read_bytes(), anchors.oem, now()).authority, job.first.read_bytes()
    for place in range(0, len(data), 1499):
        altered = bytearray(data)
        altered[place] ^= 1
        with pytest.raises(Refused):
            Grant(bytes(altered), authority, now())


def test_records(job, anchors):
    """The records alone say who granted what: the authority with the loading, each grant with its own record."""
    verifier = Verifier(job.delivery, anchors.maker, anchors.device)
    end = verifier.check()
    assert (end["granted_good"], end["granted_scrap"], end["good"], end["unused"]) == (2, 1, 1, 2)
    kept = [entry for entry in verifier.delivery.records() if entry.event in (asn1.LOADED, asn1.GRANTED, asn1.CLOSED)]
    assert [entry.event for entry in kept] == [asn1.LOADED, asn1.GRANTED, asn1.CLOSED]
    assert kept[1].attachment == job.first.read_bytes() and kept[2].attachment == job.end.read_bytes()
    assert list(Authority(asn1.read(asn1.QuotaAuthority, kept[0].attachment)).members) == ["alice", "bob", "carol"]


def test_stock_openssl(job, members, tmp_path):
    """`openssl cms -verify` checks all four signatures; with one member's anchors missing it does not."""
    anchors = tmp_path / "anchors.pem"
    for count in (2, 1):
        anchors.write_text("".join(member.anchors.read_text() for member in members[:count]))
        words = ("cms", "-verify", "-inform", "DER", "-in", job.first, "-binary", "-purpose", "any", "-CAfile", anchors, "-out",
                 tmp_path / "grant.der")
        if count == 2:
            pki.openssl(*words)
            assert asn1.read(asn1.Grant, (tmp_path / "grant.der").read_bytes())["sequence"].native == 1
        else:
            with pytest.raises(RuntimeError):
                pki.openssl(*words)
