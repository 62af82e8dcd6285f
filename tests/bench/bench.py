#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ratios measured side by side in one run, written to out/bench.json. Nothing here passes or fails: figures, not tests.

Each entry: name, value, unit, which direction is better, the limit that the design aims at, and the peer measured beside it.
"""
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))

from provtest import processes, station, workflow  # noqa: E402

OUT = TOP / "out"
PACK_BYTES = int(os.environ.get("PROVCARD_BENCH_BYTES", 1 << 30))
ROUNDS = 3


def entry(name, value, unit, better, limit, peer=None, peer_value=None, **more):
    """One figure."""
    return {"name": name, "value": round(value, 4), "unit": unit, "better": better, "limit": limit, "peer": peer,
            "peer_value": round(peer_value, 4) if peer_value is not None else None, **more}


def timed(words, cwd, **options):
    """(seconds, peak resident bytes) of one command."""
    begun = time.monotonic()
    child = subprocess.Popen([str(word) for word in words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, **options)
    error = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{words}: {error.decode(errors='replace')}")
    return time.monotonic() - begun, usage.ru_maxrss * 1024


def run_program(name, *words, timeout=550):
    """Figures "NAME VALUE" that one of our bench programs prints."""
    done = subprocess.run([processes.program(f"bench/{name}"), *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=True)
    return {key: float(value) for key, value in re.findall(r"^(\w+) ([0-9.]+)$", done.stdout, re.MULTILINE)}


def bench_pack(folder):
    """provcard pack against age on the same file, alternating; the best of each."""
    people = workflow.People.make(folder / "people")
    with processes.Card(folder / "card", heads=1) as card:
        card.power_on()
        house = workflow.DirectHouse(folder / "house", card.address)
        workflow.initialise(house, people)
        words = workflow.pack_command(house, people, folder / "bench.ppkg", change=storage_image)
    image = people.oem.folder / "storage.bin"
    with open(image, "wb") as file:
        for _ in range(PACK_BYTES >> 20):
            file.write(os.urandom(1 << 20))
    recipient = folder / "age.key"
    subprocess.run(["age-keygen", "-o", recipient], check=True, capture_output=True, timeout=60)
    public = re.search(r"age1\w+", recipient.read_text()).group(0)
    ours, peers, memory = [], [], 0
    for _ in range(ROUNDS):
        seconds, peak = timed([processes.program("provcard"), *shlex.split(words)], people.oem.folder)
        ours.append(seconds)
        memory = max(memory, peak)
        peers.append(timed(["age", "-r", public, "-o", folder / "bench.age", image], folder)[0])
    shutil.rmtree(folder, ignore_errors=True)
    return [entry("pack_vs_age", min(peers) / min(ours), "times as fast", "higher", 3, "age -r (seconds)", min(peers),
                  seconds=round(min(ours), 3), bytes=PACK_BYTES),
            entry("pack_memory", memory / (1 << 20), "MiB", "lower", 64)]


def storage_image(configuration):
    """Turn the demonstration's configuration into one large image for storage, without identity and lock."""
    configuration.clear()
    configuration.update({"part": "generic", "images": [{"name": "storage", "file": "storage.bin", "address": "0x0"}],
                          "lock": "none"})


def bench_verify(_):
    """The card's verification pass against single-thread SHA-256 + AES-256-GCM of the same bytes."""
    found = run_program("bench_verify")
    return [entry("card_verify_vs_limit", found["verify_bytes_per_second"] / found["limit_bytes_per_second"], "ratio", "higher", 0.9,
                  "SHA-256 + AES-256-GCM, one thread (bytes/s)", found["limit_bytes_per_second"])]


def bench_issue(folder):
    """Complete units per second with an instant target, against bare P-256 key generation and signature."""
    found = run_program("bench_issue", folder)
    return [entry("issue_vs_floor", found["units_per_second"] / found["floor_per_second"], "ratio", "higher", 0.5,
                  "P-256 keygen + sign (per second)", found["floor_per_second"], units_per_second=found["units_per_second"]),
            entry("flushes_per_unit", found["flushes_per_unit"], "flushes", "lower", None)]


COPIES = r"""
cd /sys/kernel/debug/tracing
echo 'p:copies _copy_from_user size=%dx' > kprobe_events
echo 'hist:keys=common_pid.execname:vals=size' > events/kprobes/copies/trigger
echo 1 > events/kprobes/copies/enable
"""
MODULE_COPIES = "cat /sys/kernel/debug/tracing/events/kprobes/copies/hist"


def card_statistics(card):
    """Counters the emulated card prints when asked (SIGUSR1): doorbell writes, interrupts, commands."""
    before = card.log_path.read_text().count("statistics:")
    card.child.send_signal(signal.SIGUSR1)
    for _ in range(100):
        lines = [line for line in card.log_path.read_text().splitlines() if "statistics:" in line]
        if len(lines) > before:
            return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[-1])}
        time.sleep(0.05)
    raise RuntimeError("the card gave no statistics")


def bench_driver(folder):
    """What one command costs on the way through the driver, and how many bytes of a package the CPU copies."""
    people = workflow.People.make(folder / "people")
    with station.Station(folder / "station", heads=1) as place:
        house = workflow.GuestHouse(place.guest)
        workflow.initialise(house, people)
        package = workflow.pack(house, people, folder / "big.ppkg", change=storage_image_of(people, 32 << 20))
        before = card_statistics(place.card)
        for _ in range(20):
            house.provcard("heads")
        after = card_statistics(place.card)
        commands = after["commands"] - before["commands"]
        place.guest.run(COPIES)
        house.provcard(f"load {package.name}")
        histogram = place.guest.run(MODULE_COPIES).out
    copied = sum(int(size) for size in re.findall(r"provcard\s*\[.*?size:\s*(\d+)", histogram))
    return [entry("mmio_per_command", (after["doorbells"] - before["doorbells"]) / commands, "writes", "lower", 1),
            entry("irqs_per_command", (after["interrupts"] - before["interrupts"]) / commands, "interrupts", "lower", 1),
            entry("bytes_copied_by_cpu_per_byte_loaded", copied / package.stat().st_size, "bytes", "lower", 0,
                  copied_bytes=copied)]


def storage_image_of(people, size):
    """A configuration change that also makes its image."""
    def change(configuration):
        (people.oem.folder / "storage.bin").write_bytes(os.urandom(size))
        storage_image(configuration)
    return change


SWD_BYTES = 64 * 1024
OPENOCD = ("gdb_port disabled; tcl_port disabled; telnet_port disabled", "adapter driver buspirate", "buspirate port {pirate}",
           "transport select swd", "source [find target/nrf52.cfg]", "program {image} 0 verify", "shutdown")


def bench_swd(folder):
    """Clocks on the wire, whole session: our head and stock OpenOCD program and verify the same 64 KiB on the same part."""
    image, pirate, stats = folder / "image.bin", folder / "pirate", folder / "stats"
    image.write_bytes(os.urandom(SWD_BYTES))
    options = ("--bus-pirate", pirate, "--stats", stats, "--timing", "ideal")
    with processes.Part(folder / "ours.sock", folder, "0000000000000001", *options) as part:
        part.insert()
        done = subprocess.run([processes.program("head-session"), part.socket, "nRF52840", "erase", "program", "0", image, "verify",
                               "0", image], capture_output=True, text=True, timeout=60, check=True)
    steps = {step["step"]: step["clocks"] for step in json.loads(done.stdout)["steps"]}
    with processes.Part(folder / "peer.sock", folder, "0000000000000002", *options) as part:
        part.insert()
        words = [word for line in OPENOCD for word in ("-c", line.format(pirate=pirate, image=image))]
        subprocess.run(["openocd", *words], capture_output=True, timeout=120, check=True)
        part.stop()
        peer = json.loads(stats.read_text())["clocks"]
    kib = SWD_BYTES / 1024
    return [entry("swd_clocks_per_kib", (steps["program"] + steps["verify"]) / kib, "clocks/KiB", "lower", 12200,
                  "OpenOCD over Bus Pirate, whole session", peer / kib),
            entry("swd_session_clocks", steps["attach"] + steps["erase"], "clocks", "lower", 3000)]


BENCHES = {"pack": bench_pack, "verify": bench_verify, "issue": bench_issue, "swd": bench_swd, "driver": bench_driver}


def main(names):
    """Run the benches named, or all."""
    results = []
    for name in names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="provcard-bench-", dir=processes.BUILD) as folder:
            for found in BENCHES[name](pathlib.Path(folder)):
                results.append(found)
                peer = f"   ({found['peer']}: {found['peer_value']:,})" if found["peer"] else ""
                print(f"{found['name']:38} {found['value']:>14,} {found['unit']}   aim {found['limit']}{peer}", flush=True)
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
