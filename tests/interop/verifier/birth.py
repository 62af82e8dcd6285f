# SPDX-License-Identifier: GPL-2.0-or-later
"""Birth bundles: one device alone, with nothing but its file."""
import json
import pathlib

from . import Refused, asn1, device, need, tree
from .card import Card
from .certificate import Certificate, check_path
from .delivery import decode
from .log import Checkpoint


class Birth:
    """One bundle; check() gives its record."""

    def __init__(self, path):
        try:
            self.json = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            need(self.json["schema_version"] == 1, "bundle: another version")
            self.der = decode(self.json["record"])
            self.proof = [bytes.fromhex(text) for text in self.json["inclusion"]]
            self.issuers = [Certificate(decode(text)) for text in self.json.get("issuer_chain", [])]
            self.certificate = Certificate(decode(self.json["certificate"])) if "certificate" in self.json else None
            self.sealed = decode(self.json["sealed_secrets"]) if "sealed_secrets" in self.json else b""
            self.card = Card(self.json["card_certificates"])
            self.note = self.json["checkpoint"].encode()
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise Refused(f"bundle: {error!r}") from error
        need(all(len(node) == 32 for node in self.proof), "bundle: a hash of a wrong size")

    def check(self, maker_anchors, device_anchors=None, at=None):
        """From the card maker's anchors to the device's certificate."""
        checkpoint = Checkpoint(self.note, self.card.identities, self.card.serial)
        record = asn1.read(asn1.Record, self.der)
        says = record.native
        root = tree.root_from_inclusion(self.der, says["index"], checkpoint.size, self.proof)
        need(root == checkpoint.root, "the record is not in the log")
        need(record["event"].native == asn1.GOOD and says["unit"], "the record is not one of a good part")
        self.card.check(maker_anchors, says["time"] if at is None else at)
        self.check_certificate(says, device_anchors)
        self.check_attachment(says)
        for name, value in (("uid", says["unit"]["uid"].hex()), ("job", says["job"]["package_id"].hex())):
            need(self.json.get(name) == value, f"bundle: {name} is not what the record says")
        return says

    def check_attachment(self, says):
        """Certificate and sealed secrets, as the record has them, and nothing else."""
        if self.sealed:
            asn1.read(asn1.SealedSecrets, self.sealed)
        kept = (self.certificate.der if self.certificate else b"") + self.sealed
        need(says["attachment"] == (tree.sha256(kept) if kept else asn1.ZERO), "bundle: another attachment than the record's")

    def check_certificate(self, says, device_anchors):
        """The record's, this part's, and the issuer's whose root the caller knows, or which comes along."""
        unit = says["unit"]
        if not self.issuers:
            need(not self.certificate and unit["certificate"] == asn1.ZERO, "a certificate without an issuer")
            return
        issuer, *above = self.issuers
        check_path(issuer, above, device_anchors or self.issuers[-1:], says["time"])
        need(self.certificate, "no certificate")
        need(tree.sha256(self.certificate.der) == unit["certificate"], "another certificate than the record's")
        device.check(self.certificate, issuer, unit["uid"], says["time"])
