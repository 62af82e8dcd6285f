# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace points: every command's submit has its complete, and nothing but numbers is traced."""
import re

import pytest

from provtest import processes, station

TRACING = "/sys/kernel/tracing"
UNTIL_ABORT, UNTIL_RESET = 0xE0, 0xE1
STATUS, ABORT = 0x40, 0x07
PENDING = 300  # ms, after which a stubborn command is aborted
FIELDS = {
    "provcard_submit": {"card", "queue", "cid", "opcode", "job", "in_length", "out_limit", "timeout_ms"},
    "provcard_complete": {"card", "queue", "cid", "opcode", "job", "status", "error", "length", "latency_ns"},
    "provcard_timeout": {"card", "queue", "cid", "opcode", "job", "timeout_ms"},
    "provcard_reset": {"card", "generation"},
    "provcard_event": {"card", "type", "info"},
}


@pytest.fixture(name="guest", scope="module")
def fixture_guest(tmp_path_factory):
    """A guest with a card that lets go of commands only when told so."""
    with station.Station(tmp_path_factory.mktemp("trace"), firmware="vm/stubborn-card",
                         programs=[processes.program("vm/send-command")]) as place:
        place.guest.run(f"mount -t tracefs trace {TRACING} 2>/dev/null; [ -d {TRACING}/events/provcard ]")
        yield place.guest
        assert not place.guest.splats()


def trace(guest, command):
    """What is traced while the command runs: (event, {name: number}) each."""
    guest.run(f"cd {TRACING} && echo 0 >tracing_on && echo >trace && echo 1 >events/provcard/enable && echo 1 >tracing_on")
    guest.run(command)
    text = guest.run(f"cd {TRACING} && echo 0 >tracing_on && echo 0 >events/provcard/enable && cat trace").out
    return [(match[1], {name: int(value, 0) for name, value in re.findall(r"(\w+)=(-?\w+)", match[2])})
            for match in re.finditer(r" (provcard_\w+): provcard0 (.*)", text)]


def named(events, name, **wanted):
    """Those of one event with these values."""
    return [fields for event, fields in events if event == name and all(fields[key] == value for key, value in wanted.items())]


def pairs(events):
    """(submit, complete) of each command that ended, by queue and command identifier."""
    sent, ended = {}, []
    for event, fields in events:
        key = fields.get("queue"), fields.get("cid")
        if event == "provcard_submit":
            assert key not in sent
            sent[key] = fields
        elif event == "provcard_complete" and key in sent:
            ended.append((sent.pop(key), fields))
    return ended


def test_fields_are_numbers(guest):
    """A field that is added has to be thought about here: no pointer, no string, no buffer."""
    for event, wanted in FIELDS.items():
        text = guest.run(f"cat {TRACING}/events/provcard/{event}/format").out
        fields = {name: kind for kind, name in re.findall(r"field:([\w ]+) (\w+);", text) if not name.startswith("common_")}
        assert set(fields) == wanted, event
        assert set(fields.values()) <= {"int", "unsigned int", "u8", "u16", "u32", "u64"}, fields
        assert "[" not in text.split("print fmt")[0].split("common_pid")[1]
    assert set(guest.run(f"ls {TRACING}/events/provcard").out.split()) - {"enable", "filter"} == set(FIELDS)


def test_submit_and_complete(guest):
    """A command that succeeds: matched by queue and cid, with lengths, status and time."""
    events = trace(guest, f"send-command {UNTIL_ABORT:#x} {PENDING} 1")
    ended = [(sent, done) for sent, done in pairs(events) if sent["opcode"] == STATUS]
    assert len(ended) == 1
    sent, done = ended[0]
    assert sent["job"] == done["job"] != 0 and sent["in"] == 0 and done["opcode"] == STATUS
    assert (done["status"], done["error"]) == (0, 0) and 0 < done["latency_ns"] < 5_000_000_000
    assert all(done["latency_ns"] for _, done in pairs(events))


def test_timeout(guest):
    """The time-out of a command that heeds its abort: the abort and the end are traced, and how long it took."""
    events = trace(guest, f"send-command {UNTIL_ABORT:#x} {PENDING} 1")
    late = named(events, "provcard_timeout")
    assert len(late) == 1 and late[0]["opcode"] == UNTIL_ABORT and late[0]["timeout_ms"] == PENDING
    ended = {done["opcode"]: done for _, done in pairs(events)}
    assert ended[UNTIL_ABORT]["status"] == 5 and ended[UNTIL_ABORT]["latency_ns"] >= PENDING * 1_000_000
    assert (ended[ABORT]["queue"], ended[ABORT]["status"]) == (0, 0)
    assert not named(events, "provcard_reset")


def test_reset(guest):
    """One that does not is ended by a reset: an error, no status."""
    events = trace(guest, f"send-command {UNTIL_RESET:#x} {PENDING} 1")
    assert len(named(events, "provcard_reset")) == 1
    done = [done for _, done in pairs(events) if done["opcode"] == UNTIL_RESET]
    assert [(fields["status"], fields["error"]) for fields in done] == [(0, -5)]
    assert named(events, "provcard_reset")[0]["generation"] > 0


def test_nothing_is_traced_unasked(guest):
    """Nor does a command that was sent before tracing began claim a time."""
    guest.run(f"cd {TRACING} && echo >trace && echo 1 >tracing_on && send-command {UNTIL_ABORT:#x} {PENDING} 1 && echo 0 >tracing_on")
    assert "provcard" not in guest.run(f"grep -v '^#' {TRACING}/trace", check=False).out
