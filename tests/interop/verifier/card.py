# SPDX-License-Identifier: GPL-2.0-or-later
"""A card's certificates."""
import re

from . import need, tree
from .certificate import ML_DSA_87, ML_KEM_768, ML_KEM_1024, SECP384R1, check_path, family_of, read_pem

COMMON_NAME, ORGANISATIONAL_UNIT = "2.5.4.3", "2.5.4.11"
FORMS = [("curve", SECP384R1), ("algorithm", ML_DSA_87), ("curve", SECP384R1), ("algorithm", ML_KEM_768),
         ("algorithm", ML_KEM_1024)]
USAGES = [{"digital_signature", "key_cert_sign"}, {"digital_signature", "key_cert_sign"}, {"key_agreement"}, {"key_encipherment"},
          {"key_encipherment"}]


class Card:
    """The five certificates of a card, in the order of the PEM text, and the maker's chains."""

    def __init__(self, text):
        certificates = read_pem(text)
        need(len(certificates) >= 5, "card: five certificates are needed")
        self.certificates, self.chain = certificates[:5], certificates[5:]
        self.identities, self.encryption = self.certificates[:2], self.certificates[2:]
        for certificate, (kind, value), usage in zip(self.certificates, FORMS, USAGES):
            need(getattr(certificate.key, kind) == value, "card: a key of another kind than its place says")
            need(usage <= certificate.usage, "card: a key usage is missing")
        self.serial = self.check_names()
        for identity, other in self.issued():
            need(identity.is_authority and identity.key_identifier, "card: an identity that can certify nothing")
            need(other.issuer == identity.subject, "card: an encryption certificate of another issuer")
            need(other.key_identifier and not other.is_authority, "card: an encryption certificate of a wrong form")
        self.card_id = tree.sha256(*(one.der for one in self.encryption))

    def issued(self):
        """[(identity, encryption certificate that it issued)]"""
        classical, post_quantum = self.identities
        return list(zip((classical, post_quantum, post_quantum), self.encryption))

    def check_names(self):
        """The serial number that all five name."""
        need(self.identities[0].subject == self.identities[1].subject, "card: identities with different subjects")
        names = self.identities[0].names()
        need(all(one.names() == names + [(ORGANISATIONAL_UNIT, "encryption")] for one in self.encryption),
             "card: an encryption certificate of another subject")
        common = [text for kind, text in names if kind == COMMON_NAME]
        need(len(common) == 1 and re.fullmatch(r"provcard [A-Za-z0-9._-]{1,31}", common[0]), "card: its common name")
        return common[0].split(" ")[1]

    def check(self, anchors, at):
        """Refuse unless both families lead to an anchor, each by itself."""
        for identity, other in self.issued():
            family = family_of(identity.key.algorithm)
            check_path(identity, self.chain, anchors, at, family)
            check_path(other, [identity] + self.chain, anchors, at, family)
