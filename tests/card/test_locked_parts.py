# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts that hide who they are behind a lock: the one that a power cut left behind, new hardened silicon, finished good ones."""
import subprocess
import time

import pytest

import checks
from provtest import handover, processes, workflow

TRIES = 20


@pytest.fixture(name="floor")
def production_floor(house, people, tmp_path):
    """A card with an allocated job whose image answers challenges."""
    workflow.pack(house.house, people, tmp_path / "package.ppkg", count=TRIES + 10)
    house.house.provcard("load package.ppkg")
    house.house.provcard(f"allocate --count {TRIES + 10} {checks.signed(people)}")
    return house


def silent_job(house, people, folder):
    """A job whose image answers nobody."""
    def silent(configuration):
        configuration.pop("responder_timeout_us")
    workflow.pack(house.house, people, folder / "silent.ppkg", count=TRIES + 10, change=silent)
    house.house.provcard("load silent.ppkg")
    house.house.provcard(f"allocate --count {TRIES + 10} --job {checks.job_id(house)} {checks.signed(people)}")


def identity(part):
    """What a part holds of its identity."""
    flash = part.flash.read_bytes()
    return checks.private_key(flash), checks.certificate(flash)


def cut_after_lock(bench, options):
    """Begin the unit in socket 0, and cut the card's power when the lock word is in the part."""
    offset = checks.FLASH_SIZE + checks.LOCK_WORD
    making = subprocess.Popen([processes.program("provcard"), "--card", bench.card.address, "run", "--heads", "0", *options],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with open(bench.parts[0].flash, "rb", buffering=0) as image:
            deadline = time.monotonic() + 60
            while image.seek(offset) and image.read(1) == b"\xff":
                assert time.monotonic() < deadline
        bench.card.power_cut()
        assert making.wait(60) in (0, checks.GONE)
    finally:
        making.kill()
        making.wait()
    bench.card.power_on()


def lose(bench, part_options=(), run_options=()):
    """
    A part that is locked, and its unit not finished: (part, units that were finished because the cut came too late). The part's
    own supply failed with the card's, so its lock holds.
    """
    for good in range(TRIES):
        uid = bench.insert(0, options=part_options)
        cut_after_lock(bench, run_options)
        if checks.counts(bench) == (good, 0, 1):
            break
        assert checks.counts(bench) == (good + 1, 0, 0)
    else:
        pytest.fail("no cut came in time")
    bench.insert(0, uid, part_options)
    assert checks.is_locked(bench.parts[0].flash.read_bytes())
    return bench.parts[0], good


def run(bench, options=""):
    """One unit in socket 0, good."""
    unit, = bench.json(f"run --heads 0 {options}")["units"]
    return unit


def test_lost_unit_is_found(floor, people):
    """It answers with its key, so it is good: the same certificate, no second charge, nothing written to it."""
    part, good = lose(floor)
    before = part.flash.read_bytes()
    unit = run(floor)
    assert unit["uid"] == part.uid and unit["proof"] == "challenge"
    assert part.flash.read_bytes() == before
    assert checks.counts(floor) == (good + 1, 0, 0)
    record = checks.unit_records(floor)[-1]
    assert record["event"] == "unit-good" and record["locked"] and record["uid"] == part.uid
    delivery = checks.deliver(floor, people, "delivery")
    _, certificate = identity(part)
    assert record["certificate_sha256"] == checks.digest(certificate)
    assert handover.certificates(delivery)[part.uid] == certificate


def test_finished_part_is_not_the_lost_one(floor):
    """A finished part is not taken for the lost one, whose place it cannot take."""
    lost, good = lose(floor)
    floor.insert(1)
    floor.house.provcard("run --heads 1")
    finished = floor.parts[1].flash.read_bytes()
    checks.refused(floor.house, "run --heads 1", "PART_LOCKED")
    assert floor.parts[1].flash.read_bytes() == finished
    assert checks.counts(floor) == (good + 1, 0, 1)
    assert run(floor)["uid"] == lost.uid
    assert checks.counts(floor) == (good + 2, 0, 0)


def test_lost_unit_without_responder(house, people, tmp_path):
    """Nobody can ask it: it is erased at the operator's word, and gets its own identity again."""
    silent_job(house, people, tmp_path)
    part, good = lose(house)
    first = identity(part)
    with checks.unchanged(house):
        checks.refused(house.house, "run --heads 0", "PART_LOCKED")
    assert identity(part) == first
    assert run(house, "--recover")["uid"] == part.uid
    assert identity(part) == first
    assert checks.counts(house) == (good + 1, 0, 0)


def test_hardened_part(floor):
    """Its debug port is closed when it is new: refused, untouched, and made after the erase that the operator asked for."""
    uid = floor.insert(0, options=("--hardened",))
    blank = floor.parts[0].flash.read_bytes()
    with checks.unchanged(floor):
        checks.refused(floor.house, "run --heads 0", "PART_LOCKED")
    assert floor.parts[0].flash.read_bytes() == blank
    unit = run(floor, "--recover")
    assert (unit["uid"], unit["proof"]) == (uid, "challenge")
    assert checks.counts(floor) == (1, 0, 0)


def test_lost_hardened_part(floor):
    """The same silicon after a power cut is found by its answer, as any, and needs no erase for it."""
    part, good = lose(floor, ("--hardened",), ("--recover",))
    before = part.flash.read_bytes()
    assert run(floor)["uid"] == part.uid
    assert part.flash.read_bytes() == before
    assert checks.counts(floor) == (good + 1, 0, 0)


def test_finished_part(floor):
    """A good part is neither erased nor remade; at the operator's word it is erased, and still no second unit."""
    floor.insert(0)
    run(floor)
    part = floor.parts[0]
    finished = part.flash.read_bytes()
    for _ in range(2):
        with checks.unchanged(floor):
            checks.refused(floor.house, "run --heads 0", "PART_LOCKED")
    assert part.flash.read_bytes() == finished
    with checks.unchanged(floor):
        checks.refused(floor.house, "run --heads 0 --recover", "UNIT_DONE")
    assert identity(part) == (b"\xff" * 32, None)
