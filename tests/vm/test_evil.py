# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile card: each misdeed by name, and exactly what the driver does about it (Documentation/security.rst has the same table)."""
import re
import time

import pytest

from provtest import evil
from provtest import guest as vm

ECHO = "queue=1 opcode=0x50 times=1"
EVENT, CREATE_CQ, CREATE_SQ, IDENTIFY, JOB_CREATE = "opcode=8", "opcode=2", "opcode=3", "opcode=1", "opcode=0x10"
NO_COMMAND = "completion without a command"

# What the card does to one command, how that command may end, how many resets follow, what the kernel log says.
COMPLETIONS = {
    "another-cid": (f"cid {ECHO} value=1", "EIO", {1}, NO_COMMAND),
    "an-old-cid": (f"cid {ECHO} value=0xff00", "EIO", {1}, NO_COMMAND),
    "a-free-slot": (f"slot {ECHO} value=62", "EIO", {1}, NO_COMMAND),
    "a-slot-that-is-none": (f"slot {ECHO} value=200", "EIO", {1}, NO_COMMAND),
    "another-queue": (f"sq-id {ECHO} value=7", "EIO", {1}, NO_COMMAND),
    "the-ring-of-another-queue": (f"ring {ECHO} value=2", "EIO", {1}, NO_COMMAND),
    "longest-length": (f"length {ECHO} value=0xffffffff", "EIO", {1}, NO_COMMAND),
    "one-byte-too-many": (f"length {ECHO} value=101", "EIO", {1}, NO_COMMAND),
    "fewer-bytes": (f"length {ECHO} value=7", "0 status=0 length=7 data=good", {0}, None),
    "unknown-status": (f"status {ECHO} value=0x7fff", "0 status=32767 length=100", {0}, None),
    "head-backwards": (f"sq-head {ECHO} value=0xffff", evil.GOOD, {0}, None),
    "twice": (f"copies {ECHO} value=2", evil.GOOD, {1}, NO_COMMAND),
    "three-times-over-the-ring": (f"copies {ECHO} value=300", evil.GOOD, {1}, NO_COMMAND),
    "over-its-own-entry": (f"copies {ECHO} value=200", "ETIMEDOUT", {1}, "timed out"),
    "phase-first": (f"phase-first {ECHO}", "0|EIO", {0, 1}, None),
    "changed-while-read": (f"rewrite {ECHO} value=2000", "0|EIO", {0, 1}, None),
    "wrong-phase": (f"wrong-phase {ECHO}", "ETIMEDOUT", {1}, "timed out"),
    "no-answer": (f"silent {ECHO}", "ETIMEDOUT", {1}, "timed out"),
    "no-interrupt": (f"interrupts {ECHO} value=0", evil.GOOD, {0}, "an interrupt was lost"),
    "interrupt-too-early": (f"interrupt-first {ECHO}", evil.GOOD, {0}, None),
    "many-interrupts": (f"interrupts {ECHO} value=500", evil.GOOD, {0}, None),
}
# What registers say while the card is in service: what becomes of the card.
REGISTERS = {
    "fatal-once": ("fatal times=1", "live", "resetting the controller"),
    "fatal-for-ever": ("fatal", "dead", "given up"),
    "ready-drops-once": ("never-ready times=1", "live", "resetting the controller"),
    "never-ready-again": ("never-ready", "dead", r"given up \(-110\)"),
    "status-nonsense": ("csts value=0xfffffffe", "dead", "given up"),
    "all-ones": ("ones", "gone", "does not answer"),
}
# What a card says of itself after a reset that was not so before.
CHANGES = {
    "smaller-queues": "cap value=0x0204000f",
    "fewer-queues": "cap value=0x020100ff",
    "smaller-transfers": "cap-high value=12",
    "another-interface": "version value=0x00020000",
}
# What a card says when the driver meets it: refused, in words.
MEETINGS = {
    "no-capabilities": (["cap value=0", "cap-high value=0"], "below what the interface demands"),
    "unknown-interface": (["version value=0"], "is not supported"),
    "all-ones": (["ones"], None),
    "no-serial": ([f"identity {IDENTIFY} value=0"], "malformed"),
    "serial-is-a-path": ([f"identity {IDENTIFY} value=1"], "malformed"),
    "serial-of-control-characters": ([f"identity {IDENTIFY} value=2"], "malformed"),
    "firmware-of-control-characters": ([f"identity {IDENTIFY} value=3"], "malformed"),
    "no-heads": ([f"identity {IDENTIFY} value=4"], "malformed"),
    "four-thousand-million-heads": ([f"identity {IDENTIFY} value=5"], "malformed"),
    "no-queues": ([f"status {CREATE_CQ} value=3"], "command 0x2 refused"),
    "no-submission-queues": ([f"status {CREATE_SQ} value=3"], "command 0x3 refused"),
    "silence": ([f"silent {IDENTIFY}"], None),
    "not-ready": (["never-ready"], None),
    "never-idle": (["never-idle"], None),
}


@pytest.fixture(name="line", scope="module")
def fixture_line(tmp_path_factory):
    """A station with an evil card."""
    with evil.EvilStation(tmp_path_factory.mktemp("evil")) as place:
        yield place
        place.guest.run("rmmod provcard && [ ! -e /dev/provcard0 ]", timeout=200)
        place.guest.examine()


@pytest.fixture(name="place")
def fixture_place(line):
    """The same, with a good card; when the test is over the card turns good, and serves again."""
    line.renew()
    line.mark()
    yield line
    line.renew()
    assert line.command() == evil.GOOD
    line.guest.assert_no_splats()


@pytest.mark.parametrize("name", COMPLETIONS)
def test_completion(place, name):
    """The command, and beside it a program that has nothing to do with it and is served as before."""
    rule, end, resets, said = COMPLETIONS[name]
    hits = int(place.say("hits"))
    place.say(rule)
    found = place.command(timeout_ms=1000 if end == "ETIMEDOUT" else 20000)
    assert re.match(end, found) and found.endswith("margins=good"), found
    assert int(place.say("hits")) == hits + 1
    deadline = time.monotonic() + 5 * vm.PATIENCE
    while place.resets() not in resets and time.monotonic() < deadline:
        time.sleep(0.1)
    place.await_state("live")
    assert place.resets() in resets and (not said or said in place.log()), place.log()
    assert [place.command(queue) for queue in range(5)] == [evil.GOOD] * 5


@pytest.mark.parametrize("name", REGISTERS)
def test_registers_in_service(place, name):
    """The watchdog sees it within a second."""
    rule, state, said = REGISTERS[name]
    place.say(rule)
    deadline = time.monotonic() + 20 * vm.PATIENCE
    while not re.search(said, place.log()):
        assert time.monotonic() < deadline, place.log()
        time.sleep(0.2)
    place.await_state(state)
    wanted = {"live": evil.GOOD, "dead": "EIO", "gone": "ENODEV"}[state]
    assert place.command().startswith(wanted)


@pytest.mark.parametrize("name", CHANGES)
def test_card_that_changes_over_a_reset(place, name):
    """Rings and limits stand, so such a card is not driven on; once it is what it was, a function reset brings it back."""
    place.say(CHANGES[name])
    place.function_reset()
    assert place.state() == "dead" and "the card changed" in place.log()
    assert place.command().startswith("EIO")
    place.say("good")
    place.function_reset()
    assert place.state() == "live" and place.command() == evil.GOOD


@pytest.mark.parametrize("name", MEETINGS)
def test_card_that_cannot_be_used(place, name):
    """The driver does not take it, says why, and keeps nothing of it."""
    rules, said = MEETINGS[name]
    place.unbind()
    for rule in rules:
        place.say(rule)
    assert place.bind(check=False).code
    assert "no usable card" in place.log() and (not said or said in place.log()), place.log()
    assert place.guest.run("[ -e /dev/provcard0 ] || grep -q provcard /proc/interrupts", check=False).code


def test_card_that_boasts(place):
    """Registers full of ones but for the version: as many queues as there are vectors, and no more bytes than the driver allows."""
    place.unbind()
    for rule in ("cap value=0xffffffff", "cap-high value=0xffffffff", "features value=0xffffffff"):
        place.say(rule)
    place.bind()
    place.await_node()
    assert place.command() == evil.GOOD and place.command(size=1 << 20).startswith("0 status=0 length=1048576 data=good")
    assert place.command(size=(1 << 20) + 1).startswith("EINVAL")


def test_sensors_that_lie(place):
    """An answer that is not whole is none; too many bytes are a reset, as with any command."""
    place.unbind()
    place.say("features value=4")
    place.bind()
    place.await_node()
    sensor = f"sleep 1.2; cat /sys/bus/pci/devices/{place.function}/hwmon/hwmon*/temp1_input"
    assert place.guest.run(sensor).out == "40000\n"
    place.say("length opcode=0x0a value=63")
    assert place.guest.run(sensor, check=False).code
    place.say("good")
    assert place.guest.run(sensor).out == "40000\n" and not place.resets()
    place.say("length opcode=0x0a value=65 times=1")
    place.guest.run(sensor, check=False)
    place.await_state("live")
    assert place.resets() == 1 and NO_COMMAND in place.log()
    assert place.guest.run(sensor).out == "40000\n"


def test_storm_that_nobody_hears(place):
    """All vectors, while no driver has the card. The one that takes it then is not disturbed by what is long over."""
    place.unbind()
    for vector in range(5):
        place.say(f"storm vector={vector}")
        time.sleep(0.3)
    place.say("good")
    place.bind()
    place.await_node()
    place.mark()
    assert [place.command(queue) for queue in range(5)] == [evil.GOOD] * 5
    assert not place.resets()


def test_serial_without_an_end(place):
    """It is cut where the field ends."""
    place.unbind()
    place.say(f"identity {IDENTIFY} value=6")
    place.bind(check=False)
    assert place.guest.run("cat /sys/class/provcard/provcard0/serial", check=False).out.strip() in ("A" * 31, "")


def test_registers_die_at_any_moment_of_the_bring_up(place):
    """All ones after so many reads: refused or taken, and the next time, with a good card, taken."""
    for reads in range(0, 14):
        place.unbind()
        place.say(f"ones after={reads}")
        place.bind(check=False)
        place.say("good")
        place.unbind()
        place.bind()
        place.await_node()
        assert place.command() == evil.GOOD


def test_card_that_does_not_shut_down(place):
    """The host does not wait longer than the card asked for."""
    place.say("never-shut")
    begun = time.monotonic()
    place.unbind()
    assert "no orderly shutdown" in place.log() and time.monotonic() - begun < 20 * vm.PATIENCE


def test_job_handle_zero(place):
    """Nobody gets it; the card is reset."""
    place.say(f"result {JOB_CREATE} times=1 value=0")
    assert place.guest.run("evil-load jobs 1").out == "EIO\n"
    place.await_state("live")
    assert place.resets() == 1 and "job handle 0" in place.log()
    assert place.guest.run("evil-load jobs 3").out == "0\n" * 3


def test_job_handle_given_twice(place):
    """The second is refused, and the first is void."""
    place.say(f"result {JOB_CREATE} times=2 value=77")
    assert place.guest.run("evil-load jobs 2").out == "0\nEIO\n"
    place.await_state("live")
    assert place.resets() == 1 and "job handle 77 was given twice" in place.log()


@pytest.mark.parametrize("value", [3, 4, 0xffffff04, 0xffffffff])
def test_events_without_end(place, value):
    """No more than a hundred a second are listened to, the log does not fill, commands go on."""
    place.say(f"at-once {EVENT} value={value}")
    place.say("event")
    hits, begun = int(place.say("hits")), time.monotonic()
    assert [place.command() for _ in range(5)] == [evil.GOOD] * 5
    time.sleep(1)
    rate = (int(place.say("hits")) - hits) / (time.monotonic() - begun)
    assert 0 < rate < 110 and place.state() == "live"
    assert len(place.log().splitlines()) < 25


@pytest.mark.parametrize("vector", [0, 1])
def test_interrupt_storm(place, vector):
    """The vector is silenced, the card reset; it storms on and is given up. The guest works on, and a good card is taken back."""
    place.say(f"storm vector={vector}")
    place.await_state("dead", seconds=60)
    assert f"vector {vector}: a storm of interrupts, silenced" in place.log()
    begun = time.monotonic()
    place.guest.run("for i in $(seq 200); do :; done; ls -R /sys/class >/dev/null")
    assert time.monotonic() - begun < 20 * vm.PATIENCE
    place.say("good")
    place.function_reset()
    assert place.state() == "live" and place.command(queue=0) == place.command() == evil.GOOD


def test_killed_program(place):
    """A program whose command the card keeps is gone at once when it is killed."""
    place.say("silent queue=1 opcode=0x50")
    begun = time.monotonic()
    place.guest.run("evil-load command 1 60000 100 & sleep 0.3; kill -9 $!; wait $!; true")
    assert time.monotonic() - begun < 10 * vm.PATIENCE
