# SPDX-License-Identifier: GPL-2.0-or-later
"""What a card that was given up leaves for its maker to read, and what must not be in it."""
import re

from provtest import processes, station

UNTIL_RESET = "0xe1"
SECRET = "the-planted-secret-0123456789abcdef"
FUNCTION = "$(basename $(readlink /sys/class/provcard/provcard0/device))"
DUMP = "/sys/class/devcoredump/devcd*/data"


def deafen(guest):
    """Take bus mastering from the card, and let it try to read memory: it reports itself failed, and the driver resets it."""
    guest.run(f"printf '\\002\\004' | dd of=/sys/bus/pci/devices/{FUNCTION}/config bs=1 seek=4 conv=notrunc; "
              "timeout 5 send-command 0x40 0 1; true")


def await_state(guest, state):
    """The driver's word for it."""
    guest.run(f"for i in $(seq 150); do grep -q {state} /sys/class/provcard/provcard0/state && exit 0; sleep 0.1; done; exit 1")


def test_dump_of_a_dead_card(tmp_path):
    """Registers, queues, commands in flight by opcode and age, the resets before; for root alone, once; no secret."""
    with station.Station(tmp_path, firmware="vm/stubborn-card", programs=[processes.program("vm/send-command")]) as place:
        guest = place.guest
        for _ in range(4):
            deafen(guest)
            await_state(guest, "live")
        assert guest.run(f"ls {DUMP}", check=False).code, "a card that lives has left a dump"
        running = guest.spawn(f"send-command {UNTIL_RESET} 0 9 {SECRET}")
        guest.run("sleep 1")
        deafen(guest)
        await_state(guest, "dead")
        assert set(guest.join(running).out.split("\n")) == {"EIO 0", "EIO", ""}
        assert guest.run(f"stat -c '%a %u' {DUMP}").out == "600 0\n"
        text = guest.run(f"cat {DUMP}").out
        assert_tells(text)
        assert_keeps_secrets(text, guest)
        guest.run(f"echo 1 >$(ls {DUMP}); ! ls {DUMP} 2>/dev/null")
        guest.run(f"echo 1 >/sys/bus/pci/devices/{FUNCTION}/reset")
        await_state(guest, "live")
        assert not guest.splats()


def assert_tells(text):
    """Line by line, as Documentation/driver.rst has it."""
    lines = text.splitlines()
    assert lines[0] == "provcard-coredump 1" and lines[-1].startswith("given-up -")
    for line in ("serial PC0001", "firmware stubborn", "generation 4", "vectors 5", "resets 5"):
        assert line in lines, text
    assert re.search(r"^register CSTS 0x[23]$", text, re.M), text
    assert len(re.findall(r"^queue \d vector \d enabled 1 .* of \d+$", text, re.M)) == 5, text
    held = re.findall(rf"^command queue \d slot \d+ opcode {UNTIL_RESET} origin user age_ms (\d+)$", text, re.M)
    assert len(held) == 9 and all(900 < int(age) < 60000 for age in held), text
    assert len(re.findall(r"^reset time \d+ CSTS 0x[0-9a-f]+ result (-?\d+)$", text, re.M)) == 5


def assert_keeps_secrets(text, guest):
    """Neither what the commands carried, as it is or as numbers, nor an address of their memory or of the rings."""
    assert SECRET[:8] not in text
    for start in range(0, 24, 8):
        word = int.from_bytes(SECRET.encode()[start:start + 8], "little")
        assert f"{word:x}" not in text and str(word) not in text
    memory = int(re.search(r"MemTotal: +(\d+)", guest.run("cat /proc/meminfo").out)[1]) * 1024
    numbers = [int(number, 16) for number in re.findall(r"0x([0-9a-f]+)", re.sub(r"register CAP.*", "", text))]
    assert not [number for number in numbers if 0x1000000 <= number < memory or number > 0xffff800000000000]
