# SPDX-License-Identifier: GPL-2.0-or-later
"""
A hostile card by chance: completions and registers garbled under load, resets, unbinding, storms, all from one seed.

PROVCARD_EVIL_SECONDS and PROVCARD_EVIL_SEED choose a longer run and another one; PROVCARD_KERNEL the kernel.
"""
import os
import random
import time

import pytest

from provtest import evil

SECONDS = int(os.environ.get("PROVCARD_EVIL_SECONDS", "16"))
SEED = int(os.environ.get("PROVCARD_EVIL_SEED", "1"))
LOAD_SECONDS = 8


def revive(place):
    """A card that was given up gets another chance to misbehave."""
    place.guest.run(f"grep -q live /sys/class/provcard/provcard0/state || echo 1 >/sys/bus/pci/devices/{place.function}/reset",
                    timeout=200, check=False)


def turn(place, chance, seed):
    """Some seconds of load on a card that garbles; meanwhile what an admin may do to it."""
    place.say(f"chance seed={seed} one-in={chance.choice((5, 30, 200, 2000))}")
    running = place.guest.spawn(f"evil-load run {LOAD_SECONDS} 6")
    end = time.monotonic() + LOAD_SECONDS - 2
    while time.monotonic() < end:
        time.sleep(chance.random() / 2)
        deed = chance.randrange(8)
        if deed == 0:
            place.say(f"storm vector={chance.randrange(5)}")
        elif deed == 1:
            place.unbind()
            place.bind(check=False)
        elif deed == 2:
            place.say(f"event value={chance.randrange(1 << 32)}")
        else:
            revive(place)
    return place.guest.join(running, timeout=200)


@pytest.mark.timeout(SECONDS * 8 + 300)
def test_chance(tmp_path):
    """No splat, nobody hangs, no byte outside a buffer changes; and in between, a card that turned good serves."""
    chance = random.Random(SEED)
    with evil.EvilStation(tmp_path) as place:
        begun, seed = time.monotonic(), SEED
        while time.monotonic() - begun < SECONDS:
            result = turn(place, chance, seed)
            assert result.code == 0 and "margins 0" in result.out, f"seed {seed}: {result}"
            place.renew()
            assert place.command() == evil.GOOD, f"seed {seed}"
            assert not place.guest.splats(), f"seed {seed}: {place.guest.splats()}"
            seed += 1
        print(f"{place.say('hits')} misdeeds in {time.monotonic() - begun:.0f} s")
        place.guest.run("rmmod provcard && [ ! -e /dev/provcard0 ]", timeout=200)
        place.guest.examine()
