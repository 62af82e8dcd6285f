# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliveries as tests look at them: a heading, then a line for each of the job's records and each run of others'."""
import base64
import json

NAME = "records.jsonl"


def read(folder):
    """(heading, lines)."""
    heading, *lines = (json.loads(line) for line in (folder / NAME).read_text().splitlines())
    return heading, lines


def write(folder, heading, lines):
    """In the form of the tool."""
    (folder / NAME).write_text("".join(json.dumps(line) + "\n" for line in (heading, *lines)))


def heading_of(folder):
    """What stands first."""
    return read(folder)[0]


def records(folder):
    """The job's records."""
    return [line for line in read(folder)[1] if "record" in line]


def certificates(folder, event="unit-good"):
    """{UID: DER} of the parts with this event and a certificate."""
    return {line["uid"]: base64.b64decode(line["certificate"]) for line in records(folder)
            if line["event"] == event and "certificate" in line}


def rewrite(folder, change):
    """Let @change have the lines behind the heading."""
    heading, lines = read(folder)
    change(lines)
    write(folder, heading, lines)
