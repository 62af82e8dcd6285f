# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that does not grow with the job: closing and checking 20,000 units takes what 2,000 take."""
import json
import shutil
import subprocess

import pytest

from provtest import handover, largejob, processes

FEW, MANY = 2000, 20000
SLACK = 3 << 20  # what one run may have resident more than another by chance


@pytest.fixture(name="costs", scope="module")
def of_both(tmp_path_factory):
    """{units: (close: tool, card; verify)}, and the folder of the larger."""
    found = {}
    for units in (FEW, MANY):
        folder = tmp_path_factory.mktemp("large") / "job"
        folder.mkdir()
        job = largejob.LargeJob(folder, units)
        tool, card = job.close()
        found[units] = (tool, card, job.verify())
        found["folder"] = folder
    yield found
    shutil.rmtree(found["folder"])


def test_closing_takes_constant_memory(costs):
    """Of the tool; the card keeps 80 bytes a record besides its ledger."""
    assert costs[MANY][0].memory < costs[FEW][0].memory + SLACK
    assert costs[MANY][1].memory < costs[FEW][1].memory + SLACK + (MANY - FEW) * 512


def test_checking_takes_constant_memory(costs):
    """However many UIDs there are to compare."""
    assert costs[MANY][2].memory < costs[FEW][2].memory + SLACK


def test_proof_of_the_job_is_short(costs):
    """Nothing but the run before the job, and the card's start before its closing."""
    heading, lines = handover.read(costs["folder"] / "delivery")
    runs = [line for line in lines if "subtrees" in line]
    assert heading["good"] == MANY and len(lines) == heading["record_count"] + len(runs)
    assert len(runs) == 2 and sum(len(run["subtrees"]) for run in runs) < 20


def test_a_part_that_comes_again_far_away(costs, tmp_path):
    """A record and certificate of the first unit in the last one's place: found, whatever lies between."""
    folder = shutil.copytree(costs["folder"] / "delivery", tmp_path / "delivery")
    lines = (folder / handover.NAME).read_text().splitlines(keepends=True)
    good = [number for number, line in enumerate(lines) if '"unit-good"' in line]
    first, last = json.loads(lines[good[0]]), json.loads(lines[good[-1]])
    last.update(record=first["record"], certificate=first["certificate"])
    lines[good[-1]] = json.dumps(last) + "\n"
    (folder / handover.NAME).write_text("".join(lines))
    done = subprocess.run([processes.program("provcard"), "verify", folder, "--maker-ca", costs["folder"] / "maker-anchors.pem"],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3 and "RECORD_MISPLACED" in done.stderr
