# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input through the tool: each its own code and exit code, and nothing lost by it."""
import json
import shutil
import signal
import subprocess
import time

import pytest

from provtest import handover, pki, processes, workflow

HEADER = 4096
SEGMENT = 1 << 20


def sections(package):
    """Offset and size of manifest, leaves and payload."""
    numbers = [int.from_bytes(package[16 + 8 * i:24 + 8 * i], "little") for i in range(6)]
    return [(numbers[2 * i], numbers[2 * i + 1]) for i in range(3)]


def flip(offset):
    """Turn one bit over."""
    def change(package):
        package[offset(package)] ^= 1
    return change


def swap_leaves(package):
    """Two segments' digests change places, and so do the segments."""
    (_, _), (leaves, size), (payload, length) = sections(package)
    assert size >= 64 and length >= 2 * SEGMENT
    one, other = bytes(package[leaves:leaves + 32]), bytes(package[leaves + 32:leaves + 64])
    package[leaves:leaves + 64] = other + one
    first, second = bytes(package[payload:payload + SEGMENT]), bytes(package[payload + SEGMENT:payload + 2 * SEGMENT])
    package[payload:payload + 2 * SEGMENT] = second + first


def swap_segments(package):
    """Two segments change places."""
    payload = sections(package)[2][0]
    first, second = bytes(package[payload:payload + SEGMENT]), bytes(package[payload + SEGMENT:payload + 2 * SEGMENT])
    package[payload:payload + 2 * SEGMENT] = second + first


def cut(package):
    """The last byte is missing."""
    del package[-1]


def extend(package):
    """A byte too many."""
    package.append(0)


DAMAGES = {
    "truncated": (cut, "PACKAGE_TRUNCATED"),
    "longer": (extend, "TRAILING_DATA"),
    "empty": (lambda package: package.clear(), "PACKAGE_TRUNCATED"),
    "other-file": (flip(lambda package: 0), "PACKAGE_MAGIC"),
    "version": (flip(lambda package: 8), "PACKAGE_VERSION"),
    "manifest": (flip(lambda package: sections(package)[0][0] + 400), "MANIFEST_"),
    "signature": (flip(lambda package: sum(sections(package)[0]) - 20), "MANIFEST_SIGNATURE"),
    "leaves": (flip(lambda package: sections(package)[1][0]), "LEAVES_MISMATCH"),
    "segment": (flip(lambda package: sections(package)[2][0] + 5000), "SEGMENT_DIGEST"),
    "last-segment": (flip(lambda package: len(package) - 1), "SEGMENT_DIGEST"),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory, people):
    """One card in service with one package, for everything that leaves it as it was."""
    from conftest import Bench
    folder = tmp_path_factory.mktemp("shared")
    with Bench(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        workflow.pack(bench.house, people, folder / "package.ppkg", count=10)
        yield bench


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_package(shared, name):
    """The card and the offline check refuse alike, with the same code."""
    change, code = DAMAGES[name]
    package = bytearray((shared.house.folder / "package.ppkg").read_bytes())
    change(package)
    (shared.house.folder / f"{name}.ppkg").write_bytes(package)
    assert code in shared.house.provcard(f"load {name}.ppkg", expected=3 if name == "empty" else 1)
    assert code in shared.house.provcard(f"verify {name}.ppkg", expected=3)
    assert "jobs" not in shared.json("jobs")


@pytest.mark.parametrize("change, code", [(swap_segments, "SEGMENT_DIGEST"), (swap_leaves, "LEAVES_MISMATCH")])
def test_reordered_package(shared, people, change, code):
    """Segments that change places are found, with and without their digests."""
    image = people.oem.folder / "large.bin"
    image.write_bytes(bytes(range(256)) * (900 << 2))

    def two_segments(configuration):
        configuration["part"] = "generic"
        configuration["images"] = [{"name": f"large{i}", "file": f"large{i}.bin", "address": hex(i << 20)} for i in range(3)]
        configuration["lock"] = "none"
        for key in ("identity", "lifecycle_keys", "responder_timeout_us"):
            del configuration[key]
        for i in range(3):
            shutil.copy(image, people.oem.folder / f"large{i}.bin")

    output = shared.folder / "large.ppkg"
    workflow.pack(shared.house, people, output, change=two_segments)
    package = bytearray(output.read_bytes())
    change(package)
    (shared.house.folder / "reordered.ppkg").write_bytes(package)
    assert code in shared.house.provcard("load reordered.ppkg", expected=1)
    assert code in shared.house.provcard("verify reordered.ppkg", expected=3)


def test_package_for_another_card(shared, people, tmp_path):
    """NOT_A_RECIPIENT."""
    from conftest import Bench
    with Bench(tmp_path / "other") as other:
        workflow.initialise(other.house, people)
        shutil.copy(shared.house.folder / "package.ppkg", other.house.folder)
        assert "NOT_A_RECIPIENT" in other.house.provcard("load package.ppkg", expected=1)


def test_oem_not_enrolled(shared, people, tmp_path):
    """SIGNER_UNTRUSTED, also offline when anchors are given."""
    stranger = pki.Oem(tmp_path / "stranger", "Stranger")
    workflow.Desk(stranger.folder).give(people.oem.folder / "issuer.pem")
    workflow.write_configuration(stranger.folder)
    words = (f"pack --rot rot-configuration.json --product Copy --card-certs {shared.house.folder}/card-certs.pem --count 1 "
             f"--maker-ca {people.maker.anchors} --issuer issuer.pem --issuer-chain {people.oem.device_root.certificate} "
             f"--key {stranger.pq_key} --cert {stranger.pq_certificate} --key {stranger.key} --cert {stranger.certificate} "
             f"--output {shared.house.folder}/stranger.ppkg")
    workflow.Desk(stranger.folder).provcard(words)
    assert "SIGNER_UNTRUSTED" in shared.house.provcard("load stranger.ppkg", expected=1)
    assert "SIGNER_UNTRUSTED" in shared.house.provcard(f"verify stranger.ppkg --anchor {people.oem.anchors}", expected=3)
    assert "package verified" in shared.house.provcard(f"verify stranger.ppkg --anchor {stranger.anchors}")


def test_window_is_over(shared, people):
    """A package whose time is over, or has not come."""
    words = workflow.pack_command(shared.house, people, shared.house.folder / "old.ppkg",
                                  extra="--not-before 2020-01-01 --not-after 2020-12-31T23:59:59Z")
    workflow.Desk(people.oem.folder).provcard(words)
    assert "PACKAGE_EXPIRED" in shared.house.provcard("load old.ppkg", expected=1)
    workflow.Desk(people.oem.folder).provcard(words.replace("2020-", "2120-").replace("old.ppkg", "new.ppkg"))
    assert "PACKAGE_NOT_YET_VALID" in shared.house.provcard("load new.ppkg", expected=1)
    for bad in ("--not-after yesterday", "--not-after 2020-02-01x", "--not-before 2020-02-01 --not-after 2020-01-01"):
        workflow.Desk(people.oem.folder).provcard(workflow.pack_command(shared.house, people, "x", extra=bad), expected=2)


def test_wrong_people(packed, people, tmp_path):
    """A key nobody enrolled, a role that may not, a certificate of another key."""
    house = packed.house
    stranger = pki.Person(tmp_path / "people", "stranger")
    house.provcard("load package.ppkg")
    as_stranger = f"--key {stranger.key} --cert {stranger.certificate}"
    assert "APPROVER_UNKNOWN" in house.provcard(f"allocate --count 1 {as_stranger}", expected=1)
    assert "APPROVER_ROLE" in house.provcard(f"allocate --count 1 {workflow.signed_by(people.officer)}", expected=1)
    enrolment = f"enrol --role operator --name new --certificate {stranger.certificate}"
    assert "APPROVER_ROLE" in house.provcard(f"{enrolment} {workflow.signed_by(people.operator)}", expected=1)
    mixed = f"--key {stranger.key} --cert {people.operator.certificate}"
    assert "CERTIFICATE_UNUSABLE" in house.provcard(f"allocate --count 1 {mixed}", expected=3)
    assert "no private key" in house.provcard(f"allocate --count 1 --key /dev/null --cert {people.operator.certificate}", expected=3)
    assert "UNKNOWN_JOB" in house.provcard(f"allocate --count 1 --job {'0' * 32} {workflow.signed_by(people.operator)}", expected=1)
    house.provcard("run --job short", expected=2)
    assert packed.json("jobs")["jobs"][0]["allocated"] == 0
    assert "ALREADY_INITIALISED" in house.provcard(
        f"init --name again --identity-cert identity.pem --chain {people.maker.anchors.name} {workflow.signed_by(people.officer)}", expected=1)


def drop(*path):
    """Remove a key of the configuration."""
    def change(configuration):
        inner = configuration
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
    return change


def put(value, *path):
    """Set a key of the configuration."""
    def change(configuration):
        inner = configuration
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
    return change


CONFIGURATIONS = [
    ("unknown key", put(1, "images", 0, "speed"), "ROT_UNKNOWN_KEY", "images[0].speed"),
    ("unknown key above", put(1, "colour"), "ROT_UNKNOWN_KEY", "colour"),
    ("type", put(5, "part"), "ROT_TYPE", "part must be text"),
    ("type of a list", put({}, "images"), "ROT_TYPE", "images must be a list"),
    ("type in a list", put(7, "images", 0), "ROT_TYPE", "images[0] must be an object"),
    ("type of an address", put([], "identity", "key_address"), "ROT_TYPE", "identity.key_address"),
    ("missing", drop("part"), "ROT_MISSING", "part"),
    ("missing below", drop("identity", "common_name"), "ROT_MISSING", "identity.common_name"),
    ("missing secret", drop("lifecycle_keys", 0, "secret_file"), "ROT_MISSING", "lifecycle_keys[0].secret_file"),
    ("range", put(8, "lifecycle_keys", 0, "size"), "ROT_RANGE", "lifecycle_keys[0].size"),
    ("negative", put(-1, "responder_timeout_us"), "ROT_RANGE", "responder_timeout_us"),
    ("too large a number", put(1 << 62, "responder_timeout_us"), "ROT_RANGE", "responder_timeout_us"),
    ("address text", put("12", "identity", "key_address"), "ROT_RANGE", "identity.key_address"),
    ("long name", put("x" * 64, "images", 0, "name"), "ROT_RANGE", "images[0].name"),
    ("a name twice", put("bootloader", "images", 1, "name"), "ROT_RANGE", "images[1].name 'bootloader'"),
    ("no images", put([], "images"), "ROT_RANGE", "images"),
    ("unknown lock", put("glue", "lock"), "ROT_RANGE", "lock"),
    ("overlap", put("0x100", "identity", "key_address"), "ROT_OVERLAP", "the identity key"),
    ("does not fit", put("0xffff0000", "identity", "certificate_address"), "ROT_DOES_NOT_FIT", "the identity certificate"),
    ("alignment", put("0xfe041", "lifecycle_keys", 0, "address"), "ROT_ALIGNMENT", "lifecycle key"),
    ("unknown part", put("Z80", "part"), "ROT_PART_UNKNOWN", "Z80"),
    ("irreversible", put("permanent", "lock"), "ROT_IRREVERSIBLE", "lock"),
    ("no file", put("none.bin", "images", 0, "file"), "IMAGE_UNREADABLE", "none.bin"),
    ("a folder", put(".", "images", 0, "file"), "IMAGE_UNREADABLE", "regular file"),
    ("elf with address", put("0x0", "images", 0, "address"), "IMAGE_UNREADABLE", "its own addresses"),
    ("binary without address", put("binary", "images", 0, "format"), "IMAGE_UNREADABLE", "needs an address"),
    ("no hex", put("ihex", "images", 0, "format"), "IMAGE_UNREADABLE", "a record is malformed"),
]


@pytest.mark.parametrize("name, change, code, where", CONFIGURATIONS, ids=[case[0] for case in CONFIGURATIONS])
def test_bad_configuration(shared, people, name, change, code, where):
    """The code, the place, exit 3, and no package."""
    output = shared.folder / "bad.ppkg"
    words = workflow.pack_command(shared.house, people, output, change=change)
    said = workflow.Desk(people.oem.folder).provcard(words, expected=3)
    assert f"({code}, 0x05" in said and where in said
    assert not list(shared.folder.glob("bad.ppkg*"))


@pytest.mark.parametrize("text, where", [('{"part": ', "line 1"), ("[]", "an object is needed"), ('{\n"part": "x",,}', "line 2"),
                                         ('{} {}', "line 1"), ("", "line 1"), ("{\"part\": \"\\ud800\"", "line 1")])
def test_configuration_is_no_json(shared, people, text, where):
    """ROT_JSON names the line."""
    words = workflow.pack_command(shared.house, people, shared.folder / "bad.ppkg")
    (people.oem.folder / "rot-configuration.json").write_text(text)
    said = workflow.Desk(people.oem.folder).provcard(words, expected=3)
    assert "ROT_JSON" in said and where in said


def test_image_that_does_not_fit(shared, people):
    """An image beyond the end of the part's flash."""
    (people.oem.folder / "big.bin").write_bytes(b"\x5a" * 4096)
    words = workflow.pack_command(shared.house, people, shared.folder / "bad.ppkg", change=put(
        {"name": "big", "file": "big.bin", "address": "0x000ff800"}, "images", 0))
    assert "ROT_DOES_NOT_FIT" in workflow.Desk(people.oem.folder).provcard(words, expected=3)


def test_same_image_from_three_formats(shared, people):
    """ELF, Intel HEX and binary of one program give the same bytes: their packages differ in nothing an OEM signs of them."""
    build = processes.BUILD / "device"
    for suffix in ("hex", "bin"):
        shutil.copy(build / f"application.{suffix}", people.oem.folder)
    sizes = set()
    for change in (lambda c: None, put({"name": "application", "file": "application.hex", "format": "ihex"}, "images", 1),
                   put({"name": "application", "file": "application.bin", "address": "0x8000"}, "images", 1)):
        output = shared.folder / "formats.ppkg"
        workflow.Desk(people.oem.folder).provcard(workflow.pack_command(shared.house, people, output, change=change))
        code, said = workflow.Desk(people.oem.folder).execute(f"-o json verify {output}", 60)
        assert code == 0
        sizes.add(json.loads(said)["package"]["payload_size"])
    assert len(sizes) == 1


def test_pack_refuses(shared, people, tmp_path):
    """Cards of another maker, one signature, signing keys that do not belong, no room for the result."""
    desk = workflow.Desk(people.oem.folder)
    words = workflow.pack_command(shared.house, people, shared.folder / "bad.ppkg")
    stranger = pki.Maker(tmp_path / "maker")
    assert "CARD_CERTIFICATE" in desk.provcard(words.replace(str(people.maker.anchors), str(stranger.anchors)), expected=3)
    one = words.replace(f"--key {people.oem.pq_key} --cert {people.oem.pq_certificate}", "")
    assert "MANIFEST_SIGNER_MISSING" in desk.provcard(one, expected=3)
    twice = words.replace(str(people.oem.pq_key), str(people.oem.key)).replace(str(people.oem.pq_certificate), str(people.oem.certificate))
    assert "MANIFEST_SIGNER_MISSING" in desk.provcard(twice, expected=3)
    assert "CERTIFICATE_UNUSABLE" in desk.provcard(words.replace(str(people.oem.pq_key), str(people.oem.key)), expected=3)
    assert "ISSUER_MISMATCH" in desk.provcard(words.replace("--issuer issuer.pem", ""), expected=3)
    desk.provcard(words.replace(str(shared.folder / "bad.ppkg"), "/nonexistent/x.ppkg"), expected=6)
    assert not list(shared.folder.glob("bad.ppkg*"))


def test_parts(packed, people):
    """No part; a part made already; a head that is not there; the good ones are made all the same."""
    house = packed.house
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count 4 {workflow.signed_by(people.operator)}")
    uid = packed.insert(1)
    run = packed.json("run --heads 0,1", expected=5)
    states = {unit["head"]: unit for unit in run["units"]}
    assert states[0]["refusal"]["name"] == "NO_PART" and states[1]["uid"] == uid and states[1]["state"] == "good"
    assert "PART_LOCKED" in house.provcard("run --heads 1", expected=1)  # its lock hides which part it is
    assert "head 0: not made: " in house.provcard("run --heads 0", expected=1)
    assert "HEAD_UNKNOWN" in house.provcard("run --heads 9", expected=1)
    house.provcard("run --heads 1,", expected=1)
    house.provcard("run --heads one", expected=2)
    job = packed.json("jobs")["jobs"][0]
    assert (job["good"], job["scrap"], job["reserved"]) == (1, 0, 0)


def test_waiting_for_parts(packed, people):
    """The run goes on while parts come, and ends at the number wanted."""
    packed.house.provcard("load package.ppkg")
    packed.house.provcard(f"allocate --count 5 {workflow.signed_by(people.operator)}")
    packed.insert(0)
    run = subprocess.Popen([processes.program("provcard"), "--card", packed.card.address, "run", "--wait-for-parts", "--units", "3",
                            "--heads", "0,1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert "good" in run.stdout.readline()
        packed.insert(1)
        assert "good" in run.stdout.readline()
        packed.insert(0)
        rest, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0 and "3 good, 0 scrap, 0 not made" in rest


def test_interrupted_run(packed, people):
    """Ctrl-C ends a run that waits, without harm."""
    packed.house.provcard("load package.ppkg")
    packed.house.provcard(f"allocate --count 5 {workflow.signed_by(people.operator)}")
    packed.insert(0)
    run = subprocess.Popen([processes.program("provcard"), "--card", packed.card.address, "run", "--wait-for-parts"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert "good" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0 and "1 good" in rest


@pytest.mark.parametrize("milliseconds", [5, 30, 60])
def test_power_cut_in_the_middle(packed, people, milliseconds):
    """The card is killed during a run: 4. After its restart nothing is charged twice and no part has two identities."""
    house = packed.house
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count 4 {workflow.signed_by(people.operator)}")
    uids = [packed.insert(head) for head in range(4)]
    run = subprocess.Popen([processes.program("provcard"), "--card", packed.card.address, "run"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        time.sleep(milliseconds / 1000)
        packed.card.power_cut()
        said, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 4 and "the card is not there or is gone" in said
    packed.card.power_on()
    again = packed.json("run", expected=None)
    job = packed.json("jobs")["jobs"][0]
    good = sorted(unit["uid"] for unit in again["units"] if unit["state"] == "good")
    assert {unit["refusal"]["name"] for unit in again["units"] if unit["refusal"]} <= {"PART_LOCKED", "ALLOCATION_EXHAUSTED"}
    assert job["good"] >= len(good) and job["good"] + job["reserved"] <= 4 and job["scrap"] == 0
    house.provcard(f"close --output delivery {workflow.signed_by(people.operator)}")
    house.provcard(f"verify delivery --maker-ca {people.maker.anchors}")
    made = [entry["uid"] for entry in handover.records(house.folder / "delivery") if entry["event"] == "unit-good"]
    assert len(made) == len(set(made)) == job["good"] and set(good) <= set(made) <= set(uids)
