# SPDX-License-Identifier: GPL-2.0-or-later
"""Grants: the manifest's, and those that follow it on their own."""
from . import asn1, der, need, tree
from .certificate import ML_DSA_65
from .signed import read_signed

CEILINGS = ("ceiling_good", "ceiling_scrap")


class Grant:
    """One; @signed when it came by itself, so that a caller who knows the OEM's anchors can go on with signed.oem()."""

    def __init__(self, data):
        self.signed = None
        *_, begin, end = der.header(data, 0, len(data))
        if begin < end and data[begin] == der.OID:  # ContentInfo, for a Grant begins with an INTEGER
            self.signed = read_signed(data, asn1.CT_GRANT)
            first, second = self.signed.pair(ML_DSA_65)
            need(first.subject == second.subject, "grant: two signers with different subjects")
            data = self.signed.content
        self.der, self.fields = bytes(data), asn1.read(asn1.Grant, data).native
        need(self.signed is not None or self.fields["sequence"] == 1, "grant: a later one without signatures")

    @property
    def ceilings(self):
        """(good, scrap)."""
        return tuple(self.fields[name] for name in CEILINGS)

    def follows(self, last):
        """Refuse unless it is the next one behind @last; behind None it is the first."""
        if last is None:
            need(self.fields["sequence"] == 1, "grant: the first is missing")
            return
        need(self.fields["sequence"] == last.fields["sequence"] + 1, "grant: out of sequence")
        need(self.fields["previous"] == tree.sha256(last.der), "grant: follows another")
        need(all(self.fields[name] == last.fields[name] for name in ("card_id", "package_id")), "grant: of another job")
        need(all(self.fields[name] >= last.fields[name] for name in CEILINGS), "grant: a ceiling that falls")
