#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole workflow, once: an OEM's desk, a programming house with one card, ten devices, and the hand-over.

Leaves its results in out/demo. The OEM's steps run outside the guest, the house's inside it, through the driver.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))

from provtest import handover, station, workflow  # noqa: E402

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
        """Something for the transcript only."""
        self.file.write(text + "\n")
        self.file.flush()

    def step(self, text):
        """Begin a step."""
        self.say(f"[{time.monotonic() - self.begun:5.1f} s] {text}")


def stock(stage, *words):
    """Anybody runs stock openssl; a non-zero exit ends the demonstration."""
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, errors="replace", timeout=60, check=False)
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.isprintable()][:3]
    command = "openssl " + " ".join(map(str, words))
    stage.note(f"anybody$ {command}\n" + "\n".join(lines) + f"\n(exit {done.returncode})\n")
    if done.returncode:
        raise DemoError(f"{command}\n{done.stderr}")


def produce(stage, house, place, people):
    """Two rounds and a half on four heads, then what the card must refuse."""
    by = workflow.signed_by(people.operator)
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count {GRANTED} {by}")
    for number, count in enumerate((4, 4, 2), 1):
        place.insert_all(count)
        begun = time.monotonic()
        output = house.provcard(f"run --once --heads {','.join(map(str, range(count)))}")
        stage.say(f"          round {number}: {count} parts in {time.monotonic() - begun:.1f} s: {output.strip().splitlines()[-1]}")
    place.insert_all(1)
    stage.say("          an eleventh part:        " + refusal(house.provcard("run --once --heads 0", expected=1)))
    house.provcard("load package.ppkg")
    stage.say("          after a second load:     " + refusal(house.provcard("run --once --heads 0", expected=1)))
    stage.say("          allocating one more:     " + refusal(house.provcard(f"allocate --count 1 {by}", expected=1)))
    house.provcard(f"close --output delivery {by}")


def refusal(output):
    """The line that says what was refused."""
    lines = [line for line in output.splitlines() if "0x" in line]
    return lines[0].strip() if lines else output.strip().splitlines()[-1]


def hand_over(stage, house, people):
    """The OEM gets the delivery and checks it, with our tool and without."""
    shutil.copytree(house.folder / "delivery", OUT, dirs_exist_ok=True)
    workflow.Desk(OUT, stage.note).provcard(f"verify {OUT} --maker-ca {people.maker.anchors}")
    workflow.Desk(OUT, stage.note).provcard(f"export {OUT} --as certs --maker-ca {people.maker.anchors} --output {OUT}/certs")
    certificates = sorted((OUT / "certs").glob("*.pem"))
    for certificate in certificates:
        stock(stage, "verify", "-x509_strict", "-CAfile", OUT / "ca.pem", certificate)
    stock(stage, "cms", "-verify", "-inform", "DER", "-in", OUT / "end-certificate.p7m", "-binary", "-purpose", "any",
          "-CAfile", people.maker.anchors, "-out", OUT / "end-certificate.der")
    if len(certificates) != GRANTED:
        raise DemoError(f"{len(certificates)} device certificates, expected {GRANTED}")
    return certificates


def summary(stage, certificates):
    """What there is now."""
    good = [record for record in handover.records(OUT) if record["event"] == "unit-good"]
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
        people = workflow.People.make(folder / "people")
        stage.step("the card with four heads powers on, the guest boots, the driver loads")
        with station.Station(folder / "station") as place:
            house = workflow.GuestHouse(place.guest, stage.note)
            stage.step("the officer initialises the card and enrols operator and OEM")
            workflow.initialise(house, people)
            stage.step(f"the OEM packs for this card and grants {GRANTED} devices")
            workflow.pack(house, people, OUT / "package.ppkg", count=GRANTED, note=stage.note)
            shutil.copy(house.folder / "card-certs.pem", OUT)
            stage.step("the operator loads, allocates and runs")
            produce(stage, house, place, people)
            stage.step("hand-over: the OEM checks what came back")
            certificates = hand_over(stage, house, people)
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
