# SPDX-License-Identifier: GPL-2.0-or-later
"""Suite 2, CNSA 2.0, through the tool: from `pack --suite cnsa2` to a checked delivery; and many cards in one package."""
import json

import pytest

import checks
from provtest import pki, workflow


@pytest.fixture(name="cnsa")
def card_with_a_package_of_suite_2(house, people, tmp_path):
    """As packed, in suite 2."""
    house.package = workflow.pack(house.house, people, tmp_path / "package.ppkg", count=2, suite=2)
    return house


def test_from_package_to_delivery(cnsa, people):
    """Load, allocate, run, a grant more, close, verify; stock openssl finds the one signature good."""
    house, oem = cnsa.house, people.oem
    desk = workflow.Desk(oem.folder)
    report = json.loads(desk.execute(f"-o json verify {cnsa.package} --anchor {oem.anchors}", 60)[1])
    checks.output_schema().validate(report)
    assert (report["package"]["suite"], report["package"]["trusted"]) == (2, True)
    house.provcard("load package.ppkg")
    desk.provcard(f"grant --previous {cnsa.package} --count 4 {workflow.oem_signs(oem, 2)} --output {house.folder / 'more.pgrant'}")
    assert "grant verified" in desk.provcard(f"verify {house.folder / 'more.pgrant'} --anchor {oem.anchors}")
    pki.openssl("cms", "-verify", "-inform", "DER", "-in", house.folder / "more.pgrant", "-binary", "-purpose", "any", "-CAfile",
                oem.pq_87_root.certificate, "-out", cnsa.folder / "grant.der")
    house.provcard("load more.pgrant")
    house.provcard(f"allocate --count 4 {checks.signed(people)}")
    for head in range(4):
        cnsa.insert(head)
    assert cnsa.json("run")["summary"]["good"] == 4
    house.provcard(f"close --output delivery {checks.signed(people)}")
    assert "all verified" in desk.provcard(f"verify {house.folder / 'delivery'} --maker-ca {people.maker.anchors} "
                                           f"--device-ca {oem.device_root.certificate}")


def test_a_grant_keeps_the_suite(cnsa, people):
    """The tool asks for the suite's keys; what it can be made to write, the card refuses."""
    house, desk = cnsa.house, workflow.Desk(people.oem.folder)
    house.provcard("load package.ppkg")
    words = f"grant --previous {cnsa.package} --count 4 --output {house.folder / 'more.pgrant'}"
    checks.refused(desk, f"{words} {workflow.oem_signs(people.oem, 1)}", "MANIFEST_SIGNER_MISSING", checks.INPUT)
    weak = workflow.oem_signs(people.oem, 1).split(" --key ")[1]
    desk.provcard(f"{words} --key {weak}")
    with checks.unchanged(cnsa):
        checks.refused(house, "load more.pgrant", "MANIFEST_SIGNER_MISSING")


def test_pack_wants_the_suites_keys(house, people, tmp_path):
    """Each suite its own, as many as it demands; a word that names no suite is a usage error."""
    desk, oem = workflow.Desk(people.oem.folder), people.oem
    words = workflow.pack_command(house.house, people, tmp_path / "x.ppkg", suite=2)
    for wrong in (workflow.oem_signs(oem, 1), f"--key {oem.pq_key} --cert {oem.pq_certificate}"):
        checks.refused(desk, words.replace(workflow.oem_signs(oem, 2), wrong), "MANIFEST_SIGNER_MISSING", checks.INPUT)
    checks.refused(desk, words.replace("--suite 2", "--suite hybrid"), "MANIFEST_SIGNER_MISSING", checks.INPUT)
    desk.provcard(words.replace("--suite 2", "--suite 3"), expected=2)
    desk.provcard(words.replace("--suite 2", "--suite cnsa2"))


def test_a_maker_below_category_5(house, people, tmp_path):
    """The chain of the card's ML-KEM-1024 certificate must be ML-DSA-87; suite 1 is content with ML-DSA-65."""
    from conftest import Bench
    weak = pki.Maker(tmp_path / "maker")
    weak.pq = pki.Authority(tmp_path / "maker", "weak-pq", pki.POST_QUANTUM, "/O=Card maker/CN=Card maker root (ML-DSA-65)")
    weak.anchors.write_text(weak.classical.certificate.read_text() + weak.pq.certificate.read_text())
    others = workflow.People(weak, people.oem, people.officer, people.operator)
    with Bench(tmp_path / "weak") as bench:
        workflow.initialise(bench.house, others)
        workflow.pack(bench.house, others, tmp_path / "one.ppkg")
        checks.refused(workflow.Desk(people.oem.folder), workflow.pack_command(bench.house, others, tmp_path / "two.ppkg", suite=2),
                       "CARD_CERTIFICATE", checks.INPUT)


def test_a_root_of_the_other_family(house, people, tmp_path):
    """An ML-DSA signer below a P-384 root: whoever breaks ECDSA would hold both signatures of a hybrid package."""
    oem = pki.Oem(tmp_path / "crossed", "Crossed")
    subject = "/O=Crossed/CN=Crossed package signer"
    oem.pq_key, oem.pq_certificate = oem.classical_root.issue("crossed-pq", subject, pki.POST_QUANTUM)
    workflow.enrol_oem(house.house, people, oem)
    workflow.pack(house.house, people, tmp_path / "crossed.ppkg", oem=oem)
    with checks.unchanged(house):
        checks.refused(house.house, "load crossed.ppkg", "SIGNER_UNTRUSTED")


@pytest.mark.parametrize("suite", [1, 2])
def test_two_cards_and_a_third(house, people, tmp_path, suite):
    """One package, each card its grant; a card that is not named is refused."""
    from conftest import Bench
    with Bench(tmp_path / "second") as second, Bench(tmp_path / "third") as third:
        for other in (second, third):
            workflow.initialise(other.house, people)
        issuers = []
        for number, bench in enumerate((house, second)):
            bench.house.provcard("cert --output certs.pem")
            bench.house.provcard(f"csr --issuer '{people.oem.name}' --output issuer.csr")
            issuer = people.oem.certify_issuer((bench.house.folder / "issuer.csr").read_text(), tmp_path / f"issuer-{number}.pem")
            issuers.append(f"--card-certs {bench.house.folder / 'certs.pem'} --issuer {issuer}")
        workflow.write_configuration(people.oem.folder)
        workflow.Desk(people.oem.folder).provcard(
            f"pack --rot rot-configuration.json --product two {' '.join(issuers)} --maker-ca {people.maker.anchors} --count 7 "
            f"--issuer-chain {people.oem.device_root.certificate} --suite {suite} {workflow.oem_signs(people.oem, suite)} "
            f"--output {tmp_path / 'two.ppkg'}")
        for bench in (house, second, third):
            bench.house.give(tmp_path / "two.ppkg")
        for bench in (house, second):
            bench.house.provcard("load two.ppkg")
            assert bench.json("jobs")["jobs"][0]["granted"] == 7
        checks.refused(third.house, "load two.ppkg", "NOT_A_RECIPIENT")
