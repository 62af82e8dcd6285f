# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock tools on what a whole workflow left; and Documentation/verifying.rst, whose commands are run as they stand there."""
import base64
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import textwrap

import pytest

from provtest import handover
from verifier import asn1, signed
from verifier.card import Card
from verifier.certificate import read_pem
from verifier.envelope import AgreementEnvelope
from verifier.package import Package, sections

PAGE = pathlib.Path(__file__).resolve().parents[2] / "Documentation" / "verifying.rst"
BLOCK = re.compile(r"^\.\. code-block:: (sh|python)\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def run(*words, check=True, **options):
    """One command; what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, timeout=120, check=False, **options)
    assert not check or done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done


# ---- The page ----

def page_script():
    """The page's blocks as one shell script; what is Python goes through check.py."""
    page = PAGE.read_text(encoding="utf-8")
    lines = re.findall("Begin with ``(set [^`]*)``", page)
    assert lines == ["set -e -o pipefail"]
    for language, text in BLOCK.findall(page):
        text = textwrap.dedent(text)
        lines.append(text if language == "sh" else f"cat > check.py << 'CHECK'\n{text}\nCHECK\npython3 check.py\n")
    return "\n".join(lines)


@pytest.fixture(name="desk")
def auditors_desk(delivered, people, tmp_path):
    """What the page says one needs."""
    shutil.copytree(delivered.folder, tmp_path / "delivery")
    shutil.copy(delivered.package, tmp_path / "sensor.ppkg")
    for file, name in ((people.maker.anchors, "maker-anchors.pem"), (people.oem.anchors, "oem-anchors.pem"),
                       (people.oem.device_root.certificate, "device-root.pem"), (people.operator.certificate, "operator.pem")):
        shutil.copy(file, tmp_path / name)
    return tmp_path


def follow_the_page(desk, check=True):
    """Every block in order."""
    return run("bash", "-c", page_script(), cwd=desk, check=check)


def test_the_page_is_true(desk):
    """And the Python block says what the job came to."""
    languages = [language for language, _ in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    assert languages.count("sh") >= 6 and languages.count("python") == 1
    said = follow_the_page(desk).stdout.decode()
    assert "7 granted = 3 good + 1 scrap + 3 unused" in said and "3 certificates" in said
    assert "Verified OK" in said and "Signature Verified Successfully" in said


def rewrite(desk, change):
    """Change the lines of records.jsonl."""
    handover.rewrite(desk / "delivery", change)


def flip(path, place):
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def flip_record(records):
    """A bit in the last record's DER."""
    data = bytearray(base64.b64decode(records[-1]["record"]))
    data[-1] ^= 1
    records[-1]["record"] = base64.b64encode(data).decode()


def flip_run(lines):
    """A bit of what is not shown."""
    lines[0]["subtrees"][0] = f"{int(lines[0]['subtrees'][0], 16) ^ 1:064x}"


def withhold(event):
    """A record is not there."""
    return lambda desk: rewrite(desk, lambda records: records.remove(next(one for one in records if one.get("event") == event)))


def one_signature_less(desk):
    """An end certificate with the P-384 signature alone, as stock openssl accepts it."""
    path = desk / "delivery" / "end-certificate.p7m"
    outer = signed.content_info(signed.SignedData).load(path.read_bytes())
    infos = list(outer["content"]["signer_infos"])
    classical = [info for info in infos if len(info["signature"].native) < 200]
    outer["content"]["signer_infos"] = type(outer["content"]["signer_infos"])(classical)
    path.write_bytes(outer.dump(force=True))
    run("openssl", "cms", "-verify", "-inform", "DER", "-in", path, "-binary", "-purpose", "any", "-CAfile",
        desk / "maker-anchors.pem", "-out", desk / "unused")


def surplus_certificate(desk):
    """One that the card does not answer for, by the right CA."""
    def change(lines):
        good = next(line for line in lines if line.get("event") == "unit-good")
        lines.append({"event": "unit-good", "uid": "00000000000000ff", "certificate": good["certificate"], "count": 0,
                      "subtrees": []})
    rewrite(desk, change)


def flip_certificate(lines):
    """A bit of a good unit's."""
    line = next(line for line in lines if line.get("event") == "unit-good")
    data = bytearray(base64.b64decode(line["certificate"]))
    data[-3] ^= 1
    line["certificate"] = base64.b64encode(data).decode()


def leaves_of(desk):
    """Where they begin in the package."""
    return int.from_bytes((desk / "sensor.ppkg").read_bytes()[32:40], "little")


ALTERATIONS = {
    "a record": (lambda desk: rewrite(desk, flip_record), r"\(size, log_root\)"),
    "a hash of others": (lambda desk: rewrite(desk, flip_run), r"\(size, log_root\)"),
    "a good unit held back": (withhold("unit-good"), r"index == log.size"),
    "a failed attempt held back": (withhold("unit-refused"), r"index == log.size"),
    "the end certificate": (lambda desk: flip(desk / "delivery" / "end-certificate.p7m", 200), "CMS Verification failure"),
    "a signature less": (one_signature_less, "signer-1.pem"),
    "a certificate": (lambda desk: rewrite(desk, flip_certificate), "certs/.*verification failed|load"),
    "a certificate too many": (surplus_certificate, "path.stem"),
    "the checkpoint's size": (lambda desk: flip(desk / "delivery" / "checkpoint.txt", len("provcard/PC0001\n")),
                              "Verification failure"),
    "another maker": (lambda desk: shutil.copy(desk / "oem-anchors.pem", desk / "maker-anchors.pem"),
                      "card-0.pem: verification failed"),
    "another operator": (lambda desk: shutil.copy(desk / "device-root.pem", desk / "operator.pem"), "CMS Verification failure"),
    "the package's payload": (lambda desk: flip(desk / "sensor.ppkg", -5000), "leaves differ"),
    "the package's leaves": (lambda desk: flip(desk / "sensor.ppkg", leaves_of(desk)), "leaves differ"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_page_finds_alterations(name, desk):
    """Whoever follows it stops at the command that tells."""
    change, reason = ALTERATIONS[name]
    change(desk)
    done = follow_the_page(desk, check=False)
    assert done.returncode != 0 and re.search(reason, (done.stdout + done.stderr).decode()), (done.stdout + done.stderr).decode()


# ---- CMS and DER ----

def test_openssl_opens_the_second_share(package, open_cards, anchors, people, tmp_path):
    """`openssl cms -decrypt` and our own reading of the P-384 envelope come to the same share, for each card."""
    found = Package(package.read_bytes(), anchors.oem, 2 + int(run("date", "+%s").stdout))
    envelope = tmp_path / "agreement.p7m"
    envelope.write_bytes(found.manifest["agreement_envelope"].native)
    shares = set()
    for card in open_cards:
        own = Card(card.certificates.read_text())
        (tmp_path / "recipient.pem").write_bytes(own.encryption[0].pem)
        run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", envelope, "-binary", "-inkey", card.agreement_key, "-recip",
            tmp_path / "recipient.pem", "-out", tmp_path / "share")
        key_id = found.recipient(own.card_id)["agreement_key_id"].native
        shares.add((tmp_path / "share").read_bytes())
        assert shares == {AgreementEnvelope(envelope.read_bytes()).share(key_id, card.agreement_key)}
    wrong = run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", envelope, "-binary", "-inkey", people.oem.key, "-out",
                tmp_path / "share", check=False)
    assert wrong.returncode


@pytest.mark.parametrize("suite", [1, 2])
def test_openssl_verifies_manifests(suite, package, package_2, people, tmp_path):
    """Of both suites, with the suite's roots and not without one of them."""
    oem = people.oem
    roots = {1: [oem.classical_root, oem.pq_root], 2: [oem.pq_87_root]}[suite]
    (tmp_path / "manifest.p7m").write_bytes(sections((package if suite == 1 else package_2).read_bytes())[0])

    def verify(anchors):
        (tmp_path / "anchors.pem").write_text("".join(root.certificate.read_text() for root in anchors))
        return run("openssl", "cms", "-verify", "-inform", "DER", "-in", tmp_path / "manifest.p7m", "-binary", "-purpose", "any",
                   "-CAfile", tmp_path / "anchors.pem", "-signer", tmp_path / "signers.pem", "-out", tmp_path / "manifest.der",
                   check=False).returncode == 0

    assert verify(roots)
    assert (tmp_path / "signers.pem").read_text().count("BEGIN CERTIFICATE") == len(roots)
    assert asn1.read(asn1.Manifest, (tmp_path / "manifest.der").read_bytes())["core"]["suite"].native == suite
    assert not verify(roots[1:] or [oem.pq_root])


def test_openssl_verifies_a_later_grant(delivered, people, tmp_path):
    """`openssl cms -verify`, with the OEM's anchors and no others."""
    words = ["openssl", "cms", "-verify", "-inform", "DER", "-in", delivered.grant, "-binary", "-purpose", "any", "-out",
             tmp_path / "grant.der", "-CAfile"]
    run(*words, people.oem.anchors)
    assert asn1.read(asn1.Grant, (tmp_path / "grant.der").read_bytes())["sequence"].native == 2
    assert run(*words, people.maker.anchors, check=False).returncode


def test_openssl_reads_every_structure(desk):
    """asn1parse finds no error in anything that the page took out, and in every record and attachment."""
    follow_the_page(desk)
    files = [desk / name for name in ("manifest.p7m", "manifest.der", "end.der", "delivery/end-certificate.p7m", "request.der")]
    for number, entry in enumerate(handover.records(desk / "delivery")):
        for kind in ("record", "attachment", "certificate"):
            if entry.get(kind):
                files.append(desk / f"{kind}-{number}")
                files[-1].write_bytes(base64.b64decode(entry[kind]))
    assert len(files) > 12
    for file in files:
        assert "Error" not in run("openssl", "asn1parse", "-inform", "DER", "-in", file).stderr.decode()


# ---- Certificates ----

def delivered_certificates(delivered):
    """Of every device, good or not."""
    return [ssl.DER_cert_to_PEM_cert(certificate) for event in ("unit-good", "unit-scrap", "unit-refused")
            for certificate in handover.certificates(delivered.folder, event).values()]


def test_gnutls_verifies_what_was_delivered(delivered, people, tmp_path):
    """Leaf first, root last."""
    if not shutil.which("certtool"):
        pytest.skip("GnuTLS's certtool is not here")
    for certificate in delivered_certificates(delivered):
        (tmp_path / "chain").write_text(certificate + (delivered.folder / "ca.pem").read_text())
        said = run("certtool", "--verify", "--load-ca-certificate", people.oem.device_root.certificate, "--infile",
                   tmp_path / "chain").stdout.decode()
        assert "Verified. The certificate is trusted." in said
    assert run("certtool", "--verify", "--load-ca-certificate", people.oem.classical_root.certificate, "--infile",
               tmp_path / "chain", check=False).returncode


def test_gnutls_verifies_the_card(delivered, people, tmp_path):
    """The chain of elliptic curves; GnuTLS of Debian 13 prints ML-DSA certificates but calls good chains of them invalid."""
    if not shutil.which("certtool"):
        pytest.skip("GnuTLS's certtool is not here")
    card = Card((delivered.folder / "card-certs.pem").read_text())
    root = people.maker.classical.certificate
    (tmp_path / "chain").write_bytes(card.encryption[0].pem + card.identities[0].pem + root.read_bytes())
    said = run("certtool", "--verify", "--load-ca-certificate", root, "--infile", tmp_path / "chain").stdout.decode()
    assert "Verified. The certificate is trusted." in said


def test_zlint_finds_nothing_in_what_was_delivered(delivered, tmp_path):
    """Devices, the issuing certificate, and every certificate of the card."""
    if not shutil.which("zlint"):
        pytest.skip("zlint is not here")
    card = Card((delivered.folder / "card-certs.pem").read_text())
    judged = [read_pem(text)[0] for text in delivered_certificates(delivered)]
    judged += [read_pem((delivered.folder / "ca.pem").read_text())[0], *card.certificates]
    for certificate in judged:
        (tmp_path / "certificate.pem").write_bytes(certificate.pem)
        lints = json.loads(run("zlint", "-includeSources=RFC5280", tmp_path / "certificate.pem").stdout)
        assert sum(lint["result"] == "pass" for lint in lints.values()) > 10
        assert {key: lint for key, lint in lints.items() if lint["result"] not in ("pass", "NA", "NE")} == {}
