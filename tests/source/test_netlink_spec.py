# SPDX-License-Identifier: GPL-2.0-or-later
"""The netlink specification: valid by the kernel's own schema, and the header is what the kernel's own generator makes of it."""
import os
import pathlib
import re

import jsonschema
import pytest
import yaml

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PROVCARD_BUILD", "build")) / "vm" / "ynl"
SPEC = TOP / "Documentation" / "netlink" / "specs" / "provcard.yaml"
HEADER = TOP / "driver" / "include" / "uapi" / "linux" / "provcard_netlink.h"


@pytest.fixture(name="schema")
def fixture_schema():
    """The kernel's schema for families of this form."""
    path = BUILD / "Documentation" / "netlink" / "genetlink.yaml"
    if not path.exists():
        pytest.skip("the kernel's netlink tools were not unpacked: make vm-tools")
    return jsonschema.Draft7Validator(yaml.safe_load(path.read_text()))


def specification():
    """Ours."""
    return yaml.safe_load(SPEC.read_text())


def test_specification_is_valid(schema):
    """And a property that the schema does not know is found."""
    schema.validate(specification())
    assert SPEC.read_text().startswith("# SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)\n")
    with pytest.raises(jsonschema.ValidationError):
        schema.validate({**specification(), "version": 1})


def tokens(path):
    """A header without what a newer generator may lay out otherwise."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)
    return re.findall(r"\w+|\S", text)


def test_header_is_the_generated_one(schema):
    """Every number and name of the user-space ABI stands in the specification."""
    del schema
    assert tokens(HEADER) == tokens(BUILD / "provcard_netlink.h")
    assert "PROVCARD_A_REFUSAL" in tokens(HEADER)


def operations():
    """By name."""
    return {entry["name"]: entry for entry in specification()["operations"]["list"]}


def test_every_event_is_numbered():
    """Each goes to the one group and says which card, which number and when."""
    wanted = {"id", "name", "serial", "sequence", "time"}
    found = {name: entry for name, entry in operations().items() if name != "card-get"}
    assert len(found) == 10 and all(entry["mcgrp"] == "events" for entry in found.values())
    for entry in found.values():
        attributes = entry["event"]["attributes"] if "event" in entry else operations()["card-get"]["do"]["reply"]["attributes"]
        assert wanted <= set(attributes)
