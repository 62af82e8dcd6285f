# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's log: records and checkpoints."""
import base64
import binascii
import re

from . import Refused, asn1, need, tree

EVENTS = {asn1.BOOT: "boot", asn1.INITIALISED: "initialised", asn1.ENROLLED: "enrolled", asn1.LOADED: "loaded",
          asn1.ALLOCATED: "allocated", asn1.GOOD: "unit-good", asn1.SCRAP: "unit-scrap", asn1.UNIT_REFUSED: "unit-refused",
          asn1.CLOSED: "closed", asn1.ZEROISED: "zeroised", asn1.REQUEST_REFUSED: "request-refused",
          asn1.GRANTED: "granted",
          asn1.REMOVED: "removed", asn1.POLICY: "policy", asn1.LOCKED_OUT: "locked-out", asn1.UNLOCKED: "unlocked",
          asn1.AUDITED: "audited"}
STEPS = {asn1.GOOD: {"good": 1, "reserved": -1}, asn1.SCRAP: {"scrap": 1, "reserved": -1}}
ECDSA_SHA256 = "1.2.840.10045.4.3.2"


def check_counters(record):
    """How a record may change its job's counters."""
    before, after = (record["job"][name].native for name in ("before", "after"))
    change = {name: after[name] - before[name] for name in before}
    event = record["event"].native
    if event == asn1.ALLOCATED:
        need(change.pop("allocated") > 0, "record: an allocation of nothing")
    elif event == asn1.CLOSED:
        need(change.pop("allocated") <= 0 and change.pop("reserved") <= 0, "record: a closing that raises a counter")
    wanted = {name: STEPS.get(event, {}).get(name, 0) for name in change}
    need(change == wanted, f"record: {EVENTS[event]} changes the counters by {change}")


class Checkpoint:
    """A signed note on the log; only lines of known keys count, and each known key must have a good one."""

    def __init__(self, note, identities, serial):
        text, lines = self.split(note)
        self.origin, self.size, self.root = self.read_text(text)
        need(self.origin == f"provcard/{serial}", "checkpoint: another card's log")
        for identity in identities:
            self.check_signature(text, lines, identity.key)

    @staticmethod
    def split(note):
        """(text with its last newline, [(name, key id, signature)])."""
        text, blank, rest = note.rpartition(b"\n\n")
        need(blank and rest.endswith(b"\n"), "checkpoint: not a signed note")
        lines = []
        for line in rest[:-1].decode("utf-8", errors="replace").split("\n"):
            match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
            need(match, "checkpoint: a signature line of a wrong form")
            try:
                value = base64.b64decode(match[2], validate=True)
            except binascii.Error as error:
                raise Refused("checkpoint: a signature that is not base64") from error
            lines.append((match[1], value[:4], value[4:]))
        return text + b"\n", lines

    @staticmethod
    def read_text(text):
        """Origin, size, root: three lines."""
        match = re.fullmatch(rb"([^\n]+)\n(0|[1-9][0-9]{0,19})\n([A-Za-z0-9+/]{43}=)\n", text)
        need(match, "checkpoint: not three lines")
        root = base64.b64decode(match[3])
        need(base64.b64encode(root) == match[3], "checkpoint: a root that is not canonical base64")
        return match[1].decode("utf-8", errors="replace"), int(match[2]), root

    def check_signature(self, text, lines, key):
        """One good line of this key."""
        key_id, algorithm = tree.sha256(key.spki)[:4], ECDSA_SHA256
        if not key.curve:
            key_id = tree.sha256(self.origin.encode(), b"\n\xffprovcard/ML-DSA-87", key.octets)[:4]
            algorithm = key.algorithm
        signatures = [value for name, identifier, value in lines if (name, identifier) == (self.origin, key_id)]
        need(signatures, "checkpoint: a signature is missing")
        for signature in signatures:
            key.verify(algorithm, text, signature)
