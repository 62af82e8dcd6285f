# SPDX-License-Identifier: GPL-2.0-or-later
"""Firmware of cards: the file, who signed it, and the image that it names."""
import hashlib
import struct

from . import asn1, need
from .certificate import ML_DSA_87, check_path, family_of
from .signed import read_signed

MAGIC, ALIGNMENT, MANIFEST_MAX, IMAGE_MAX = b"PROVFIR\n", 4096, 256 << 10, 64 << 20


def sections(data):
    """Manifest and image by the header, which allows of one place for each."""
    need(len(data) >= ALIGNMENT, "firmware: shorter than its header")
    magic, version, size, manifest_at, manifest_size, image_at, image_size = struct.unpack_from("<8sII4Q", data)
    need(magic == MAGIC, "firmware: not one")
    need(version == 1 and size == ALIGNMENT, "firmware: another version")
    need(not any(data[48:ALIGNMENT]), "firmware: something in the header's unused part")
    need(1 <= manifest_size <= MANIFEST_MAX and 1 <= image_size <= IMAGE_MAX, "firmware: a section too large, or none")
    end = manifest_at + manifest_size
    need(manifest_at == ALIGNMENT and image_at == -(-end // ALIGNMENT) * ALIGNMENT, "firmware: a section out of place")
    need(len(data) == image_at + image_size, "firmware: cut off, or something behind the end")
    need(not any(data[end:image_at]), "firmware: something between the sections")
    return data[manifest_at:end], data[image_at:]


class Firmware:
    """A firmware file, checked as a card checks it but for board and floor; and the certificates' times, which a card has no clock for."""

    def __init__(self, data, anchors, at):
        manifest, self.image = sections(data)
        signed = read_signed(manifest, asn1.CT_FIRMWARE)
        pair = signed.pair(ML_DSA_87)
        need(pair[0].subject == pair[1].subject, "firmware: two signers with different subjects")
        for signer in pair:
            need("digital_signature" in signer.usage, "firmware: a signer that may not sign")
            check_path(signer, signed.certificates, anchors, at, family_of(signer.key.algorithm))
        self.fields = asn1.read(asn1.FirmwareManifest, signed.content).native
        need(self.fields["size"] == len(self.image), "firmware: an image of another size")
        for name in ("sha256", "sha384"):
            need(self.fields[name] == hashlib.new(name, self.image).digest(), f"firmware: an image of another {name}")
