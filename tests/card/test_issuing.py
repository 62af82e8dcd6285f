# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose key signs the devices' certificates: the card's own of each kind, or a third party's that came with the package."""
import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import checks
from provtest import handover, pki, workflow

KINDS = {"p256": "EC:P-256", "p384": "EC:P-384", "ml-dsa-65": "ML-DSA-65"}
DEVICES = {"P-256": (32, "prime256v1"), "P-384": (48, "secp384r1"), "Ed25519": (32, "ED25519"), "ML-DSA-44": (32, "ML-DSA-44"),
           "ML-DSA-65": (32, "ML-DSA-65")}
ROOM = 0x2000
TOP = pathlib.Path(__file__).resolve().parents[2]


def devices_of(kind):
    """A configuration for keys of another kind: the sample image answers for P-256 alone, so nobody is asked."""
    def change(configuration):
        configuration["identity"].update(algorithm=kind, certificate_address=hex(checks.KEY - ROOM), certificate_size=ROOM)
        configuration["responder_timeout_us"] = 0
    return change


def issuer_words(bench, people, algorithm):
    """The card's own key of a kind, certified by the OEM: what `provcard pack` gets."""
    bench.house.provcard(f"csr --issuer '{people.oem.name}' --algorithm {algorithm} --output other.csr")
    path = people.oem.certify_issuer((bench.house.folder / "other.csr").read_text(), people.oem.folder / "other.pem")
    return f"--issuer {path}"


def pack_words(bench, people, output, issuer, change):
    """`provcard pack` with another --issuer than the demonstration's."""
    words = workflow.pack_command(bench.house, people, output, count=2, change=change)
    assert " --issuer issuer.pem " in words
    return words.replace(" --issuer issuer.pem ", f" {issuer} ")


def make(bench, people, output, issuer, change):
    """One unit, delivered: (the folder, the part's memory, its UID)."""
    workflow.Desk(people.oem.folder).provcard(pack_words(bench, people, output, issuer, change))
    bench.house.give(output)
    bench.house.provcard(f"load {output.name}")
    job = checks.job_id(bench)
    bench.house.provcard(f"allocate --count 1 --job {job} {checks.signed(people)}")
    uid = bench.insert(0)
    bench.house.provcard(f"run --heads 0 --job {job}")
    flash = bench.parts[0].flash.read_bytes()
    return checks.deliver(bench, people, f"delivery-{output.stem}", f"--job {job}"), flash, uid


def check_by_others(people, delivery, flash, uid, kind, tmp_path):
    """Stock openssl, and the verifier in Python; the part holds the certificate, and the key that goes with it."""
    der = handover.certificates(delivery)[uid]
    length = int.from_bytes(flash[checks.KEY - ROOM:][:4], "little")
    assert flash[checks.KEY - ROOM + 4:][:length] == der
    (tmp_path / "device.der").write_bytes(der)
    pki.openssl("verify", "-x509_strict", "-CAfile", people.oem.device_root.certificate, "-untrusted", delivery / "ca.pem",
                tmp_path / "device.der")
    assert DEVICES[kind][1] in pki.openssl("x509", "-in", tmp_path / "device.der", "-noout", "-text").decode()
    private = flash[checks.KEY:][:DEVICES[kind][0]]
    assert pki.openssl("pkey", "-pubin", "-in", write(tmp_path / "public", pki.openssl(
        "x509", "-in", tmp_path / "device.der", "-noout", "-pubkey")), "-outform", "DER") == public_of(kind, private, tmp_path)
    for path in delivery.rglob("*"):
        assert not path.is_file() or private not in path.read_bytes()
    second_verifier(delivery, people)


def check_exports(people, delivery, uid, kind, tmp_path):
    """Every form has the certificate; the signed manifest has the key as well, in the words of JOSE for its kind."""
    authority = pki.Authority(tmp_path / "house", "house-root")
    key, path = authority.issue("manifest", "/O=Programming house/CN=manifest", "EC:P-256")
    for form in ("pem", "csv", "json", "jws"):
        signer = f"--key {key} --cert {path}" if form == "jws" else ""
        workflow.Desk(tmp_path).provcard(f"export {delivery} --as {form} --maker-ca {people.maker.anchors} --output out.{form} {signer}")
    der = handover.certificates(delivery)[uid]
    assert x509.load_pem_x509_certificates((tmp_path / "out.pem").read_bytes())[0].public_bytes(serialization.Encoding.DER) == der
    assert hashlib.sha256(der).hexdigest() in (tmp_path / "out.csv").read_text()
    unit, = json.loads((tmp_path / "out.json").read_text())["units"]
    assert base64.b64decode(unit["certificate"]) == der
    entry, = json.loads((tmp_path / "out.jws").read_text())
    jwk, = json.loads(from_url(entry["payload"]))["publicKeySet"]["keys"]
    spki = pki.openssl("x509", "-inform", "DER", "-in", tmp_path / "device.der", "-noout", "-pubkey")
    octets = pki.openssl("pkey", "-pubin", "-in", write(tmp_path / "public", spki), "-outform", "DER")
    if kind.startswith("P-"):
        found = (jwk["kty"], jwk["crv"]), from_url(jwk["x"]) + from_url(jwk["y"])
        wanted = ("EC", kind)
    elif kind == "Ed25519":
        found, wanted = ((jwk["kty"], jwk["crv"]), from_url(jwk["x"])), ("OKP", "Ed25519")
    else:
        found, wanted = ((jwk["kty"], jwk["alg"]), from_url(jwk["pub"])), ("AKP", kind)
    assert found[0] == wanted and octets.endswith(found[1]) and len(found[1]) >= 32
    assert base64.b64decode(jwk["x5c"][0]) == der


def from_url(text):
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def second_verifier(delivery, people):
    """tests/interop/verifier, which shares no code with ours."""
    done = subprocess.run([sys.executable, "-m", "verifier", "delivery", delivery, "--anchors", people.maker.anchors, "--device-ca",
                           people.oem.device_root.certificate], cwd=TOP / "tests" / "interop", capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def write(path, data):
    """A file."""
    path.write_bytes(data)
    return path


def public_of(kind, private, tmp_path):
    """The public key of a private one as it lies in the part, by stock openssl (SubjectPublicKeyInfo)."""
    if kind.startswith("P-"):
        curve = {"P-256": "08 2a8648ce3d030107", "P-384": "05 2b81040022"}[kind].split(" ")
        oid = bytes.fromhex("06" + "".join(curve))
        body = bytes.fromhex("020101") + b"\x04" + bytes([len(private)]) + private + b"\xa0" + bytes([len(oid)]) + oid
        key = b"\x30" + bytes([len(body)]) + body
    else:
        number = {"Ed25519": "06032b6570", "ML-DSA-44": "0609608648016503040311", "ML-DSA-65": "0609608648016503040312"}[kind]
        seed = (b"\x04\x20" if kind == "Ed25519" else b"\x80\x20") + private
        inner = b"\x30" + bytes([len(number) // 2]) + bytes.fromhex(number) + b"\x04" + bytes([len(seed)]) + seed
        key = b"\x30" + bytes([len(inner) + 3]) + bytes.fromhex("020100") + inner
    return pki.openssl("pkey", "-inform", "DER", "-in", write(tmp_path / "private", key), "-pubout", "-outform", "DER")


@pytest.mark.parametrize("kind", DEVICES)
def test_every_kind_of_device_key(house, people, tmp_path, kind):
    """Under the card's own key of each kind, each in a job of its own."""
    for algorithm in KINDS:
        issuer = issuer_words(house, people, algorithm)
        delivery, flash, uid = make(house, people, tmp_path / f"{algorithm}.ppkg", issuer, devices_of(kind))
        check_by_others(people, delivery, flash, uid, kind, tmp_path)
        if algorithm == "p256":
            check_exports(people, delivery, uid, kind, tmp_path)
        certificate = x509.load_pem_x509_certificates((delivery / "ca.pem").read_bytes())[0]
        assert certificate.subject.rfc4514_string().startswith("CN=provcard PC0001 issuing")


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_third_partys_key(house, people, tmp_path, algorithm):
    """Its CA's key comes in the package; no request of the card is asked for. The key is nowhere in the clear."""
    key, certificate = people.oem.certify_other_ca(f"line-{algorithm}", KINDS[algorithm])
    words = f"--issuer-key {key} --issuer {certificate}"
    delivery, flash, uid = make(house, people, tmp_path / "third.ppkg", words, devices_of("P-256"))
    check_by_others(people, delivery, flash, uid, "P-256", tmp_path)
    assert (delivery / "ca.pem").read_text().startswith(pem_of(certificate))
    private = secret_of(key, algorithm)
    folders = [house.house.folder, house.card.folder]
    assert not any(private in path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


def secret_of(path, algorithm):
    """Bytes that only the private key has."""
    if algorithm == "ml-dsa-65":
        return pki.openssl("pkey", "-in", path, "-outform", "DER")[-64:]
    numbers = serialization.load_pem_private_key(path.read_bytes(), None).private_numbers()
    return numbers.private_value.to_bytes(-(-numbers.public_numbers.curve.key_size // 8), "big")


def pem_of(path):
    """As stock openssl writes it, without text before it."""
    return pki.openssl("x509", "-in", path).decode()


def test_a_third_partys_key_for_two_cards(house, people, tmp_path, bench_factory):
    """One certificate, whatever the number of cards."""
    with bench_factory(tmp_path / "second") as second:
        workflow.initialise(second.house, people)
        second.house.provcard("cert --output second.pem")
        shutil.copy(second.house.folder / "second.pem", people.oem.folder)
        key, certificate = people.oem.certify_other_ca("line-shared")
        words = pack_words(house, people, tmp_path / "both.ppkg", f"--issuer-key {key} --issuer {certificate}", devices_of("P-256"))
        workflow.Desk(people.oem.folder).provcard(words + " --card-certs second.pem")
        for bench in (house, second):
            bench.house.give(tmp_path / "both.ppkg")
            bench.house.provcard("load both.ppkg")
            bench.house.provcard(f"allocate --count 1 {checks.signed(people)}")
            bench.insert(0)
            bench.house.provcard("run --heads 0")
            assert checks.counts(bench) == (1, 0, 0)


@pytest.mark.parametrize("kind, name", [
    ("RSA", "ISSUING_KEY"), ("EC:P-521", "ISSUING_KEY"), ("ED25519", "ISSUING_KEY"), ("ML-DSA-87", "ISSUING_KEY")])
def test_kinds_that_do_not_issue(house, people, tmp_path, kind, name):
    """Refused before anything is packed."""
    key, certificate = people.oem.certify_other_ca(f"line-{kind.replace(':', '-')}", kind)
    words = pack_words(house, people, tmp_path / "out.ppkg", f"--issuer-key {key} --issuer {certificate}", devices_of("P-256"))
    checks.refused(workflow.Desk(people.oem.folder), words, name, checks.INPUT)
    assert not list(tmp_path.glob("out*"))


def test_key_and_certificate_must_fit(house, people, tmp_path):
    """Another CA's certificate, one that may not issue, two for one key, and a key for nothing."""
    desk = workflow.Desk(people.oem.folder)
    key, certificate = people.oem.certify_other_ca("line-one")
    _, other = people.oem.certify_other_ca("line-two")
    leaf_key, leaf = people.oem.device_root.issue("leaf", "/CN=leaf", "EC:P-256")
    for words in (f"--issuer-key {key} --issuer {other}", f"--issuer-key {leaf_key} --issuer {leaf}",
                  f"--issuer-key {key} --issuer {certificate} --issuer {other}", f"--issuer-key {key}"):
        checks.refused(desk, pack_words(house, people, tmp_path / "out.ppkg", words, devices_of("P-256")), "ISSUER_MISMATCH", checks.INPUT)

    def no_identity(configuration):
        del configuration["identity"]
        configuration["responder_timeout_us"] = 0

    words = pack_words(house, people, tmp_path / "out.ppkg", f"--issuer-key {key} --issuer {certificate}", no_identity)
    checks.refused(desk, words, "ISSUER_MISMATCH", checks.INPUT)


def test_requests_of_the_card(house, people):
    """One for each kind; another kind is no choice, and goes with an OEM alone."""
    texts = {"p256": "prime256v1", "p384": "secp384r1", "ml-dsa-65": "ML-DSA-65"}
    for algorithm, text in texts.items():
        house.house.provcard(f"csr --issuer '{people.oem.name}' --algorithm {algorithm} --output one.csr")
        said = pki.openssl("req", "-in", house.house.folder / "one.csr", "-noout", "-text", "-verify").decode()
        assert text in said and "CA:TRUE, pathlen:0" in said
    house.house.provcard(f"csr --issuer '{people.oem.name}' --algorithm rsa", expected=2)
    house.house.provcard("csr --identity --algorithm p384", expected=2)
    checks.refused(house.house, "csr --issuer nobody --algorithm p384", "NO_SUCH_OBJECT")
    assert json.loads((TOP / "tests" / "demo" / "rot-configuration.json").read_text())["identity"]["algorithm"] == "P-256"
