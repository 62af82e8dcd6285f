# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages: the file, its manifest, and with a card's private keys what is inside. In the order of a card's checks."""
import hashlib
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import asn1, der, floe, need, tree
from .certificate import Certificate
from .envelope import AgreementEnvelope, KemEnvelope
from .grant import Authority
from .signed import CNSA2, HYBRID, read_signed

MAGIC, ALIGNMENT, MANIFEST_MAX = b"PROVPKG\n", 4096, 16 << 20
SEGMENT_SIZE, IMAGE_PIECE = 1 << 20, 64 << 10


def sections(data):
    """Manifest, leaves and payload by the header."""
    need(len(data) >= ALIGNMENT, "package: shorter than its header")
    magic, version, size, *places = struct.unpack_from("<8sII6Q", data)
    need(magic == MAGIC, "package: not one")
    need(version == 1 and size == ALIGNMENT, "package: another version")
    need(not any(data[64:ALIGNMENT]), "package: something in the header's unused part")
    end, found = ALIGNMENT, []
    for offset, length in zip(places[::2], places[1::2]):
        need(offset % ALIGNMENT == 0 and offset >= end and length, "package: a section out of place")
        need(not any(data[end:offset]), "package: something between sections")
        end = offset + length
        need(end <= len(data), "package: cut off")
        found.append(data[offset:end])
    need(end == len(data), "package: something behind the end")
    need(len(found[0]) <= MANIFEST_MAX, "package: a manifest too large")
    return found


class Package:
    """A package, checked as far as it goes without a card's keys."""

    def __init__(self, data, anchors, at):
        self.signed_manifest, leaves, self.payload = sections(data)
        self.signed = read_signed(self.signed_manifest, asn1.CT_MANIFEST)
        self.manifest = asn1.read(asn1.Manifest, self.signed.content)
        self.core = self.manifest["core"]
        self.suite = self.core["suite"].native
        need(self.suite in (HYBRID, CNSA2), "package: an unknown suite")
        self.signer = self.signed.oem(anchors, at, self.suite)[0]
        self.authority = Authority.of(self.core["quota_authority"], self.suite)
        self.check_policy(at)
        self.check_recipients()
        self.check_leaves(leaves)

    @property
    def package_id(self):
        """16 random bytes."""
        return self.core["package_id"].native

    @property
    def suite_octets(self):
        """The suite as four bytes."""
        return self.suite.to_bytes(4, "big")

    def check_policy(self, at):
        """Window and extensions."""
        extensions = self.core["extensions"].native or []
        need(not any(item["critical"] for item in extensions), "package: an unknown critical extension")
        check_window(self.core["window"], at)

    def check_recipients(self):
        """Each card once, at most one first grant for each, and in each envelope of the suite."""
        ids = [item["card_id"].native for item in self.manifest["recipients"]]
        need(len(set(ids)) == len(ids), "package: a recipient twice")
        granted = [grant["card_id"].native for grant in self.manifest["grants"]]
        need(len(set(granted)) == len(granted) and set(granted) <= set(ids), "package: a grant too many")
        need(not granted or self.authority is None, "package: grants beside a quota authority")
        for grant in self.manifest["grants"]:
            need(grant["package_id"].native == self.package_id, "package: another package's grant")
            need(grant["sequence"].native == 1, "package: a grant that is not the first")
        self.kem = KemEnvelope(self.manifest["kem_envelope"].native, self.suite)
        self.check_cards(self.kem, "kem_key_id")
        second = self.manifest["agreement_envelope"].native
        need((second is not None) == (self.suite == HYBRID), "package: a second share out of its suite")
        self.agreement = AgreementEnvelope(second) if second is not None else None
        self.check_cards(self.agreement, "agreement_key_id")

    def check_cards(self, envelope, field):
        """An envelope is for the recipients and no others; without one they have no key identifier for it."""
        named = {item[field].native for item in self.manifest["recipients"]}
        holders = set(envelope.recipients) if envelope else {None}
        need(named == holders, "package: envelopes and recipients are not the same cards")

    def check_leaves(self, leaves):
        """Sizes, the digest of every segment, and the tree over them."""
        size, count = self.core["payload_size"].native, self.core["segments"].native
        need(size == len(self.payload), "package: a payload of another size")
        need(count == -(-size // SEGMENT_SIZE), "package: another number of segments")
        digests = [leaves[place:place + 32] for place in range(0, len(leaves), 32)]
        need(len(leaves) == 32 * count, "package: another number of leaves")
        need(digests == [tree.sha256(segment) for segment in self.segments()], "package: a segment that is not its leaf's")
        need(tree.root(digests) == self.manifest["payload_root"].native, "package: leaves of another tree")

    def segments(self):
        """As they stand in the file."""
        return (self.payload[place:place + SEGMENT_SIZE] for place in range(0, len(self.payload), SEGMENT_SIZE))

    def recipient(self, card_id):
        """Of one card."""
        found = [item for item in self.manifest["recipients"] if item["card_id"].native == card_id]
        need(found, "package: not for this card")
        return found[0]

    def grant(self, card_id):
        """The first grant of one card."""
        found = [item for item in self.manifest["grants"] if item["card_id"].native == card_id]
        need(found, "package: no grant for this card")
        return found[0]

    def job_key(self, card_id, agreement_key, kem_key):
        """From the shares of the suite."""
        recipient = self.recipient(card_id)
        shares = self.kem.share(recipient["kem_key_id"].native, kem_key)
        if self.agreement:
            shares += self.agreement.share(recipient["agreement_key_id"].native, agreement_key)
        salt = hashlib.sha384(self.core.dump()).digest()
        return HKDF(hashes.SHA384(), 32, salt, b"provcard job key" + self.package_id + self.suite_octets).derive(shares)

    def open(self, card_id, agreement_key, kem_key):
        """The contents, with a card's private keys (PEM files)."""
        reader = floe.Reader(self.job_key(card_id, agreement_key, kem_key), self.package_id + self.suite_octets,
                             self.manifest["payload_header"].native, SEGMENT_SIZE)
        last = self.core["segments"].native - 1
        plain = [reader.segment(number, number == last, segment) for number, segment in enumerate(self.segments())]
        return Contents(self, plain)


def check_window(window, at):
    """Is @at within it?"""
    need(window["not_before"].native <= at, "its window has not begun")
    need(not window["not_after"].native or at <= window["not_after"].native, "its window is over")


class Contents:
    """RoT configuration and images."""

    def __init__(self, package, plain):
        *_, end = der.header(plain[0], 0, len(plain[0]))
        self.fields = asn1.read(asn1.Contents, plain[0][:end])
        self.rot = self.fields["rot"]
        begin = -(-end // ALIGNMENT) * ALIGNMENT
        need(begin <= len(plain[0]), "contents: not within the first segment")
        need(not any(plain[0][end:begin]), "contents: a fill that is not zero")
        self.area = b"".join(plain)[begin:]
        need(self.fields["oem"].dump() == package.signer.der, "contents: another OEM than the signer")
        self.check_digests(package.core)
        self.images = {image["name"].native: self.image(image) for image in self.rot["images"]}

    def check_digests(self, core):
        """What the manifest says in the clear is what stands here."""
        identity, chain = self.rot["identity"], self.fields["issuer_chain"]
        has_identity = identity.native is not None
        template = tree.sha256(identity.untag().dump()) if has_identity else None
        need(core["template_digest"].native == template, "contents: another identity than the manifest names")
        need(core["issuer_digest"].native == (tree.sha256(chain[0].dump()) if len(chain) else None),
             "contents: another issuer than the manifest names")
        need(bool(len(self.fields["issuers"])) == has_identity, "contents: issuing certificates without identity, or the reverse")

    def image(self, image):
        """Its bytes."""
        begin, size = image["offset"].native, image["size"].native
        need(begin + size <= len(self.area), f"contents: {image['name'].native} ends behind the image area")
        found = self.area[begin:begin + size]
        pieces = [found[at:at + IMAGE_PIECE] for at in range(0, size, IMAGE_PIECE)]
        need(tree.root(pieces) == image["digest"].native, f"contents: {image['name'].native} is not what its digest says")
        return found

    @property
    def issuers(self):
        """Certificates of the cards' issuing keys."""
        return [Certificate(item.dump()) for item in self.fields["issuers"]]


def lifecycle_key(secret, uid, name, size):
    """The key of one part."""
    info = b"provcard lifecycle key\x00" + name.encode()
    return HKDF(hashes.SHA384(), size, uid, info).derive(secret)
