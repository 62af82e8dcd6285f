#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole workflow, once: an OEM's desk, a programming house with one card, ten devices, and the hand-over.

Leaves its results in out/demo. The OEM's steps run outside the guest, the house's inside it, through the driver.
"""
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))

from provtest import pki, processes, station  # noqa: E402

OUT = TOP / "out" / "demo"
GRANTED = 10


class DemoError(RuntimeError):
    """A step did not come out as the workflow demands."""


class Stage:
    """Tells the story on the terminal and keeps the whole of it in transcript.txt."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.begun = time.monotonic()

    def say(self, text=""):
        """A line for the reader."""
        print(text, flush=True)
        self.note(text)

    def note(self, text):
        """A line for the transcript only."""
        self.file.write(text + "\n")
        self.file.flush()

    def step(self, text):
        """Begin a step."""
        self.say(f"[{time.monotonic() - self.begun:5.1f} s] {text}")

    def command(self, where, words, code, output, expected):
        """One command and what came of it; a wrong exit code ends the demonstration."""
        self.note(f"{where}$ {words}\n{output.rstrip()}\n(exit {code})\n")
        if code != expected:
            raise DemoError(f"{where}$ {words}\n{output}\nexit {code}, expected {expected}")


class House:
    """Runs our tool in the guest."""

    def __init__(self, stage, place):
        self.stage, self.place = stage, place

    def provcard(self, words, expected=0, timeout=300):
        """provcard WORDS in the guest; its output."""
        result = self.place.guest.run("provcard " + words, timeout=timeout, check=False)
        output = result.out + result.err
        self.stage.command("house", "provcard " + words, result.code, output, expected)
        return output

    def give(self, *files):
        """Copy files to the house."""
        for file in files:
            shutil.copy(file, self.place.share)

    def take(self, name):
        """Path of a file that the house made."""
        return self.place.share / name


def desk(stage, *words, cwd, expected=0):
    """The OEM runs our tool."""
    code, output = station.host_tool(*words, cwd=cwd)
    stage.command("oem", "provcard " + " ".join(shlex.quote(str(word)) for word in words), code, output, expected)
    return output


def stock(stage, *words):
    """Anybody runs stock openssl; a non-zero exit ends the demonstration."""
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, errors="replace", timeout=60, check=False)
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.isprintable()][:3]
    stage.command("anybody", "openssl " + " ".join(map(str, words)), done.returncode, "\n".join(lines), 0)


def set_up_card(stage, house, maker, officer, operator, oem):
    """The security officer initialises the card and enrols the people."""
    house.give(officer.key, officer.certificate, operator.certificate, operator.key, oem.anchors, maker.anchors)
    house.provcard("csr --identity --output identity.csr")
    house.give(maker.certify(house.take("identity.csr").read_text(), maker.folder / "identity.pem"))
    by = f"--key {officer.key.name} --cert {officer.certificate.name}"
    house.provcard(f"init --name {officer.name} {by} --identity identity.pem --chain {maker.anchors.name}")
    house.provcard(f"enrol --role operator --name {operator.name} --certificate {operator.certificate.name} {by}")
    house.provcard(f"enrol --role oem --name '{oem.name}' --certificate {oem.anchors.name} {by}")
    stage.note(house.provcard("status"))


def pack(stage, house, maker, oem):
    """The OEM checks the card's certificates, certifies its issuing key and packs for it."""
    house.provcard("cert --output card-certs.pem")
    house.provcard(f"csr --issuer '{oem.name}' --output issuer.csr")
    shutil.copy(house.take("card-certs.pem"), OUT / "card-certs.pem")
    issuer = oem.certify_issuer(house.take("issuer.csr").read_text(), oem.folder / "issuer.pem")
    configuration = write_configuration(oem.folder)
    desk(stage, "pack", "--rot", configuration, "--product", "Example sensor", "--security-version", 1,
         "--card", OUT / "card-certs.pem", "--maker", maker.anchors, "--count", GRANTED, "--scrap", 2,
         "--issuer", issuer, "--issuer-chain", oem.device_root.certificate,
         "--key", oem.key, "--cert", oem.certificate, "--key", oem.pq_key, "--cert", oem.pq_certificate,
         "--chain", oem.anchors, "--output", OUT / "package.ppkg", cwd=oem.folder)
    house.give(OUT / "package.ppkg")


def write_configuration(folder):
    """The OEM's RoT configuration, beside the images that it names."""
    device = processes.BUILD / "device"
    for name in ("bootloader.elf", "application.elf"):
        shutil.copy(device / name, folder)
    (folder / "lifecycle.secret").write_bytes(bytes(range(32)))
    shutil.copy(TOP / "tests" / "demo" / "rot-configuration.json", folder)
    return folder / "rot-configuration.json"


def produce(stage, house, operator):
    """Two rounds and a half on four heads, then what the card must refuse."""
    by = f"--key {operator.key.name} --cert {operator.certificate.name}"
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count {GRANTED} {by}")
    for number, count in enumerate((4, 4, 2), 1):
        house.place.insert_all(count)
        begun = time.monotonic()
        output = house.provcard("run --once")
        good = len(re.findall(r"\bgood\b", output.splitlines()[-1]) or [0])
        stage.say(f"          round {number}: {count} parts, {time.monotonic() - begun:.1f} s   {output.strip().splitlines()[-1]}")
        del good
    house.place.insert_all(1)
    refused = house.provcard("run --once --heads 0", expected=1)
    stage.say("          an eleventh part: " + first_line(refused))
    house.provcard("load package.ppkg")
    refused = house.provcard("run --once --heads 0", expected=1)
    stage.say("          after loading the package again: " + first_line(refused))
    refused = house.provcard(f"allocate --count 1 {by}", expected=1)
    stage.say("          allocating one more: " + first_line(refused))
    house.provcard(f"close --output delivery {by}")


def first_line(output):
    """The line that says what was refused."""
    lines = [line for line in output.splitlines() if "0x" in line]
    return lines[0].strip() if lines else output.strip().splitlines()[-1]


def hand_over(stage, house, maker):
    """The OEM gets the delivery and checks it, with our tool and without."""
    delivery = house.take("delivery")
    for item in delivery.iterdir():
        target = OUT / item.name
        if item.is_dir():
            shutil.copytree(item, target, dirs_exist_ok=True)
        else:
            shutil.copy(item, target)
    desk(stage, "verify", OUT, "--maker", maker.anchors, cwd=OUT)
    certificates = sorted((OUT / "certs").glob("*.pem"))
    for certificate in certificates:
        stock(stage, "verify", "-x509_strict", "-CAfile", OUT / "ca.pem", certificate)
    stock(stage, "cms", "-verify", "-inform", "DER", "-in", OUT / "end-certificate.p7m", "-binary", "-purpose", "any",
          "-CAfile", maker.anchors, "-out", OUT / "end-certificate.der")
    if len(certificates) != GRANTED:
        raise DemoError(f"{len(certificates)} device certificates, expected {GRANTED}")
    return certificates


def summary(stage, certificates):
    """What there is now."""
    records = json.loads((OUT / "records.json").read_text())
    good = [record for record in records["records"] if record["event"] == "unit-good"]
    if len(good) != GRANTED or len({record["uid"] for record in good}) != GRANTED:
        raise DemoError("the records do not show ten good units with ten ids")
    stage.say()
    stage.say(f"granted {GRANTED}, good {len(good)}, each with a key, a certificate and a locked debug port of its own")
    stage.say(f"checked by provcard verify, by openssl verify ({len(certificates)} certificates) and by openssl cms -verify")
    stage.say(f"package {(OUT / 'package.ppkg').stat().st_size:,} bytes; whole run {time.monotonic() - stage.begun:.0f} s; "
              f"results in {OUT.relative_to(TOP)}/, every command in transcript.txt")


def main():
    """Run the workflow."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    stage = Stage(OUT / "transcript.txt")
    with tempfile.TemporaryDirectory(prefix="provcard-demo-") as name:
        folder = pathlib.Path(name)
        stage.step("keys of the card maker, the officer, the operator and the OEM")
        maker, oem = pki.Maker(folder / "maker"), pki.Oem(folder / "oem")
        officer, operator = pki.Person(folder / "house", "officer"), pki.Person(folder / "house", "operator")
        stage.step("card with four heads powers on, guest boots, driver loads")
        with station.Station(folder / "station") as place:
            house = House(stage, place)
            stage.step("officer initialises the card and enrols operator and OEM")
            set_up_card(stage, house, maker, officer, operator, oem)
            stage.step(f"OEM packs for this card and grants {GRANTED} devices")
            pack(stage, house, maker, oem)
            stage.step("operator loads, allocates and runs")
            produce(stage, house, operator)
            stage.step("hand-over: the OEM checks what came back")
            certificates = hand_over(stage, house, maker)
            splats = place.guest.splats()
            if splats:
                raise DemoError("the kernel complained:\n" + "\n".join(splats))
        summary(stage, certificates)


if __name__ == "__main__":
    try:
        main()
    except (DemoError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)
