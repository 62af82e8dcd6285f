# SPDX-License-Identifier: GPL-2.0-or-later
"""Grants: the manifest's, and those that follow it on their own, signed by the OEM or by a quota authority."""
from asn1crypto import core

from . import Refused, asn1, der, need, tree
from .certificate import ML_DSA_65, ML_DSA_87, SECP384R1, check_path
from .signed import CNSA2, HYBRID, read_signed

CEILINGS = ("ceiling_good", "ceiling_scrap")


class Authority:
    """Who grants in the OEM's place."""

    def __init__(self, form, suite=None):
        self.suite = suite or (CNSA2 if len(form["members"][0]["signers"]) == 1 else HYBRID)
        demanded = 1 if self.suite == CNSA2 else 2
        self.threshold = form["threshold"].native
        self.members = {member["name"].native: [digest.native for digest in member["signers"]] for member in form["members"]}
        need(all(len(signers) == demanded for signers in self.members.values()),
             "quota authority: not as many signers as the suite demands")

    @classmethod
    def of(cls, form, suite):
        """From an optional field."""
        return None if isinstance(form, core.Void) or form.native is None else cls(form, suite)

    def kinds_fit(self, signers):
        """Are a member's keys those of the suite, in its order?"""
        if self.suite == CNSA2:
            return signers[0].key.algorithm == ML_DSA_87
        return signers[0].key.curve == SECP384R1 and signers[1].key.algorithm == ML_DSA_65

    def judge(self, signed, at):
        """The names of those who granted; Refused when they are too few, or when a stranger signed."""
        by_digest = {tree.sha256(signer.der): signer for signer in signed.signers}
        need(len(by_digest) == len(signed.signers), "grant: a signer twice")
        need(set(by_digest) <= {digest for signers in self.members.values() for digest in signers},
             "grant: a signer who is not of the quota authority")
        names, keys = [], set()
        for name, signers in self.members.items():
            present = [by_digest[digest] for digest in signers if digest in by_digest]
            if len(present) < len(signers) or not all(may_sign(signer, at) for signer in present):
                continue
            need(self.kinds_fit(present), "quota authority: a member's keys are not those of the suite")
            mine = {signer.key.spki for signer in present}
            if not mine & keys:
                names.append(name)
            keys |= mine
        need(len(names) >= self.threshold, f"grant: {len(names)} members of the quota authority signed, {self.threshold} must")
        return names


def may_sign(signer, at):
    """By usage and dates: the manifest pins the certificate itself."""
    try:
        check_path(signer, [], [signer], at)
    except Refused:
        return False
    return "digital_signature" in signer.usage


class Grant:
    """One; @signed when it came by itself, so that a caller who knows the OEM's anchors can go on with signed.oem()."""

    def __init__(self, data, authority=None, at=None):
        self.signed = None
        *_, begin, end = der.header(data, 0, len(data))
        if begin < end and data[begin] == der.OID:  # ContentInfo, for a Grant begins with an INTEGER
            self.signed = read_signed(data, asn1.CT_GRANT)
            data = self.signed.content
        self.der, self.fields = bytes(data), asn1.read(asn1.Grant, data).native
        if authority:
            need(self.signed is not None, "grant: without signatures, where a quota authority grants")
            self.members = authority.judge(self.signed, at)
        elif self.signed:
            self.signed.by_suite(self.signed.suite())
        else:
            need(self.fields["sequence"] == 1, "grant: a later one without signatures")

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
        need(self.fields["termination"] or all(self.fields[name] >= last.fields[name] for name in CEILINGS),
             "grant: a ceiling that falls")


def read_loaded(data):
    """What a loading keeps: the quota authority, or the manifest's grant; (authority, grant), one of them None."""
    *_, begin, end = der.header(data, 0, len(data))
    *_, after = der.header(data, begin, end)
    _, _, tag, *_ = der.header(data, after, end)
    if tag == der.SEQUENCE:
        return Authority(asn1.read(asn1.QuotaAuthority, data)), None
    return None, Grant(data)
