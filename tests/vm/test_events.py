# SPDX-License-Identifier: GPL-2.0-or-later
"""Events: what provcard monitor prints, and that a client made from the specification by the kernel's own generator hears the same."""
import json
import os
import pathlib
import signal
import time

import jsonschema
import pytest

from provtest import processes
from provtest.service import in_service

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = jsonschema.Draft202012Validator(json.loads((TOP / "Documentation" / "schema" / "event.schema.json").read_text()))
DRIVER = "/sys/bus/pci/drivers/provcard"
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard*/device))"
CARD_EVENTS = {"card-added", "card-removed", "card-changed"}
MACHINE, TAMPERED = 6, 0x0606
RESET = f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset"


@pytest.fixture(name="line", scope="module")
def fixture_line(tmp_path_factory):
    """A station in service, with the other listener."""
    with in_service(tmp_path_factory.mktemp("events"), programs=[processes.program("vm/ynl-monitor")]) as service:
        service.guest = service.place.guest
        yield service


class Listener:
    """A program in the guest that prints a line for each event, until it is told to end."""

    def __init__(self, guest, command, name):
        self.guest, self.path = guest, guest.share / f"{name}.events"
        self.path.unlink(missing_ok=True)
        guest.run(f"{{ {command}; echo $? >{name}.code; }} >{self.path.name} 2>{name}.err </dev/null & echo $! >{name}.pid")
        self.name = name

    def lines(self):
        """What it has printed."""
        return self.path.read_text().splitlines() if self.path.exists() else []

    def await_line(self, wanted, timeout=60):
        """Until a line is as wanted."""
        deadline = time.monotonic() + timeout
        while not any(wanted(line) for line in self.lines()):
            assert time.monotonic() < deadline, (self.name, self.lines()[-20:])
            time.sleep(0.05)

    def end(self, how="INT"):
        """Ask it to end; its exit code."""
        self.guest.run(f"kill -{how} $(pidof {self.program})", check=False)
        code = self.guest.share / f"{self.name}.code"
        deadline = time.monotonic() + 30
        while not code.exists() or not code.read_text().strip():
            assert time.monotonic() < deadline, self.name
            time.sleep(0.05)
        return int(code.read_text())


class Ours(Listener):
    """provcard monitor."""

    program = "provcard"

    def __init__(self, guest, options=""):
        super().__init__(guest, f"provcard -o json monitor {options}", "ours")
        guest.run("for i in $(seq 200); do grep -q ' 00000.* 16 ' /proc/net/netlink && awk '$2 == 16 && $4 != 00000000 { found = 1 } "
                  "END { exit !found }' /proc/net/netlink && exit 0; usleep 50000; done; exit 1")

    def events(self):
        """As objects, each as its schema says."""
        found = [json.loads(line) for line in self.lines()]
        for event in found:
            SCHEMA.validate(event)
        return found

    def words(self):
        """In the other listener's words."""
        return [" ".join(str(word) for word in (event["sequence"], event["event"], event["card"], event["serial"], *self.number(event)))
                for event in self.events()]

    @staticmethod
    def number(event):
        """The one that the kind of event has."""
        if event["event"] in CARD_EVENTS:
            return [event["state"]]
        if event["event"] == "reset":
            return [event["generation"]]
        if "head" in event:
            return [event["head"]]
        return [event["refusal"]["code"]] if "refusal" in event else []


class Theirs(Listener):
    """The generated client."""

    program = "ynl-monitor"

    def __init__(self, guest):
        super().__init__(guest, "ynl-monitor", "theirs")
        self.await_line(lambda line: line == "ready")

    def words(self):
        """The events, without the beginning and without the suffix that tells commands from notifications."""
        lines = self.lines()
        return [line.replace("-ntf ", " ", 1) for line in lines[lines.index("ready") + 1:]]


def settle(ours, theirs, last):
    """Until both have an event of the last kind and equally many."""
    for listener in (ours, theirs):
        listener.await_line(lambda line: last in line)
    deadline = time.monotonic() + 20
    while len(ours.lines()) != len(theirs.words()) and time.monotonic() < deadline:
        time.sleep(0.05)


def kinds(ours):
    """Names in order."""
    return [event["event"] for event in ours.events()]


def test_both_hear_the_same(line):
    """Production, a reset, the driver that lets go of the card and takes it again."""
    guest = line.guest
    theirs, ours = Theirs(guest), Ours(guest)
    line.load(count=4)
    line.place.insert(0)
    line.house.provcard("run --heads 0")
    guest.run(RESET)
    guest.run(f"function={FUNCTION}; echo $function >{DRIVER}/unbind; echo $function >{DRIVER}/bind")
    line.place.await_node()
    settle(ours, theirs, "card-added")
    heard = ours.events()
    assert theirs.words() == ours.words()
    assert [event["sequence"] for event in heard] == list(range(heard[0]["sequence"], heard[0]["sequence"] + len(heard)))
    assert all("lost" not in event and event["serial"] == "PC0001" and event["card"] == "provcard0" for event in heard)
    found = kinds(ours)
    assert found.index("job-changed") < found.index("head-changed") < found.index("card-changed")
    assert found[-5:] == ["card-changed", "reset", "card-changed", "card-removed", "card-added"]
    assert [event["state"] for event in heard if event["event"] == "card-changed"] == ["resetting", "live"]
    assert [event["head"] for event in heard if event["event"] == "head-changed"] == [0]
    assert theirs.lines()[0].startswith("card 0 provcard0 PC0001 ") and " live heads 4 queues 4 hif 0x1" in theirs.lines()[0]
    assert ours.end() == 0
    theirs.end("TERM")


def test_who_may_not_listen(line):
    """A user without the capability is told what to do; nothing is printed as an event."""
    guest = line.guest
    guest.run("grep -q stranger /etc/passwd || echo stranger:x:1001:1001::/:/bin/sh >>/etc/passwd")
    refused = guest.run("su -s /bin/sh stranger -c 'provcard monitor'", check=False)
    assert refused.code == MACHINE and not refused.out and "may not listen" in refused.err and "CAP_NET_ADMIN" in refused.err, refused
    refused = guest.run("su -s /bin/sh stranger -c 'provcard -o json monitor'", check=False)
    said = json.loads(refused.out)
    SCHEMA.validate(said)
    assert refused.code == MACHINE and refused.out.count("\n") == 1 and "CAP_NET_ADMIN" in said["errors"][0]["remedy"]


def test_count_and_text(line):
    """A line for each event, and no more than were asked for; of another card, nothing."""
    guest = line.guest
    guest.run("ln -sf /dev/provcard0 /tmp/mine; ln -sf /dev/null /tmp/another")
    running = guest.spawn("provcard --card /tmp/mine monitor --count 3")
    other = guest.spawn("timeout -s INT 6 provcard --card /tmp/another monitor")
    guest.run("sleep 1")
    guest.run(RESET)
    result = guest.join(running)
    assert not result.code and len(result.out.splitlines()) == 3, result
    assert [row.split()[4] for row in result.out.splitlines()] == ["card-changed", "reset", "card-changed"], result
    assert " provcard0  PC0001  reset  generation " in result.out
    assert not guest.join(other).out


def test_lost_events_are_noticed(line):
    """A monitor that stands still until there is no more room says that events were lost, and how many."""
    guest = line.guest
    before = guest.run("cat /proc/sys/net/core/rmem_max").out.strip()
    guest.run("echo 4608 >/proc/sys/net/core/rmem_max")
    ours = Ours(guest)
    guest.run(f"echo {before} >/proc/sys/net/core/rmem_max")
    guest.run("kill -STOP $(pidof provcard)")
    for _ in range(8):
        guest.run(RESET)
    guest.run("kill -CONT $(pidof provcard)")
    ours.await_line(lambda row: '"event":"lost"' in row)
    guest.run(RESET)
    ours.await_line(lambda row: '"lost":' in row)
    ours.await_line(lambda row: '"state":"live"' in row and row == ours.lines()[-1])
    events = [event for event in ours.events() if event["event"] != "lost"]
    lost = sum(event.get("lost", 0) for event in events)
    assert lost and len(events) + lost == events[-1]["sequence"] - events[0]["sequence"] + 1
    assert ours.end("TERM") == 0


def test_driver_loaded_anew(line):
    """The monitor hears of the new one's cards without being started again."""
    guest = line.guest
    ours = Ours(guest)
    guest.run("rmmod provcard && insmod /provcard.ko")
    line.place.await_node()
    guest.run(RESET)
    ours.await_line(lambda row: '"state":"live"' in row and "card-changed" in row)
    events = ours.events()
    assert events[0]["event"] == "card-removed" and [event["event"] for event in events[-3:]] == ["card-changed", "reset", "card-changed"]
    assert events[-1]["sequence"] < events[0]["sequence"] and len(events) - 1 + sum(event.get("lost", 0) for event in events) == 4
    assert ours.end() == 0


def test_tampering_and_power_cut(line):
    """The last that a card says; and what is said of one that says nothing any more."""
    theirs, ours = Theirs(line.guest), Ours(line.guest)
    os.kill(line.place.card.child.pid, signal.SIGUSR2)
    settle(ours, theirs, "fault")
    line.place.cut_power()
    settle(ours, theirs, "gone")
    line.guest.run("echo 1 >/sys/class/provcard/provcard0/device/remove")
    settle(ours, theirs, "card-removed")
    assert theirs.words() == ours.words()
    assert kinds(ours) == ["tamper", "fault", "card-changed", "card-removed"]
    assert [event["refusal"]["name"] for event in ours.events()[:2]] == ["TAMPERED"] * 2
    assert ours.words()[0].split()[-1] == str(TAMPERED)
    assert [event["state"] for event in ours.events()[2:]] == ["gone", "gone"]
    assert ours.end() == 0
    theirs.end("TERM")
