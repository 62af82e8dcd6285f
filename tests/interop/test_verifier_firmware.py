# SPDX-License-Identifier: GPL-2.0-or-later
"""The second verifier on firmware that `provcard firmware pack` made, and on what must not pass for it; and on a card's log of it."""
import base64
import hashlib
import pathlib
import re
import subprocess
import sys
import time

import pytest

from provtest import processes, workflow
from verifier import Refused, asn1
from verifier.certificate import read_pem
from verifier.firmware import Firmware, sections
from verifier.signed import kind_of, read_signed

NEXT = processes.BUILD / "firmware" / "next.pfw"
MAKER = processes.BUILD / "maker"


@pytest.fixture(name="anchors", scope="module")
def makers_anchors():
    """Those in the boot stage."""
    return read_pem((MAKER / "anchors.pem").read_text())


def opened(data, anchors):
    """Checked, now."""
    return Firmware(data, anchors, int(time.time()) + 2)


def test_firmware(anchors):
    firmware = opened(NEXT.read_bytes(), anchors)
    assert (firmware.fields["release"], firmware.fields["security_version"]) == ("9.2.0", 2)
    assert firmware.fields["board"] == "provcard-emulated"
    assert firmware.image == (processes.BUILD / "firmware" / "next").read_bytes()


def test_by_hand():
    done = subprocess.run([sys.executable, "-m", "verifier", "firmware", NEXT.resolve(), "--anchors", (MAKER / "anchors.pem").resolve()],
                          cwd=pathlib.Path(__file__).resolve().parent, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "firmware 9.2.0 for provcard-emulated, security version 2: all right" in done.stdout, done.stderr


def test_other_anchors(anchors):
    for half in (anchors[:1], anchors[1:]):
        with pytest.raises(Refused, match="no anchor"):
            opened(NEXT.read_bytes(), half)


@pytest.mark.parametrize("offset", [0, 8, 12, 16, 24, 32, 40, 48, 4095, 4096, 4200, -1, -70000])
def test_every_part_counts(offset, anchors):
    """One bit at each of these places."""
    data = bytearray(NEXT.read_bytes())
    data[offset] ^= 1
    with pytest.raises(Refused):
        opened(bytes(data), anchors)


def test_size_counts(anchors):
    data = NEXT.read_bytes()
    for changed in (data[:-1], data + b"\0", data[:4095], b""):
        with pytest.raises(Refused):
            opened(changed, anchors)


def test_both_read_the_same_file_the_same_way(anchors, tmp_path):
    """What one refuses the other does, for changes of the manifest and the header."""
    data = NEXT.read_bytes()
    for offset in [*range(0, 64, 3), *range(4096, 4096 + 16000, 397)]:
        changed = bytearray(data)
        changed[offset] ^= 4
        (tmp_path / "changed.pfw").write_bytes(changed)
        code = subprocess.run([processes.program("provcard"), "firmware", "inspect", tmp_path / "changed.pfw", "--anchors",
                               MAKER / "anchors.pem"], capture_output=True, timeout=60, check=False).returncode
        try:
            opened(bytes(changed), anchors)
            ours = True
        except Refused:
            ours = False
        assert (code == 0) == ours, offset


def test_log_keeps_what_was_approved(anchors, people, tmp_path):
    """Stored: the manifest as the maker signed it. Activated: the officer's request, which names the same image."""
    with processes.Card(tmp_path / "card", 1) as card:
        card.power_on()
        house = workflow.DirectHouse(tmp_path / "house", card.address)
        workflow.initialise(house, people)
        house.give(NEXT)
        house.provcard(f"firmware load {NEXT.name}")
        house.provcard(f"firmware activate {NEXT.name} {workflow.signed_by(people.officer)}")
        card.stop()
        card.power_on()
        said = house.provcard("log")
        for event in ("firmware-stored", "firmware-activated", "firmware-confirmed"):
            assert event in said
        house.provcard("log export --output log.json")
    signed, image = sections(NEXT.read_bytes())
    log = (tmp_path / "house" / "log.json").read_text()
    assert log.count(base64.b64encode(signed).decode()) == 2
    requests = [read_signed(data, asn1.CT_REQUEST) for data in attachments(log) if data and kind(data) == asn1.CT_REQUEST]
    request, arguments = asn1.read_request(requests[-1].content)
    assert request["operation"].native == 12
    assert arguments.native == {"digest": hashlib.sha256(image).digest(), "security_version": 2}


def attachments(log):
    """Of every entry of an exported log, in order."""
    found = (re.search(r'"attachment":"([A-Za-z0-9+/=]*)"', line) for line in log.splitlines())
    return [base64.b64decode(match.group(1)) for match in found if match]


def kind(data):
    """Content type of a signed object, or None."""
    try:
        return kind_of(data)
    except Refused:
        return None
