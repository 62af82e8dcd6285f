# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets that a job returns: the escrow key with the OEM's private keys, and with it what each unit has."""
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import Refused, asn1, der, need
from .envelope import AgreementEnvelope, KemEnvelope

SEQUENCE, HYBRID = 0x30, 1


def split(attachment):
    """What comes first, a SEQUENCE, and what stands behind it."""
    need(attachment[:1] == bytes([SEQUENCE]), "attachment: begins with something else")
    *_, end = der.header(attachment, 0, len(attachment))
    return attachment[:end], attachment[end:]


class EscrowEnvelope:
    """Of one job."""

    def __init__(self, data):
        self.fields = asn1.read(asn1.EscrowEnvelope, data).chosen
        self.suite = self.fields["suite"].native
        hybrid = self.suite == HYBRID
        for name in ("agreement_key_id", "agreement_envelope"):
            need((self.fields[name].native is not None) == hybrid, "escrow: not the fields of its suite")
        self.kem = KemEnvelope(self.fields["kem_envelope"].native)
        self.agreement = AgreementEnvelope(self.fields["agreement_envelope"].native) if hybrid else None

    def key(self, card_id, package_id, kem_key, agreement_key=None):
        """The job's escrow key, with the OEM's private keys (PEM files)."""
        shares = self.kem.share(self.fields["kem_key_id"].native, kem_key)
        if self.agreement:
            shares += self.agreement.share(self.fields["agreement_key_id"].native, agreement_key)
        info = b"provcard escrow key" + package_id + self.suite.to_bytes(4, "big")
        return HKDF(hashes.SHA384(), 32, card_id, info).derive(shares)


def open_sealed(key, uid, data):
    """{name: key} of one unit."""
    fields = asn1.read(asn1.SealedSecrets, data).chosen
    info = b"provcard unit secrets\0" + fields["charge"].native.to_bytes(8, "big") + uid
    own = HKDF(hashes.SHA384(), 32, None, info).derive(key)
    try:
        plain = AESGCM(own).decrypt(fields["nonce"].native, fields["ciphertext"].native, None)
    except InvalidTag as error:
        raise Refused("secrets: not authentic, or sealed with another key") from error
    return {item["name"].native: item["value"].native for item in asn1.read(asn1.UnitSecrets, plain)}
