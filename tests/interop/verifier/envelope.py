# SPDX-License-Identifier: GPL-2.0-or-later
"""The two envelopes: AuthEnvelopedData (RFC 5083) whose recipients are KEMRecipientInfo (RFC 9629) or KeyAgreeRecipientInfo."""
import pathlib
import subprocess
import tempfile

from asn1crypto import core
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from . import Refused, asn1, need
from .certificate import EC, ML_KEM_768, ML_KEM_1024, AlgorithmIdentifier, PublicKeyInfo
from .signed import CNSA2, HYBRID, content_info, set_of

AUTH_ENVELOPED_DATA, DATA = "1.2.840.113549.1.9.16.1.23", "1.2.840.113549.1.7.1"
AES256_GCM, AES256_WRAP = "2.16.840.1.101.3.4.1.46", "2.16.840.1.101.3.4.1.45"
ORI_KEM, HKDF_SHA256, HKDF_SHA384 = "1.2.840.113549.1.9.16.13.3", "1.2.840.113549.1.9.16.3.28", "1.2.840.113549.1.9.16.3.29"
ECDH_SHA384 = "1.3.132.1.11.2"
SHARE_SIZE = KEK_SIZE = 32
KEMS = {HYBRID: (ML_KEM_768, HKDF_SHA256, hashes.SHA256()), CNSA2: (ML_KEM_1024, HKDF_SHA384, hashes.SHA384())}


class EncryptedContentInfo(core.Sequence):
    """The encrypted share."""

    _fields = [("content_type", core.ObjectIdentifier), ("algorithm", AlgorithmIdentifier),
               ("content", core.OctetString, {"implicit": 0})]


class AuthEnvelopedData(core.Sequence):
    """Without originator and attributes."""

    _fields = [("version", core.Integer), ("recipients", set_of(core.Any)), ("content", EncryptedContentInfo),
               ("mac", core.OctetString)]


class GcmParameters(core.Sequence):
    """RFC 5084."""

    _fields = [("nonce", core.OctetString), ("tag_size", core.Integer, {"default": 12})]


class KemRecipientInfo(core.Sequence):
    """RFC 9629 section 3, with a subjectKeyIdentifier and no ukm."""

    _fields = [("version", core.Integer), ("rid", core.OctetString, {"implicit": 0}), ("kem", AlgorithmIdentifier),
               ("ciphertext", core.OctetString), ("kdf", AlgorithmIdentifier), ("kek_length", core.Integer),
               ("wrap", AlgorithmIdentifier), ("encrypted_key", core.OctetString)]


class OtherRecipientInfo(core.Sequence):
    """Which of RecipientInfo's extensions."""

    _fields = [("type", core.ObjectIdentifier), ("value", KemRecipientInfo)]


class KemOtherInfo(core.Sequence):
    """CMSORIforKEMOtherInfo."""

    _fields = [("wrap", AlgorithmIdentifier), ("kek_length", core.Integer)]


class Originator(core.Choice):
    """An ephemeral public key."""

    _alternatives = [("key", PublicKeyInfo, {"implicit": 1})]


class RecipientKeyIdentifier(core.Sequence):
    """By subjectKeyIdentifier."""

    _fields = [("key_id", core.OctetString)]


class AgreementRecipient(core.Choice):
    """How the recipient is named."""

    _alternatives = [("by_key", RecipientKeyIdentifier, {"implicit": 0})]


class RecipientEncryptedKey(core.Sequence):
    """The wrapped key."""

    _fields = [("rid", AgreementRecipient), ("encrypted_key", core.OctetString)]


class KeyAgreeRecipientInfo(core.Sequence):
    """RFC 5652 section 6.2.2, without ukm."""

    _fields = [("version", core.Integer), ("originator", Originator, {"explicit": 0}), ("algorithm", AlgorithmIdentifier),
               ("keys", asn1.sequence_of(RecipientEncryptedKey, 1, 1))]


class SharedInfo(core.Sequence):
    """ECC-CMS-SharedInfo, RFC 5753 section 7.2."""

    _fields = [("key_info", AlgorithmIdentifier), ("supplement", core.OctetString, {"explicit": 2})]


def bare(identifier, dotted, what):
    """Refuse another algorithm than @dotted, or parameters where it has none."""
    need(identifier["algorithm"].dotted == dotted and isinstance(identifier["parameters"], core.Void), f"envelope: {what}")


def untagged(item, number):
    """A value of context tag @number as the SEQUENCE that it implicitly is."""
    data = item.dump()
    need(data[0] == 0xA0 | number, "envelope: a recipient of another kind")
    return b"\x30" + data[1:]


class Envelope:
    """One of the two; its recipients by their key identifiers."""

    def __init__(self, data):
        outer = asn1.read(content_info(AuthEnvelopedData), data)
        need(outer["content_type"].dotted == AUTH_ENVELOPED_DATA, "envelope: not AuthEnvelopedData")
        self.fields = outer["content"]
        need(self.fields["version"].native == 0, "envelope: another version")
        need(self.fields["content"]["content_type"].dotted == DATA, "envelope: another content")
        self.recipients = {}
        for item in self.fields["recipients"]:
            key_id, recipient = self.read_recipient(item)
            need(key_id not in self.recipients, "envelope: a recipient twice")
            self.recipients[key_id] = recipient

    def recipient(self, key_id):
        """The one for a card."""
        need(key_id in self.recipients, "envelope: not for this card")
        return self.recipients[key_id]

    def open(self, content_key):
        """The share, with its key unwrapped."""
        algorithm = self.fields["content"]["algorithm"]
        need(algorithm["algorithm"].dotted == AES256_GCM, "envelope: another cipher")
        parameters = asn1.read(GcmParameters, algorithm["parameters"].dump())
        need(len(parameters["nonce"].native) == 12 and parameters["tag_size"].native == 16, "envelope: parameters of AES-256-GCM")
        mac = self.fields["mac"].native
        need(len(mac) == 16 and len(content_key) == 32, "envelope: sizes of key or tag")
        try:
            share = AESGCM(content_key).decrypt(parameters["nonce"].native, self.fields["content"]["content"].native + mac, None)
        except InvalidTag as error:
            raise Refused("envelope: not authentic") from error
        need(len(share) == SHARE_SIZE, "envelope: a share of another size")
        return share


def unwrap(kek, wrapped):
    """AES key wrap."""
    try:
        return keywrap.aes_key_unwrap(kek, wrapped)
    except (keywrap.InvalidUnwrap, ValueError) as error:
        raise Refused("envelope: the key does not unwrap") from error


class KemEnvelope(Envelope):
    """The first share, by the KEM of a suite."""

    def __init__(self, data, suite=HYBRID):
        self.kem, self.kdf, self.digest = KEMS[suite]
        super().__init__(data)

    def read_recipient(self, item):
        """[4] OtherRecipientInfo with a KEMRecipientInfo."""
        other = asn1.read(OtherRecipientInfo, untagged(item, 4))
        need(other["type"].dotted == ORI_KEM, "envelope: not a KEMRecipientInfo")
        info = other["value"]
        need(info["version"].native == 0 and info["kek_length"].native == KEK_SIZE, "envelope: version or key size")
        bare(info["kem"], self.kem, "another KEM")
        bare(info["kdf"], self.kdf, "another KDF")
        bare(info["wrap"], AES256_WRAP, "another key wrap")
        return info["rid"].native, info

    def share(self, key_id, private_key):
        """With the ML-KEM private key in the PEM file @private_key."""
        info = self.recipient(key_id)
        secret = decapsulate(private_key, info["ciphertext"].native)
        other = KemOtherInfo({"wrap": {"algorithm": AES256_WRAP}, "kek_length": KEK_SIZE})
        kek = HKDF(self.digest, KEK_SIZE, None, other.dump()).derive(secret)
        return self.open(unwrap(kek, info["encrypted_key"].native))


def decapsulate(private_key, ciphertext):
    """ML-KEM by stock openssl."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "ciphertext").write_bytes(ciphertext)
        done = subprocess.run(["openssl", "pkeyutl", "-decap", "-inkey", private_key, "-in", folder / "ciphertext", "-secret",
                               folder / "secret"], capture_output=True, timeout=60, check=False)
        need(done.returncode == 0, "envelope: no ML-KEM ciphertext for this key")
        return (folder / "secret").read_bytes()


class AgreementEnvelope(Envelope):
    """The second share."""

    def read_recipient(self, item):
        """[1] KeyAgreeRecipientInfo."""
        info = asn1.read(KeyAgreeRecipientInfo, untagged(item, 1))
        need(info["version"].native == 3, "envelope: version of a recipient")
        need(info["originator"].chosen["algorithm"]["algorithm"].dotted == EC, "envelope: the ephemeral key's algorithm")
        need(info["algorithm"]["algorithm"].dotted == ECDH_SHA384, "envelope: another key agreement")
        bare(asn1.read(AlgorithmIdentifier, info["algorithm"]["parameters"].dump()), AES256_WRAP, "another key wrap")
        return info["keys"][0]["rid"].chosen["key_id"].native, info

    def share(self, key_id, private_key):
        """With the P-384 private key in the PEM file @private_key."""
        info = self.recipient(key_id)
        own = serialization.load_pem_private_key(pathlib.Path(private_key).read_bytes(), None)
        point = info["originator"].chosen["public_key"].contents[1:]
        try:
            secret = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point))
        except ValueError as error:
            raise Refused("envelope: the ephemeral key is no point of P-384") from error
        shared = SharedInfo({"key_info": {"algorithm": AES256_WRAP}, "supplement": (8 * KEK_SIZE).to_bytes(4, "big")})
        kek = X963KDF(hashes.SHA384(), KEK_SIZE, shared.dump()).derive(secret)
        return self.open(unwrap(kek, info["keys"][0]["encrypted_key"].native))
