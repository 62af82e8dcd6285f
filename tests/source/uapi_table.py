#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's user-space ABI as a table: every number of the UAPI headers, every structure's members with offset and size.

uapi_table.py [FOLDER] prints it; "make uapi-table" writes tests/source/uapi_table.txt, which CI compares. What stands there already is a
promise to programs that were built with it: rows are added, what reserved bytes become is named, but no number changes.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
UAPI = TOP / "driver" / "include" / "uapi"
TABLE = pathlib.Path(__file__).resolve().parent / "uapi_table.txt"
LICENCE = "# SPDX-License-Identifier: GPL-2.0-or-later"
WORD_SIZES = ("-m64", "-m32", "-mx32")


class UapiError(RuntimeError):
    """A tool refused, or a structure is not fit for user space."""


def run(*words, **options):
    """What a tool prints."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode:
        raise UapiError(f"{words[0]}: {done.stderr}")
    return done.stdout


def headers(folder):
    """Names as in #include."""
    return sorted(f"linux/{path.name}" for path in (folder / "linux").glob("*.h"))


def compiler(folder, *options):
    """gcc on these headers. The C library's are not there for every word size, and not needed."""
    multiarch = run("gcc", "-print-multiarch").strip()
    return ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I/usr/include/{multiarch}", *options]


def structures(folder, option):
    """pahole's view of an object that holds every structure, one word size's compiler."""
    text = "".join(f"#include <{name}>\n" for name in headers(folder))
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work) / "uapi.o"
        run(*compiler(folder, option, "-ffreestanding", "-Wpadded", "-g", "-fno-eliminate-unused-debug-types", "-c", "-o", path, "-x", "c", "-"),
            input=text)
        return run("pahole", "--suppress_aligned_attribute", path)


def members(block):
    """Rows of one structure, nested ones indented further."""
    found = re.findall(r"^(\t+)(?:\} ?)?([^\n;{}]*);\s*/\*\s*(\d+)\s+(\d+) \*/", block, re.MULTILINE)
    return [f"{indent}{offset} {size} {' '.join(member.split())}" for indent, member, offset, size in found]


def layout(text):
    """Rows of pahole's output: each of our structures with its size, then its members."""
    rows = []
    for block in re.split(r"^(?=struct |union )", text, flags=re.MULTILINE):
        if match := re.match(r"((?:struct|union) provcard_\w+) \{.*^\t/\* size: (\d+),", block, re.MULTILINE | re.DOTALL):
            rows += [f"{match[1]} {match[2]}", *members(block)]
    return rows


def gaps(text):
    """Lines in which pahole speaks of bytes or bits that no member has."""
    return [line.strip() for line in text.splitlines() if re.search(r"/\*.*(hole|padding)", line)]


def names(folder):
    """Macros with a value, and enumerators."""
    found = []
    for name in headers(folder):
        text = (folder / name).read_text()
        found += re.findall(r"^#define (PROVCARD_\w+) ", text, re.MULTILINE) + re.findall(r"^\t(PROVCARD_\w+)(?: =|,)", text, re.MULTILINE)
    return found


def values(folder):
    """Each name's value, or the text that it is."""
    show = ('_Generic((NAME), char *: printf("NAME %s\\n", (char *)(unsigned long)(NAME)), '
            'default: printf("NAME %#llx\\n", (unsigned long long)(NAME)));\n')
    text = "".join(f"#include <{name}>\n" for name in [*headers(folder), "stdio.h"])
    text += "int main(void)\n{\n" + "".join(show.replace("NAME", name) for name in names(folder)) + "}\n"
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work) / "uapi"
        run(*compiler(folder, "-w", "-o", path, "-x", "c", "-"), input=text)
        return run(path).splitlines()


def table(folder=UAPI):
    """The whole table. Refuses structures with gaps, and structures that depend on the word size."""
    views = {option: structures(folder, option) for option in WORD_SIZES}
    for option, text in views.items():
        if gaps(text):
            raise UapiError(f"implicit padding with {option}: {gaps(text)}")
        if layout(text) != layout(views["-m64"]):
            raise UapiError(f"the layout with {option} is another one")
    return "\n".join([LICENCE, *values(folder), "", *layout(views["-m64"])]) + "\n"


if __name__ == "__main__":
    print(table(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else UAPI), end="")
