# SPDX-License-Identifier: GPL-2.0-or-later
"""The workflow's steps, for the demonstration and for tests: the same commands with the card behind the driver or without."""
import dataclasses
import json
import pathlib
import shlex
import shutil

from . import pki, processes, station

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
CONFIGURATION = TOP / "tests" / "demo" / "rot-configuration.json"
PRODUCT = "Example sensor"


class StepError(RuntimeError):
    """A command did not end as the step demands."""


class Desk:
    """Where our tool runs without a card: the OEM's."""

    name = "oem"

    def __init__(self, folder, note=lambda text: None):
        self.folder, self.note = pathlib.Path(folder), note
        self.folder.mkdir(parents=True, exist_ok=True)

    def execute(self, words, timeout):
        """(exit code, output) of provcard WORDS, with the folder as its working directory."""
        return station.host_tool(*shlex.split(words), cwd=self.folder, timeout=timeout)

    def provcard(self, words, expected=0, timeout=300):
        """Run provcard WORDS; its output. Another exit code than @expected raises, unless that is None."""
        code, output = self.execute(words, timeout)
        self.note(f"{self.name}$ provcard {words}\n{output.rstrip()}\n(exit {code})\n")
        if expected is not None and code != expected:
            raise StepError(f"{self.name}$ provcard {words}\n{output}\nexit {code}, expected {expected}")
        return output

    def give(self, *files):
        """Copy files here."""
        for file in files:
            shutil.copy(file, self.folder)


class DirectHouse(Desk):
    """A programming house whose tool reaches the card without driver and guest."""

    name = "house"

    def __init__(self, folder, address, note=lambda text: None):
        super().__init__(folder, note)
        self.address = address

    def execute(self, words, timeout):
        return super().execute(f"--card {shlex.quote(self.address)} {words}", timeout)


class GuestHouse(Desk):
    """A programming house: the tool runs in a guest and reaches the card through the driver."""

    name = "house"

    def __init__(self, guest, note=lambda text: None):
        super().__init__(guest.share, note)
        self.guest = guest

    def execute(self, words, timeout):
        result = self.guest.run("provcard " + words, timeout=timeout, check=False)
        return result.code, result.out + result.err


@dataclasses.dataclass
class People:
    """Everyone with a key."""

    maker: pki.Maker
    oem: pki.Oem
    officer: pki.Person
    operator: pki.Person

    @classmethod
    def make(cls, folder):
        """Fresh keys in a folder."""
        folder = pathlib.Path(folder)
        return cls(pki.Maker(folder / "maker"), pki.Oem(folder / "oem"),
                   pki.Person(folder / "house", "officer"), pki.Person(folder / "house", "operator"))


def signed_by(person):
    """The options that sign a request."""
    return f"--key {person.key.name} --cert {person.certificate.name}"


def initialise(house, people):
    """The security officer takes the card into service and enrols operator and OEM."""
    house.give(people.officer.key, people.officer.certificate, people.operator.key, people.operator.certificate,
               people.oem.anchors, people.maker.anchors)
    house.provcard("csr --identity --output identity.csr")
    request = (house.folder / "identity.csr").read_text()
    house.give(people.maker.certify(request, people.maker.folder / "identity.pem"))
    by = signed_by(people.officer)
    house.provcard(f"init --name officer {by} --identity-cert identity.pem --chain {people.maker.anchors.name}")
    house.provcard(f"enrol --role operator --name operator --certificate {people.operator.certificate.name} {by}")
    enrol_oem(house, people, people.oem)


def enrol_oem(house, people, oem):
    """The security officer enrols one OEM by its anchors."""
    house.give(oem.anchors)
    house.provcard(f"enrol --role oem --name '{oem.name}' --certificate {oem.anchors.name} {signed_by(people.officer)}")


def write_configuration(folder, change=lambda configuration: None):
    """The demonstration's RoT configuration, changed as asked, beside the images and secrets that it names."""
    for name in ("bootloader.elf", "application.elf"):
        shutil.copy(processes.BUILD / "device" / name, folder)
    (folder / "lifecycle.secret").write_bytes(bytes(range(32)))
    configuration = json.loads(CONFIGURATION.read_text())
    change(configuration)
    path = folder / "rot-configuration.json"
    path.write_text(json.dumps(configuration, indent=2))
    return path


def oem_signs(oem, suite=1):
    """The options by which an OEM signs what belongs to a package of a suite."""
    if suite == 2:
        return f"--key {oem.pq_87_key} --cert {oem.pq_87_certificate}"
    return f"--key {oem.key} --cert {oem.certificate} --key {oem.pq_key} --cert {oem.pq_certificate}"


def pack_command(house, people, output, count=10, scrap=2, oem=None, change=lambda configuration: None, extra="", suite=1):
    """Get what the OEM needs from the card; the words of `provcard pack` for it. With a @count of None it grants nothing."""
    oem = oem or people.oem
    house.provcard("cert --output card-certs.pem")
    house.provcard(f"csr --issuer '{oem.name}' --output issuer.csr")
    shutil.copy(house.folder / "card-certs.pem", oem.folder)
    oem.certify_issuer((house.folder / "issuer.csr").read_text(), oem.folder / "issuer.pem")
    write_configuration(oem.folder, change)
    granted = f"--count {count} --scrap {scrap}" if count is not None else ""
    signers = f"--suite {suite} {oem_signs(oem, suite)} --chain {oem.anchors}"
    return (f"pack --rot rot-configuration.json --product '{PRODUCT}' --security-version 1 --card-certs card-certs.pem "
            f"--maker-ca {people.maker.anchors} {granted} --issuer issuer.pem "
            f"--issuer-chain {oem.device_root.certificate} {signers} --output {output} {extra}")


def pack(house, people, output, oem=None, note=lambda text: None, **options):
    """The OEM packs for the house's card and sends the package there."""
    oem = oem or people.oem
    desk = Desk(oem.folder, note)
    desk.provcard(pack_command(house, people, output, oem=oem, **options))
    house.give(output)
    return pathlib.Path(output)
