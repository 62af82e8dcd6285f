# SPDX-License-Identifier: GPL-2.0-or-later
"""The card loses power in the middle of a run: counts stay right and no part gets two identities."""
import json

from provtest import handover, workflow

GONE = 4


def test_card_dies_during_a_run_and_resumes(service):
    """kill -9 of the card while four heads work; a new power-on finishes the same parts under the same charge."""
    service.load(count=6)
    uids = service.place.insert_all()
    guest = service.place.guest
    running = guest.send("provcard run --once")
    service.place.await_programming()
    service.place.cut_power()
    result = guest.wait(running, timeout=120)
    assert result.code in (0, GONE), result
    assert guest.run("ls /dev/provcard0", check=False).code != 0 or guest.run("provcard status", check=False).code == GONE

    put_back(service)
    before = job(service)
    assert before["good"] < 4 and before["good"] + before["reserved"] <= 6 and before["scrap"] == 0
    service.house.provcard("run --once", expected=None)
    after = job(service)
    assert after["good"] == 4 and after["scrap"] == 0 and after["reserved"] == 0
    records = close(service)
    good = [record for record in records if record["event"] == "unit-good"]
    assert sorted(record["uid"] for record in good) == sorted(uids)
    digests = {record["uid"]: set() for record in records if record.get("uid")}
    # A part that was locked before the cut is refused afterwards, and does not tell its uid.
    for record in records:
        if record.get("uid") and record["certificate_sha256"]:
            digests[record["uid"]].add(record["certificate_sha256"])
    assert all(len(digests[uid]) == 1 for uid in uids) and all(len(found) <= 1 for found in digests.values())


def put_back(service):
    """A new card process on the same state, in the same slot."""
    guest = service.place.guest
    guest.stop()
    service.place.card.power_on()
    guest.start()
    guest.run("insmod /provcard.ko")
    service.place.await_node()


def job(service):
    """The only job, as the card counts it."""
    return json.loads(service.house.provcard("-o json jobs"))["jobs"][0]


def close(service):
    """Close the job; its records."""
    service.house.provcard(f"close --output delivery {workflow.signed_by(service.people.operator)}")
    return handover.records(service.house.folder / "delivery")
