# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole workflow without a guest, once for every test that looks at what came of it; and cards whose private keys are known."""
import itertools
import pathlib
import shutil
import subprocess
import time
import types

import pytest

from provtest import processes, workflow
from verifier import asn1
from verifier.certificate import read_pem
from verifier.package import sections
from verifier.signed import read_signed

UIDS = [0xC0FFEE00_00000001 + number for number in range(4)]


@pytest.fixture(name="people", scope="session")
def everybody(tmp_path_factory):
    """Keys and certificates."""
    return workflow.People.make(tmp_path_factory.mktemp("people"))


@pytest.fixture(name="anchors", scope="session")
def everybodys_anchors(people):
    """As the verifier takes them."""
    return types.SimpleNamespace(maker=read_pem(people.maker.anchors.read_text()), oem=read_pem(people.oem.anchors.read_text()),
                                 device=read_pem(people.oem.device_root.certificate.read_text()))


def package_id(path):
    """Whose job it becomes."""
    manifest = asn1.read(asn1.Manifest, read_signed(sections(path.read_bytes())[0], asn1.CT_MANIFEST).content)
    return manifest["core"]["package_id"].native


class Floor:
    """A card with one socket."""

    def __init__(self, folder):
        self.folder = folder
        self.card = processes.Card(folder / "card", 1, "PC0001")
        self.house = workflow.DirectHouse(folder / "house", self.card.address)
        self.fault = folder / "fault"

    def end(self, people):
        """A job that the OEM ends before anything is made; its delivery."""
        package = workflow.pack(self.house, people, self.folder / "ended.ppkg", count=3)
        self.house.provcard("load ended.ppkg")
        self.grant(people, package, "--termination", "termination.pgrant")
        job = package_id(package).hex()
        self.house.provcard(f"close --job {job} --output ended {workflow.signed_by(people.operator)}")
        return self.house.folder / "ended"

    def make(self, uid, fault=None):
        """One unit; the part's flash file. With a fault, it does not become good."""
        self.fault.write_text(fault or "")
        options = ["--fault", self.fault] if fault else []
        part = processes.Part(self.card.cables[0], self.folder / "parts", f"{uid:016x}", *options)
        part.insert()
        try:
            self.house.provcard("run --heads 0", expected=None if fault else 0)
        finally:
            part.pull()
        return part.flash

    def grant(self, people, previous, what, output):
        """A later grant, made by the OEM and loaded; its path."""
        oem = people.oem
        workflow.Desk(oem.folder).provcard(
            f"grant --previous {previous} {what} --key {oem.key} --cert {oem.certificate} --key {oem.pq_key} "
            f"--cert {oem.pq_certificate} --chain {oem.anchors} --output {self.folder / output}")
        self.house.give(self.folder / output)
        self.house.provcard(f"load {output}")
        return self.folder / output

    def deliver(self, people):
        """A job of three good units, one of them at the second attempt, one scrapped, and an attempt too much; two grants."""
        workflow.initialise(self.house, people)
        package = workflow.pack(self.house, people, self.folder / "package.ppkg", count=3)
        by = workflow.signed_by(people.operator)
        self.house.provcard("load package.ppkg")
        self.house.provcard(f"allocate --count 2 {by}")
        grant = self.grant(people, package, "--count 5", "second.pgrant")
        self.house.provcard(f"allocate --count 2 {by}")
        self.make(UIDS[1], "write 1000 pull\n")
        self.make(UIDS[3], "stuck 0x10001208 0 1\n")
        flashes = {uid: self.make(uid) for uid in UIDS[:3]}
        self.house.provcard("run --heads 0", expected=None)
        self.house.provcard(f"close --output delivery {by}")
        return types.SimpleNamespace(package=package, grant=grant, uids=UIDS[:3], folder=self.house.folder / "delivery",
                                     flashes=flashes)


@pytest.fixture(name="floor_factory", scope="session")
def factory_of_floors():
    """For a job of another kind."""
    return Floor


@pytest.fixture(name="delivered", scope="session")
def delivered_job(people, tmp_path_factory):
    """What came of a job: the package, the delivery, and the parts' memories."""
    floor = Floor(tmp_path_factory.mktemp("floor"))
    floor.card.power_on()
    try:
        delivered = floor.deliver(people)
        delivered.ended = floor.end(people)
        return delivered
    finally:
        floor.card.stop()


@pytest.fixture
def delivery(delivered, tmp_path):
    """A copy to be altered."""
    return pathlib.Path(shutil.copytree(delivered.folder, tmp_path / "delivery"))


class OpenCard:
    """A card with nothing but papers, whose private keys lie in files; a real one never gives its own away."""

    def __init__(self, folder, people):
        self.folder = folder
        folder.mkdir()
        self.step("requests")
        people.maker.certify((folder / "identity.csr").read_text(), folder / "both.pem")
        for kind in ("classical", "pq"):
            shutil.copy(people.maker.folder / f"identity-{kind}.pem", folder)
        self.step("certificates")
        self.issuer = people.oem.certify_issuer((folder / "issuer-p256.csr").read_text(), folder / "issuer.pem")
        self.certificates = folder / "card.pem"
        self.agreement_key, self.kem_key = folder / "agreement.key", folder / "kem-768.key"
        self.kem_1024_key = folder / "kem-1024.key"

    def step(self, name):
        """One step of card-papers."""
        subprocess.run([processes.program("card-papers"), name, self.folder], check=True, timeout=60)


@pytest.fixture(name="open_cards", scope="session")
def cards_with_open_keys(people, tmp_path_factory):
    """Two of them."""
    folder = tmp_path_factory.mktemp("cards")
    cards = [OpenCard(folder / name, people) for name in ("first", "second")]
    time.sleep(1.1)  # their certificates begin a second after they were made
    return cards


@pytest.fixture(name="pack", scope="session")
def pack_for_open_cards(people, open_cards, tmp_path_factory):
    """pack(change): `provcard pack` for these cards, with the RoT configuration changed; the package's path."""
    names = (f"package-{number}.ppkg" for number in itertools.count(1))
    folder = tmp_path_factory.mktemp("packages")

    def pack(change=lambda configuration: None, extra="", issuers=True, suite=1):
        oem = people.oem
        desk = workflow.Desk(oem.folder)
        workflow.write_configuration(oem.folder, change)
        cards = " ".join(f"--card-certs {card.certificates}" for card in open_cards)
        cards += "".join(f" --issuer {card.issuer}" for card in open_cards if issuers)
        chain = f"--issuer-chain {oem.device_root.certificate}" if issuers else ""
        output = folder / next(names)
        desk.provcard(f"pack --rot rot-configuration.json --product '{workflow.PRODUCT}' --security-version 7 {cards} {chain} "
                      f"--maker-ca {people.maker.anchors} --count 9 --scrap 3 --suite {suite} {workflow.oem_signs(oem, suite)} "
                      f"--chain {oem.anchors} --output {output} {extra}")
        return output

    return pack


@pytest.fixture(name="package_2", scope="session")
def package_of_suite_2(pack):
    """The same in suite 2."""
    return pack(suite=2)


@pytest.fixture(name="package", scope="session")
def demonstration_package(pack):
    """The demonstration's RoT configuration, packed for the open cards."""
    return pack()
