#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ratios measured side by side in one run, written to out/bench.json. A figure that misses its aim is no failure; a bench that
could not measure is one. Documentation/performance.rst says what each figure means.

Each entry: name, value, unit, which direction is better, the limit that the design aims at, and the peer measured beside it; for a
bench that failed, its name and the error. bench.py [BENCH]... runs those alone.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))

from beside_nvme import bench_nvme  # noqa: E402
from figures import card_statistics, entry  # noqa: E402
from provtest import largejob, processes, station, workflow  # noqa: E402

OUT = TOP / "out"
PACK_BYTES = int(os.environ.get("PROVCARD_BENCH_BYTES", 1 << 30))
UNITS = int(os.environ.get("PROVCARD_BENCH_UNITS", 1000000))
ROUNDS = 5
BUSY = 0.7  # load of a machine that does something else


class Run:
    """What one command took. Before it, what others left to be written is written, and its own output does not exist."""

    def __init__(self, words, cwd, output):
        pathlib.Path(output).unlink(missing_ok=True)
        os.sync()
        begun = time.monotonic()
        child = subprocess.Popen([str(word) for word in words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        error = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.seconds = time.monotonic() - begun
        self.processor_seconds = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024
        if child.returncode:
            raise RuntimeError(f"{words}: {error.decode(errors='replace')}")


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
    ours, peers, copies = [], [], []
    for _ in range(ROUNDS):
        ours.append(Run([processes.program("provcard"), *shlex.split(words)], people.oem.folder, folder / "bench.ppkg"))
        peers.append(Run(["age", "-r", public, "-o", folder / "bench.age", image], folder, folder / "bench.age"))
        copies.append(Run(["dd", f"if={image}", f"of={folder / 'copy'}", "bs=1M"], folder, folder / "copy"))
    our, peer, copy = (min(runs, key=lambda run: run.seconds) for runs in (ours, peers, copies))
    return [entry("pack_vs_age", peer.seconds / our.seconds, "times as fast", "higher", 3, "age -r (seconds)", peer.seconds,
                  seconds=round(our.seconds, 3), bytes=PACK_BYTES, processor_seconds=round(our.processor_seconds, 3),
                  peer_processor_seconds=round(peer.processor_seconds, 3), copy_seconds=round(copy.seconds, 3)),
            entry("pack_memory", max(run.memory for run in ours) / (1 << 20), "MiB", "lower", 64)]


def storage_image(configuration):
    """Turn the demonstration's configuration into one large image for storage, without identity and lock."""
    configuration.clear()
    configuration.update({"part": "generic", "images": [{"name": "storage", "file": "storage.bin", "address": "0x0"}],
                          "lock": "none"})


def bench_verify(_):
    """The card's verification pass against single-thread SHA-256 + AES-256-GCM of the same bytes."""
    found = run_program("bench_verify")
    ours, limit = found["verify_bytes_per_second"], found["limit_bytes_per_second"]
    return [entry("card_verify_vs_limit", ours / limit, "ratio", "higher", 0.9, "SHA-256 + AES-256-GCM, one thread (bytes/s)",
                  limit, bytes_per_second=ours,
                  unfetched_bytes_per_second=found["unfetched_bytes_per_second"])]


def bench_issue(folder):
    """Complete units per second with an instant target, against bare P-256 key generation and signature: on disk, and in memory."""
    figures = []
    for name, place in (("issue_vs_floor", folder), ("issue_vs_floor_in_memory", "/dev/shm")):
        with tempfile.TemporaryDirectory(prefix="provcard-bench-", dir=place) as state:
            found = run_program("bench_issue", state)
        figures.append(entry(name, found["units_per_second"] / found["floor_per_second"], "ratio", "higher", 0.7,
                             "P-256 keygen + sign (per second)", found["floor_per_second"],
                             units_per_second=found["units_per_second"], flushes_per_unit=found["flushes_per_unit"],
                             processor_us_per_unit=found["processor_us_per_unit"],
                             processor_us_per_floor=found["processor_us_per_floor"]))
    return figures + [entry("flushes_per_unit", figures[0]["flushes_per_unit"], "flushes", "lower", None)]


def bench_device(_):
    """Device certificates per second against bare signatures by the same key, P-256 and ML-DSA-65; processor time of one thread."""
    done = subprocess.run([processes.program("bench-device-issue")], capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(done.stdout)
    figures = []
    for name, kind, key, aim in (("device_p256_vs_sign", "P-256", "", 0.75), ("device_ml_dsa_vs_sign", "ML-DSA-65", "ml_dsa_", 0.9)):
        figures.append(entry(name, 1 / found[key + "issue_vs_sign"], "ratio", "higher", aim, f"{kind} sign (per second)",
                             1e6 / found[key + "sign_us"], certificates_per_second=1e6 / found[key + "issue_us"]))
    return figures


HEAD_COMMANDS = 50
LOAD_BYTES = 32 << 20
COPIERS = ("copy_control", "provcard")
BOUNCES = "/sys/kernel/debug/swiotlb/io_tlb_used_hiwater"


def load_large(house, package):
    """Load a package for storage that no head of this card knows: the card takes and verifies all of it, then says so."""
    answer = house.provcard(f"load {package.name}", expected=1)
    if "FAMILY_UNKNOWN" not in answer:
        raise RuntimeError(f"the package was not verified to its end: {answer}")


def bench_driver(folder):
    """What one command costs on the way through the driver, and how many bytes of a package the CPU copies."""
    people = workflow.People.make(folder / "people")
    tools = [processes.program(f"bench/{name}") for name in ("copy_control", "copies.ko")]
    options = {"initramfs": station.build_initramfs(folder, tools), "accel": "tcg", "extra": ("-cpu", "max,-fsrm")}
    with station.Station(folder / "station", heads=1, guest_options=options) as place:
        house = workflow.GuestHouse(place.guest)
        workflow.initialise(house, people)
        package = workflow.pack(house, people, folder / "big.ppkg", change=storage_image_of(people, LOAD_BYTES))
        before = card_statistics(place.card)
        for _ in range(HEAD_COMMANDS):
            house.provcard("heads")
        after = card_statistics(place.card)
        place.guest.run(f"insmod /copies.ko programs={','.join(COPIERS)}")
        known = int(place.guest.run("touch /tmp/control && copy_control /tmp/control").out)
        load_large(house, package)
        seen, copied = map(int, place.guest.run("cat /sys/module/copies/parameters/copied").out.split(","))
        # A guest without bounce buffers has no such file.
        bounced = int(place.guest.run(f"cat {BOUNCES} || echo 0").out)
    if not known <= seen <= known * 1.01 or not copied or bounced:
        raise RuntimeError(f"the probe saw {seen} of {known} bytes that a control copied, {copied} of ours; {bounced} bounced")
    count = {key: after[key] - before[key] for key in after}
    # The reads are the driver's watch on the card's health, so many a second whether there are commands or not.
    return [entry("mmio_per_command", count["writes"] / count["commands"], "register writes", "lower", 1, **count),
            entry("irqs_per_command", count["interrupts"] / count["commands"], "interrupts", "lower", 1),
            entry("bytes_copied_by_cpu_per_byte_loaded", copied / package.stat().st_size, "bytes", "lower", 0,
                  "control: copies the probe saw, of those made", seen / known, copied_bytes=copied,
                  loaded_bytes=package.stat().st_size)]


def storage_image_of(people, size):
    """A configuration change that also makes its image."""
    def change(configuration):
        (people.oem.folder / "storage.bin").write_bytes(os.urandom(size))
        storage_image(configuration)
    return change


SWD_BYTES = 64 * 1024
# What was found to take it the fewest clocks: nothing polled, everything erased at once, a large work area.
OPENOCD = ("gdb_port disabled; tcl_port disabled; telnet_port disabled", "adapter driver buspirate", "buspirate port {pirate}",
           "transport select swd", "source [find target/nrf52.cfg]", "nrf52.cpu configure -work-area-size 0x20000", "init",
           "poll off", "halt", "nrf5 mass_erase", "flash write_image {image} 0", "verify_image {image} 0", "shutdown")


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
                  "OpenOCD over Bus Pirate, whole session", peer / kib, session_clocks_per_kib=sum(steps.values()) / kib),
            entry("swd_session_clocks", steps["attach"] + steps["erase"], "clocks", "lower", 3000)]


def bench_job(folder):
    """A job of very many units: its issuing rate early and late, its closing and its checking, each with its most memory."""
    room = largejob.roomy_folder(UNITS)
    with tempfile.TemporaryDirectory(prefix="provcard-bench-", dir=room or folder) as place:
        job = largejob.LargeJob(place, UNITS)
        tool, card = job.close()
        checking = job.verify()
        delivered = sum(path.stat().st_size for path in (job.folder / "delivery").iterdir())
    size = f"{UNITS // 1000000}m" if UNITS % 1000000 == 0 else str(UNITS)
    first, last = job.figures["units_per_second_first"], job.figures["units_per_second_last"]
    more = {"units": UNITS, "in_memory": bool(room)}
    return [entry("issue_late_vs_early", last / first, "ratio", "higher", 0.9, "the first 10,000 units (per second)", first,
                  last_units_per_second=last, **more),
            entry(f"close_{size}_units", tool.seconds, "seconds", "lower", None, "start of the card on this job", card.seconds,
                  delivery_bytes=delivered, **more),
            entry(f"close_{size}_memory_tool", tool.memory / (1 << 20), "MiB", "lower", 64),
            entry(f"close_{size}_memory_card", card.memory / (1 << 20), "MiB", "lower", None),
            entry(f"verify_{size}_units", checking.seconds, "seconds", "lower", None, **more),
            entry(f"verify_{size}_memory", checking.memory / (1 << 20), "MiB", "lower", 64)]


BENCHES = {"pack": bench_pack, "verify": bench_verify, "issue": bench_issue, "device": bench_device,
           "swd": bench_swd, "driver": bench_driver, "nvme": bench_nvme, "job": bench_job}


def row(found):
    """One line of the table."""
    if "error" in found:
        return f"{found['name']:36} not measured: {found['error']}"
    aim = "" if found["limit"] is None else f"{'at least' if found['better'] == 'higher' else 'at most'} {found['limit']:,}"
    peer = f"{found['peer']}: {found['peer_value']:,}" if found["peer"] else ""
    return f"{found['name']:36} {found['value']:>11,} {found['unit']:18} {aim:17} {peer}".rstrip()


def run(name):
    """The figures of one bench. One that fails leaves its error, and the others run."""
    try:
        with tempfile.TemporaryDirectory(prefix="provcard-bench-", dir=processes.BUILD) as folder:
            return BENCHES[name](pathlib.Path(folder).resolve())
    except Exception as error:  # pylint: disable=broad-exception-caught
        said = getattr(error, "stderr", None) or str(error)
        return [{"name": name, "error": said.strip() or repr(error)}]


def main(names):
    """Run the benches named, or all."""
    unknown = set(names) - set(BENCHES)
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    results = []
    if os.getloadavg()[0] > BUSY:
        print(f"bench: this machine has other work (load {os.getloadavg()[0]:.1f}); figures that are times are not to be trusted",
              file=sys.stderr)
    print(f"{'figure':36} {'value':>11} {'unit':18} {'aim':17} measured beside it")
    for name in names or BENCHES:
        for found in run(name):
            results.append(found)
            print(row(found), flush=True)
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    return 1 if any("error" in found for found in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
