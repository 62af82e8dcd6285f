# SPDX-License-Identifier: GPL-2.0-or-later
"""The tool alone: help, usage, manual page, completion, schemas. What it says to people and to programs stays together."""
import json
import os
import pathlib
import shlex
import subprocess
import sys

import jsonschema
import pytest

import checks
from provtest import processes, workflow

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMAS = TOP / "Documentation" / "schema"
TOOL = processes.program("provcard")


def tool(words, **options):
    """Run the tool: a finished process."""
    return subprocess.run([TOOL, *shlex.split(words)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          check=False, **options)


def tables():
    """The commands as the tool knows them."""
    return json.loads(tool("completion --tables").stdout)


def configuration_schema():
    """A validator of RoT configurations."""
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / "rot-configuration.schema.json").read_text()))


def test_help_of_everything():
    """Every command and every option is explained."""
    overview = tool("--help")
    assert overview.returncode == 0
    for command in tables()["commands"]:
        assert f"  {command['name']} " in overview.stdout
        explained = tool(f"{command['name']} --help")
        assert explained.returncode == 0
        for option in command["options"]:
            assert f"--{option['name']}" in explained.stdout
    assert "nRF52840" in tool("pack --help").stdout


def test_nobody_takes_the_output():
    """Standard output is a device that is full."""
    with open("/dev/full", "w", encoding="ascii") as device:
        done = subprocess.run([TOOL, "refusals"], stdout=device, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == checks.MACHINE
    assert "standard output: No space left on device" in done.stderr and "what to do: make room" in done.stderr


@pytest.mark.parametrize("words", [
    "", "frobnicate", "status --frobnicate", "status extra", "status --card", "status --format yaml", "status --help=yes", "load",
    "load one two", "refusals NO_SUCH_THING", "csr", "csr --identity --issuer X", "enrol --role king --name x", "allocate --count 0",
    "allocate --count 1 --key k --cert c --count 2", "run --once --wait-for-parts", "run --recover --wait-for-parts", "run --units none",
    "log --from -1", "status -x", "pack --rot r.json", "close --key k --cert c", "verify", "--card", "status --card provcard0"])
def test_wrong_command_lines(words):
    """A wrong command line ends with 2, says what is wrong and where help is, and prints nothing else."""
    done = tool(words)
    assert done.returncode == 2, done
    assert done.stderr.startswith("provcard: ") and "what to do: see 'provcard " in done.stderr
    assert not done.stdout or words.startswith("status --card")


def test_unreachable_cards(tmp_path):
    """A card that is not there: 4, in both forms of output."""
    for address in ("/dev/provcard99", f"vfio-user:{tmp_path}/none.sock"):
        done = tool(f"--card {address} status")
        assert done.returncode == 4 and "what to do: " in done.stderr, done
    done = tool("-o json --card /dev/provcard99 status")
    checks.output_schema().validate(json.loads(done.stdout))
    assert json.loads(done.stdout)["errors"][0]["what"] == "/dev/provcard99"


def test_version():
    """Versions are said with and without a card."""
    done = tool("--version")
    assert done.returncode == 0 and "provcard " in done.stdout and "libprovcard " in done.stdout


def test_manual_page_is_current():
    """The manual page is what its generator makes of the tool's tables."""
    made = subprocess.run([sys.executable, TOP / "Documentation/man/generate.py", TOOL], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    assert made == (TOP / "Documentation/man/provcard.1").read_text(), "run Documentation/man/generate.py"
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=made, capture_output=True, text=True, timeout=60, check=False)
    assert lint.returncode == 0, lint.stdout


def complete(*words):
    """What bash offers for the last word."""
    script = f"source <({shlex.quote(TOOL)} completion); COMP_WORDS=({' '.join(map(shlex.quote, words))}); " \
             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _provcard; printf '%s\\n' \"${COMPREPLY[@]}\""
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout.split()


def test_completion(tmp_path):
    """Commands, options, choices and files complete."""
    assert complete("provcard", "al") == ["allocate"]
    assert set(complete("provcard", "allocate", "--c")) == {"--count", "--cert", "--card"}
    assert complete("provcard", "enrol", "--role", "op") == ["operator"]
    assert complete("provcard", "-o", "j") == ["json"]
    assert complete("provcard", "status", "--format", "t") == ["text"]
    assert complete("provcard", "log", "ex") == ["export"] and {"export", "verify", "--count"} <= set(complete("provcard", "log", ""))
    assert complete("provcard", "log", "export", "--br") == ["--brief"]
    assert complete("provcard", "fi") == ["firmware"]
    assert set(complete("provcard", "firmware", "activate", "--c")) == {"--cert", "--card"}
    (tmp_path / "some.ppkg").touch()
    assert complete("provcard", "load", f"{tmp_path}/so") == [f"{tmp_path}/some.ppkg"]
    for command in tables()["commands"]:
        offered = complete("provcard", *command["name"].split(), "--")
        assert {f"--{option['name']}" for option in command["options"]} <= set(offered)


def test_refusals_are_those_of_the_table():
    """Every code of the table is printed, in order."""
    listed = json.loads(tool("-o json refusals").stdout)
    checks.output_schema().validate(listed)
    codes = [entry["code"] for entry in listed["refusals"]]
    assert codes == sorted(set(codes)) and len(codes) > 100
    named = json.loads(tool("-o json refusals wrong_part").stdout)["refusals"]
    assert named == json.loads(tool("-o json refusals 0x401").stdout)["refusals"]


def test_output_of_commands_is_as_the_schema_says(packed, people):
    """Status, heads, jobs, run, log, verify, errors."""
    schema = checks.output_schema()
    by = workflow.signed_by(people.operator)
    packed.insert(0)
    answers = {words: packed.json(words, expected=None) for words in (
        "status", "heads", "cert", "load package.ppkg", f"allocate --count 1 {by}", "run --heads 0,1", "jobs",
        "run --heads 0", "log", "--version", "verify package.ppkg", f"close --output d {by}",
        f"verify d --maker-ca {people.maker.anchors}")}
    for words, answer in answers.items():
        schema.validate(answer)
        assert len(answer) > 1, words
    assert answers["status"]["status"]["state"] == "operational"
    assert {entry["role"] for entry in answers["status"]["status"]["enrolled"]} >= {"operator", "oem"}
    assert answers["--version"]["version"]["card"] == "PC0001"
    assert answers["run --heads 0,1"]["errors" if "errors" in answers["run --heads 0,1"] else "units"]
    assert answers["verify package.ppkg"]["package"]["trusted"] is False


def test_example_program(blank):
    """The library's example lists a card."""
    done = subprocess.run([processes.program("example-list-cards"), blank.card.address], capture_output=True, text=True, timeout=60,
                          check=True)
    assert "serial PC0001" in done.stdout and "4 heads" in done.stdout
    gone = subprocess.run([processes.program("example-list-cards"), "/dev/provcard99"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert gone.returncode == 1 and "No such device" in gone.stderr


@pytest.mark.parametrize("compiler, language", [("gcc", "c"), ("g++", "c++")])
@pytest.mark.parametrize("header", ["provcard.h", "provcard-refusal.h", "provcard-service.h"])
def test_headers_compile_alone(compiler, language, header):
    """In C and in C++, strictly."""
    standard = "-std=c11" if language == "c" else "-std=c++17"
    subprocess.run([compiler, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", language, "-I",
                    TOP / "lib/include", "-include", header, os.devnull], check=True, timeout=60)


def test_exported_symbols():
    """The shared library exports what its map names, every function of the header is there, and it needs libc and libnl alone."""
    library = processes.program("libprovcard.so")
    listing = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, timeout=60, check=True).stdout
    exported = {line.split()[2].split("@")[0] for line in listing.splitlines() if " T " in line}
    mapped = {line.strip(" \t;") for line in (TOP / "lib/provcard/libprovcard.map").read_text().splitlines()
              if line.strip().startswith("provcard_")}
    assert exported == mapped
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, timeout=60, check=True).stdout
    assert [line.split("[")[1].split(".so")[0] for line in needed.splitlines() if "NEEDED" in line] == ["libnl-genl-3", "libnl-3", "libc"]


def test_schema_accepts_the_demonstration():
    """The demonstration's configuration is as the schema says."""
    configuration_schema().validate(json.loads(workflow.CONFIGURATION.read_text()))
