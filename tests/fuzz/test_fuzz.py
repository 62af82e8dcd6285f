# SPDX-License-Identifier: GPL-2.0-or-later
"""A short run of every fuzzing harness: the corpus with all saved regressions, then two seconds of new inputs."""
import pathlib
import runpy

import pytest

FUZZ = runpy.run_path(str(pathlib.Path(__file__).resolve().parent / "run.py"))
NAMES = FUZZ["names"]()
SIZE_LIMIT = 300 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_corpus(name):
    """No input of the corpus does harm, and some still reach what the harness is there for."""
    result = FUZZ["replay"](name)
    assert result.code == 0, result.output
    assert result.executions > len(list((FUZZ["CORPUS"] / name).iterdir())) and result.accepted, result.output


@pytest.mark.parametrize("name", NAMES)
def test_short_run(name, tmp_path):
    """Two seconds; what fails is saved under out/fuzz as in a long run."""
    result = FUZZ["fuzz"](name, 2, tmp_path)
    assert result.code == 0, result.output
    assert result.executions > 2 * len(list((FUZZ["CORPUS"] / name).iterdir())), result.output


def test_corpus_is_small():
    """What the tree carries."""
    assert sum(path.stat().st_size for path in FUZZ["CORPUS"].rglob("*") if path.is_file()) < SIZE_LIMIT
