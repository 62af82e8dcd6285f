# SPDX-License-Identifier: GPL-2.0-or-later
"""A card's whole log in a file, as an auditor has it."""
import json
import pathlib

from . import Refused, asn1, need, tree
from .card import Card
from .delivery import Entry, Run, read_line
from .log import Checkpoint


def checkpoint_of(path, card):
    """Of an earlier file or note, by the same card."""
    text = pathlib.Path(path).read_bytes()
    note = json.loads(text.split(b"\n", 1)[0])["checkpoint"].encode() if text.startswith(b"{") else text
    return Checkpoint(note, card.identities, card.serial)


class LogFile:
    """One file, read once, a line at a time."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8", newline="\n") as file:
            self.heading = read_line(file.readline())
        try:
            self.card, self.first = Card(self.heading["card_certificates"]), self.heading["from"]
            self.checkpoint = Checkpoint(self.heading["checkpoint"].encode(), self.card.identities, self.card.serial)
        except (KeyError, TypeError, AttributeError) as error:
            raise Refused(f"log: {error!r}") from error
        self.log, self.last, self.entries = tree.Tree(), None, 0

    def lines(self):
        """Behind the heading."""
        with open(self.path, encoding="utf-8", newline="\n") as file:
            next(file)
            for text in file:
                line = read_line(text)
                yield Entry(line) if "record" in line else Run(line)

    def check(self, maker_anchors, after=None, at=None):
        """All of it, and that it continues @after."""
        older = checkpoint_of(after, self.card) if after else None
        seen = None
        for line in self.lines():
            if isinstance(line, Run):
                need(line.first == self.log.size == 0, "log: entries are not shown")
                self.log.add_run(line.count, line.hashes)
            else:
                self.check_entry(line)
            if older and self.log.size == older.size:
                seen = self.log.root()
        need((self.log.size, self.log.root()) == (self.checkpoint.size, self.checkpoint.root), "log: not that of the checkpoint")
        if older and seen is None:
            proof = [bytes.fromhex(text) for text in self.heading.get("consistency", [])]
            need(older.size == self.first, "log: cannot be compared")
            tree.check_consistency(older.size, older.root, self.checkpoint.size, self.checkpoint.root, proof)
        need(not older or seen in (None, older.root), "consistency: another log")
        if at is None and self.last:
            at = self.last.record["time"].native
        need(at is not None, "log: no moment to judge by")
        self.card.check(maker_anchors, at)

    def check_entry(self, entry):
        """In its place, behind the one before, with what belongs to it."""
        need(entry.index == self.log.size, "log: an entry is missing or out of order")
        previous = tree.sha256(self.last.der) if self.last else bytes(32)
        need(entry.record["previous"].native == previous or (not self.last and entry.index), "log: the chain is broken")
        digest = entry.record["attachment"].native
        need(digest == (tree.sha256(entry.attachment) if entry.attachment is not None else asn1.ZERO), "log: another attachment")
        self.log.add(tree.leaf_hash(entry.der))
        self.last, self.entries = entry, self.entries + 1
