# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliveries: what an OEM gets back, checked as formats.rst says, and a little more: the requests, the JSON. In one pass."""
import base64
import binascii
import datetime
import hashlib
import json
import pathlib
import tempfile

from . import Refused, asn1, device, need, secrets, tree
from .card import Card
from .certificate import ML_DSA_87, Certificate, check_path, read_pem
from .grant import Grant, read_loaded
from .log import EVENTS, Checkpoint, check_counters
from .signed import kind_of, read_signed

PROOFS = ("none", "lock", "challenge")


def decode(text):
    """base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Refused("records.jsonl: not base64") from error


def moment(seconds):
    """As JSON has it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_line(text):
    """One line, an object."""
    need(text.endswith("\n"), "records.jsonl: its end is missing")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refused(f"records.jsonl: {error!r}") from error
    need(isinstance(found, dict), "records.jsonl: a line is no object")
    return found


class Delivery:
    """The files of one."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.card = Card(self.text("card-certs.pem"))
        self.end_cms = self.bytes("end-certificate.p7m")
        self.note = self.bytes("checkpoint.txt")
        self.issuers = read_pem(self.text("ca.pem")) if (self.folder / "ca.pem").exists() else []
        self.json = next(self.lines())

    def bytes(self, name):
        """Of one file."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise Refused(f"{name} is missing") from error

    def text(self, name):
        """Of one file."""
        return self.bytes(name).decode("utf-8", errors="replace")

    def lines(self):
        """The heading, then one line after the other; the file is never in memory as a whole."""
        try:
            with open(self.folder / "records.jsonl", encoding="utf-8", errors="replace", newline="\n") as file:
                for text in file:
                    yield read_line(text)
        except OSError as error:
            raise Refused("records.jsonl is missing") from error

    def entries(self):
        """A record or a run at a time."""
        lines = self.lines()
        next(lines)
        try:
            for line in lines:
                yield Entry(line) if "record" in line else Run(line)
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(f"records.jsonl: {error!r}") from error

    def records(self):
        """Without the runs."""
        return (entry for entry in self.entries() if isinstance(entry, Entry))


class Run:
    """Entries of the log that the delivery does not show."""

    def __init__(self, line):
        self.first, self.count = line["from"], line["count"]
        self.hashes = [bytes.fromhex(text) for text in line["subtrees"]]
        need(isinstance(self.first, int) and isinstance(self.count, int) and self.count > 0, "run: no count")
        need(all(len(one) == 32 for one in self.hashes), "run: a hash of a wrong size")


class Entry:
    """A record with its attachment."""

    def __init__(self, item):
        self.json = item
        self.der = decode(item["record"])
        self.record = asn1.read(asn1.Record, self.der)
        self.index, self.event = self.record["index"].native, self.record["event"].native
        need(self.event in EVENTS, f"record {self.index}: an unknown event")
        self.certificate = self.sealed = None
        self.attachment = decode(item["attachment"]) if item.get("attachment") is not None else None
        if item.get("certificate") is not None:
            self.attachment = decode(item["certificate"])
            self.certificate = Certificate(self.attachment)
        if item.get("sealed_secrets") is not None:
            self.sealed = decode(item["sealed_secrets"])
            asn1.read(asn1.SealedSecrets, self.sealed)
            self.attachment = (self.attachment or b"") + self.sealed

    def check_json(self):
        """What stands beside the record in JSON is what the record says."""
        says = self.record.native
        wanted = {"index": self.index, "event": EVENTS[self.event], "time": moment(says["time"]), "boot": says["boot"],
                  "time_authenticated": says["authenticated"], "actor": says["actor"],
                  "job": says["job"] and says["job"]["package_id"].hex()}
        if says["job"]:
            wanted.update(before=dict(says["job"]["before"]), after=dict(says["job"]["after"]))
        if says["unit"]:
            unit = says["unit"]
            wanted.update(head=unit["head"], uid=unit["uid"].hex(), part=unit["part"], locked=unit["locked"],
                          proof=PROOFS[unit["proof"]],
                          certificate_sha256=unit["certificate"].hex())
        for name, value in wanted.items():
            need(self.json.get(name) == value, f"records.jsonl: {name} of record {self.index} is not what the record says")
        need((self.json.get("refusal") or {"code": 0})["code"] == says["code"], f"records.jsonl: refusal of record {self.index}")


REQUESTS = {asn1.ALLOCATED: asn1.Allocate, asn1.CLOSED: asn1.Close, asn1.AUDITED: asn1.Audit}


class Verifier:
    """One delivery under judgement."""

    def __init__(self, folder, maker_anchors, device_anchors=None, at=None):
        self.delivery = Delivery(folder)
        self.card = self.delivery.card
        signed = read_signed(self.delivery.end_cms, asn1.CT_END_CERTIFICATE)
        need(set(signed.pair(ML_DSA_87)) == set(self.card.identities), "end certificate: not by this card's identities")
        self.end = asn1.read(asn1.EndCertificate, signed.content).native
        self.returns = self.escrow = None
        need(self.end["card_id"] == self.card.card_id, "end certificate: names another card")
        self.card.check(maker_anchors, self.end["closed_at"] if at is None else at)
        self.issuer = self.check_issuer(device_anchors)
        self.certificates, self.uids, self.granted = tree.Tree(), UidSet(), None
        self.log, self.last, self.after_run, self.count = tree.Tree(), None, False, 0
        self.time_authenticated = None
        self.authority, self.ceilings = None, (0, 0)
        self.counters = {"good": 0, "scrap": 0, "allocated": 0}

    def check_issuer(self, anchors):
        """The issuing certificate, valid at the closing; its root is believed unless the caller knows one."""
        if not self.delivery.issuers:
            return None
        issuer, *above = self.delivery.issuers
        check_path(issuer, above, anchors or self.delivery.issuers[-1:], self.end["closed_at"])
        return issuer

    def check(self):
        """All of it; the end certificate's fields."""
        end = self.end
        self.check_counts()
        self.check_summary()
        self.check_checkpoint()
        for entry in self.delivery.entries():
            if isinstance(entry, Run):
                self.check_run_of_others(entry)
            else:
                self.check_entry(entry)
        need(self.last and self.last.index == end["last_index"] and self.last.event == asn1.CLOSED, "the closing is missing")
        self.check_totals()
        return end

    def check_run_of_others(self, run):
        """Behind the last entry, and not beside another run."""
        need(run.first == self.log.size, "run: in another place")
        need(not self.after_run and self.log.size + run.count <= self.end["log_size"], "run: not the shortest form")
        self.log.add_run(run.count, run.hashes)
        self.after_run = True

    def check_counts(self):
        """The end certificate in itself."""
        end = self.end
        need(end["granted"] == end["granted_good"] + end["granted_scrap"] == end["good"] + end["scrap"] + end["unused"],
             "end certificate: counts do not add up")
        need(end["good"] <= end["granted_good"] and end["scrap"] <= end["granted_scrap"], "end certificate: more than was granted")
        need(end["first_index"] <= end["last_index"] < end["log_size"], "end certificate: indexes")
        need(1 <= end["records"] <= end["last_index"] - end["first_index"] + 1, "end certificate: number of records")

    def check_unit(self, uid):
        """One good unit alone: its record is in the log, and its certificate is its own."""
        log, found = tree.Tree(), []
        for entry in self.delivery.entries():
            if isinstance(entry, Run):
                log.add_run(entry.count, entry.hashes)
                continue
            log.add(tree.leaf_hash(entry.der))
            if entry.event == asn1.GOOD and entry.record["unit"]["uid"].native == uid:
                found.append(entry)
        need((log.size, log.root()) == (self.end["log_size"], self.end["log_root"]), "the records are not the log's")
        need(len(found) == 1, "not one good record of this unit")
        self.check_leaf(found[0])
        self.check_part(found[0])
        return found[0]

    def check_summary(self):
        """The JSON's head against the end certificate."""
        end = self.end
        wanted = {name: end[name] for name in ("product", "oem", "granted", "good", "scrap", "unused", "log_size")}
        wanted.update(card=self.card.serial, card_id=end["card_id"].hex(), job=end["package_id"].hex(),
                      closed_at=moment(end["closed_at"]), log_root=end["log_root"].hex(), schema_version=2)
        for name, value in wanted.items():
            need(self.delivery.json.get(name) == value, f"records.jsonl: {name} is not what the end certificate says")

    def check_leaf(self, entry):
        """The job's."""
        job = entry.record["job"].native
        need(job and job["package_id"] == self.end["package_id"], f"record {entry.index} is of another job")
        digest = entry.record["attachment"].native
        if entry.attachment is not None:
            need(tree.sha256(entry.attachment) == digest, f"record {entry.index}: another attachment")
        entry.check_json()

    def check_entry(self, entry):
        """One record in its place."""
        need(self.last or entry.index == self.log.size == self.end["first_index"], "the first record is missing")
        need(self.last is None or self.last.event != asn1.CLOSED, "a record behind the closing")
        need(entry.index >= self.log.size, "records out of order")
        need(entry.index == self.log.size, f"what is before record {entry.index} is missing")
        need(entry.index <= self.end["last_index"], "a record behind the last")
        self.check_leaf(entry)
        if self.last and not self.after_run:
            need(entry.record["previous"].native == tree.sha256(self.last.der), f"record {entry.index} does not follow the last")
        check_counters(entry.record)
        self.check_run(entry)
        if entry.event in (asn1.GOOD, asn1.SCRAP, asn1.UNIT_REFUSED):
            self.check_part(entry)
        elif entry.attachment is not None:
            self.check_attachment(entry)
        if entry.event == asn1.CLOSED:
            need(entry.record["time"].native == self.end["closed_at"], "closed at another time than the end certificate says")
            self.time_authenticated = entry.record["authenticated"].native
        self.log.add(tree.leaf_hash(entry.der))
        self.last, self.after_run, self.count = entry, False, self.count + 1

    def check_run(self, entry):
        """The counters begin where they ended."""
        job = entry.record["job"].native
        for name, value in self.counters.items():
            need(job["before"][name] == value, f"record {entry.index}: {name} jumps, a record is missing")
            self.counters[name] = job["after"][name]
        good, scrap = self.ceilings
        need(job["after"]["good"] <= good and job["after"]["scrap"] <= scrap, f"record {entry.index}: more than was granted by then")

    def check_part(self, entry):
        """A record on a part and its certificate."""
        unit = entry.record["unit"].native
        need(unit, f"record {entry.index}: a part is missing")
        if entry.event == asn1.GOOD:
            need(unit["uid"], f"record {entry.index}: good, and no part")
            need(entry.record["code"].native == 0, f"record {entry.index}: good, and refused")
            self.uids.add(unit["uid"])
        self.check_secrets(entry)
        if entry.event == asn1.GOOD and self.issuer:
            need(entry.certificate, f"record {entry.index}: no certificate")
        if entry.certificate:
            need(unit["certificate"] == tree.sha256(entry.certificate.der), f"record {entry.index}: another certificate than its record's")
            need(self.issuer, f"record {entry.index}: a certificate without an issuer")
            device.check(entry.certificate, self.issuer, unit["uid"], self.end["closed_at"])
            if entry.event == asn1.GOOD:
                self.certificates.add(tree.leaf_hash(entry.certificate.der))
        elif entry.event == asn1.GOOD:
            need(unit["certificate"] == asn1.ZERO, f"record {entry.index}: its certificate is missing")

    def check_secrets(self, entry):
        """Sealed ones, exactly where the job returns any; they go the way of the certificate."""
        if self.returns is None:
            return
        need(self.returns or not entry.sealed, f"record {entry.index}: secrets of a job that returns none")
        if self.returns and (entry.event == asn1.GOOD or entry.certificate):
            need(entry.sealed, f"record {entry.index}: its secrets are missing")

    def check_loaded(self, attachment):
        """The quota authority or the manifest's grant, and behind it the escrow envelope of a job that returns secrets."""
        grant, envelope = secrets.split(attachment)
        self.authority, first = read_loaded(grant)
        if first:
            self.check_grant(first)
        self.returns = bool(envelope)
        if envelope:
            self.escrow = secrets.EscrowEnvelope(envelope)

    def check_attachment(self, entry):
        """The grant of a loading, the request of an allocation; a closing has either."""
        if entry.event == asn1.LOADED:
            self.check_loaded(entry.attachment)
        elif entry.event == asn1.GRANTED:
            self.check_grant(self.read_grant(entry))
            need(not self.granted.fields["termination"], "a grant that ends the job, recorded as one that does not")
        elif entry.event == asn1.CLOSED and kind_of(entry.attachment) == asn1.CT_GRANT:
            self.check_grant(self.read_grant(entry))
            need(self.granted.fields["termination"], "a grant that ends nothing")
        elif entry.event in REQUESTS:
            self.check_request(entry)

    def read_grant(self, entry):
        """A later one, signed by those who grant here, at the time of its record."""
        return Grant(entry.attachment, self.authority, entry.record["time"].native)

    def check_grant(self, grant):
        """The next one, of this job."""
        grant.follows(self.granted)
        need((grant.fields["card_id"], grant.fields["package_id"]) == (self.end["card_id"], self.end["package_id"]),
             "a grant of another job")
        self.granted = grant
        if not grant.fields["termination"]:
            self.ceilings = grant.ceilings

    def check_request(self, entry):
        """To this card, for this job, for what was done."""
        request, arguments = asn1.read_request(read_signed(entry.attachment, asn1.CT_REQUEST).content)
        need(request["card_id"].native == self.end["card_id"], "a request to another card")
        need(isinstance(arguments, REQUESTS[entry.event]), "another request")
        need(arguments["package_id"].native == self.end["package_id"], "a request for another job")
        need(entry.event != asn1.AUDITED or arguments["size"].native <= entry.index, "an audit of records to come")
        job = entry.record["job"].native
        released = job["after"]["allocated"] - job["before"]["allocated"]
        need(entry.event != asn1.ALLOCATED or arguments["count"].native == released, "another count than requested")

    def check_totals(self):
        """What the records come to."""
        end = self.end
        need(self.count == end["records"], "a record is missing")
        need((self.counters["good"], self.counters["scrap"]) == (end["good"], end["scrap"]), "records and end certificate differ")
        need(self.ceilings == (end["granted_good"], end["granted_scrap"]),
             "end certificate: not what the grant in force says")
        need((self.log.size, self.log.root()) == (end["log_size"], end["log_root"]), "the records are not the log's")
        need(not self.uids.repeats(), "the same part twice")
        need(self.certificates.root() == end["certificates_root"], "certificates: not those of the end certificate")

    def check_checkpoint(self):
        """Signed by the card, on the very log of the end certificate."""
        checkpoint = Checkpoint(self.delivery.note, self.card.identities, self.card.serial)
        need((checkpoint.size, checkpoint.root) == (self.end["log_size"], self.end["log_root"]), "checkpoint: another log")


class UidSet:
    """Finds what comes twice with little memory: shares by digest, each as small as it must be, looked at one after the other."""

    SHARE = 1 << 16

    def __init__(self):
        self.file, self.count = tempfile.TemporaryFile(), 0  # pylint: disable=consider-using-with

    def add(self, uid):
        """Fixed size in the file."""
        self.file.write(bytes([len(uid)]) + uid.ljust(16, b"\0"))
        self.count += 1

    def entries(self):
        """All of them."""
        self.file.seek(0)
        while entry := self.file.read(17):
            yield entry

    def repeats(self):
        """Is one there twice? A share that was made too large by choice of UIDs costs memory and nothing else."""
        shares = self.count // self.SHARE + 1
        for share in range(shares):
            seen = set()
            for entry in self.entries():
                if int.from_bytes(hashlib.sha256(entry).digest()[:8], "big") % shares != share:
                    continue
                if entry in seen:
                    return True
                seen.add(entry)
        return False
