# SPDX-License-Identifier: GPL-2.0-or-later
"""What a job returns to the OEM, opened by the second verifier and, as far as it goes, by stock openssl."""
import base64
import json
import subprocess

import pytest

from provtest import workflow
from verifier import Refused, secrets
from verifier.birth import Birth
from verifier.delivery import Verifier

ADDRESS = 0xFE040


@pytest.fixture(name="returned", scope="module")
def returned_job(people, floor_factory, tmp_path_factory):
    """A delivery with one unit, its part's memory, and the OEM's escrow keys."""
    escrow = people.oem.make_escrow(tmp_path_factory.mktemp("escrow"))

    def change(configuration):
        configuration["lifecycle_keys"] = [{"name": "debug", "address": hex(ADDRESS), "size": 32, "mode": "random"}]

    floor = floor_factory(tmp_path_factory.mktemp("floor"))
    floor.card.power_on()
    try:
        workflow.initialise(floor.house, people)
        extra = " ".join(f"--escrow {certificate}" for _, certificate in escrow)
        workflow.pack(floor.house, people, floor.folder / "package.ppkg", count=1, change=change, extra=extra)
        by = workflow.signed_by(people.operator)
        floor.house.provcard("load package.ppkg")
        floor.house.provcard(f"allocate --count 1 {by}")
        flash = floor.make(0xC0FFEE0000000099)
        floor.house.provcard(f"close --output delivery {by}")
        return floor.house.folder / "delivery", flash.read_bytes(), [key for key, _ in escrow]
    finally:
        floor.card.stop()


def open_all(folder, anchors, kem, agreement):
    """{UID: {name: key}} of a delivery that is right."""
    verifier = Verifier(folder, anchors.maker)
    verifier.check()
    key = verifier.escrow.key(verifier.end["card_id"], verifier.end["package_id"], kem, agreement)
    units = [entry for entry in verifier.delivery.records() if entry.sealed]
    return {entry.record["unit"]["uid"].native.hex(): secrets.open_sealed(key, entry.record["unit"]["uid"].native, entry.sealed)
            for entry in units}


def test_the_second_verifier_opens_them(returned, anchors, people, tmp_path):
    """To what the part holds, and to what our tool says."""
    folder, flash, (agreement, kem) = returned
    found = open_all(folder, anchors, kem, agreement)
    assert found == {"c0ffee0000000099": {"debug": flash[ADDRESS:ADDRESS + 32]}}
    said = json.loads(workflow.Desk(tmp_path).provcard(
        f"secrets {folder} --maker-ca {people.maker.anchors} --key {agreement} --key {kem}"))
    assert said["units"]["c0ffee0000000099"]["debug"] == flash[ADDRESS:ADDRESS + 32].hex()


def test_stock_openssl_opens_the_second_share(returned, anchors, tmp_path):
    """The envelope of the P-384 key is CMS like any other; the other half needs OpenSSL 3.6."""
    folder, _, (agreement, kem) = returned
    verifier = Verifier(folder, anchors.maker)
    verifier.check()
    (tmp_path / "envelope").write_bytes(verifier.escrow.fields["agreement_envelope"].native)
    done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-in", tmp_path / "envelope", "-inkey", agreement,
                           "-recip", agreement.with_suffix(".pem"), "-binary"], capture_output=True, timeout=60, check=True)
    assert len(done.stdout) == 32
    key_id = verifier.escrow.fields["agreement_key_id"].native
    assert done.stdout == verifier.escrow.agreement.share(key_id, agreement)
    assert kem.exists()


def test_other_keys_open_nothing(returned, anchors, people, tmp_path):
    """Of the same kinds."""
    folder, _, (agreement, kem) = returned
    (other_agreement, _), (other_kem, _) = people.oem.make_escrow(tmp_path / "other")
    for pair in ((other_kem, agreement), (kem, other_agreement)):
        with pytest.raises(Refused):
            open_all(folder, anchors, *pair)


@pytest.fixture(name="birth")
def bundle_of_the_unit(returned, people, tmp_path):
    """Exported, and the words that check it."""
    desk, path = workflow.Desk(tmp_path), tmp_path / "birth.json"
    desk.provcard(f"export {returned[0]} --as bundle --maker-ca {people.maker.anchors} --uid c0ffee0000000099 --output {path}")
    return desk, path, f"verify --device {path} --maker-ca {people.maker.anchors}"


def test_a_bundle_carries_them(birth, returned, anchors):
    """They are what the delivery has, checked by both, and still the OEM's alone."""
    desk, path, words = birth
    assert "sealed secrets and certificate are right" in desk.provcard(words)
    assert json.loads(desk.provcard(f"{words} -o json"))["device"]["sealed_secrets"]
    bundle = Birth(path)
    bundle.check(anchors.maker)
    verifier = Verifier(returned[0], anchors.maker)
    verifier.check()
    agreement, kem = returned[2]
    key = verifier.escrow.key(verifier.end["card_id"], verifier.end["package_id"], kem, agreement)
    assert secrets.open_sealed(key, bytes.fromhex("c0ffee0000000099"), bundle.sealed) == {"debug": returned[1][ADDRESS:ADDRESS + 32]}


@pytest.mark.parametrize("place", [None, 0, -1])
def test_altered_ones_in_a_bundle_are_refused(birth, anchors, place):
    """Left out, no SealedSecrets at all, or with another tag; by both."""
    desk, path, words = birth
    bundle = json.loads(path.read_text())
    sealed = bytearray(base64.b64decode(bundle.pop("sealed_secrets")))
    if place is not None:
        sealed[place] ^= 1
        bundle["sealed_secrets"] = base64.b64encode(sealed).decode()
    path.write_text(json.dumps(bundle))
    assert "ATTACHMENT_MISMATCH" in desk.provcard(words, expected=3)
    with pytest.raises(Refused):
        Birth(path).check(anchors.maker)
