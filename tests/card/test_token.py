# SPDX-License-Identifier: GPL-2.0-or-later
"""People whose keys are in PKCS#11 tokens, or in encrypted files."""
import os
import pathlib
import subprocess

import pytest

import checks
from provtest import pki, workflow

MODULE = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "271828"


class Token:
    """A software token on this desk."""

    def __init__(self, folder):
        self.configuration = folder / "softhsm2.conf"
        (folder / "tokens").mkdir()
        self.configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")

    def run(self, *words):
        """One of the token's own tools."""
        subprocess.run(words, env=dict(os.environ, SOFTHSM2_CONF=str(self.configuration)), check=True, capture_output=True, timeout=60)

    def add(self, person, name, number):
        """A key and its certificate into the token; the key's file is gone afterwards."""
        plain, der = person.key.with_suffix(".p8"), person.key.with_suffix(".der")
        pki.openssl("pkcs8", "-topk8", "-nocrypt", "-in", person.key, "-out", plain)
        pki.openssl("x509", "-in", person.certificate, "-outform", "DER", "-out", der)
        self.run("softhsm2-util", "--import", plain, "--token", "desk", "--label", name, "--id", number, "--pin", PIN)
        self.run("pkcs11-tool", "--module", MODULE, "--token-label", "desk", "--login", "--pin", PIN, "--write-object", der,
                 "--type", "cert", "--label", name, "--id", number)
        person.key.unlink()
        plain.unlink()


@pytest.fixture(name="token")
def token_with_keys(tmp_path, monkeypatch):
    """Operators' keys, P-256 and P-384, in a token."""
    if not MODULE.exists():
        pytest.skip("SKIP: there is no SoftHSM")
    token = Token(tmp_path)
    token.run("softhsm2-util", "--init-token", "--free", "--label", "desk", "--pin", PIN, "--so-pin", "31415926")
    token.people = {}
    for number, (name, curve) in enumerate((("small", "EC:P-256"), ("large", "EC:P-384")), 1):
        token.people[name] = pki.Person(tmp_path, name, curve)
        token.add(token.people[name], name, f"0{number}")
    monkeypatch.setenv("SOFTHSM2_CONF", str(token.configuration))
    monkeypatch.setenv("PKCS11_PROVIDER_MODULE", str(MODULE))
    monkeypatch.delenv("PROVCARD_PIN", raising=False)
    return token


@pytest.fixture(name="loaded")
def loaded_house(house, people, token, tmp_path):
    """Both are operators, and there is a job."""
    for person in token.people.values():
        house.house.give(person.certificate)
        house.house.provcard(f"enrol --role operator --name {person.name} --certificate {person.certificate.name} "
                             f"{workflow.signed_by(people.officer)}")
    workflow.pack(house.house, people, tmp_path / "package.ppkg")
    house.house.provcard("load package.ppkg")
    (house.house.folder / "pin").write_text(PIN + "\n")
    return house


def uri(name, token="desk"):
    """A key or certificate of the token."""
    return f"'pkcs11:token={token};object={name}'"


def test_token_signs(loaded, monkeypatch):
    """Allocating and closing by keys that never leave the token: PIN from a file or the environment, certificate from either."""
    for name in ("small", "large"):
        loaded.house.provcard(f"allocate --count 2 --key {uri(name)} --cert {name}.pem --pin-file pin")
    monkeypatch.setenv("PROVCARD_PIN", PIN)
    loaded.house.provcard(f"allocate --count 2 --key {uri('small')} --cert {uri('small')}")
    assert loaded.json("jobs")["jobs"][0]["allocated"] == 6
    loaded.house.provcard(f"close --output delivery --key {uri('large')} --cert {uri('large')}")
    assert [record["actor"] for record in loaded.json("log")["records"] if record["event"] in ("allocated", "closed")] == [
        "small", "large", "small", "large"]


def refused(house, words, *said):
    """Refused on this side of the card, with these words; the PIN is not among them."""
    output = house.house.provcard(words, expected=checks.INPUT)
    assert "what to do: " in output and all(part in output for part in said) and PIN not in output, output


def test_token_refuses(loaded, monkeypatch):
    """Whatever is missing or wrong is said, and what to do."""
    house, wrong = loaded, loaded.house.folder / "wrong"
    wrong.write_text("000000\n")
    start, end = f"allocate --count 1 --key {uri('small')}", "--cert small.pem"
    refused(house, f"{start} {end} --pin-file wrong", "did not accept the PIN", "check the PIN")
    refused(house, f"{start} {end} --pin-file nowhere", "nowhere")
    refused(house, f"allocate --count 1 --key {uri('small', 'other')} {end} --pin-file pin", "no such token", "put the token in")
    refused(house, f"allocate --count 1 --key {uri('other')} {end} --pin-file pin", "no such private key", "compare the names")
    refused(house, f"allocate --count 1 --key 'pkcs11:token=desk;object=small?pin-value=000000' {end}", "seen by everybody", "--pin-file")
    refused(house, f"{start} --cert large.pem --pin-file pin", "CERTIFICATE_UNUSABLE")
    with monkeypatch.context() as without:
        without.setenv("PKCS11_PROVIDER_MODULE", "/nowhere.so")
        refused(house, f"{start} {end} --pin-file pin", "PKCS#11 module cannot be loaded", "PKCS11_PROVIDER_MODULE")
    with monkeypatch.context() as without:
        without.setenv("OPENSSL_MODULES", str(house.house.folder))
        refused(house, f"{start} {end} --pin-file pin", "provider for tokens cannot be loaded", "install the package pkcs11-provider")
    assert house.json("jobs")["jobs"][0]["allocated"] == 0
    house.house.provcard(f"{start} {end} --pin-file pin")


def test_encrypted_file(house, people, tmp_path):
    """A key file with a passphrase, by the same ways."""
    locked = house.house.folder / "locked.key"
    pki.openssl("pkcs8", "-topk8", "-in", people.officer.key, "-out", locked, "-passout", f"pass:{PIN}")
    (house.house.folder / "pin").write_text(PIN)
    (house.house.folder / "wrong").write_text("nonsense")
    words = "policy --officers 1 --failures 5 --key locked.key --cert officer.pem"
    refused(house, f"{words} --pin-file wrong", "no private key can be read", "right password")
    house.house.provcard(f"{words} --pin-file pin")
    assert house.json("status")["status"]["policy"]["failures"] == 5
