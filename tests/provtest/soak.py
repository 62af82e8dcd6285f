# SPDX-License-Identifier: GPL-2.0-or-later
"""A card that comes and goes in every way there is, while programs use it: no splat, and nothing left behind.

    python3 -m provtest.soak --cycles 1000 --seed 1 [--start 400]

What a cycle does follows from the seed and its number alone, so --start goes on where a run was stopped. Every so many cycles the
programs are stopped and what the kernel holds is looked at: exactly (pinned pages, interrupts, minor numbers, the module's users)
and as a trend (memory).
"""
import argparse
import pathlib
import random
import re
import sys
import tempfile
import time

from . import guest as vm
from . import processes, station

DRIVER = "/sys/bus/pci/drivers/provcard"
FUNCTION = "0000:01:00.0"
DEVICE = f"/sys/bus/pci/devices/{FUNCTION}"
AWAIT = ("for i in $(seq 300); do grep -q live /sys/class/provcard/provcard*/state 2>/dev/null && exit 0; sleep 0.1; done; "
         "ls /sys/class/provcard; exit 1")
WARM_UP, CHECKPOINT = 20, 50
KIB = 1024


class SoakError(AssertionError):
    """Something was left behind, or did not come back."""


class Soak:
    """One guest, one card, its load, and the cycles."""

    def __init__(self, folder, seed, note=print):
        self.seed, self.note = seed, note
        self.place = station.Station(folder, heads=2, card_options=("--msi-only",),
                                     programs=[processes.program("vm/soak-load")])
        self.kinds = {self.rebind: 30, self.rescan: 20, self.reset: 24, self.clash: 8, self.reload: 6, self.plug: 7, self.cut: 5}
        self.counts = {kind.__name__: 0 for kind in self.kinds}
        self.first = None

    @property
    def guest(self):
        """The guest of the station."""
        return self.place.guest

    def rebind(self, chance):
        """The driver lets go of the card and takes it again."""
        self.guest.run(f"echo {FUNCTION} >{DRIVER}/unbind; usleep {chance.randrange(100000)}; echo {FUNCTION} >{DRIVER}/bind; {AWAIT}")

    def rescan(self, chance):
        """The function leaves the bus and is found again."""
        self.guest.run(f"echo 1 >{DEVICE}/remove; usleep {chance.randrange(100000)}; echo 1 >/sys/bus/pci/rescan; {AWAIT}")

    def reset(self, chance):
        """Function resets, one on the heels of the other."""
        self.guest.run(f"for i in $(seq {chance.randrange(1, 4)}); do echo 1 >{DEVICE}/reset; done; {AWAIT}")

    def clash(self, chance):
        """Reset, unbinding and binding at the same time."""
        self.guest.run(f"echo 1 >{DEVICE}/reset 2>/dev/null & usleep {chance.randrange(50000)}; echo {FUNCTION} >{DRIVER}/unbind; "
                       f"echo {FUNCTION} >{DRIVER}/bind & wait; [ -e {DRIVER}/{FUNCTION} ] || echo {FUNCTION} >{DRIVER}/bind; {AWAIT}")

    def reload(self, _):
        """The module goes, which its users must have let go for."""
        self.stop_load()
        self.guest.run(f"rmmod provcard && insmod /provcard.ko; {AWAIT}")
        self.start_load()

    def plug(self, _):
        """Unplugged in good order, the card's own power off, plugged in again."""
        self.guest.unplug("card0")
        self.await_empty_slot()
        self.place.card.stop()
        self.place.card.power_on()
        self.guest.replug("card0")
        self.guest.run(AWAIT, timeout=90)

    def cut(self, _):
        """The card's power goes without a warning; the slot is cleared and gets it again."""
        self.place.cut_power()
        self.guest.run("for i in $(seq 100); do grep -q gone /sys/class/provcard/provcard*/state && exit 0; sleep 0.1; done; exit 1")
        self.guest.unplug("card0")
        self.await_empty_slot()
        self.place.card.power_on()
        self.guest.replug("card0")
        self.guest.run(AWAIT, timeout=90)

    def await_empty_slot(self):
        """Until QEMU has taken the card out."""
        deadline = time.monotonic() + 60
        while any(device["name"] == "card0" for device in self.guest.monitor("qom-list", path="/machine/peripheral")):
            if time.monotonic() > deadline:
                raise SoakError("the card does not leave its slot")
            time.sleep(0.05)

    def start_load(self):
        """Programs that use whatever card there is."""
        self.guest.run(f"setsid soak-load {self.seed} >/dev/null 2>&1 </dev/null & sleep 0.2")

    def stop_load(self):
        """They are all gone when this returns."""
        self.guest.run("killall -q soak-load; for i in $(seq 300); do pidof soak-load >/dev/null || exit 0; sleep 0.1; done; exit 1")

    def cycle(self, number):
        """The cycle of this number, whatever was before."""
        chance = random.Random(f"{self.seed}:{number}")
        kind = chance.choices(list(self.kinds), list(self.kinds.values()))[0]
        kind(chance)
        self.counts[kind.__name__] += 1

    def measure(self):
        """What the kernel holds, in bytes or as a count, when nobody uses the card."""
        self.stop_load()
        self.guest.run(f"rm -f /tmp/command.*; echo {FUNCTION} >{DRIVER}/unbind; sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; "
                       "echo 1 >/proc/sys/vm/stat_refresh")
        text = self.guest.run("cat /proc/meminfo /proc/vmstat; echo interrupts $(grep -c provcard /proc/interrupts); "
                              "echo users $(cat /sys/module/provcard/refcnt)").out
        values = {name: int(value) for name, value in re.findall(r"^(\w+):? +(\d+)", text, re.M)}
        self.guest.run(f"echo {FUNCTION} >{DRIVER}/bind; {AWAIT}")
        nodes = self.guest.run("cd /dev; echo provcard*").out.strip()
        self.start_load()
        return {"held": KIB * (values["SUnreclaim"] + values["VmallocUsed"] + values["Percpu"]),
                "available": KIB * (values["MemAvailable"] + values["Shmem"]),
                "pinned": values["nr_foll_pin_acquired"] - values["nr_foll_pin_released"],
                "interrupts": values["interrupts"], "users": values["users"], "nodes": nodes}

    def checkpoint(self, number):
        """Compare with the first time."""
        now = self.measure()
        if self.first is None:
            self.first, self.first_number = now, number
        self.assert_clean(now, number - self.first_number)
        self.note(f"cycle {number}, seed {self.seed}: " + ", ".join(f"{name} {count}" for name, count in self.counts.items()) +
                  f"; held {now['held'] >> 10} KiB ({(now['held'] - self.first['held']) // 1024:+d}), "
                  f"available {now['available'] >> 10} KiB ({(now['available'] - self.first['available']) // 1024:+d})")

    def assert_clean(self, now, cycles):
        """Exact where it can be; memory may wander, but not grow with the cycles: 2 MiB and half a KiB a cycle, available 12 MiB."""
        for name, expected in (("pinned", 0), ("interrupts", 0), ("users", 0), ("nodes", "provcard0")):
            if now[name] != expected:
                raise SoakError(f"{name}: {now[name]}, expected {expected}")
        if now["held"] - self.first["held"] > (2 << 20) + cycles * 512:
            raise SoakError(f"kernel memory grows: {self.first} {now}")
        if self.first["available"] - now["available"] > (12 << 20) + cycles * 512:
            raise SoakError(f"available memory shrinks: {self.first} {now}")
        self.assert_no_splat()

    def assert_no_splat(self):
        """Neither in the log nor, on a kernel that looks for them, leaks."""
        bad = self.place.guest.splats() + [line for line in self.guest.run("dmesg -c").out.splitlines() if vm.SPLAT.search(line)]
        leaks = self.guest.run("cd /sys/kernel/debug; [ ! -e kmemleak ] || { echo scan >kmemleak; sleep 6; echo scan >kmemleak; "
                               "cat kmemleak; }", timeout=300).out
        if bad or "provcard" in leaks:
            raise SoakError("\n".join(bad) + leaks)

    def run(self, cycles, start=0, limit=None):
        """All of them, or as many as fit into @limit seconds. Returns the number of the last."""
        begun = time.monotonic()
        with self.place:
            self.start_load()
            for number in range(start, cycles):
                self.cycle(number)
                done = number + 1 - start
                if done == min(WARM_UP, cycles // 2) or done % CHECKPOINT == 0 or number + 1 == cycles:
                    self.checkpoint(number + 1)
                elif sys.stdout.isatty():
                    print(f"\rcycle {number + 1} of {cycles}", end="", flush=True)
                if limit and time.monotonic() - begun > limit:
                    break
            self.note(f"{done} cycles in {time.monotonic() - begun:.0f} s")
        return number + 1


def main():
    """The command line of "make soak"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="go on after so many cycles")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(pathlib.Path(folder), options.seed, note=lambda text: print(text, flush=True))
        try:
            soak.run(options.cycles, options.start)
        except Exception:
            print(f"failed in the cycle after {sum(soak.counts.values()) + options.start}: {soak.counts}", flush=True)
            print(soak.guest.diagnosis() if soak.guest else "", flush=True)
            raise


if __name__ == "__main__":
    main()
