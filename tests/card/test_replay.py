# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed requests that somebody captured and sends again. The capture is honest: a hand-over holds the very bytes of each."""
import base64
import contextlib
import shutil

import pytest

import checks
from provtest import handover, workflow
from provtest.host import NONCE, REQUEST, Client

ALLOCATED = 3


@contextlib.contextmanager
def client(card):
    """A host that sends what it likes."""
    host = Client(card.socket)
    host.enable()
    yield host
    host.close()


def send(card, cms):
    """The name of the card's answer to a request."""
    with client(card) as host:
        code, _ = host.command(REQUEST, cms, 4096)
    names = {int(number, 16): name for name, (number, _, _) in checks.REFUSALS.items()}
    return names[code] if code else None


def captured(folder, event):
    """The request behind an event, from a hand-over."""
    cms, = (base64.b64decode(record["attachment"]) for record in handover.records(folder) if record["event"] == event)
    return cms


@pytest.fixture(name="worked")
def job_that_worked(house, people, tmp_path):
    """One job closed and handed over, another in work: (house, captured allocation, captured closing)."""
    workflow.pack(house.house, people, tmp_path / "first.ppkg")
    house.house.provcard("load first.ppkg")
    first = checks.job_id(house)
    house.house.provcard(f"allocate --count {ALLOCATED} {checks.signed(people)}")
    delivery = checks.deliver(house, people, "delivery", f"--job {first}")
    workflow.pack(house.house, people, tmp_path / "second.ppkg")
    house.house.provcard("load second.ppkg")
    house.house.provcard(f"allocate --job {checks.job_id(house)} --count {ALLOCATED} {checks.signed(people)}")
    return house, captured(delivery, "allocated"), captured(delivery, "closed")


def test_replayed_requests(worked, people):
    """Each is good once: after it was used, with a fresh nonce drawn, and after the card started again."""
    house, allocation, closing = worked
    with checks.unchanged(house):
        for cms in (allocation, closing, allocation):
            assert send(house.card, cms) == "REQUEST_REPLAYED"
        with client(house.card) as host:
            assert host.command(NONCE, room=32)[0] == 0
        assert send(house.card, allocation) == "REQUEST_REPLAYED"
    house.card.power_cut()
    house.card.power_on()
    assert send(house.card, closing) == "REQUEST_REPLAYED"
    refused = [record["refusal"]["name"] for record in house.json("log")["records"] if record["event"] == "request-refused"]
    assert refused == ["REQUEST_REPLAYED"] * 5
    assert house.json("jobs")["jobs"][1]["allocated"] == ALLOCATED
    checks.deliver(house, people, "second")


def test_altered_requests(worked):
    """A captured request does not become another by turning bits; a sweep over all of it."""
    house, allocation, _ = worked
    answers = set()
    with checks.unchanged(house), client(house.card) as host:
        for position in range(0, len(allocation), 29):
            altered = bytearray(allocation)
            altered[position] ^= 1 << position % 8
            code, _ = host.command(REQUEST, bytes(altered), 4096)
            answers.add(code)
        assert host.command(REQUEST, allocation[:-1], 4096)[0] == int(checks.REFUSALS["REQUEST_DER"][0], 16)
        assert host.command(REQUEST, allocation + b"\0", 4096)[0] == int(checks.REFUSALS["TRAILING_DATA"][0], 16)
    names = {name for name, (number, _, _) in checks.REFUSALS.items() if int(number, 16) in answers}
    assert 0 not in answers and {"REQUEST_DER", "REQUEST_SIGNATURE"} <= names
    assert names <= {"REQUEST_DER", "REQUEST_SIGNATURE", "REQUEST_REPLAYED", "APPROVER_UNKNOWN", "TRAILING_DATA", "OPERATION_UNKNOWN"}


def test_request_of_another_card(worked, people, tmp_path):
    """What was approved for one card is nothing to another."""
    from conftest import Bench
    _, allocation, closing = worked
    with Bench(tmp_path / "other") as other:
        workflow.initialise(other.house, people)
        with checks.unchanged(other):
            assert send(other.card, allocation) == "REQUEST_WRONG_CARD"
            assert send(other.card, closing) == "REQUEST_WRONG_CARD"


def test_operator_signs_no_officer_request(house, people):
    """And the officer none of the operator's; a stranger nothing. Counts stay."""
    shutil.copy(people.oem.certificate, house.house.folder / "new.pem")
    with checks.unchanged(house):
        checks.refused(house.house, f"enrol --role operator --name new --certificate new.pem {checks.signed(people)}", "APPROVER_ROLE")
        checks.refused(house.house, f"enrol --role oem --name Other --certificate new.pem {checks.signed(people)}", "APPROVER_ROLE")
