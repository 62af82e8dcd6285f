# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be wrong in a socket: each with its code, its place in the log, its effect on the counts, and what happens next."""
import pathlib
import subprocess

import pytest

import checks
from provtest import handover, processes, workflow

TRANSIENT, SCRAP = "unit-refused", "unit-scrap"


@pytest.fixture(scope="module", name="floor")
def production_floor(tmp_path_factory, people):
    """A card with one job for the whole module; at the end it is delivered, and every proof holds."""
    from conftest import Bench
    folder = tmp_path_factory.mktemp("floor")
    with Bench(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        workflow.pack(bench.house, people, folder / "package.ppkg", count=40, scrap=20)
        bench.house.provcard("load package.ppkg")
        bench.job = checks.job_id(bench)
        bench.house.provcard(f"allocate --count 40 {checks.signed(people)}")
        yield bench
        check_folders(bench, people, checks.deliver(bench, people, "delivery", f"--job {bench.job}"))


def check_folders(bench, people, delivery):
    """The certificates to be trusted are those of the good units; what others may hold is apart."""
    records = handover.records(delivery)
    bench.oem.provcard(f"export {delivery} --as certs --maker-ca {people.maker.anchors} --output {bench.oem.folder}/certs")
    trusted = {path.stem for path in (bench.oem.folder / "certs").iterdir()}
    others = {record["uid"] for record in records if record["event"] in (TRANSIENT, SCRAP) and "certificate" in record}
    assert trusted == {record["uid"] for record in records if record["event"] == "unit-good"}
    assert trusted & others and others - trusted


def run(bench, name, head=0):
    """A run on one head that is refused with @name: (the unit, its record or None)."""
    checks.refused(bench.house, f"run --heads {head} --job {bench.job}", name)
    records = checks.unit_records(bench)
    return records[-1] if records else None


def good(bench, heads="0"):
    """A run that makes every part good: the units."""
    return bench.json(f"run --heads {heads} --job {bench.job}")["units"]


def script(bench, text):
    """A part's faults, as an option."""
    path = bench.folder / "fault"
    path.write_text(text)
    return ("--fault", path)


def delta(before, after):
    """What changed in (good, scrap, reserved)."""
    return tuple(new - old for old, new in zip(before, after))


def test_no_part(floor):
    """An empty socket leaves no record and changes nothing."""
    floor.pull(0)
    records = len(checks.unit_records(floor))
    with checks.unchanged(floor):
        run(floor, "NO_PART")
    assert len(checks.unit_records(floor)) == records


FAULTS = {
    "pulled while its image is written": ("write 900 pull", "PART_GONE"),
    "pulled after the erase": ("erase 1 pull", "PART_GONE"),
    "power fails while its image is written": ("write 500 power", "PART_GONE"),
    "never ready": ("write 500 wait 100000000", "SWD_WAIT"),
    "a bus error": ("write 500 fault", "SWD_FAULT"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_transient_fault_and_resume(floor, name):
    """The charge stays with the part; put back without the fault it is made with the same identity, charged once."""
    text, code = FAULTS[name]
    before = checks.counts(floor)
    uid = floor.insert(0, options=script(floor, text + "\n"))
    first = run(floor, code)
    assert (first["event"], first["uid"], first["refusal"]["name"], first["locked"]) == (TRANSIENT, uid, code, False)
    assert delta(before, checks.counts(floor)) == (0, 0, 1)
    floor.insert(0, uid)
    unit, = good(floor)
    assert unit["uid"] == uid and delta(before, checks.counts(floor)) == (1, 0, 0)
    if int(first["certificate_sha256"], 16):
        assert first["certificate_sha256"] == unit["certificate_sha256"]
    assert checks.digest(checks.certificate(floor.parts[0].flash.read_bytes())) == unit["certificate_sha256"]


def test_resume_after_a_power_cut_of_the_card(floor):
    """A part that is charged when the card's power fails waits for it with its charge."""
    before = checks.counts(floor)
    uid = floor.insert(0, options=script(floor, "write 1000 pull\n"))
    run(floor, "PART_GONE")
    floor.card.power_cut()
    floor.card.power_on()
    assert delta(before, checks.counts(floor)) == (0, 0, 1)
    floor.insert(0, uid)
    assert good(floor)[0]["uid"] == uid
    assert delta(before, checks.counts(floor)) == (1, 0, 0)


BROKEN = {
    "a bit of its image stays 1": ("stuck 0x8001 0 1\nstuck 0x8001 1 1\nstuck 0x8001 2 1\nstuck 0x8001 7 1", "VERIFY_FAILED"),
    "a bit of its key page stays 0": ("stuck 0xfe105 0 0\nstuck 0xfe105 1 0\nstuck 0xfe105 7 0", "VERIFY_FAILED"),
    "it does not erase": ("stuck 0x0 3 0", "ERASE_FAILED"),
    "its lock does not close": ("stuck 0x10001208 0 1", "LOCK_FAILED"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_part_is_scrap(floor, name):
    """Scrap with its code; the part is dead for the job, and its charge goes from good to scrap."""
    text, code = BROKEN[name]
    before = checks.counts(floor)
    uid = floor.insert(0, options=script(floor, text + "\n"))
    record = run(floor, code)
    assert (record["event"], record["uid"], record["refusal"]["name"]) == (SCRAP, uid, code)
    assert delta(before, checks.counts(floor)) == (0, 1, 0)
    with checks.unchanged(floor):
        run(floor, "PART_LOCKED" if code == "LOCK_FAILED" else "UNIT_SCRAPPED")
        floor.pull(0)
        (floor.folder / "parts" / f"{uid}.flash").unlink()
        floor.insert(0, uid)
        run(floor, "UNIT_SCRAPPED")


def test_locked_part(floor):
    """A part that somebody else locked is left alone."""
    uid = floor.insert(0)
    image = floor.folder / "foreign.bin"
    image.write_bytes(bytes(range(256)))
    subprocess.run([processes.program("head-session"), floor.parts[0].socket, "nRF52840", "erase", "program", "0x0", image, "lock"],
                   check=True, capture_output=True, timeout=60)
    flash = floor.parts[0].flash.read_bytes()
    assert checks.is_locked(flash)
    with checks.unchanged(floor):
        record = run(floor, "PART_LOCKED")
    assert (record["event"], record["uid"]) == (TRANSIENT, "")
    assert floor.parts[0].flash.read_bytes() == flash
    checks.recover(floor.parts[0])
    assert good(floor)[0]["uid"] == uid


def test_part_made_already(floor):
    """Its lock hides who it is; erased and put back, the ledger knows it, and it gets no second identity."""
    uid = floor.insert(0)
    good(floor)
    with checks.unchanged(floor):
        run(floor, "PART_LOCKED")
        checks.recover(floor.parts[0])
        flash = floor.parts[0].flash.read_bytes()
        assert run(floor, "UNIT_DONE")["uid"] == uid
        assert floor.parts[0].flash.read_bytes() == flash


def test_one_part_on_two_heads(floor):
    """Two sockets that show one UID: one is made, the other is refused while it works, and one certificate exists."""
    before = checks.counts(floor)
    uid = floor.insert(0)
    twin = processes.Part(floor.card.cables[1], floor.folder / "twin", uid).insert()
    floor.parts[1] = twin
    units = {unit["state"]: unit for unit in floor.json(f"run --heads 0,1 --job {floor.job}", expected=checks.PARTIAL)["units"]}
    floor.pull(1)
    other, = (unit for state, unit in units.items() if state != "good" or unit["refusal"])
    assert units["good"]["uid"] == other["uid"] == uid and other["refusal"]["name"] in ("UNIT_BUSY", "UNIT_DONE")
    assert delta(before, checks.counts(floor)) == (1, 0, 0)


def test_pulled_on_one_head_only(floor):
    """The other heads are not disturbed."""
    before = checks.counts(floor)
    floor.insert(0, options=script(floor, "write 700 pull\n"))
    for head in (1, 2, 3):
        floor.insert(head)
    units = floor.json(f"run --job {floor.job}", expected=checks.PARTIAL)["units"]
    refused = {unit["head"]: unit["refusal"]["name"] for unit in units if unit["refusal"]}
    assert refused == {0: "PART_GONE"} and delta(before, checks.counts(floor)) == (3, 0, 1)
    uid = floor.parts[0].uid
    floor.insert(0, uid)
    good(floor)
    for head in (1, 2, 3):
        floor.pull(head)


def other_job(floor, people, name, **options):
    """Another job on the same card, with all of it allocated: what has changed is its configuration."""
    output = pathlib.Path(floor.folder) / f"{name}.ppkg"
    workflow.pack(floor.house, people, output, **options)
    floor.house.provcard(f"load {name}.ppkg")
    job = checks.job_id(floor)
    floor.house.provcard(f"allocate --job {job} --count {options.get('count', 10)} {checks.signed(people)}")
    return job


@pytest.fixture(name="side")
def side_job(floor, people):
    """Another job in the place of the floor's; it is delivered in the end."""
    main = floor.job

    def begin(name, **options):
        floor.job = other_job(floor, people, name, **options)
        begin.name = name
        return floor

    yield begin
    checks.deliver(floor, people, f"delivery-{begin.name}", f"--job {floor.job}")
    floor.job = main


def job_counts(bench):
    """(good, scrap, reserved) of the job in work."""
    job, = (job for job in bench.json("jobs")["jobs"] if job["id"] == bench.job)
    return job["good"], job["scrap"], job["reserved"]


def test_part_of_another_job(floor, people, side):
    """A part that has a certificate from one job gets none in another."""
    uid = floor.insert(0)
    good(floor)
    checks.recover(floor.parts[0])
    second = side("elsewhere", count=2)
    record = run(second, "UID_ELSEWHERE")
    assert record["uid"] == uid and job_counts(second) == (0, 0, 0)
    second.insert(0)
    good(second)


def test_unlocked_part_again(side):
    """Without a lock the part itself says that it is done."""
    def unlocked(configuration):
        configuration["lock"] = "none"

    bench = side("unlocked", count=2, change=unlocked)
    uid = bench.insert(0)
    unit, = good(bench)
    assert unit["proof"] == "challenge"
    assert run(bench, "UNIT_DONE")["uid"] == uid and job_counts(bench) == (1, 0, 0)


def test_image_that_does_not_prove(side):
    """A responder that does not answer in time makes scrap."""
    def hasty(configuration):
        configuration["responder_timeout_us"] = 1

    bench = side("hasty", count=2, scrap=2, change=hasty)
    uid = bench.insert(0)
    record = run(bench, "PROOF_FAILED")
    assert (record["event"], record["uid"], record["locked"]) == (SCRAP, uid, True) and job_counts(bench) == (0, 1, 0)


def test_scrap_ceiling(side, people):
    """One scrap is allowed. The second keeps its charge, and then no further part is begun, until the operators find the cause."""
    bench = side("scrap", count=3, scrap=1)
    bad = script(bench, BROKEN["it does not erase"][0] + "\n")
    bench.insert(0, options=bad)
    assert run(bench, "ERASE_FAILED")["event"] == SCRAP
    assert job_counts(bench) == (0, 1, 0)
    second = bench.insert(0, options=bad)
    assert run(bench, "ERASE_FAILED")["event"] == TRANSIENT
    assert job_counts(bench) == (0, 1, 1)
    bench.insert(0)
    run(bench, "SCRAP_EXHAUSTED")
    assert job_counts(bench) == (0, 1, 1)
    bench.insert(0, second)
    run(bench, "UNIT_SCRAPPED")
    assert job_counts(bench) == (0, 1, 1)
    checks.refused(bench.house, f"allocate --job {bench.job} --count 1 {checks.signed(people)}", "ALLOCATION_ABOVE_GRANT")
