# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of the tree itself."""
import pathlib
import re
import runpy
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TOP_LEVEL = {"Makefile", "README.md", "driver", "lib", "tools", "firmware", "tests", "udev", "Documentation", ".ci",
             ".gitignore", ".clang-format"}
INCLUDES = ["-Ilib/include", "-Idriver/include/uapi", "-Idriver/include", "-Ifirmware"]


def tracked():
    """Files of the tree."""
    out = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True, timeout=60).stdout
    return [name for name in out.decode().split("\0") if name and (TOP / name).exists()]


FILES = tracked()
C_FILES = [name for name in FILES if name.endswith(".c")]
HEADERS = [name for name in FILES if name.endswith(".h")]


def read(name):
    """A file as text."""
    return (TOP / name).read_text(encoding="utf-8", errors="replace")


def test_top_level_is_fixed():
    """No new room at the top."""
    assert {name.split("/")[0] for name in FILES} <= TOP_LEVEL


def test_every_file_names_its_licence():
    """SPDX in every file, but for formats without comments."""
    without = (".json", ".der", ".pem", ".bin", ".hex", ".p7m", ".gitignore", "tests/kselftest/settings")
    missing = [name for name in FILES if not name.endswith(without) and "fuzz/corpus" not in name
               and "SPDX-License-Identifier:" not in read(name)[:400]]
    assert not missing


def functions(name):
    """(line, length) of every function of a C file in the kernel's style."""
    begun = None
    for number, line in enumerate(read(name).splitlines(), 1):
        if line.startswith("{"):
            begun = number
        elif line.startswith("}") and begun:
            yield begun, number - begun - 1
            begun = None


def test_functions_are_short():
    """Never above 80 lines."""
    long = [f"{name}:{line}: {length}" for name in C_FILES for line, length in functions(name) if length > 80]
    assert not long


def test_files_tell_one_story():
    """About 600 lines; the driver may have 700."""
    long = [f"{name}: {len(read(name).splitlines())}" for name in C_FILES if len(read(name).splitlines()) > 700]
    assert not long


def test_no_unfinished_marks():
    """What is not done is said in the documentation, not left in the code."""
    mark = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b|^#if 0")
    found = [f"{name}:{number}" for name in FILES if name.endswith((".c", ".h", ".py", ".sh", ".mk"))
             for number, line in enumerate(read(name).splitlines(), 1) if mark.search(line)]
    assert not found


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("header", [name for name in HEADERS if name.startswith(("lib/include/", "driver/include/"))])
def test_public_headers_compile_alone(header, language):
    """In C and in C++."""
    done = subprocess.run(["gcc", "-x", language, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *INCLUDES, "-include", header,
                           "/dev/null"], cwd=TOP, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def uses(folder, pattern):
    """Lines of a room that match."""
    found = re.compile(pattern)
    return [f"{name}:{number}: {line.strip()}" for name in FILES if name.startswith(folder) and name.endswith((".c", ".h"))
            for number, line in enumerate(read(name).splitlines(), 1) if found.search(line)]


@pytest.mark.parametrize("folder, pattern", [
    ("firmware/core/", r"#include <(unistd|fcntl|pthread|sys/|signal|time|linux/)|\b(fopen|getenv|FILE \*)\b"),
    ("firmware/boot/", r"#include [<\"](unistd|fcntl|pthread|sys/|signal|time|linux/|core/)|\b(fopen|getenv|FILE \*)\b"),
    ("firmware/head/", r"#include <(unistd|fcntl|pthread|sys/|signal|time|stdio|openssl/|linux/)"),
    ("lib/provpkg/", r"#include <(unistd|fcntl|pthread|sys/(?!types)|signal|linux/)"),
    ("lib/provcard/", r"#include [<\"](openssl/|provpkg)"),
    ("tools/", r"\bioctl\("),
    ("tests/parts/", r"#include <openssl/"),
    ("driver/", r"#include [<\"](provpkg|provcard-service|provcard-refusal|openssl)"),
])
def test_rooms_keep_their_bounds(folder, pattern):
    """What each room may use, from the architecture."""
    assert not uses(folder, pattern)


def refusals():
    """The table, by the documentation's own reader."""
    return runpy.run_path(str(TOP / "Documentation" / "scripts" / "errors.py"))


def test_refusals_are_ascending_and_unique():
    """Stable numbers and names."""
    rows = refusals()["rows"]()
    codes, names = [row[0] for row in rows], [row[1] for row in rows]
    assert codes == sorted(set(codes)) and len(set(names)) == len(names) and max(codes) < 0x8000


def test_errors_page_is_current():
    """make docs-errors was run."""
    assert read("Documentation/errors.rst") == refusals()["page"]()


def test_host_interface_has_the_same_codes():
    """The transport's status codes stand in two headers, for two licences."""
    table = {row[1]: row[0] for row in refusals()["rows"]()}
    found = dict(re.findall(r"#define PROVCARD_SC_(\w+) (0x[0-9a-f]+)", read("driver/include/provcard_hif.h")))
    assert int(found.pop("SUCCESS"), 16) == 0
    assert found and all(table[name] == int(code, 16) for name, code in found.items())


def test_every_refusal_has_a_test():
    """Each code is named by at least one test."""
    text = "".join(read(name) for name in FILES if name.startswith("tests/") and name.endswith((".c", ".py")))
    missing = [row[1] for row in refusals()["rows"]() if not re.search(rf"\b(PROVCARD_REFUSAL_|PROVCARD_SC_)?{row[1]}\b", text)]
    assert not missing


def names_of_tests(suite):
    """{file without test_ and its ending: names of the tests that it runs} of the unit or the card suite."""
    found = {}
    for name in FILES:
        if match := re.fullmatch(rf"tests/{suite}/test_(\w+)\.(?:c|py)", name):
            pattern = r"^def (test_\w+)" if name.endswith(".py") else r"\b(?:TEST|cmocka_unit_test\w*)\((\w+)"
            found[match[1]] = set(re.findall(pattern, read(name), re.MULTILINE)) - {"name", "function"}
    return found


def must_be_refused():
    """Rows of the table "What must be refused" of formats.rst: what, refusals, tests."""
    section = read("Documentation/formats.rst").split("What must be refused\n====", 1)[1]
    lines = section.split("\n=====")[2].splitlines()[1:]
    return [re.split(r" {2,}", line) for line in lines]


def has_test(word, suites):
    """Is there a test that FILE:WORD names?"""
    name, part = word.split(":")
    return any(part in test.split("_") for suite in suites for test in suite.get(name, ()))


def test_what_must_be_refused_is_tested():
    """The table's tests are there, by file and name, and its refusals are codes."""
    unit, card = names_of_tests("unit"), names_of_tests("card")
    rows, codes = must_be_refused(), {row[1] for row in refusals()["rows"]()}
    assert len(rows) > 25 and all(len(row) == 3 for row in rows)
    named = [(*match, row[0]) for row in rows for match in re.findall(r"(\w+:\w+)( \(card\))?", row[2])]
    assert len(named) >= len(rows)
    assert not [entry for entry in named if not has_test(entry[0], [card] if entry[1] else [unit, card])]
    assert not {code for row in rows for code in re.findall(r"[A-Z_]{5,}", row[1])} - codes
    assert not has_test("core_suite:nothing", [unit, card]) and not has_test("nowhere:segments", [unit, card])


def test_documentation_builds_without_warnings(tmp_path):
    """Sphinx with warnings as errors."""
    done = subprocess.run(["sphinx-build", "-q", "-n", "-W", "--keep-going", "-b", "html", "-d", tmp_path / "trees",
                           TOP / "Documentation", tmp_path / "html"], capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr


def algorithms_used():
    """Names of algorithms by which core and libprovpkg ask libcrypto, from calls and from literals; the self-test itself aside."""
    names = set()
    for name in FILES:
        if name.startswith(("firmware/core/", "lib/provpkg/")) and name.endswith((".c", ".h")) and "selftest" not in name:
            names |= set(re.findall(r"\bEVP_((?:sha|md|shake|blake|aes|aria|camellia|chacha|des|sm)\w*)\(\)", read(name)))
            names |= set(re.findall(r'"((?:(?:SHA|SHAKE|MD|BLAKE|KECCAK|AES|ARIA|DES|ML-|SLH-|P-|ED|X|RSA|DSA|DH|EC|HKDF|HMAC|KMAC|CMAC|'
                                    r'GMAC|KBKDF|X963KDF|PBKDF|SCRYPT|CHACHA|POLY|SM)[A-Z0-9/-]*))"', read(name).replace("Ed25519", "ED25519")))
    return names


def canonical(name):
    """One spelling for what libcrypto knows by several."""
    name = name.upper().replace("_", "-")
    return name.replace("SHA-", "SHA") if re.fullmatch(r"SHA-?\d+", name) else name


NO_ALGORITHM = {"EC", "ML-DSA"}  # families: which member is meant is said beside them


def test_every_algorithm_has_a_known_answer():
    """What the card computes with is tested at power-on: an algorithm that is used and not in the table of self-tests fails here."""
    table = read("firmware/core/selftest.c")
    covered = {canonical(word) for row in re.findall(r'ANSWER\(\w+\), "([^"]*)" \}', table) for word in row.split()}
    used = {canonical(name) for name in algorithms_used()} - NO_ALGORITHM
    assert {"SHA256", "AES-256-GCM", "ML-KEM-1024", "ED25519"} <= used
    assert not used - covered, f"no known answer for {sorted(used - covered)}"
