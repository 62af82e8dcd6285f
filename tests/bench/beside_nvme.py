# SPDX-License-Identifier: GPL-2.0-or-later
"""Our driver beside the kernel's NVMe driver, in one guest, by one program: commands a second, bytes a second, and what a command
costs the guest: instructions of its kernel, writes to device registers, interrupts, memory. Documentation/performance.rst says what
is compared with what, and what is not alike.
"""
import bisect
import contextlib
import re
import socket
import time

from figures import card_statistics, entry
from provtest import processes, station

DRIVE = ("-drive", "if=none,id=null,file=null-co://,file.size=1G,format=raw,cache=none",
         "-device", "nvme,id=nvme0,serial=bench,drive=null,max_ioqpairs=4,mdts=8")
MODULES = {"provcard": {"provcard"}, "nvme": {"nvme", "nvme_core"}}
# Waiting for a lock that another processor holds, which here may not run at all: time, no work.
SPINNING = {"native_queued_spin_lock_slowpath", "queued_read_lock_slowpath", "queued_write_lock_slowpath"}
DEEP = 32
LARGE, LARGE_DEPTH = 1 << 20, 8
ROUNDS = 3
HELD = (8, 40)  # commands left in flight, to see what one more takes
KILLED = 128 + 9
CGROUP = "/sys/fs/cgroup/bench"


class Machine:
    """A guest with a card that answers at once, a drive that forgets at once, and the program for both."""

    def __init__(self, place, counters=None):
        self.place, self.guest, self.counters = place, place.guest, counters

    def deep(self):
        """How to have many commands in flight: by io_uring where the kernel has it for us."""
        return "provcard-uring" if not self.guest.run("commands provcard-uring 1 1 0", check=False).code else "provcard-submit"

    def seconds(self, way, depth, count, size=0):
        """What so many commands take, by the program's own clock."""
        return float(self.guest.run(f"commands {way} {depth} {count} {size}", timeout=300).out)

    def rates(self, ways, depth, count, size=0):
        """Most commands a second of each way, in turns."""
        best = dict.fromkeys(ways, 0)
        for _ in range(ROUNDS):
            for way in ways:
                best[way] = max(best[way], count / self.seconds(way, depth, count, size))
        return best

    def interrupts(self, name):
        """Of the I/O queues of a driver so far."""
        lines = self.guest.run("cat /proc/interrupts").out.splitlines()
        return sum(int(count) for line in lines if re.search(rf"{name}\d+(-|q)[1-9]", line)
                   for count in re.findall(r"(?<=\s)\d+(?=\s)", line.split(":", 1)[1])[:2])

    def executed(self):
        """{address: instructions} of the kernel so far, and {device: stores}."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as end:
            end.connect(str(self.counters))
            text = end.makefile().read()
        code = {int(place, 16): int(count) for place, count in re.findall(r"^code (\w+) (\d+)$", text, re.MULTILINE)}
        stores = {name: int(count) for name, count in re.findall(r"^store (.+) (\d+)$", text, re.MULTILINE)}
        return code, stores

    def kernel_bytes(self, size):
        """Kernel memory charged to a program that has so many commands in flight."""
        charged = []
        for held in HELD:
            program = self.guest.spawn(f"mkdir -p {CGROUP}; echo 0 >{CGROUP}/cgroup.procs; exec commands provcard-hold {held} {held} {size}")
            time.sleep(4)  # the statistics are brought up to date every two seconds
            charged.append(int(re.search(r"^kernel (\d+)$", self.guest.run(f"cat {CGROUP}/memory.stat").out, re.MULTILINE).group(1)))
            self.guest.run(f"kill -9 $(cat {CGROUP}/cgroup.procs) || exit 0; for i in $(seq 50); do rmdir {CGROUP} && exit 0; sleep 0.1; done; exit 1")
            ended = self.guest.join(program)
            if ended.code != KILLED:
                raise RuntimeError(f"the commands were not held: {ended}")
        return (charged[1] - charged[0]) / (HELD[1] - HELD[0])


def prepare(guest):
    """Groups whose memory is counted, and buffers in huge pages."""
    guest.run("mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo +memory >/sys/fs/cgroup/cgroup.subtree_control && "
              "echo always >/sys/kernel/mm/transparent_hugepage/enabled")


@contextlib.contextmanager
def machine(folder, counting=False):
    """A machine; @counting: by the plugin, which takes time itself."""
    folder.mkdir()
    counters = folder / "counters.sock"
    plugin = ("-plugin", f"{processes.program('bench/instructions.so')},socket={counters}") if counting else ()
    programs = [processes.program("bench/commands"), "module:nvme"]
    options = {"accel": "tcg", "extra": (*DRIVE, *plugin)}
    with station.Station(folder / "station", firmware="vm/stubborn-card", guest_options=options, programs=programs) as place:
        place.guest.run("modprobe nvme; for i in $(seq 100); do [ -e /dev/ng0n1 ] && exit 0; sleep 0.1; done; exit 1")
        prepare(place.guest)
        yield Machine(place, counters)


class Costs:
    """What commands cost the guest's kernel, each: instructions, those of the driver's modules, stores to the device."""

    def __init__(self, guest):
        found = re.findall(r"^(\w+) [tTwW] (\S+)(?:\s+\[(\w+)\])?$", guest.guest.run("cat /proc/kallsyms").out, re.MULTILINE)
        self.machine = guest
        self.symbols = sorted((int(address, 16), name, module) for address, name, module in found)
        self.addresses = [line[0] for line in self.symbols]

    def _run(self, way, depth, count, size):
        """What a run executed: {(function, module): instructions}, stores to other devices than this one's left out."""
        code, stores = self.machine.executed()
        self.machine.seconds(way, depth, count, size)
        code_after, stores_after = self.machine.executed()
        functions = {}
        for place, executed in code_after.items():
            name = self.symbols[bisect.bisect_right(self.addresses, place + 15) - 1][1:]
            functions[name] = functions.get(name, 0) + executed - code.get(place, 0)
        return functions, {name: count - stores.get(name, 0) for name, count in stores_after.items()}

    def each(self, way, depth, count, size=0):
        """The least of some rounds; what is spent once for a program falls out between a short and a long run."""
        family = way.split("-")[0]
        self._run(way, depth, count, size)
        rounds = []
        for _ in range(ROUNDS):
            (short, few), (long, many) = (self._run(way, depth, times * count, size) for times in (1, 4))
            work = {name: (executed - short.get(name, 0)) / (3 * count) for name, executed in long.items() if name[0] not in SPINNING}
            device = [name for name in many if (name == "nvme") == (family == "nvme")]
            rounds.append({"instructions": sum(work.values()),
                           "driver": sum(executed for (_, module), executed in work.items() if module in MODULES[family]),
                           "stores": sum(many[name] - few.get(name, 0) for name in device) / (3 * count)})
        return min(rounds, key=lambda found: found["instructions"])


def speed(place):
    """Commands and bytes a second."""
    deep, figures = place.deep(), []
    for name, ours, peer, depth, count, size in (("commands_depth_1_vs_nvme", "provcard-ioctl", "nvme-ioctl", 1, 3000, 0),
                                                 ("commands_depth_32_vs_nvme", deep, "nvme-uring", DEEP, 20000, 0),
                                                 ("large_writes_vs_nvme", deep, "nvme-uring", LARGE_DEPTH, 400, LARGE)):
        rate = place.rates((ours, peer), depth, count, size)
        unit = "bytes/s" if size else "commands/s"
        figures.append(entry(name, rate[ours] / rate[peer], "ratio", "higher", 1, f"NVMe ({unit})", rate[peer] * (size or 1),
                             ours=round(rate[ours] * (size or 1))))
    return figures


def interrupts(place):
    """Interrupt messages of each command at depth 32, as the card counts ours and the guest NVMe's."""
    count = 10000
    before = card_statistics(place.place.card)
    place.seconds(place.deep(), DEEP, count)
    after = card_statistics(place.place.card)
    handled = place.interrupts("nvme")
    place.seconds("nvme-uring", DEEP, count)
    return entry("irqs_per_command_depth_32", (after["interrupts"] - before["interrupts"]) / count, "interrupts", "lower", 0.1, "NVMe",
                 (place.interrupts("nvme") - handled) / count)


def memory(place):
    """Kernel memory of a command in flight; a large one lies in a huge page, or in pages that nothing keeps together."""
    figures = [entry("kernel_bytes_per_command", place.kernel_bytes(4096), "bytes", "lower", 4096)]
    place.guest.run("echo never >/sys/kernel/mm/transparent_hugepage/enabled")
    return figures + [entry("kernel_bytes_per_large_command", place.kernel_bytes(LARGE), "bytes", "lower", 4096)]


def costs(place):
    """Instructions and register writes of each command."""
    counted, deep, figures = Costs(place), place.deep(), []
    for suffix, *ways, depth, count, size in (("", deep, "nvme-uring", DEEP, 1000, 0),
                                              ("_depth_1", "provcard-ioctl", "nvme-ioctl", 1, 500, 0),
                                              ("_4096_bytes", deep, "nvme-uring", DEEP, 1000, 4096)):
        ours, peer = (counted.each(way, depth, count, size) for way in ways)
        figures.append(entry(f"instructions_per_command{suffix}", ours["instructions"], "instructions", "lower",
                             round(peer["instructions"]), "NVMe", peer["instructions"], driver=round(ours["driver"]),
                             peer_driver=round(peer["driver"])))
        if not suffix:
            figures.append(entry("mmio_per_command_depth_32", ours["stores"], "register writes", "lower", 1, "NVMe", peer["stores"]))
    return figures


def bench_nvme(folder):
    """First without the plugin that counts, because it takes time; then with it."""
    with machine(folder / "plain") as place:
        figures = [*speed(place), interrupts(place), *memory(place)]
    with machine(folder / "counting", counting=True) as place:
        return figures + costs(place)
