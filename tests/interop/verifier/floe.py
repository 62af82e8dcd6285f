# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading FLOE (c2sp.org/FLOE) with AES-256-GCM and HKDF-Expand with SHA-384."""
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from . import Refused, need

IV_SIZE, TAG_SIZE, OVERHEAD = 32, 16, 4 + 12 + 16
ROTATION = 20


class Reader:
    """One ciphertext; segments may be read in any order."""

    def __init__(self, key, associated, header, segment_size):
        self.segment_size = segment_size
        self.parameters = struct.pack(">BBII", 0, 0, segment_size, IV_SIZE)
        need(len(header) == len(self.parameters) + IV_SIZE + 32, "FLOE: header of a wrong size")
        need(header.startswith(self.parameters), "FLOE: other parameters")
        self.iv, self.associated = header[10:42], associated
        need(hmac.compare_digest(self.derive(key, b"HEADER_TAG:", 32), header[42:]), "FLOE: wrong key or associated data")
        self.message_key = self.derive(key, b"MESSAGE_KEY:", 48)

    def derive(self, key, purpose, size):
        """FLOE_KDF."""
        info = self.parameters + self.iv + purpose + self.associated
        return HKDFExpand(hashes.SHA384(), size, info).derive(key)

    def segment(self, number, final, data):
        """Plaintext of a segment."""
        need(OVERHEAD <= len(data) <= self.segment_size and (final or len(data) == self.segment_size), "FLOE: size of a segment")
        need(data[:4] == (struct.pack(">I", len(data)) if final else b"\xff" * 4), "FLOE: length field of a segment")
        key = self.derive(self.message_key, b"DEK:" + struct.pack(">Q", number >> ROTATION << ROTATION), 32)
        try:
            return AESGCM(key).decrypt(data[4:16], data[16:], struct.pack(">QB", number, final))
        except InvalidTag as error:
            raise Refused(f"FLOE: segment {number} is not authentic") from error
