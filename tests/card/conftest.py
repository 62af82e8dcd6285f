# SPDX-License-Identifier: GPL-2.0-or-later
"""A programming house without a guest: card and parts are processes, the tool reaches the card over vfio-user."""
import itertools
import json
import pathlib

import pytest

import checks
from provtest import processes, workflow


class Bench:
    """A card, its sockets, and the desks around it."""

    def __init__(self, folder, heads=4, card_options=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.card = processes.Card(self.folder / "card", heads, "PC0001", *card_options)
        self.house = workflow.DirectHouse(self.folder / "house", self.card.address)
        self.oem = workflow.Desk(self.folder / "desk")
        self.parts = [None] * heads
        self.uids = (f"{0xC0FFEE00_00000000 + number:016x}" for number in itertools.count(1))

    def __enter__(self):
        self.card.power_on()
        return self

    def __exit__(self, *_):
        for head in range(len(self.parts)):
            self.pull(head)
        self.card.stop()

    def insert(self, head, uid=None, options=()):
        """A part into a socket: a blank one unless its uid was there before. Its uid."""
        self.pull(head)
        uid = uid or next(self.uids)
        self.parts[head] = processes.Part(self.card.cables[head], self.folder / "parts", uid, *options).insert()
        return uid

    def pull(self, head):
        """Take a part out."""
        if self.parts[head]:
            self.parts[head].pull()
            self.parts[head] = None

    def json(self, words, expected=0):
        """What the house's tool says in JSON."""
        code, output = self.house.execute(f"-o json {words}", 120)
        assert expected is None or code == expected, output
        return json.loads(output[output.index("{"):output.rindex("}") + 1])


@pytest.fixture(scope="session")
def bench_factory():
    """For tests that want a bench of their own."""
    return Bench


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Keys and certificates of everybody; they do not change, so they are made once."""
    return workflow.People.make(tmp_path_factory.mktemp("people"))


@pytest.fixture
def blank(tmp_path):
    """A card as it comes from the maker."""
    with Bench(tmp_path / "bench") as bench:
        yield bench


@pytest.fixture
def house(blank, people):
    """A card in service: officer, operator and OEM are enrolled."""
    workflow.initialise(blank.house, people)
    return blank


@pytest.fixture
def packed(house, people, tmp_path):
    """And a package for it on the house's desk: ten units, two scrap."""
    workflow.pack(house.house, people, tmp_path / "package.ppkg", count=10)
    return house


@pytest.fixture(scope="session", name="delivery")
def whole_delivery(tmp_path_factory, people):
    """Five good units and a refused attempt, closed and delivered; nobody changes this one."""
    folder = tmp_path_factory.mktemp("delivery")
    with Bench(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        workflow.pack(bench.house, people, folder / "package.ppkg", count=5, scrap=1)
        bench.house.provcard("load package.ppkg")
        bench.house.provcard(f"allocate --count 5 {checks.signed(people)}")
        for head in range(4):
            bench.insert(head)
        bench.house.provcard("run")
        for head in range(2):
            bench.insert(head)
        bench.house.provcard("run --heads 0")
        bench.house.provcard("run --heads 1", expected=checks.REFUSED)
        yield checks.deliver(bench, people, "delivery")
