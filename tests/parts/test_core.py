# SPDX-License-Identifier: GPL-2.0-or-later
"""The Cortex-M4 of the simulated part under a debugger, and the code it runs."""

import struct

import pytest

import cable
from cable import DEMCR, DHCSR, NVMC_CONFIG

DFSR, VTOR = 0xE000ED30, 0xE000ED08
S_HALT, S_LOCKUP, S_RESET_ST = 1 << 17, 1 << 19, 1 << 25
RAM = 0x20000000


@pytest.fixture(name="probe")
def a_part():
    with cable.part() as probe:
        probe.connect()
        probe.halt()
        yield probe


def code(*halfwords):
    return struct.pack(f"<{len(halfwords)}H", *halfwords)


def run(probe, program, **registers):
    """From RAM to its breakpoint."""
    probe.write_block(RAM, program)
    for name, value in registers.items():
        probe.set_core_register(int(name[1:]), value)
    probe.set_core_register(13, RAM + 0x8000)
    probe.set_core_register(15, RAM)
    probe.resume()
    for _ in range(50):
        status = probe.peek(DHCSR)
        if status & (S_HALT | S_LOCKUP):
            return status
    raise AssertionError("still running")


def test_blank_part_locks_up(probe):
    probe.resume()
    probe.soft_reset()
    status = probe.peek(DHCSR)
    assert status & S_LOCKUP and not status & S_HALT and status & S_RESET_ST
    probe.halt()
    assert not probe.peek(DHCSR) & S_LOCKUP


def test_identification(probe):
    assert probe.peek(0xE000ED00) == 0x410FC241
    assert probe.peek(0xE000EF40) == 0x10110021
    assert probe.peek(0xE0001000) >> 28 == 4
    assert probe.peek(0xE0002000) >> 4 & 0xF == 6


def test_rom_table_leads_to_every_component(probe):
    table = 0xE00FF000
    found = []
    for offset in range(0, 0x100, 4):
        entry = probe.peek(table + offset)
        if not entry:
            break
        if entry & 1:
            base = table + (entry & 0xFFFFF000) & 0xFFFFFFFF
            identity = [probe.peek(base + 0xFF0 + 4 * i) for i in range(4)]
            assert identity[0] == 0x0D and identity[2:] == [0x05, 0xB1]
            found.append(base)
    assert found == [0xE000E000, 0xE0001000, 0xE0002000, 0xE0000000, 0xE0040000]


@pytest.mark.parametrize("number", [*range(13), 14, 33, 64, 95])
def test_core_registers_hold_what_is_written(probe, number):
    value = 0x01000000 if number == 33 else 0xA5A50000 + number
    probe.set_core_register(number, value)
    assert probe.core_register(number) == value


def test_debug_key_is_required(probe):
    probe.resume()
    probe.poke(DHCSR, 0x12340003)
    assert not probe.peek(DHCSR) & S_HALT


def test_reset_vector_catch(probe):
    probe.program(0, struct.pack("<II", 0x20001000, 0x101) + b"\xfe\xe7" * 0x80)
    probe.poke(DEMCR, 1)
    probe.soft_reset()
    assert probe.peek(DHCSR) & S_HALT and probe.peek(DFSR) & 8
    assert probe.core_register(15) == 0x100 and probe.core_register(13) == 0x20001000
    probe.poke(DFSR, 8)
    assert not probe.peek(DFSR) & 8
    probe.poke(DEMCR, 0)
    probe.soft_reset()
    assert probe.peek(DHCSR) & S_HALT, "C_HALT is the debugger's; a reset leaves it"
    probe.resume()
    probe.soft_reset()
    assert not probe.peek(DHCSR) & (S_HALT | S_LOCKUP)


def test_code_in_ram_runs_to_its_breakpoint(probe):
    """adds r0, #5; bkpt"""
    assert run(probe, code(0x3005, 0xBE00), r0=37) & S_HALT
    assert probe.core_register(0) == 42 and probe.core_register(15) == RAM + 2 and probe.peek(DFSR) & 2


def test_new_code_at_the_same_place_is_run(probe):
    run(probe, code(0x3005, 0xBE00), r0=0)
    assert run(probe, code(0x3006, 0xBE00), r0=0) & S_HALT
    assert probe.core_register(0) == 6


def test_single_step(probe):
    """adds r0, #1; adds r0, #2; b ."""
    probe.write_block(RAM, code(0x3001, 0x3002, 0xE7FE))
    probe.set_core_register(0, 0)
    probe.set_core_register(15, RAM)
    for count, place in ((1, RAM + 2), (3, RAM + 4), (3, RAM + 4)):
        probe.poke(DHCSR, 0xA05F0005)
        assert probe.peek(DHCSR) & S_HALT
        assert (probe.core_register(0), probe.core_register(15)) == (count, place)


@pytest.mark.parametrize("replace, place, count", [(1, RAM, 0), (2, RAM + 2, 1)])
def test_hardware_breakpoint(probe, replace, place, count):
    """The comparators reach the code region only, so the code is in flash. adds r0, #1 twice; b ."""
    probe.program(0x1000, code(0x3001, 0x3001, 0xE7FE, 0xE7FE))
    probe.set_core_register(0, 0)
    probe.set_core_register(15, 0x1000)
    probe.poke(0xE0002000, 3)
    probe.poke(0xE0002008, replace << 30 | 0x1000 | 1)
    probe.resume()
    assert probe.peek(DHCSR) & S_HALT
    assert (probe.core_register(0), probe.core_register(15)) == (count, 0x1000 + place - RAM)
    probe.poke(0xE0002008, 0)
    probe.resume()
    assert not probe.peek(DHCSR) & S_HALT


@pytest.mark.parametrize("address", [0x60000000, 0x40030000, 0xE0003000])
def test_fault_locks_up(probe, address):
    """ldr r1, [r0]; b ."""
    assert run(probe, code(0x6801, 0xE7FE), r0=address) & S_LOCKUP


@pytest.mark.parametrize("address", [0x40000000, 0x60000000, 0xE000ED00, 0xFFFFFFFE])
def test_code_is_not_fetched_from_anywhere(probe, address):
    probe.set_core_register(15, address)
    probe.resume()
    assert probe.peek(DHCSR) & S_LOCKUP


def test_undefined_instruction_locks_up(probe):
    assert run(probe, code(0xDE00, 0xE7FE)) & S_LOCKUP


def test_breakpoint_without_a_debugger_locks_up(probe):
    """C_DEBUGEN is clear, so BKPT is a fault."""
    probe.write_block(RAM, code(0xBE00, 0xE7FE))
    probe.set_core_register(15, RAM)
    probe.poke(DHCSR, 0xA05F0000)
    probe.cable.delay(1000)
    assert probe.peek(DHCSR) & S_LOCKUP


def test_store_to_flash_without_enable_locks_up(probe):
    assert run(probe, code(0x6001, 0xE7FE), r0=0x1000, r1=0) & S_LOCKUP
    probe.halt()
    assert probe.peek(0x1000) == 0xFFFFFFFF


def test_cpu_programs_by_the_same_rules(probe):
    """str r1, [r0]; str r2, [r0]; b next; ldr r3, [r0]; bkpt: two stores into one word are anded, and read back so."""
    probe.poke(NVMC_CONFIG, 1)
    assert run(probe, code(0x6001, 0x6002, 0xE7FF, 0x6803, 0xBE00), r0=0x1000, r1=0xFFFF0F0F, r2=0x0F0FFFFF) & S_HALT
    assert probe.core_register(3) == 0x0F0F0F0F and probe.peek(0x1000) == 0x0F0F0F0F


def test_cpu_programs_every_word_of_a_page(probe):
    """str r1, [r0]; adds r0, #4; adds r1, #1; subs r2, #1; bne; bkpt"""
    probe.poke(NVMC_CONFIG, 1)
    assert run(probe, code(0x6001, 0x3004, 0x3101, 0x3A01, 0xD1FA, 0xBE00), r0=0x2000, r1=7, r2=1024) & S_HALT
    assert probe.read_block(0x2000, 1024) == list(range(7, 1031))


def test_cpu_erases_and_sees_it(probe):
    """Erase through the register in r0, then read the word at r2."""
    probe.program(0x3000, b"\0" * 4)
    probe.poke(NVMC_CONFIG, 2)
    assert run(probe, code(0x6001, 0xE7FF, 0x6813, 0xBE00), r0=cable.NVMC_ERASEPAGE, r1=0x3000, r2=0x3000) & S_HALT
    assert probe.core_register(3) == 0xFFFFFFFF


def test_cpu_resets_itself(probe):
    """str r1, [r0] to AIRCR. The part comes up from its vectors."""
    probe.program(0, struct.pack("<II", 0x20001000, 0x101) + b"\xff" * 0xF8 + code(0x3077, 0xE7FE))
    probe.write_block(RAM, code(0x6001, 0xE7FE))
    probe.set_core_register(0, cable.AIRCR)
    probe.set_core_register(1, 0x05FA0004)
    probe.set_core_register(15, RAM)
    probe.peek(DHCSR)
    probe.resume()
    status = probe.peek(DHCSR)
    assert status & S_RESET_ST and not status & S_LOCKUP
    probe.halt()
    assert probe.core_register(0) == 0x77


def test_time_of_the_cpu_follows_the_clock():
    """A counter in RAM runs at some millions a second of virtual time, with real timing only."""
    with cable.part("--timing", "real") as probe:
        probe.connect()
        probe.halt()
        probe.write_block(RAM, code(0x3001, 0xE7FD))
        probe.set_core_register(0, 0)
        probe.set_core_register(15, RAM)
        probe.resume()
        probe.cable.delay(10000)
        probe.halt()
        assert 300_000 < probe.core_register(0) < 400_000, "64 MHz, two halfwords a turn"


def test_cpu_waits_for_slow_flash():
    """Programming 16 words from RAM takes 16 word times of virtual time."""
    with cable.part("--timing", "real") as probe:
        probe.connect()
        probe.halt()
        probe.poke(NVMC_CONFIG, 1)
        begun = probe.cable.stats()[1]
        probe.write_block(RAM, code(0x6001, 0x3004, 0x3A01, 0xD1FB, 0xBE00))
        for number, value in ((0, 0x1000), (1, 0), (2, 16), (15, RAM)):
            probe.set_core_register(number, value)
        probe.resume()
        while not probe.peek(DHCSR) & S_HALT:
            probe.cable.delay(1)
        assert 15 * 41_000 < probe.cable.stats()[1] - begun < 15 * 41_000 + 1_000_000
