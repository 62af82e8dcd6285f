# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed objects: CMS SignedData (RFC 5652) in the one form that formats.rst allows."""
import hashlib

from asn1crypto import cms, core
from cryptography.exceptions import UnsupportedAlgorithm

from . import Refused, asn1, need
from .certificate import ECDSA, FAMILIES, ML_DSA_65, ML_DSA_87, SECP384R1, AlgorithmIdentifier, Certificate, check_path, family_of

NULL = b"\x05\x00"
HYBRID, CNSA2 = 1, 2
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
DIGESTS = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
ECDSA_DIGESTS = dict(zip(ECDSA, DIGESTS.values()))


def set_of(spec):
    """SET OF spec."""
    return type(f"{spec.__name__}Set", (core.SetOf,), {"_child_spec": spec})


def content_info(spec):
    """The outermost structure, around @spec."""
    return type("ContentInfo", (core.Sequence,), {"_fields": [("content_type", core.ObjectIdentifier),
                                                              ("content", spec, {"explicit": 0})]})


class EncapsulatedContentInfo(core.Sequence):
    """What is signed."""

    _fields = [("content_type", core.ObjectIdentifier), ("content", core.OctetString, {"explicit": 0, "optional": True})]


class Attribute(core.Sequence):
    """A signed attribute."""

    _fields = [("type", core.ObjectIdentifier), ("values", set_of(core.Any))]


class SignerInfo(core.Sequence):
    """One signature; its signer is named by issuer and serial number."""

    _fields = [("version", core.Integer), ("sid", cms.IssuerAndSerialNumber), ("digest_algorithm", AlgorithmIdentifier),
               ("signed_attrs", set_of(Attribute), {"implicit": 0}), ("signature_algorithm", AlgorithmIdentifier),
               ("signature", core.OctetString)]


class SignedData(core.Sequence):
    """With certificates; CRLs have no place."""

    _fields = [("version", core.Integer), ("digest_algorithms", set_of(AlgorithmIdentifier)),
               ("content", EncapsulatedContentInfo), ("certificates", set_of(core.Any), {"implicit": 0}),
               ("signer_infos", set_of(SignerInfo))]


def algorithm_of(identifier, allowed=b""):
    """The dotted identifier of an algorithm without parameters, or with those @allowed."""
    need(identifier["parameters"].dump() in (b"", allowed), "an algorithm with parameters that it does not have")
    return identifier["algorithm"].dotted


def in_order(values):
    """Refuse a SET OF that is not sorted; those with an implicit tag are not seen by der.check()."""
    items = [value.dump() for value in values]
    need(items == sorted(items), "a SET OF out of order")


class Signed:
    """A signed object whose every signature is right; who may have signed is for its kind to say."""

    def __init__(self, data, content_type):
        outer = asn1.read(content_info(SignedData), data)
        need(outer["content_type"].dotted == SIGNED_DATA, "not SignedData")
        signed = outer["content"]
        need(signed["version"].native == 3, "SignedData of another version")
        need(signed["content"]["content_type"].dotted == content_type, "a signed object of another kind")
        need(not isinstance(signed["content"]["content"], core.Void), "a signed object without content")
        need(1 <= len(signed["signer_infos"]) <= 32, "no signer, or too many")
        in_order(signed["certificates"])
        self.content_type, self.content = content_type, signed["content"]["content"].native
        self.certificates = [Certificate(item.dump()) for item in signed["certificates"]]
        self.digests = set()
        self.signers = [self.check_signer(info) for info in signed["signer_infos"]]
        announced = [item.dump() for item in signed["digest_algorithms"]]
        need(len(set(announced)) == len(announced) and set(announced) == self.digests, "digests announced are not those used")
        self.check_certificates()

    def check_certificates(self):
        """Nobody signs them, so there are none but the signers' and those above."""
        left = [one for one in self.certificates if one not in self.signers]
        below = list(self.signers)
        while below:
            child = below.pop()
            above = [one for one in left if one.issued(child)]
            left = [one for one in left if one not in above]
            below += above
        need(not left, "a certificate that belongs to no signer")

    def check_signer(self, info):
        """The certificate of a signer whose signature is right."""
        need(info["version"].native == 1, "SignerInfo of another version")
        sid = info["sid"]
        matching = [one for one in self.certificates
                    if one.issuer == sid["issuer"].dump() and one.serial == sid["serial_number"].native]
        need(len(matching) == 1, "a signer without its certificate, or with two")
        self.digests.add(info["digest_algorithm"].dump())
        digest = algorithm_of(info["digest_algorithm"], NULL)
        need(digest in DIGESTS, "an unknown digest")
        algorithm = algorithm_of(info["signature_algorithm"])
        wanted = ECDSA_DIGESTS.get(algorithm, "sha512" if algorithm in FAMILIES else None)
        need(DIGESTS[digest] == wanted, "a signature algorithm that does not go with the digest")
        self.check_attributes(info["signed_attrs"], DIGESTS[digest])
        message = b"\x31" + info["signed_attrs"].dump()[1:]  # signed as a SET OF, RFC 5652 section 5.4
        matching[0].key.verify(algorithm, message, info["signature"].native)
        return matching[0]

    def check_attributes(self, attributes, digest):
        """contentType and messageDigest, each once and right."""
        in_order(attributes)
        values = {}
        for attribute in attributes:
            need(attribute["type"].dotted not in values, "a signed attribute twice")
            need(len(attribute["values"]) == 1, "a signed attribute with several values")
            values[attribute["type"].dotted] = attribute["values"][0].dump()
        need(values.get(CONTENT_TYPE) == core.ObjectIdentifier(self.content_type).dump(), "contentType attribute")
        need(values.get(MESSAGE_DIGEST) == core.OctetString(hashlib.new(digest, self.content).digest()).dump(),
             "messageDigest attribute")

    def pair(self, algorithm):
        """The P-384 signer, and that of the post-quantum @algorithm, of an object with exactly these two."""
        need(len(self.signers) == 2, f"two signatures are needed, there are {len(self.signers)}")
        classical = [one for one in self.signers if one.key.curve == SECP384R1]
        post_quantum = [one for one in self.signers if one.key.algorithm == algorithm]
        need(len(classical) == 1 and len(post_quantum) == 1, "signatures by a P-384 and an ML-DSA key of the right kind are needed")
        return classical[0], post_quantum[0]

    def by_suite(self, suite):
        """The signers that the suite demands, of one subject and no others; the classical one first."""
        if suite == CNSA2:
            need([one.key.algorithm for one in self.signers] == [ML_DSA_87], "one signature by an ML-DSA-87 key is needed")
            return self.signers
        pair = self.pair(ML_DSA_65)
        need(pair[0].subject == pair[1].subject, "two signers with different subjects")
        return pair

    def suite(self):
        """That of its signers; whether it is the job's is for others to say."""
        return CNSA2 if len(self.signers) == 1 else HYBRID

    def oem(self, anchors, at, suite=HYBRID):
        """The suite's signers, allowed to sign and leading to @anchors at @at, each through its own family."""
        signers = self.by_suite(suite)
        for signer in signers:
            need("digital_signature" in signer.usage, "a signer that may not sign")
            family = {ML_DSA_87} if suite == CNSA2 else family_of(signer.key.algorithm)
            check_path(signer, self.certificates, anchors, at, family)
        return signers


def kind_of(data):
    """The content type of a signed object, dotted."""
    return asn1.read(content_info(SignedData), data)["content"]["content"]["content_type"].dotted


def read_signed(data, content_type):
    """A signed object, or Refused."""
    try:
        return Signed(data, content_type)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise Refused(f"signed object: {error}") from error
