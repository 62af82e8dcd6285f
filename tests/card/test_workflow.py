# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole workflow through the tool, and what it refuses on the way."""
import shutil
import subprocess

import pytest

from provtest import handover, pki, processes, workflow


def signed(people):
    """The operator's signature."""
    return workflow.signed_by(people.operator)


def test_from_package_to_delivery(packed, people):
    """Init to close, then the delivery is checked by our tool and by stock openssl."""
    house = packed.house
    house.provcard("load package.ppkg")
    house.provcard(f"allocate --count 6 {signed(people)}")
    uids = [packed.insert(head) for head in range(4)]
    first = packed.json("run")
    assert first["summary"]["good"] == 4
    assert sorted(unit["uid"] for unit in first["units"]) == sorted(uids)
    uids += [packed.insert(head) for head in range(2)]
    assert packed.json("run --heads 0,1")["jobs"][0]["good"] == 6
    packed.insert(0)
    assert "ALLOCATION_EXHAUSTED" in house.provcard("run --heads 0", expected=1)
    assert "ALLOCATION_ABOVE_GRANT" in house.provcard(f"allocate --count 5 {signed(people)}", expected=1)
    assert "its counts stand" in house.provcard("load package.ppkg")
    house.provcard(f"close --output delivery {signed(people)}")

    delivery = house.folder / "delivery"
    assert sorted(handover.certificates(delivery)) == sorted(uids)
    heading = handover.heading_of(delivery)
    assert (heading["granted"], heading["good"], heading["scrap"], heading["unused"]) == (12, 6, 0, 6)
    assert (heading["granted_good"], heading["granted_scrap"], heading["record_count"]) == (10, 2, len(handover.records(delivery)))
    assert "all verified" in packed.oem.provcard(f"verify {delivery} --maker-ca {people.maker.anchors} "
                                                 f"--device-ca {people.oem.device_root.certificate}")
    assert "are right" in packed.oem.provcard(f"verify {delivery} --maker-ca {people.maker.anchors} --uid {uids[0]}")
    packed.oem.provcard(f"export {delivery} --as certs --maker-ca {people.maker.anchors} --output {packed.folder}/certs")
    assert sorted(path.stem for path in (packed.folder / "certs").iterdir()) == sorted(uids)
    for certificate in (packed.folder / "certs").iterdir():
        pki.openssl("verify", "-x509_strict", "-CAfile", delivery / "ca.pem", certificate)
    pki.openssl("cms", "-verify", "-inform", "DER", "-in", delivery / "end-certificate.p7m", "-binary", "-purpose", "any",
                "-CAfile", people.maker.anchors, "-out", packed.folder / "end.der")
    assert "JOB_CLOSED" in house.provcard("run", expected=1)
    house.provcard(f"close --output again {signed(people)}")
    assert (house.folder / "again" / handover.NAME).read_text() == (delivery / handover.NAME).read_text()
