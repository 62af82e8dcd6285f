# SPDX-License-Identifier: GPL-2.0-or-later
"""The system sleeps while programs wait for the card, then the card is there again."""
import time

import pytest

from provtest import processes, station

UNTIL_RESET = "0xe1"
# A program that outlives the shared folder: the transport of 9p knows no sleep, so it is unloaded meanwhile.
SCRIPT = """
exec >/tmp/sleep.log 2>&1 </dev/null
sleep 1
umount /host && rmmod 9pnet_virtio && {preparation}
echo {state} >/sys/power/state
echo "slept $?"
echo none >/sys/power/pm_test
modprobe 9pnet_virtio
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none host /host
cp /tmp/sleep.log /host/sleep.log.partial
mv /host/sleep.log.partial /host/sleep.log
"""
TEST = "echo 1 >/sys/module/suspend/parameters/pm_test_delay && echo devices >/sys/power/pm_test"
KINDS = {
    "devices": ("mem", TEST),
    "hibernation-image": ("disk", "echo devices >/sys/power/pm_test"),
    "memory": ("mem", "echo deep >/sys/power/mem_sleep"),
}


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory):
    """A card that keeps commands until it is reset."""
    with station.Station(tmp_path_factory.mktemp("sleep"), firmware="vm/stubborn-card",
                         programs=[processes.program("vm/send-command")]) as place:
        yield place
        assert not place.guest.splats()


def sleep(place, state, preparation):
    """Sleep and wake up, by a key if it is real; what the script said."""
    log = place.share / "sleep.log"
    log.unlink(missing_ok=True)
    (place.share / "sleep.sh").write_text(SCRIPT.format(state=state, preparation=preparation))
    place.guest.run("cp sleep.sh /tmp/sleep.sh; cd /; setsid sh /tmp/sleep.sh &")
    deadline = time.monotonic() + 120
    while not log.exists():
        assert time.monotonic() < deadline and place.guest.process.poll() is None, place.guest.diagnosis()
        if place.guest.monitor("query-status")["status"] == "suspended":
            time.sleep(1)
            place.guest.monitor("system_wakeup")
        time.sleep(0.1)
    return log.read_text()


def waiting_programs(guest):
    """Programs in each of the waits: read() on a job, an ioctl that holds user memory. They write to the guest's own memory."""
    for name, count in (("jobs", 20), ("ioctl", 0)):
        guest.run(f"cd /; setsid send-command {UNTIL_RESET} 100000 {count} >/tmp/{name} 2>&1 </dev/null &")
    guest.run("sleep 0.5")


@pytest.mark.parametrize("kind", KINDS)
def test_sleep_with_commands_in_flight(place, kind):
    """The card is told in order; commands in flight end with EIO, jobs are void; the next command is served."""
    guest = place.guest
    shutdowns = place.card.log_path.read_text().count("shut down by the host")
    waiting_programs(guest)
    said = sleep(place, *KINDS[kind])
    assert "slept 0" in said, said + guest.kernel_log()[-3000:]
    guest.run("for i in $(seq 100); do grep -q live /sys/class/provcard/provcard0/state && exit 0; sleep 0.1; done; exit 1")
    ended = guest.run("for i in $(seq 100); do pidof send-command >/dev/null || break; sleep 0.1; done; cat /tmp/jobs; echo; cat /tmp/ioctl")
    jobs, ioctl = ended.out.split("\n\n")
    assert set(jobs.split("\n")) == {"EIO 0", "EIO"} and ioctl.split("\n")[:2] == ["EIO 0", "EIO"], ended
    assert place.card.log_path.read_text().count("shut down by the host") == shutdowns + 1
    assert guest.run("send-command 0x40 0 4").out == "0 0\n" * 4 + "0\n"
    assert "resetting the controller" not in guest.kernel_log() and "no orderly shutdown" not in guest.kernel_log()
