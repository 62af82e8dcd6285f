# SPDX-License-Identifier: GPL-2.0-or-later
"""A hand-over in the forms of others, each read by someone who has never heard of provcard."""
import base64
import csv
import hashlib
import io
import json
import shutil

import pytest
from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import checks
from provtest import handover, pki, workflow


def export(people, delivery, output, form, extra="", expected=0):
    """What `provcard export` says."""
    return workflow.Desk(output.parent).provcard(
        f"export {delivery} --as {form} --maker-ca {people.maker.anchors} --device-ca {people.oem.device_root.certificate} "
        f"--output {output} {extra}", expected=expected)


def certificates(delivery):
    """UID and certificate of each good device."""
    return {uid: x509.load_der_x509_certificate(data) for uid, data in handover.certificates(delivery).items()}


def der(certificate):
    """Its bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def test_pem(people, delivery, tmp_path):
    """Every device, then what is above them; openssl reads it as one bundle and verifies each by its end."""
    assert "5 devices written" in export(people, delivery, tmp_path / "all.pem", "pem")
    found = x509.load_pem_x509_certificates((tmp_path / "all.pem").read_bytes())
    assert {der(one) for one in found[:5]} == {der(one) for one in certificates(delivery).values()}
    chain = x509.load_pem_x509_certificates((delivery / "ca.pem").read_bytes())
    assert found[5:] == chain
    listed = pki.openssl("storeutl", "-noout", "-certs", tmp_path / "all.pem").decode()
    assert f"Total found: {5 + len(chain)}" in listed
    for one in found[:5]:
        (tmp_path / "one.pem").write_bytes(one.public_bytes(serialization.Encoding.PEM))
        pki.openssl("verify", "-x509_strict", "-CAfile", people.oem.device_root.certificate, "-untrusted", tmp_path / "all.pem",
                    tmp_path / "one.pem")


def check_attempts(rows, delivery):
    """Five good devices as their certificates say, and the refused attempt."""
    known = certificates(delivery)
    good = [row for row in rows if row["state"] == "good"]
    assert sorted(row["uid"] for row in good) == sorted(known) and len(rows) == 6
    for row in good:
        certificate = known[row["uid"]]
        assert int(row["serial"], 16) == certificate.serial_number
        assert row["not_before"] == certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert not row.get("code") and row["time"].endswith("Z")
    refused, = [row for row in rows if row["state"] == "refused"]
    assert refused["code"] in checks.REFUSALS and not refused.get("serial")


def test_csv(people, delivery, tmp_path):
    """A line per attempt."""
    export(people, delivery, tmp_path / "all.csv", "csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    check_attempts(rows, delivery)
    known = certificates(delivery)
    assert all(row["sha256"] == hashlib.sha256(der(known[row["uid"]])).hexdigest() for row in rows if row["state"] == "good")


def test_json(people, delivery, tmp_path):
    """The same, with the certificates."""
    export(people, delivery, tmp_path / "all.json", "json")
    said = json.loads((tmp_path / "all.json").read_text())
    check_attempts(said["units"], delivery)
    assert said["schema_version"] == 1 and said["job"] == handover.heading_of(delivery)["job"]
    known = certificates(delivery)
    for unit in said["units"]:
        if unit["state"] == "good":
            assert base64.b64decode(unit["certificate"], validate=True) == der(known[unit["uid"]])


def from_url(text):
    """Base64url without padding; anything else is an error."""
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_jws(entry, certificate, algorithm):
    """RFC 7515 and RFC 7518, by python3-cryptography; the payload."""
    header = json.loads(from_url(entry["protected"]))
    assert header["alg"] == algorithm
    assert from_url(header["x5t#S256"]) == hashlib.sha256(der(certificate)).digest()
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert from_url(header["kid"]) == key_id
    signature, size = from_url(entry["signature"]), {"ES256": 32, "ES384": 48}[algorithm]
    assert len(signature) == 2 * size
    both = utils.encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
    certificate.public_key().verify(both, f"{entry['protected']}.{entry['payload']}".encode(),
                                    ec.ECDSA(hashes.SHA256() if size == 32 else hashes.SHA384()))
    return json.loads(from_url(entry["payload"]))


@pytest.mark.parametrize("curve, algorithm", [("P-256", "ES256"), ("P-384", "ES384")])
def test_jws(people, delivery, tmp_path, curve, algorithm):
    """The signed manifest: each entry's signature, names, key and chain; a changed entry fails."""
    authority = pki.Authority(tmp_path / "house", "house-root")
    key, path = authority.issue("manifest", "/O=Programming house/CN=manifest", f"EC:{curve}")
    export(people, delivery, tmp_path / "manifest.json", "jws", f"--key {key} --cert {path}")
    signer, known = x509.load_pem_x509_certificate(path.read_bytes()), certificates(delivery)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    assert sorted(entry["header"]["uniqueId"] for entry in entries) == sorted(known)
    for entry in entries:
        element = check_jws(entry, signer, algorithm)
        certificate, (jwk,) = known[element["uniqueId"]], element["publicKeySet"]["keys"]
        assert entry["header"] == {"uniqueId": element["uniqueId"]} and set(entry) == {"payload", "protected", "header", "signature"}
        numbers = certificate.public_key().public_numbers()
        assert (jwk["kty"], jwk["crv"]) == ("EC", "P-256")
        assert (from_url(jwk["x"]), from_url(jwk["y"])) == (numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
        chain = [x509.load_der_x509_certificate(base64.b64decode(text, validate=True)) for text in jwk["x5c"]]
        assert chain[0] == certificate and len(chain) == 2
        certificate.verify_directly_issued_by(chain[1])
        assert element["provisioner"] == {"organizationName": "Programming house"} and element["partNumber"] == "nRF52840"
    entries[0]["payload"] = entries[1]["payload"]
    with pytest.raises(exceptions.InvalidSignature):
        check_jws(entries[0], signer, algorithm)


def test_nothing_of_a_bad_delivery(people, delivery, tmp_path):
    """A hand-over with a flaw at its very end leaves no file, and another OEM's is not taken."""
    bad = shutil.copytree(delivery, tmp_path / "bad")
    handover.rewrite(bad, lambda lines: lines.pop())
    for form in ("pem", "certs", "csv", "json"):
        assert "RECORD_MISSING" in export(people, bad, tmp_path / "out", form, expected=checks.INPUT)
    shutil.copy(people.maker.classical.certificate, tmp_path / "other.pem")
    words = f"export {delivery} --as pem --maker-ca {people.maker.anchors} --device-ca {tmp_path}/other.pem --output {tmp_path}/out"
    checks.refused(workflow.Desk(tmp_path), words, "DEVICE_CERTIFICATE", checks.INPUT)
    assert not list(tmp_path.glob("out*"))


def test_refused_options(people, delivery, tmp_path):
    """A form that is not there; a manifest without a key, or with one that JWS has no name for."""
    export(people, delivery, tmp_path / "out", "xml", expected=2)
    export(people, delivery, tmp_path / "out", "jws", expected=2)
    pq = f"--key {people.oem.pq_key} --cert {people.oem.pq_certificate}"
    assert "CERTIFICATE_UNUSABLE" in export(people, delivery, tmp_path / "out", "jws", pq, expected=checks.INPUT)
    assert not list(tmp_path.glob("out*"))
