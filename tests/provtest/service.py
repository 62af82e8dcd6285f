# SPDX-License-Identifier: GPL-2.0-or-later
"""A station in service, with its guest and its people."""
import contextlib

from . import station, workflow


class Service:
    """A station whose card is initialised: place, house (the tool in the guest) and people."""

    def __init__(self, place, house, people):
        self.place, self.house, self.people = place, house, people

    def load(self, count=10, **options):
        """Pack, load and allocate @count units."""
        package = workflow.pack(self.house, self.people, self.people.oem.folder / "package.ppkg", count=count, **options)
        self.house.provcard(f"load {package.name}")
        self.house.provcard(f"allocate --count {count} {workflow.signed_by(self.people.operator)}")
        return package


@contextlib.contextmanager
def in_service(folder, **options):
    """A fresh station in service; the kernel must have nothing to complain of at its end."""
    people = workflow.People.make(folder / "people")
    with station.Station(folder / "station", **options) as place:
        house = workflow.GuestHouse(place.guest)
        workflow.initialise(house, people)
        yield Service(place, house, people)
        if place.guest.process.poll() is None:
            assert not place.guest.splats()
