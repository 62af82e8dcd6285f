# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's papers before stock tools: openssl as the maker's CA and as judge, GnuTLS, zlint, and signed notes by their text."""
import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest
from asn1crypto import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provtest.processes import program

ROOT = ["-x509", "-days", "3650", "-noenc", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
ISSUERS = {"p256": "1.2.840.10045.4.3.2", "p384": "1.2.840.10045.4.3.3", "mldsa65": "2.16.840.1.101.3.4.3.18"}
KINDS = ("P-256", "P-384", "Ed25519", "ML-DSA-44", "ML-DSA-65")
DEVICES = ([f"device-{issuer}-{size}-P-256" for issuer in ISSUERS for size in (1, 8, 16)] +
           [f"device-{issuer}-8-{kind}" for issuer in ISSUERS for kind in KINDS[1:]])
CLASSICAL = [device for device in DEVICES if "mldsa" not in device and "ML-DSA" not in device]


def run(*words, check=True, **options):
    """One command; what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False, **options)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def root(folder, name, algorithm):
    """A self-signed CA as openssl makes it."""
    run("openssl", "req", *ROOT, "-newkey", *algorithm, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem",
        "-subj", f"/O=Cardmaker/CN={name}")


def certify(folder, request, ca, out, *more):
    """What a maker's or an OEM's CA does with a request: copies the extensions that it asks for."""
    run("openssl", "x509", "-req", "-in", request, "-CA", folder / f"{ca}.pem", "-CAkey", folder / f"{ca}.key", "-days", "365",
        "-copy_extensions", "copyall", "-out", folder / out, *more)


def papers(step, folder):
    """One step of the card."""
    return run(program("card-papers"), step, folder).stdout


@pytest.fixture(name="folder", scope="module")
def all_papers(tmp_path_factory):
    """Everything, from requests to device certificates."""
    folder = tmp_path_factory.mktemp("papers")
    root(folder, "ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"])
    root(folder, "pq", ["ml-dsa-87"])
    root(folder, "oem", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    papers("requests", folder)
    both = re.findall(r"-----BEGIN.*?-----END[^\n]*\n", (folder / "identity.csr").read_text(), re.S)
    for ca, kind, text in zip(("ec", "pq"), ("classical", "pq"), both):
        (folder / f"{kind}.csr").write_text(text)
        certify(folder, folder / f"{kind}.csr", ca, f"identity-{kind}.pem")
    for issuer in ISSUERS:
        certify(folder, folder / f"issuer-{issuer}.csr", "oem", f"issuing-{issuer}.pem")
    papers("certificates", folder)
    papers("devices", folder)
    papers("checkpoint", folder)
    (folder / "anchors.pem").write_text((folder / "ec.pem").read_text() + (folder / "pq.pem").read_text())
    return folder


def test_we_trust_what_a_stock_ca_made(folder):
    """Decoding and both chains, by our own library."""
    assert papers("trust", folder) == "PC-0001\n"


@pytest.mark.parametrize("name,family", [("agreement", "classical"), ("kem-768", "pq"), ("kem-1024", "pq")])
def test_openssl_verifies_the_card(folder, name, family):
    """Encryption certificates and identities, each in its own family."""
    ca = folder / ("ec.pem" if family == "classical" else "pq.pem")
    later = ["-attime", str(2 + int(run("date", "+%s").stdout))]
    run("openssl", "verify", "-x509_strict", *later, "-CAfile", ca, folder / f"identity-{family}.pem")
    run("openssl", "verify", "-x509_strict", *later, "-CAfile", ca, "-untrusted", folder / f"identity-{family}.pem",
        folder / f"{name}.pem")
    other = folder / ("pq.pem" if family == "classical" else "ec.pem")
    assert run("openssl", "verify", *later, "-CAfile", other, "-untrusted", folder / f"identity-{family}.pem",
               folder / f"{name}.pem", check=False).returncode


@pytest.mark.parametrize("device", DEVICES)
def test_openssl_verifies_devices(folder, device):
    """By the strict rules."""
    issuing = folder / f"issuing-{device.split('-')[1]}.pem"
    run("openssl", "verify", "-x509_strict", "-CAfile", folder / "oem.pem", "-untrusted", issuing, folder / f"{device}.pem")


@pytest.mark.parametrize("device", CLASSICAL)
def test_gnutls_verifies_devices(folder, device):
    """The chain, leaf first, root last. GnuTLS 3.8.9 prints ML-DSA certificates and calls good ones bad, so it is not asked."""
    if not shutil.which("certtool"):
        pytest.skip("GnuTLS's certtool is not here")
    chain = folder / f"{device}.chain"
    parts = [f"{device}.pem", f"issuing-{device.split('-')[1]}.pem", "oem.pem"]
    chain.write_text("".join((folder / part).read_text() for part in parts))
    said = run("certtool", "--verify", "--load-ca-certificate", folder / "oem.pem", "--infile", chain).stdout
    assert "Verified. The certificate is trusted." in said


@pytest.mark.parametrize("name", DEVICES + ["agreement", "identity-classical", "issuing-p256", "issuing-mldsa65"])
def test_zlint_finds_nothing(folder, name):
    """Every lint of RFC 5280 passes or does not apply; it looks at everything but a key that it does not know."""
    if not shutil.which("zlint"):
        pytest.skip("zlint is not here")
    lints = json.loads(run("zlint", "-includeSources=RFC5280", folder / f"{name}.pem").stdout)
    assert len(lints) > 50 and sum(lint["result"] == "pass" for lint in lints.values()) > 10
    assert {key: lint for key, lint in lints.items() if lint["result"] not in ("pass", "NA", "NE")} == {}


@pytest.mark.parametrize("device", DEVICES)
def test_openssl_reads_the_key(folder, device):
    """It is what the name says, and encodes to the same SubjectPublicKeyInfo again."""
    names = {"P-256": "prime256v1", "P-384": "secp384r1", "Ed25519": "ED25519"}
    kind = device.split("-", 3)[3]
    public = run("openssl", "x509", "-in", folder / f"{device}.pem", "-noout", "-pubkey").stdout
    said = run("openssl", "pkey", "-pubin", "-noout", "-text", input=public).stdout
    assert names.get(kind, kind) in said


@pytest.mark.parametrize("device", DEVICES)
def test_devices_keep_the_802_1ar_profile(folder, device):
    """A checker of its own, in another language, on another parser."""
    pem = (folder / f"{device}.pem").read_text()
    certificate = x509.Certificate.load(base64.b64decode("".join(pem.splitlines()[1:-1])))
    tbs = certificate["tbs_certificate"]
    size = int(device.split("-")[2])
    subject = tbs["subject"].native
    assert tbs["version"].native == "v3" and 0 < tbs["serial_number"].native < 1 << 159
    assert certificate["signature_algorithm"]["algorithm"].dotted == ISSUERS[device.split("-")[1]]
    assert "parameters" not in certificate["signature_algorithm"] or not certificate["signature_algorithm"]["parameters"].native
    assert list(subject) == ["organization_name", "common_name", "serial_number"]
    assert re.fullmatch(f"[0-9A-F]{{{2 * size}}}", subject["serial_number"])
    assert subject["common_name"] == "sensor-" + subject["serial_number"]
    assert tbs["validity"]["not_after"].contents == b"99991231235959Z"
    extensions = {item["extn_id"].native: item for item in tbs["extensions"]}
    assert [key for key, item in extensions.items() if item["critical"].native] == ["basic_constraints", "key_usage"]
    assert sorted(extensions) == ["authority_key_identifier", "basic_constraints", "key_identifier", "key_usage",
                                  "subject_alt_name"]
    assert extensions["basic_constraints"]["extn_value"].parsed.native == {"ca": False, "path_len_constraint": None}
    assert extensions["key_usage"]["extn_value"].parsed.native == {"digital_signature"}
    name = extensions["subject_alt_name"]["extn_value"].parsed[0]
    assert name.name == "other_name" and name.chosen["type_id"].dotted == "1.3.6.1.5.5.7.8.4"
    module = name.chosen["value"].parsed
    assert module[0].dotted == "2.25.164986415590780601343394135739266742624.9.1"
    assert module[1].native == bytes.fromhex(subject["serial_number"])


def note_signature(folder):
    """(text, name, key id, signature) of each line, by the words of c2sp.org/signed-note."""
    note = (folder / "checkpoint.txt").read_text(encoding="utf-8")
    text, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        dash, name, value = line.split(" ")
        assert dash == "\N{EM DASH}"
        raw = base64.b64decode(value, validate=True)
        yield (text + "\n").encode(), name, raw[:4], raw[4:]


def test_checkpoint_says_what_the_log_is(folder):
    """c2sp.org/tlog-checkpoint: origin, size, root."""
    text = next(note_signature(folder))[0].decode()
    assert text == f"provcard/PC-0001\n12345678901\n{base64.b64encode(bytes([0xa5]) * 32).decode()}\n"


def test_checkpoint_signature_of_type_2(folder):
    """ECDSA with SHA-256; the key id is that of the SubjectPublicKeyInfo."""
    text, name, key_id, signature = list(note_signature(folder))[0]
    key = serialization.load_pem_private_key((folder / "identity-classical.key").read_bytes(), None).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert name == "provcard/PC-0001" and key_id == hashlib.sha256(spki).digest()[:4]
    key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, text + b"x", ec.ECDSA(hashes.SHA256()))


def test_checkpoint_signature_of_type_255(folder):
    """ML-DSA-87 by stock openssl; the key id as recommended, with our identifier."""
    text, name, key_id, signature = list(note_signature(folder))[1]
    spki = subprocess.run(["openssl", "pkey", "-in", folder / "identity-pq.key", "-pubout", "-outform", "DER"],
                          capture_output=True, check=True, timeout=60).stdout
    whole = name.encode() + b"\n\xffprovcard/ML-DSA-87" + spki[-2592:]
    assert key_id == hashlib.sha256(whole).digest()[:4]
    (folder / "note.text").write_bytes(text)
    (folder / "note.signature").write_bytes(signature)
    words = ["openssl", "pkeyutl", "-verify", "-inkey", folder / "identity-pq.key", "-rawin", "-in", folder / "note.text",
             "-sigfile", folder / "note.signature"]
    run(*words)
    (folder / "note.text").write_bytes(text + b"x")
    assert run(*words, check=False).returncode
