# SPDX-License-Identifier: GPL-2.0-or-later
"""A host without a kernel, for whatever our own library would never send.

Written from the vfio-user specification and Documentation/host-interface.rst, not from libprovcard.
"""
import array
import mmap
import os
import socket
import struct
import time

CONFIG, COMMAND = 7, 4
CAP, CC, CSTS, AQA, ASQ, ACQ, DOORBELL = 0x00, 0x14, 0x1C, 0x24, 0x28, 0x30, 0x1000
MEMORY, SIZE = 0x10000000, 1 << 20
SUBMISSIONS, COMPLETIONS, INPUT, OUTPUT = 0, 0x1000, 0x10000, 0x80000
ENTRIES = 8
STATUS, NONCE, REQUEST = 0x40, 0x41, 0x42


class Client:
    """A host without a kernel: one admin queue."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.number = self.tail = 0
        self.call(1, struct.pack("<HH", 0, 0))

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the card has hung up")
            data += piece
        return data

    def call(self, command, payload=b"", fds=()):
        self.number += 1
        message = struct.pack("<HHIII", self.number, command, 16 + len(payload), 0, 0) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([message], rights)
        number, _, size, flags, error = struct.unpack("<HHIII", self.receive(16))
        assert (number, flags & 0xF) == (self.number, 1)
        data = self.receive(size - 16)
        if flags & 0x20:
            raise OSError(error, os.strerror(error))
        return data

    def read(self, offset, size=4, region=0):
        return int.from_bytes(self.call(9, struct.pack("<QII", offset, region, size))[16:], "little")

    def write(self, offset, value, size=4, region=0):
        self.call(10, struct.pack("<QII", offset, region, size) + value.to_bytes(size, "little"))

    def wait(self, ready):
        end = time.monotonic() + 30
        while self.read(CSTS) & 1 != ready:
            assert time.monotonic() < end
            time.sleep(0.01)

    def enable(self):
        fd = os.memfd_create("host")
        os.ftruncate(fd, SIZE)
        self.memory = mmap.mmap(fd, SIZE)
        self.call(2, struct.pack("<IIQQQ", 32, 3, 0, MEMORY, SIZE), [fd])
        os.close(fd)
        self.write(COMMAND, 6, 2, CONFIG)
        self.write(CC, 0)
        self.wait(0)
        self.write(AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1))
        self.write(ASQ, MEMORY + SUBMISSIONS, 8)
        self.write(ACQ, MEMORY + COMPLETIONS, 8)
        self.write(CC, 1)
        self.wait(1)

    def command(self, opcode, data=b"", room=0, job=0):
        """One command on the admin queue: (status, what the card wrote)."""
        slot, phase = self.tail % ENTRIES, 1 - self.tail // ENTRIES % 2
        self.memory[INPUT:INPUT + len(data)] = data
        self.memory[slot * 64:slot * 64 + 64] = struct.pack("<BBHI QI3sB QI3sB QQQ", opcode, 0, slot, job, MEMORY + INPUT, len(data),
                                                            b"", 0, MEMORY + OUTPUT, room, b"", 0, 0, 0, 0)
        self.tail += 1
        self.write(DOORBELL, self.tail % ENTRIES)
        entry = COMPLETIONS + slot * 16
        end = time.monotonic() + 20
        while self.memory[entry + 14] & 1 != phase:
            assert time.monotonic() < end
            time.sleep(0.005)
        _, length, _, _, _, status = struct.unpack_from("<IIHHHH", self.memory, entry)
        self.write(DOORBELL + 4, self.tail % ENTRIES)
        return status >> 1, bytes(self.memory[OUTPUT:OUTPUT + length])

    def status(self):
        """The card's own answer to STATUS: refusal code, start count, fault."""
        code, answer = self.command(STATUS, room=152)
        boots, _, _, fault = struct.unpack_from("<4I", answer, 8 + 32 + 32 + 32 + 8)
        return code, boots, fault

    def close(self):
        self.socket.close()
