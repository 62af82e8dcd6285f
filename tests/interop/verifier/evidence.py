# SPDX-License-Identifier: GPL-2.0-or-later
"""What a card says of itself."""
from . import asn1, need, tree
from .certificate import ML_DSA_87
from .signed import read_signed

INITIALISED, OPERATIONAL = 1, 2
IDENTITY_CLASSICAL, IDENTITY_PQ, AGREEMENT, KEM, ISSUING = range(1, 6)


class Evidence:
    """Signed by @card, with both of its identities, and for @nonce where one is given."""

    def __init__(self, data, card, nonce=None):
        signed = read_signed(data, asn1.CT_EVIDENCE)
        need(set(signed.pair(ML_DSA_87)) == set(card.identities), "evidence: not by this card's identities")
        self.fields = asn1.read(asn1.Evidence, signed.content).native
        need(self.fields["card_id"] == card.card_id and self.fields["serial"] == card.serial, "evidence: of another card")
        need(nonce is None or self.fields["nonce"] == nonce, "evidence: for another nonce")
        for key in self.fields["keys"]:
            need((key["role"] == ISSUING) == bool(key["owner"]), "evidence: an issuing key without owner, or another with one")
        self.card = card

    def holds(self, role, certificate):
        """Does the card say that it has this certificate's private key?"""
        return any(key["role"] == role and key["digest"] == tree.sha256(certificate.key.spki) for key in self.fields["keys"])

    def check_for_packing(self, issuer=None):
        """Refuse unless the card is in service and holds what its certificates are for."""
        need(self.fields["state"] in (INITIALISED, OPERATIONAL), "evidence: a card that is not in service")
        for role, certificate in zip((AGREEMENT, KEM, KEM), self.card.encryption):
            need(self.holds(role, certificate), "evidence: an encryption key that the card does not hold")
        need(issuer is None or self.holds(ISSUING, issuer), "evidence: an issuing key that the card does not hold")
