# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates, the signatures of their keys, and their paths to an anchor."""
import base64
import pathlib
import re
import subprocess
import tempfile

from asn1crypto import core, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import Refused, der, need

EC, ED25519 = "1.2.840.10045.2.1", "1.3.101.112"
ML_DSA_44, ML_DSA_65, ML_DSA_87 = (f"2.16.840.1.101.3.4.3.{number}" for number in (17, 18, 19))
ML_KEM_768, ML_KEM_1024 = "2.16.840.1.101.3.4.4.2", "2.16.840.1.101.3.4.4.3"
ECDSA = {"1.2.840.10045.4.3.2": hashes.SHA256(), "1.2.840.10045.4.3.3": hashes.SHA384(), "1.2.840.10045.4.3.4": hashes.SHA512()}
SECP256R1, SECP384R1 = "1.2.840.10045.3.1.7", "1.3.132.0.34"
FAMILIES = {EC: "elliptic curves", ML_DSA_44: "ML-DSA", ML_DSA_65: "ML-DSA", ML_DSA_87: "ML-DSA"}


def family_of(algorithm):
    """All algorithms that break with this one."""
    return {one for one, family in FAMILIES.items() if family == FAMILIES.get(algorithm)}


class AlgorithmIdentifier(core.Sequence):
    """Any algorithm, by its object identifier."""

    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class PublicKeyInfo(core.Sequence):
    """SubjectPublicKeyInfo of any algorithm."""

    _fields = [("algorithm", AlgorithmIdentifier), ("public_key", core.BitString)]


def openssl(*words, data=None):
    """(did it work, output) of stock openssl."""
    done = subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


class PublicKey:
    """A public key by its SubjectPublicKeyInfo."""

    def __init__(self, spki):
        self.spki = spki
        info = PublicKeyInfo.load(spki, strict=True)
        self.algorithm = info["algorithm"]["algorithm"].dotted
        parameters = info["algorithm"]["parameters"]
        self.curve = parameters.parse(core.ObjectIdentifier).dotted if self.algorithm == EC else None
        self.octets = info["public_key"].contents[1:]  # behind the count of unused bits

    def verify(self, algorithm, message, signature):
        """Refuse unless @signature of @algorithm, dotted, is this key's over @message."""
        if self.algorithm == EC and algorithm in ECDSA:
            key = serialization.load_der_public_key(self.spki)
            try:
                key.verify(signature, message, ec.ECDSA(ECDSA[algorithm]))
            except InvalidSignature as error:
                raise Refused("a wrong ECDSA signature") from error
            return
        need(FAMILIES.get(self.algorithm) == "ML-DSA" and algorithm == self.algorithm, "a signature not of its key's algorithm")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for file, contents in (("key", self.spki), ("message", message), ("signature", signature)):
                (folder / file).write_bytes(contents)
            good, _ = openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", folder / "key", "-rawin", "-in",
                              folder / "message", "-sigfile", folder / "signature")
        need(good, "a wrong ML-DSA signature")


class Certificate:
    """A certificate as asn1crypto reads it, with its bytes."""

    def __init__(self, data):
        der.check(data)
        self.der = bytes(data)
        try:
            self.read(x509.Certificate.load(self.der, strict=True))
        except (ValueError, TypeError, KeyError) as error:
            raise Refused(f"certificate: {error}") from error

    def read(self, fields):
        """What others ask for; keys are read by ourselves, for asn1crypto refuses algorithms that it does not know."""
        self.fields, self.tbs = fields, fields["tbs_certificate"]
        self.subject, self.issuer = self.tbs["subject"].dump(), self.tbs["issuer"].dump()
        self.serial = self.tbs["serial_number"].native
        self.key = PublicKey(self.tbs["subject_public_key_info"].dump())
        self.extensions = {item["extn_id"].dotted: item for item in self.tbs["extensions"] or ()}
        self.usage = fields.key_usage_value.native if fields.key_usage_value else set()
        self.key_identifier = fields.key_identifier
        self.is_authority = bool(fields.basic_constraints_value and fields.basic_constraints_value["ca"].native)

    def __eq__(self, other):
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self):
        return hash(self.der)

    @property
    def pem(self):
        """As a PEM text."""
        return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(self.der) + b"-----END CERTIFICATE-----\n"

    def issued(self, other):
        """Is @other by this one's name and key?"""
        if other.issuer != self.subject:
            return False
        try:
            self.key.verify(other.fields["signature_algorithm"]["algorithm"].dotted, other.tbs.dump(),
                            other.fields["signature_value"].native)
        except Refused:
            return False
        return True

    def names(self):
        """[(attribute type dotted, text)] of the subject, in order."""
        return [(item["type"].dotted, item["value"].native) for part in self.tbs["subject"].chosen for item in part]


def read_pem(text):
    """The certificates of a PEM text, in order."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\s+(.*?)-----END CERTIFICATE-----", text, re.S)
    return [Certificate(base64.b64decode(block)) for block in blocks]


def check_path(certificate, between, anchors, at, family=None):
    """Refuse unless strict rules lead from @certificate to an anchor at @at, with a @family of algorithms by its keys alone."""
    def usable(certificates):
        return [one for one in certificates if family is None or one.key.algorithm in family]

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "certificate").write_bytes(certificate.pem)
        (folder / "between").write_bytes(b"".join(one.pem for one in usable(between)))
        (folder / "anchors").write_bytes(b"".join(one.pem for one in usable(anchors)))
        need(usable(anchors), "no anchor of the right kind")
        untrusted = ["-untrusted", folder / "between"] if usable(between) else []
        good, text = openssl("verify", "-x509_strict", "-partial_chain", "-no-CApath", "-no-CAstore", "-attime", at, "-CAfile",
                             folder / "anchors", *untrusted, folder / "certificate")
    need(good, f"no path to an anchor: {text.decode(errors='replace').strip()}")
