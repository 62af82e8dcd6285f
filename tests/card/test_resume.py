# SPDX-License-Identifier: GPL-2.0-or-later
"""The card's power is cut again and again while it works: counts stay right, and no part ever has two identities."""
import random
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import checks
from provtest import handover, pki, processes, workflow

CUTS = 30
SOCKETS = 4
GRANTED, SCRAP = 4 * SOCKETS * CUTS, 2  # far more than are allocated, and so are made
LATEST = 1.3  # of the time that a round takes when nothing happens
P256 = bytes.fromhex("a00a06082a8648ce3d030107")


class Production:
    """A job under power cuts, and all that was ever seen of its parts."""

    def __init__(self, bench):
        self.bench = bench
        self.identities = {}  # of each uid, every (private key, certificate) found whole in its flash
        self.made = self.allocated = self.cuts = 0
        self.locked = set()  # uids that a cut left locked and unfinished

    def fill(self, good):
        """Blank parts in the place of finished ones."""
        for head, part in enumerate(self.bench.parts):
            if part is None or part.uid in good:
                self.bench.insert(head)

    def good(self):
        """The uids that the card's log says are good; each once, and as many as the ledger counts."""
        records = checks.unit_records(self.bench)
        uids = [record["uid"] for record in records if record["event"] == "unit-good"]
        job = self.bench.json("jobs")["jobs"][0]
        assert len(uids) == len(set(uids)) == job["good"] >= self.made
        assert job["good"] + job["reserved"] <= job["allocated"] == self.allocated and job["scrap"] == 0
        self.made = job["good"]
        return set(uids)

    def look_at_parts(self):
        """Note which identities the parts hold."""
        for part in self.bench.parts:
            flash = part.flash.read_bytes()
            found = checks.certificate(flash)
            if found:
                self.identities.setdefault(part.uid, set()).add((checks.private_key(flash), found))

    def cut(self, seconds):
        """A run, and the end of the card's power somewhere in it."""
        run = subprocess.Popen([processes.program("provcard"), "--card", self.bench.card.address, "run"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            time.sleep(seconds)
            self.bench.card.power_cut()
            said, _ = run.communicate(timeout=60)
        finally:
            run.kill()
            run.wait()
        assert run.returncode in (0, checks.REFUSED, checks.GONE, checks.PARTIAL), said
        self.cuts += run.returncode == checks.GONE
        self.look_at_parts()
        self.bench.card.power_on()

    def note_locked(self, good):
        """Parts whose power was cut between lock and record hide who they are; the card finds them by their answer."""
        self.locked |= {part.uid for part in self.bench.parts if checks.is_locked(part.flash.read_bytes())} - good

    def work(self):
        """A run that nothing disturbs; the seconds it took."""
        begun = time.monotonic()
        self.bench.house.provcard("run", expected=None)
        seconds = time.monotonic() - begun
        self.look_at_parts()
        return seconds

    def allocate(self, people):
        """As many more as there are sockets, so that never one more unit may be made than there are parts for."""
        self.bench.house.provcard(f"allocate --count {SOCKETS} {checks.signed(people)}")
        self.allocated += SOCKETS


def public_key(scalar):
    """Of a private key as the part holds it, PEM."""
    sec1 = bytes([0x30, 3 + 2 + 32 + len(P256), 2, 1, 1, 4, 32]) + scalar + P256
    return pki.openssl("ec", "-inform", "DER", "-pubout", stdin=sec1)


def check_identities(production, folder, records):
    """One identity a part: in its flash at all times, in every record, and in the delivery."""
    for uid, found in production.identities.items():
        assert len(found) == 1, uid
    for record in records:
        if int(record.get("certificate_sha256") or "0", 16) and record["uid"] in production.identities:
            (_, held), = production.identities[record["uid"]]
            assert record["certificate_sha256"] == checks.digest(held)
    keys = set()
    for uid, certificate in handover.certificates(folder).items():
        (key, held), = production.identities[uid]
        assert certificate == held
        assert x509.load_der_x509_certificate(held).public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo) == public_key(key)
        keys.add(key)
    assert len(keys) == production.made


def test_power_cuts_at_random(house, people, tmp_path):
    """Thirty cuts while units are made, then every allocated unit is made; all counts and proofs hold."""
    workflow.pack(house.house, people, tmp_path / "package.ppkg", count=GRANTED, scrap=SCRAP)
    house.house.provcard("load package.ppkg")
    production, when = Production(house), random.Random(20)
    production.allocate(people)
    production.fill(set())
    round_time = production.work()
    assert len(production.good()) == SOCKETS
    while production.cuts < CUTS or production.made < production.allocated:
        if production.made == production.allocated:
            production.allocate(people)
        good = production.good()
        production.fill(good)
        production.note_locked(good)
        if production.cuts < CUTS:
            production.cut(when.uniform(0, LATEST * round_time))
        else:
            production.work()
        production.good()
    assert production.locked <= production.good()
    print(f"{production.cuts} cuts, {production.made} units, {len(production.locked)} parts were left locked")
    house.insert(0)
    checks.refused(house.house, "run --heads 0", "ALLOCATION_EXHAUSTED")
    assert checks.counts(house) == (production.made, 0, 0)
    delivery = checks.deliver(house, people, "delivery")
    heading = handover.heading_of(delivery)
    assert (heading["good"], heading["scrap"], heading["unused"]) == (production.made, 0, GRANTED + SCRAP - production.made)
    check_identities(production, delivery, handover.records(delivery))
