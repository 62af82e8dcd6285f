# SPDX-License-Identifier: GPL-2.0-or-later
"""Image files: what arrives in the part's flash is what the stock tools would have put there, or nothing is packed."""
import shutil
import struct
import subprocess

import pytest

import checks
from provtest import processes, workflow

SOURCE = """
static const int table[64] = {1, 2, 3};
int data = 5, counter;
__attribute__((section(".vectors"))) void *const vectors[2] = {(void *)0x20010000, (void *)1};
int main(void) { return table[data] + counter; }
"""
SCRIPT = """
MEMORY { FLASH (rx) : ORIGIN = 0x8000, LENGTH = 0x10000  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 0x10000 }
ENTRY(main)
SECTIONS
{
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .data : { *(.data*) } > RAM AT > FLASH
  .bss : { *(.bss*) *(COMMON) } > RAM
}
"""
ORIGIN = 0x8000


def link(folder, *flags):
    """A small program, with sections at two places; its ELF file."""
    (folder / "program.c").write_text(SOURCE)
    (folder / "program.ld").write_text(SCRIPT)
    subprocess.run(["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-ffreestanding", "-O1", *flags, "-T", "program.ld",
                    "-o", "program.elf", "program.c"], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "program.elf"


def convert(elf, how, output):
    """By stock objcopy."""
    subprocess.run(["arm-none-eabi-objcopy", "-O", how, elf, output], check=True, timeout=60)
    return output


def only(*images):
    """A configuration that programs these images and does nothing else."""
    def change(configuration):
        for key in ("identity", "lifecycle_keys", "responder_timeout_us"):
            del configuration[key]
        configuration["lock"] = "none"
        configuration["images"] = list(images)
    return change


def flash_after(bench, people, name, *images):
    """What a blank part holds after these images were provisioned."""
    package = bench.folder / f"{name}.ppkg"
    workflow.pack(bench.house, people, package, count=1, change=only(*images))
    bench.house.provcard(f"load {name}.ppkg")
    job = checks.job_id(bench)
    bench.house.provcard(f"allocate --job {job} --count 1 {checks.signed(people)}")
    bench.insert(0)
    bench.house.provcard(f"run --heads 0 --job {job}")
    return bench.parts[0].flash.read_bytes()[:checks.FLASH_SIZE]


@pytest.mark.parametrize("flags", [(), ("-Wl,-z,max-page-size=4",), ("-Wl,-n",), ("-Wl,-n", "-s")],
                         ids=["default", "small-pages", "no-pages", "stripped"])
def test_elf_as_the_linker_makes_it(house, people, flags):
    """By default the first segment begins with the file's own headers, up to 64 KiB below the image: they do not go into the part."""
    elf = link(people.oem.folder, *flags)
    binary = convert(elf, "binary", people.oem.folder / "program.bin").read_bytes()
    flash = flash_after(house, people, "elf", {"name": "program", "file": "program.elf"})
    expected = b"\xff" * ORIGIN + binary
    assert flash == expected + b"\xff" * (checks.FLASH_SIZE - len(expected))


def record(address, kind, data):
    """A line of Intel HEX."""
    raw = struct.pack(">BHB", len(data), address, kind) + data
    return ":" + (raw + bytes([-sum(raw) & 0xFF])).hex().upper() + "\r\n"


def test_hex_with_records_of_every_kind(house, people):
    """Segment and linear addresses, entry points, records out of order."""
    lines = [record(0, 2, b"\x10\x00"), record(0x10, 0, b"second"), record(0, 4, b"\x00\x00"), record(0x20, 0, b"first"),
             record(0, 4, b"\x00\x01"), record(0x10 + 6, 0, b"third"), record(0, 3, bytes(4)), record(0, 5, bytes(4)), record(0, 1, b"")]
    (people.oem.folder / "all.hex").write_text("".join(lines), newline="")
    flash = flash_after(house, people, "hex", {"name": "all", "file": "all.hex", "format": "ihex"})
    assert flash[0x10010:0x1001B] == b"secondthird" and flash[0x20:0x25] == b"first"
    assert flash.count(b"\xff") == len(flash) - 16


@pytest.fixture(scope="module", name="desk")
def oem_desk(tmp_path_factory, people):
    """A place to pack at: for files that must be refused before a card matters."""
    from conftest import Bench
    folder = tmp_path_factory.mktemp("images")
    with Bench(folder / "bench") as bench:
        workflow.initialise(bench.house, people)
        yield bench


def refused(desk, people, image, where, code="IMAGE_UNREADABLE"):
    """Exit 3, the code, the reason, no package."""
    output = desk.folder / "bad.ppkg"
    words = workflow.pack_command(desk.house, people, output, change=only(image))
    assert where in checks.refused(workflow.Desk(people.oem.folder), words, code, checks.INPUT)
    assert not list(desk.folder.glob("bad.ppkg*"))


ELF_DAMAGES = {
    "cut in its headers": (lambda elf: elf[:40], "no ELF file"),
    "cut in its program headers": (lambda elf: elf[:60], ""),
    "cut in its segments": (lambda elf: elf[:int.from_bytes(elf[0x1C:0x20], "little") + 100], ""),
    "without its section headers": (lambda elf: elf[:int.from_bytes(elf[0x20:0x24], "little")], "outside the file"),
    "without its last section header": (lambda elf: elf[:-20], "outside the file"),
    "an object file": (lambda elf: elf[:16] + b"\1" + elf[17:], "no executable ELF file"),
    "a segment beyond the file": (lambda elf: elf[:0x34 + 16] + b"\xff\xff\xff\x7f" + elf[0x34 + 20:], "outside the file"),
}


@pytest.mark.parametrize("name", ELF_DAMAGES)
def test_damaged_elf(desk, people, name):
    """Nothing is packed of half a file."""
    change, where = ELF_DAMAGES[name]
    elf = link(people.oem.folder).read_bytes()
    (people.oem.folder / "bad.elf").write_bytes(change(elf))
    refused(desk, people, {"name": "bad", "file": "bad.elf", "format": "elf"}, where)


HEX, END = record(0x100, 0, bytes(range(16))), record(0, 1, b"")
HEX_DAMAGES = {
    "a wrong checksum": (HEX.replace("0F", "0E", 1) + END, "a record is malformed"),
    "cut in a record": (HEX[:20], "a record is malformed"),
    "no end": (HEX, "its end record is missing"),
    "no records": (END, "nothing in it"),
    "an unknown record": (record(0, 9, b"") + END, "unknown type"),
    "the same address twice": (HEX + HEX + END, "its parts overlap"),
    "an address record too long": (record(0, 4, bytes(3)) + END, "has not two bytes"),
    "beyond 32 bits": (record(0, 4, b"\xff\xff") + record(0xFFFE, 0, b"four") + END, "beyond 32-bit addresses"),
    "text": ("hello\n", "a record is malformed"),
}


@pytest.mark.parametrize("name", HEX_DAMAGES)
def test_damaged_hex(desk, people, name):
    """Each with its reason."""
    text, where = HEX_DAMAGES[name]
    (people.oem.folder / "bad.hex").write_text(text)
    refused(desk, people, {"name": "bad", "file": "bad.hex", "format": "ihex"}, where)


def test_empty_and_large(desk, people):
    """An empty file, and one larger than any part."""
    (people.oem.folder / "empty.bin").write_bytes(b"")
    refused(desk, people, {"name": "empty", "file": "empty.bin", "address": 0}, "the file is empty")
    with open(people.oem.folder / "huge.bin", "wb") as huge:
        huge.truncate(5 << 30)
    refused(desk, people, {"name": "huge", "file": "huge.bin", "address": 0}, "beyond 32-bit addresses")
    (people.oem.folder / "huge.bin").unlink()
    shutil.copy(processes.program("provcard"), people.oem.folder / "host.elf")
    code, said = workflow.Desk(people.oem.folder).execute(
        workflow.pack_command(desk.house, people, desk.folder / "bad.ppkg", change=only({"name": "host", "file": "host.elf"})), 60)
    assert code == checks.INPUT and "IMAGE_UNREADABLE" in said
