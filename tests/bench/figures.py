# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches have in common: one figure, and what the emulated card counted."""
import re
import signal
import time


def entry(name, value, unit, better, limit, peer=None, peer_value=None, **more):
    """One figure."""
    return {"name": name, "value": round(value, 4), "unit": unit, "better": better, "limit": limit, "peer": peer,
            "peer_value": round(peer_value, 4) if peer_value is not None else None, **more}


def card_statistics(card):
    """Counters the emulated card prints when asked (SIGUSR1): commands, doorbells, interrupts, register accesses."""
    before = card.log_path.read_text().count("statistics:")
    card.child.send_signal(signal.SIGUSR1)
    for _ in range(100):
        lines = [line for line in card.log_path.read_text().splitlines() if "statistics:" in line]
        if len(lines) > before:
            return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[-1])}
        time.sleep(0.05)
    raise RuntimeError("the card gave no statistics")
