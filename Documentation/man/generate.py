#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""provcard.1 from its hand-written frame and the tool's own tables: generate.py PROVCARD > provcard.1"""
import json
import pathlib
import subprocess
import sys
import textwrap

FRAME = pathlib.Path(__file__).resolve().parent / "provcard.1.in"


def roff(text):
    """Text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def sentences(text):
    """Each sentence begins a line, lines are short: what mdoc asks of its sources."""
    words = text.replace("\n", " ").replace(". ", ".\n").splitlines()
    return [roff(line) for sentence in words for line in textwrap.wrap(sentence, 78, break_on_hyphens=False)]


def option_item(option):
    """One entry of a list of options."""
    names = [f"Fl \\-{option['name']}"]
    if "letter" in option:
        names.insert(0, f"Fl {option['letter']}")
    head = " , ".join(names)
    if "argument" in option:
        head += f" Ar {roff(option['argument'])}"
    notes = [word for word, given in (("required", option["required"]), ("may be repeated", option["repeated"])) if given]
    note = f" ({', '.join(notes)})" if notes else ""
    return [f".It {head}", roff(option["help"][0].upper() + option["help"][1:]) + note + "."]


def option_list(options):
    """A list of options, or nothing."""
    if not options:
        return []
    lines = [".Bl -tag -width Ds"]
    for option in options:
        lines += option_item(option)
    return lines + [".El"]


def command_part(command):
    """A subsection about one command."""
    words = f".Ss provcard {command['name']}"
    if "argument" in command:
        words += f" [{command['argument']}]" if command["argument_optional"] else f" {command['argument']}"
    lines = [words, roff(command["summary"][0].upper() + command["summary"][1:]) + "."]
    if "details" in command:
        lines += [".Pp", *sentences(command["details"])]
    if command["options"]:
        lines += option_list(command["options"])
    return lines


def code_list(codes):
    """What exit codes mean."""
    lines = [".Bl -tag -width Ds"]
    for number, meaning in enumerate(codes):
        lines += [f".It {number}", roff(meaning[0].upper() + meaning[1:]) + "."]
    return lines + [".El"]


def page(tool):
    """The whole page."""
    tables = json.loads(subprocess.run([tool, "completion", "--tables"], check=True, capture_output=True, text=True, timeout=30).stdout)
    parts = {
        "@COMMANDS@": [line for command in tables["commands"] for line in command_part(command)],
        "@OPTIONS@": option_list(tables["options"]),
        "@CODES@": code_list(tables["exit_codes"]),
    }
    lines = []
    for line in FRAME.read_text(encoding="utf-8").splitlines():
        lines += parts.get(line, [line])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
