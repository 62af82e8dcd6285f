# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence read by strangers: stock openssl, and a second verifier that shares no code with ours."""
import os
import subprocess
import types

import pytest
from asn1crypto import core

from provtest import pki, workflow
from conftest import Floor
from verifier import Refused, asn1, tree
from verifier.card import Card
from verifier.certificate import read_pem
from verifier.evidence import Evidence
from verifier.signed import read_signed


@pytest.fixture(name="said", scope="module")
def what_a_card_said(people, tmp_path_factory):
    """Evidence in service and in maintenance, the card's bundle, and the requests that its log kept."""
    floor = Floor(tmp_path_factory.mktemp("said"))
    floor.card.power_on()
    try:
        workflow.initialise(floor.house, people)
        workflow.pack(floor.house, people, floor.folder / "package.ppkg", count=3)
        authority = pki.Person(floor.folder / "people", "tick")
        by = workflow.signed_by(people.officer)
        floor.house.provcard(f"enrol --role time --name tick --certificate {authority.certificate} {by}")
        floor.house.provcard(f"time --set now --key {authority.key} --cert {authority.certificate}")
        nonce = os.urandom(32)
        floor.house.provcard(f"evidence --nonce {nonce.hex()} --output evidence.p7m")
        floor.house.provcard(f"state maintenance {by}")
        floor.house.provcard(f"evidence --nonce {nonce.hex()} --output maintenance.p7m")
        house = floor.house.folder
        return types.SimpleNamespace(nonce=nonce, evidence=house / "evidence.p7m", maintenance=house / "maintenance.p7m",
                                     card=Card((house / "card-certs.pem").read_text()),
                                     issuer=read_pem((people.oem.folder / "issuer.pem").read_text())[0])
    finally:
        floor.card.stop()


def test_openssl_verifies_it(said, people, tmp_path):
    """`openssl cms -verify` with the card maker's anchors opens it; without them it does not."""
    words = ["openssl", "cms", "-verify", "-inform", "DER", "-in", said.evidence, "-binary", "-purpose", "any", "-out",
             tmp_path / "evidence.der", "-CAfile"]
    done = subprocess.run([*words, people.maker.anchors], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert asn1.read(asn1.Evidence, (tmp_path / "evidence.der").read_bytes())["nonce"].native == said.nonce
    assert subprocess.run([*words, people.oem.anchors], capture_output=True, timeout=60, check=False).returncode


def test_the_second_verifier_agrees(said):
    """By the card of the bundle, for the nonce, of a card in service that holds the keys."""
    evidence = Evidence(said.evidence.read_bytes(), said.card, said.nonce)
    evidence.check_for_packing(said.issuer)
    fields = evidence.fields
    assert fields["authenticated"] and fields["counters"]["good"] == 0 and fields["counters"]["log_size"] > 5
    assert [key["algorithm"] for key in fields["keys"]][:5] == ["P-384", "ML-DSA-87", "P-384", "ML-KEM-768", "ML-KEM-1024"]
    for role, certificate in zip((1, 2), said.card.identities):
        assert evidence.holds(role, certificate)


def test_the_second_verifier_refuses(said):
    """Another nonce, another state, another issuing key, a bit anywhere in content or signatures."""
    data = said.evidence.read_bytes()
    with pytest.raises(Refused, match="nonce"):
        Evidence(data, said.card, bytes(32))
    with pytest.raises(Refused, match="in service"):
        Evidence(said.maintenance.read_bytes(), said.card, said.nonce).check_for_packing()
    with pytest.raises(Refused, match="issuing key"):
        Evidence(data, said.card).check_for_packing(said.card.identities[0])
    content = data.index(said.nonce)
    for place in (content, content + 40, len(data) - 3):
        wrong = bytearray(data)
        wrong[place] ^= 1
        with pytest.raises(Refused):
            Evidence(bytes(wrong), said.card)


def test_its_der_is_the_only_one(said):
    """What asn1crypto writes of the same values are the same bytes."""
    content = read_signed(said.evidence.read_bytes(), asn1.CT_EVIDENCE).content
    assert asn1.Evidence.load(content).dump(force=True) == content
    assert core.Sequence.load(content, strict=True).dump() == content
    assert len(tree.sha256(content)) == 32
