# SPDX-License-Identifier: GPL-2.0-or-later
"""A probe that fails at each of its steps leaves nothing behind, and the next one succeeds."""
import re
import time

import pytest

from provtest import evil

STEPS = {
    "version": "version value=0",
    "capabilities": "cap value=0",
    "ready": "never-ready",
    "identify": "status opcode=1 value=3",
    "identity": "identity opcode=1 value=1",
    **{f"completion-queue-{n}": f"status opcode=2 after={n} value=3" for n in range(4)},
    **{f"submission-queue-{n}": f"status opcode=3 after={n} value=3" for n in range(4)},
}
ROUNDS = 4


@pytest.fixture(name="line", scope="module")
def fixture_line(tmp_path_factory):
    """A station with an evil card, which tells at once when it will not be ready."""
    with evil.EvilStation(tmp_path_factory.mktemp("probe")) as place:
        yield place
        assert not place.guest.splats()


def assert_nothing_held(line):
    """No interrupt, no vector, no memory region, no node, no bus mastering, no user of the module."""
    device = f"/sys/bus/pci/devices/{line.function}"
    line.guest.run(f"! grep provcard /proc/interrupts; ! grep provcard /proc/iomem; [ ! -e {device}/msi_irqs ] && "
                   "[ ! -e /dev/provcard0 ] && [ -z \"$(ls /sys/class/provcard)\" ] && [ $(cat /sys/module/provcard/refcnt) = 0 ]")
    command = line.guest.run(f"hexdump -s 4 -n 1 -e '1/1 \"%d\"' {device}/config").out
    assert not int(command) & 4


def kernel_memory(line):
    """Bytes that the kernel holds for itself."""
    text = line.guest.run("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; cat /proc/meminfo").out
    values = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+)", text, re.M)}
    return 1024 * (values["SUnreclaim"] + values["VmallocUsed"] + values["Percpu"])


@pytest.mark.parametrize("step", STEPS)
def test_probe_fails(line, step):
    """At this step, then not at all; the first minor number is free again."""
    line.say("good")
    line.unbind()
    line.say(STEPS[step])
    assert line.bind(check=False).code
    assert_nothing_held(line)
    line.say("good")
    line.bind()
    line.await_node()
    assert line.state() == "live" and line.command() == evil.GOOD


def test_failures_hold_no_memory(line):
    """Again and again: what one failure left behind would be seen here."""
    line.say("good")
    line.unbind()
    quick = [rule for step, rule in STEPS.items() if step != "ready"]
    for number in range(2 * ROUNDS):
        if number == ROUNDS:
            before = kernel_memory(line)
        for rule in quick:
            line.say("good")
            line.say(rule)
            assert line.bind(check=False).code
    assert kernel_memory(line) - before < 8192 * ROUNDS * len(quick)
    line.renew()


def test_card_vanishes_during_probe(line):
    """Its power goes while the driver waits for its first answer: the probe ends, and all is given back."""
    line.say("good")
    line.unbind()
    line.say("silent opcode=1")
    running = line.guest.spawn(f"echo {line.function} >{evil.DRIVER}/bind")
    time.sleep(1)
    line.cut_power()
    assert line.guest.join(running, timeout=60).code
    line.guest.run("! grep provcard /proc/interrupts; ! grep provcard /proc/iomem; rmmod provcard")
