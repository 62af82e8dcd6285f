# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration device: boots on the simulated part and proves its key over the UART."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import cable
from cable import DHCSR

KEY = 0xFE000
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SECOND = 1_000_000


def image(name):
    with open(cable.binary(f"device/{name}.bin"), "rb") as file:
        return file.read()


def provision(probe, scalar, lock=False):
    probe.connect()
    probe.halt()
    probe.erase_all()
    probe.program(0, image("bootloader"))
    probe.program(0x8000, image("application"))
    if scalar is not None:
        probe.program(KEY, scalar.to_bytes(32, "big"))
    if lock:
        probe.program(cable.UICR_APPROTECT, b"\0\xff\xff\xff")
    probe.resume()
    probe.soft_reset()


def signature_of(answer):
    assert len(answer) == 64
    return utils.encode_dss_signature(int.from_bytes(answer[:32], "big"), int.from_bytes(answer[32:], "big"))


def check(scalar, nonce, answer):
    public = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    public.verify(signature_of(answer), b"provcard proof" + nonce, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("scalar", [1, 2, 3, ORDER - 1, ORDER - 2, 1 << 255, 0x1234567890ABCDEF << 150])
def test_signature_verifies(scalar):
    with cable.part() as probe:
        provision(probe, scalar)
        for nonce in (bytes(32), b"\xff" * 32, hashlib.sha256(scalar.to_bytes(32, "big")).digest()):
            check(scalar, nonce, probe.cable.uart(nonce, 64, SECOND))


def test_signature_does_not_verify_for_another_nonce_or_key():
    with cable.part() as probe:
        provision(probe, 77)
        answer = probe.cable.uart(bytes(32), 64, SECOND)
        for scalar, nonce in ((77, b"\1" + bytes(31)), (78, bytes(32))):
            with pytest.raises(InvalidSignature):
                check(scalar, nonce, answer)


def test_nonce_of_the_signature_is_that_of_rfc_6979():
    """The same challenge has the same answer, and it is the one that another implementation of the rule gives."""
    import hmac
    scalar, challenge = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, bytes(range(32))
    digest = hashlib.sha256(b"provcard proof" + challenge).digest()
    key, value = bytes(32), b"\1" * 32
    secret = scalar.to_bytes(32, "big") + (int.from_bytes(digest, "big") % ORDER).to_bytes(32, "big")
    for round_byte in (b"\0", b"\1"):
        key = hmac.digest(key, value + round_byte + secret, "sha256")
        value = hmac.digest(key, value, "sha256")
    k = int.from_bytes(hmac.digest(key, value, "sha256"), "big")
    point = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers()
    r = point.x % ORDER
    s = pow(k, -1, ORDER) * (int.from_bytes(digest, "big") + r * scalar) % ORDER
    with cable.part() as probe:
        provision(probe, scalar)
        answer = probe.cable.uart(challenge, 64, SECOND)
    assert answer == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize("scalar", [None, 0, ORDER, ORDER + 1])
def test_no_key_no_answer(scalar):
    with cable.part() as probe:
        provision(probe, scalar)
        assert probe.cable.uart(bytes(32), 64, SECOND) == b""
        assert probe.cable.stats()[1] >= SECOND * 1000, "the whole time-out passed, in virtual time"


def test_short_challenge_waits_for_the_rest():
    with cable.part() as probe:
        provision(probe, 5)
        assert probe.cable.uart(bytes(31), 64, SECOND // 10) == b""
        check(5, bytes(32), probe.cable.uart(b"\0", 64, SECOND))


def test_locked_device_proves_its_key():
    with cable.part() as probe:
        provision(probe, 4711, lock=True)
        check(4711, bytes(32), probe.cable.uart(bytes(32), 64, SECOND))
        probe.connect()
        assert probe.try_peek(KEY) is None and probe.ap_read(cable.CTRL_AP, 0x0C) == 0
        probe.recover()
        assert probe.peek(KEY) == 0xFFFFFFFF
        assert probe.cable.uart(bytes(32), 64, SECOND) == b""


def test_device_survives_power_and_starts_by_itself():
    with cable.part() as probe:
        provision(probe, 99)
        probe.cable.power(0)
        assert probe.cable.uart(bytes(32), 64, SECOND) == b""
        probe.cable.power(1)
        check(99, bytes(32), probe.cable.uart(bytes(32), 64, SECOND))


def test_without_an_application_the_bootloader_stays():
    with cable.part() as probe:
        probe.connect()
        probe.halt()
        probe.program(0, image("bootloader"))
        probe.resume()
        probe.soft_reset()
        probe.cable.delay(1000)
        probe.halt()
        assert 0x40 <= probe.core_register(15) < len(image("bootloader"))


def test_proof_costs_little_time():
    """Below 50 million cycles of the CPU, and at least the time that 96 bytes take at 115200 baud."""
    with cable.part("--timing", "real", "--swclk", "10000000") as probe:
        probe.connect()
        probe.halt()
        probe.poke(cable.NVMC_CONFIG, 1)
        for address, data in ((0, image("bootloader")), (0x8000, image("application")), (KEY, (5).to_bytes(32, "big"))):
            for offset in range(0, len(data), 4):
                probe.poke(address + offset, int.from_bytes(data[offset:offset + 4], "little"))
        probe.poke(DHCSR, 0xA05F0001)
        probe.soft_reset()
        begun = probe.cable.stats()[1]
        check(5, bytes(32), probe.cable.uart(bytes(32), 64, SECOND))
        spent = probe.cable.stats()[1] - begun
        assert 96 * 10 * SECOND * 1000 / 115200 < spent < 50_000_000 / 64_000_000 * SECOND * 1000


def test_uart_by_direct_memory_access():
    """UARTE0, driven through the debug port: both buffers in RAM."""
    uart = 0x40002000
    with cable.part() as probe:
        probe.connect()
        probe.halt()
        probe.write_block(0x20000000, b"from the part...")
        for offset, value in ((0x500, 8), (0x534, 0x20000100), (0x538, 4), (0x544, 0x20000000), (0x548, 13), (0x000, 1),
                              (0x008, 1)):
            probe.poke(uart + offset, value)
        assert probe.cable.uart(b"back", 13, 1000) == b"from the part"
        assert probe.peek(uart + 0x120) == 1 and probe.peek(uart + 0x54C) == 13
        assert probe.peek(uart + 0x110) == 1 and probe.peek(uart + 0x53C) == 4
        assert probe.peek(0x20000100) == int.from_bytes(b"back", "little")
