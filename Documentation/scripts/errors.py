#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print Documentation/errors.rst from the table of refusals. `make docs-errors` writes it; a test holds the two together."""
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = TOP / "lib" / "include" / "provcard-refusals.def"
ROW = re.compile(r'^X\((0x[0-9a-f]{4}), (\w+), (PERMANENT|TRANSIENT), "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)$')
GROUPS = {
    0x00: "Transport",
    0x01: "Packages",
    0x02: "Signed requests and people",
    0x03: "Jobs, grants, ledger",
    0x04: "Heads and parts",
    0x05: "RoT configuration",
    0x06: "The card itself",
    0x07: "Statements and log",
}
HEAD = """.. SPDX-License-Identifier: GPL-2.0-or-later
.. Made by Documentation/scripts/errors.py from lib/include/provcard-refusals.def. Do not edit.

========
Refusals
========

Every refusal of card, libraries and tools has a number and a name that never change their meaning, a sentence, and a remedy.
*Permanent*: the same input is refused again. *Transient*: trying again may help. ``provcard refusals -o json`` prints the same
table for programs.
"""


def rows(path=TABLE):
    """(code, name, class, sentence, remedy) of every row, in file order."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("X("):
            match = ROW.match(line)
            if not match:
                raise SystemExit(f"cannot read: {line}")
            code, name, kind, sentence, remedy = match.groups()
            found.append((int(code, 16), name, kind.lower(), sentence.replace('\\"', '"'), remedy.replace('\\"', '"')))
    return found


def page():
    """The whole page."""
    text = [HEAD]
    group = None
    for code, name, kind, sentence, remedy in rows():
        if code >> 8 != group:
            group = code >> 8
            title = GROUPS[group]
            text.append(f"\n{title}\n{'=' * len(title)}\n")
        text.append(f"\n.. _refusal-{name}:\n\n``{code:#06x}`` **{name}** ({kind})\n   {sentence[0].upper() + sentence[1:]}.\n"
                    f"   *{remedy[0].upper() + remedy[1:]}.*\n")
    return "".join(text)


if __name__ == "__main__":
    print(page(), end="")
