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
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))

from provtest import guest, pki, processes, station, workflow  # noqa: E402

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
        seconds, peak = timed([processes.program("provcard"), *split(words)], people.oem.folder)
        ours.append(seconds)
        memory = max(memory, peak)
        peers.append(timed(["age", "-r", public, "-o", folder / "bench.age", image], folder)[0])
    shutil.rmtree(folder, ignore_errors=True)
    return [entry("pack_vs_age", min(peers) / min(ours), "times as fast", "higher", 3, "age -r (seconds)", min(peers),
                  seconds=round(min(ours), 3), bytes=PACK_BYTES),
            entry("pack_memory", memory / (1 << 20), "MiB", "lower", 64)]


def split(words):
    """Shell words."""
    import shlex
    return shlex.split(words)


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


BENCHES = {"pack": bench_pack, "verify": bench_verify, "issue": bench_issue}


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
