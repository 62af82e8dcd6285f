# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of bad input ask again and again: was it refused in the right words, and did anything change by it?"""
import contextlib
import hashlib
import json
import pathlib
import re
import resource
import shlex
import signal
import subprocess

import jsonschema

from provtest import processes, workflow

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / "lib" / "include" / "provcard-refusals.def"
ENTRY = re.compile(r'^X\((0x[0-9a-f]{4}), ([A-Z0-9_]+), (PERMANENT|TRANSIENT), "(.*)", "(.*)"\)$', re.MULTILINE)
REFUSALS = {name: (code, sentence, remedy) for code, name, _, sentence, remedy in
            (match.groups() for match in ENTRY.finditer(TABLE.read_text().replace('\\"', "'")))}

FLASH_SIZE, LOCK_WORD = 1 << 20, 0x208
KEY, CERTIFICATE, CERTIFICATE_ROOM = 0xFE000, 0xFE100, 1536
REFUSED, INPUT, GONE, PARTIAL, MACHINE = 1, 3, 4, 5, 6


def refused(desk, words, name, exit_code=REFUSED):
    """The command ends with @exit_code, the code, its sentence and what to do; what it said."""
    said = desk.provcard(words, expected=exit_code)
    code, sentence, remedy = REFUSALS[name]
    plain = said.replace('"', "'")
    assert f"({name}, {code})" in plain and sentence in plain and f"what to do: {remedy}" in plain, said
    return said


def no_room(words, output, limit=4096):
    """The tool on a disk that takes only so many bytes of a file: exit code 6, what to do, and nothing of @output is left behind."""
    def fill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run([processes.program("provcard"), *shlex.split(words)], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, preexec_fn=fill, check=False)
    assert done.returncode == MACHINE, done
    assert "File too large" in done.stderr and "what to do: make room" in done.stderr, done.stderr
    assert not list(output.parent.glob(output.name + "*"))


def standing(bench):
    """What may not change when something is refused: the card's state, who is enrolled, every job and its counts. Failures may."""
    status = bench.json("status")["status"]
    for person in status.get("enrolled", []):
        del person["failures"], person["state"]
    jobs = bench.json("jobs").get("jobs", [])
    return {key: status[key] for key in ("state", "card_id", "jobs", "fault", "enrolled", "boot_count")}, jobs


@contextlib.contextmanager
def unchanged(bench):
    """Nothing of the card's standing changes within."""
    before = standing(bench)
    yield
    assert standing(bench) == before


def counts(bench, job=0):
    """(good, scrap, reserved) of a job."""
    found = bench.json("jobs")["jobs"][job]
    return found["good"], found["scrap"], found["reserved"]


def job_id(bench, job=-1):
    """The id of a job; the newest is the last."""
    return bench.json("jobs")["jobs"][job]["id"]


def unit_records(bench):
    """The card's records about parts."""
    return [record for record in bench.json("log")["records"] if record["event"].startswith("unit-")]


def signed(people):
    """The operator's signature."""
    return workflow.signed_by(people.operator)


def deliver(bench, people, output, job=""):
    """Close, and check the delivery to the last proof; its folder."""
    bench.house.provcard(f"close --output {output} {job} {signed(people)}")
    said = bench.oem.provcard(f"verify {bench.house.folder / output} --maker-ca {people.maker.anchors} "
                              f"--device-ca {people.oem.device_root.certificate}")
    assert "all verified" in said
    return bench.house.folder / output


def is_locked(flash):
    """Is the lock word of a part's memory written?"""
    return flash[FLASH_SIZE + LOCK_WORD] != 0xFF


def private_key(flash):
    """The private key that a part holds."""
    return flash[KEY:KEY + 32]


def certificate(flash):
    """The certificate that a part holds, DER; None when it is not all there."""
    size = int.from_bytes(flash[CERTIFICATE:CERTIFICATE + 4], "little")
    der = flash[CERTIFICATE + 4:CERTIFICATE + 4 + size]
    if not 300 < size <= CERTIFICATE_ROOM - 4 or der[:2] != b"\x30\x82" or int.from_bytes(der[2:4], "big") != size - 4:
        return None
    return None if der.endswith(b"\xff" * 4) else der


def output_schema():
    """A validator of what `-o json` prints."""
    return jsonschema.Draft202012Validator(json.loads((TOP / "Documentation" / "schema" / "output.schema.json").read_text()))


def digest(data):
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def recover(part):
    """Erase a part by its control port, as another programmer would."""
    done = subprocess.run([processes.program("head-session"), part.socket, "nRF52840", "erase"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and '"refusal": null' in done.stdout, done.stdout + done.stderr
