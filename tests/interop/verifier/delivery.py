# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliveries: what an OEM gets back, checked as formats.rst says, and a little more: no part twice, the requests, the JSON."""
import base64
import binascii
import datetime
import json
import pathlib
import time

from . import Refused, asn1, device, need, tree
from .card import Card
from .certificate import ML_DSA_87, check_path, read_pem
from .grant import Grant
from .log import EVENTS, Checkpoint, check_counters
from .signed import kind_of, read_signed

PROOFS = ("none", "lock", "challenge")


def decode(text):
    """base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Refused("records.json: not base64") from error


def moment(seconds):
    """As JSON has it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Delivery:
    """The files of one."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.card = Card(self.text("card-certs.pem"))
        self.end_cms = self.bytes("end-certificate.p7m")
        self.note = self.bytes("checkpoint.txt")
        self.issuers = read_pem(self.text("ca.pem")) if (self.folder / "ca.pem").exists() else []
        try:
            self.json = json.loads(self.text("records.json"))
            self.entries = [Entry(self, item) for item in self.json["records"]]
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(f"records.json: {error!r}") from error

    def bytes(self, name):
        """Of one file."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise Refused(f"{name} is missing") from error

    def text(self, name):
        """Of one file."""
        return self.bytes(name).decode("utf-8", errors="replace")


class Entry:
    """A record with its proof and its attachment."""

    def __init__(self, delivery, item):
        self.json = item
        self.der = decode(item["record"])
        self.record = asn1.read(asn1.Record, self.der)
        self.index, self.event = self.record["index"].native, self.record["event"].native
        self.proof = [bytes.fromhex(text) for text in item["inclusion"]]
        need(all(len(node) == 32 for node in self.proof), "records.json: a hash of a wrong size in a proof")
        self.attachment = decode(item["attachment"]) if item.get("attachment") is not None else None
        self.certificate = None
        if item.get("certificate_file") is not None:
            folder = "certs" if self.event == asn1.GOOD else "certs-not-good"
            uid = self.record["unit"]["uid"].native.hex()
            need(item["certificate_file"] == f"{folder}/{uid}.pem", "records.json: a certificate in another place")
            found = read_pem(delivery.text(item["certificate_file"]))
            need(len(found) == 1, f"{item['certificate_file']}: not one certificate")
            self.certificate, self.attachment = found[0], found[0].der

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
            need(self.json.get(name) == value, f"records.json: {name} of record {self.index} is not what the record says")
        need((self.json.get("refusal") or {"code": 0})["code"] == says["code"], f"records.json: refusal of record {self.index}")


class Verifier:
    """One delivery under judgement."""

    def __init__(self, folder, maker_anchors, device_anchors=None, at=None):
        self.delivery = Delivery(folder)
        self.card = self.delivery.card
        signed = read_signed(self.delivery.end_cms, asn1.CT_END_CERTIFICATE)
        need(set(signed.pair(ML_DSA_87)) == set(self.card.identities), "end certificate: not by this card's identities")
        self.end = asn1.read(asn1.EndCertificate, signed.content).native
        need(self.end["card_id"] == self.card.card_id, "end certificate: names another card")
        self.card.check(maker_anchors, int(time.time()) if at is None else at)
        self.issuer = self.check_issuer(device_anchors)
        self.certificates, self.uids, self.last, self.granted = [], set(), None, None
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
        need(self.delivery.entries and self.delivery.entries[0].index == end["first_index"], "the first record is missing")
        for entry in self.delivery.entries:
            self.check_entry(entry)
        need(self.last.index == end["last_index"] and self.last.event == asn1.CLOSED, "the closing is missing")
        self.check_totals()
        self.check_checkpoint()
        return end

    def check_counts(self):
        """The end certificate in itself."""
        end = self.end
        need(end["granted"] == end["granted_good"] + end["granted_scrap"] == end["good"] + end["scrap"] + end["unused"],
             "end certificate: counts do not add up")
        need(end["good"] <= end["granted_good"] and end["scrap"] <= end["granted_scrap"], "end certificate: more than was granted")
        need(end["first_index"] <= end["last_index"] < end["log_size"], "end certificate: indexes")
        need(1 <= end["records"] <= end["last_index"] - end["first_index"] + 1, "end certificate: number of records")

    def check_unit(self, uid):
        """One good unit alone: its record, proof and certificate."""
        found = [entry for entry in self.delivery.entries if entry.event == asn1.GOOD and entry.record["unit"]["uid"].native == uid]
        need(len(found) == 1, "not one good record of this unit")
        self.check_leaf(found[0])
        self.check_part(found[0])
        return found[0]

    def check_summary(self):
        """The JSON's head against the end certificate."""
        end = self.end
        wanted = {name: end[name] for name in ("product", "oem", "granted", "good", "scrap", "unused", "log_size")}
        wanted.update(card=self.card.serial, card_id=end["card_id"].hex(), job=end["package_id"].hex(),
                      closed_at=moment(end["closed_at"]), log_root=end["log_root"].hex(), schema_version=1)
        for name, value in wanted.items():
            need(self.delivery.json.get(name) == value, f"records.json: {name} is not what the end certificate says")

    def check_leaf(self, entry):
        """In the log, and the job's."""
        root = tree.root_from_inclusion(entry.der, entry.index, self.end["log_size"], entry.proof)
        need(root == self.end["log_root"], f"record {entry.index} is not in the log")
        job = entry.record["job"].native
        need(job and job["package_id"] == self.end["package_id"], f"record {entry.index} is of another job")
        digest = entry.record["attachment"].native
        if entry.attachment is not None:
            need(tree.sha256(entry.attachment) == digest, f"record {entry.index}: another attachment")
        entry.check_json()

    def check_entry(self, entry):
        """One record in its place."""
        need(self.last is None or self.last.index < entry.index, "records out of order")
        need(self.last is None or self.last.event != asn1.CLOSED, "a record behind the closing")
        need(entry.index <= self.end["last_index"], "a record behind the last")
        self.check_leaf(entry)
        if self.last and self.last.index + 1 == entry.index:
            need(entry.record["previous"].native == tree.sha256(self.last.der), f"record {entry.index} does not follow the last")
        check_counters(entry.record)
        self.check_run(entry)
        if entry.event in (asn1.GOOD, asn1.SCRAP, asn1.UNIT_REFUSED):
            self.check_part(entry)
        elif entry.attachment is not None:
            self.check_attachment(entry)
        self.last = entry

    def check_run(self, entry):
        """The counters begin where they ended."""
        job = entry.record["job"].native
        for name, value in self.counters.items():
            need(job["before"][name] == value, f"record {entry.index}: {name} jumps, a record is missing")
            self.counters[name] = job["after"][name]

    def check_part(self, entry):
        """A record on a part and its certificate."""
        unit = entry.record["unit"].native
        need(unit, f"record {entry.index}: a part is missing")
        if entry.event == asn1.GOOD:
            need(unit["uid"] and unit["uid"] not in self.uids, f"record {entry.index}: the same part twice")
            need(entry.record["code"].native == 0, f"record {entry.index}: good, and refused")
            self.uids.add(unit["uid"])
        if entry.event == asn1.GOOD and self.issuer:
            need(entry.certificate, f"record {entry.index}: no certificate")
        if entry.certificate:
            need(unit["certificate"] == entry.record["attachment"].native, f"record {entry.index}: two digests of a certificate")
            need(self.issuer, f"record {entry.index}: a certificate without an issuer")
            device.check(entry.certificate, self.issuer, unit["uid"], self.end["closed_at"])
            if entry.event == asn1.GOOD:
                self.certificates.append(entry.certificate.der)
        elif entry.event == asn1.GOOD:
            need(unit["certificate"] == asn1.ZERO, f"record {entry.index}: its certificate is missing")

    def check_attachment(self, entry):
        """The grant of a loading, the request of an allocation; a closing has either."""
        if entry.event == asn1.LOADED:
            self.check_grant(Grant(entry.attachment))
        elif entry.event == asn1.CLOSED and kind_of(entry.attachment) == asn1.CT_GRANT:
            self.check_grant(Grant(entry.attachment))
            need(self.granted.fields["termination"], "a grant that ends nothing")
        elif entry.event in (asn1.ALLOCATED, asn1.CLOSED):
            self.check_request(entry)

    def check_grant(self, grant):
        """The next one, of this job."""
        grant.follows(self.granted)
        need((grant.fields["card_id"], grant.fields["package_id"]) == (self.end["card_id"], self.end["package_id"]),
             "a grant of another job")
        self.granted = grant

    def check_request(self, entry):
        """To this card, for this job, for what was done."""
        request, arguments = asn1.read_request(read_signed(entry.attachment, asn1.CT_REQUEST).content)
        need(request["card_id"].native == self.end["card_id"], "a request to another card")
        need(isinstance(arguments, asn1.Allocate if entry.event == asn1.ALLOCATED else asn1.Close), "another request")
        need(arguments["package_id"].native == self.end["package_id"], "a request for another job")
        job = entry.record["job"].native
        released = job["after"]["allocated"] - job["before"]["allocated"]
        need(entry.event == asn1.CLOSED or arguments["count"].native == released, "another count than requested")

    def check_totals(self):
        """What the records come to."""
        end = self.end
        need(len(self.delivery.entries) == end["records"], "a record is missing")
        need((self.counters["good"], self.counters["scrap"]) == (end["good"], end["scrap"]), "records and end certificate differ")
        need(self.granted is None or self.granted.ceilings == (end["granted_good"], end["granted_scrap"]),
             "end certificate: not what the grant in force says")
        need(tree.root(self.certificates) == end["certificates_root"], "certificates: not those of the end certificate")

    def check_checkpoint(self):
        """Signed by the card, on this log; of the same size it must have the same root."""
        checkpoint = Checkpoint(self.delivery.note, self.card.identities, self.card.serial)
        need(checkpoint.size >= self.end["log_size"], "checkpoint: older than the end certificate")
        need(checkpoint.size > self.end["log_size"] or checkpoint.root == self.end["log_root"], "checkpoint: another log")
