# SPDX-License-Identifier: GPL-2.0-or-later
"""A card's log as an auditor gets it, by the second verifier; consistency proofs by the definition of RFC 9162."""
import json
import pathlib
import subprocess
import sys

import pytest

from conftest import Floor
from provtest import workflow
from verifier import Refused, tree
from verifier.logfile import LogFile

FOLDER = pathlib.Path(__file__).resolve().parent


@pytest.fixture(name="logs", scope="module")
def three_files(people, tmp_path_factory):
    """{"first", "second", "brief", "whole"}: the log, what came since, the proof alone, all of it."""
    floor = Floor(tmp_path_factory.mktemp("log"))
    floor.card.power_on()
    try:
        workflow.initialise(floor.house, people)
        floor.house.provcard("log export --output first")
        size = json.loads((floor.house.folder / "first").read_text().split("\n", 1)[0])["log_size"]
        workflow.pack(floor.house, people, floor.folder / "package.ppkg", count=3)
        floor.house.provcard("load package.ppkg")
        for number in range(3):
            floor.house.provcard(f"allocate --count {number + 1} {workflow.signed_by(people.operator)}", expected=None)
        floor.house.provcard(f"log export --from {size} --output second")
        floor.house.provcard(f"log export --from {size} --brief --output brief")
        floor.house.provcard("log export --output whole")
        return {name: floor.house.folder / name for name in ("first", "second", "brief", "whole")}
    finally:
        floor.card.stop()


def changed(path, folder, change):
    """A copy, with change(heading, lines)."""
    heading, *lines = (json.loads(line) for line in path.read_text().splitlines())
    change(heading, lines)
    copy = folder / path.name
    copy.write_text("".join(json.dumps(line) + "\n" for line in (heading, *lines)))
    return copy


def test_logs_are_right(logs, anchors, tmp_path):
    """Whole and continued; against the earlier file, and its checkpoint alone."""
    for name in ("first", "second", "whole"):
        LogFile(logs[name]).check(anchors.maker)
    for name in ("second", "whole"):
        LogFile(logs[name]).check(anchors.maker, logs["first"])
    (tmp_path / "checkpoint").write_text(LogFile(logs["first"]).heading["checkpoint"])
    last = LogFile(logs["second"])
    last.check(anchors.maker, tmp_path / "checkpoint")
    moment = last.last.record["time"].native
    LogFile(logs["brief"]).check(anchors.maker, tmp_path / "checkpoint", moment)
    with pytest.raises(Refused, match="no moment"):
        LogFile(logs["brief"]).check(anchors.maker)
    with pytest.raises(Refused, match="no path"):
        LogFile(logs["whole"]).check(anchors.oem)
    with pytest.raises(Refused, match="cannot be compared"):
        LogFile(logs["first"]).check(anchors.maker, logs["whole"])


def test_consistency_proofs_of_the_card(logs, anchors, tmp_path):
    """The very proof; altered, cut, lengthened it is none."""
    brief, first = LogFile(logs["brief"]), LogFile(logs["first"])
    proof = [bytes.fromhex(text) for text in brief.heading["consistency"]]
    old, new = first.checkpoint, brief.checkpoint
    tree.check_consistency(old.size, old.root, new.size, new.root, proof)
    for wrong in (proof[:-1], proof + [bytes(32)], proof[1:], [bytes(32), *proof[1:]]):
        with pytest.raises(Refused, match="consistency"):
            tree.check_consistency(old.size, old.root, new.size, new.root, wrong)
    with pytest.raises(Refused, match="consistency"):
        tree.check_consistency(old.size, bytes(32), new.size, new.root, proof)
    hidden = changed(logs["brief"], tmp_path, lambda heading, _: heading["consistency"].reverse())
    if proof[::-1] != proof:
        with pytest.raises(Refused, match="consistency"):
            LogFile(hidden).check(anchors.maker, logs["first"], 1)


CHANGES = {
    "an entry gone": (lambda _, lines: lines.pop(1), "missing"),
    "the last entry gone": (lambda _, lines: lines.pop(), "not that of the checkpoint"),
    "an attachment gone": (lambda _, lines: next(line for line in lines if "attachment" in line).pop("attachment"), "attachment"),
    "an entry hidden": (lambda _, lines: lines.__setitem__(2, {"from": 2, "count": 1, "subtrees": ["00" * 32]}), "not shown"),
    "another checkpoint": (lambda heading, _: heading.update(checkpoint=heading["checkpoint"].replace("PC0001\n", "PC0001\n1", 1)),
                           "ECDSA"),
    "no card": (lambda heading, _: heading.pop("card_certificates"), "log: "),
}


@pytest.mark.parametrize("name", CHANGES)
def test_altered_logs_are_refused(name, logs, anchors, tmp_path):
    """Each for its own reason."""
    change, reason = CHANGES[name]
    with pytest.raises(Refused, match=reason):
        LogFile(changed(logs["whole"], tmp_path, change)).check(anchors.maker)


def test_command_line(logs, people):
    """For anyone."""
    done = subprocess.run([sys.executable, "-m", "verifier", "log", logs["second"], "--anchors", people.maker.anchors, "--after",
                           logs["first"]], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "all right" in done.stdout, done.stdout + done.stderr
