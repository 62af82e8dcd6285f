# SPDX-License-Identifier: GPL-2.0-or-later
"""Distinguished encoding (X.690 sections 8, 10 and 11): is this the one way to write what it says?"""
import re

from . import need

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED, UTF8 = 1, 2, 3, 4, 5, 6, 10, 12
SEQUENCE, SET, PRINTABLE, IA5, UTC_TIME, GENERALIZED_TIME = 16, 17, 19, 22, 23, 24
DEPTH = 40


def header(data, start, end):
    """(class, constructed, tag, begin of the contents, end of the value) of the value at @start."""
    need(end - start >= 2, "DER: a value is cut off")
    first, position = data[start], start + 2
    need(first & 0x1F != 0x1F, "DER: a tag number above 30")
    length = data[start + 1]
    if length & 0x80:
        count = length & 0x7F
        need(1 <= count <= 8, "DER: a length of indefinite form or absurd size")
        need(end - position >= count, "DER: a length is cut off")
        length = int.from_bytes(data[position:position + count], "big")
        need(length >= 0x80 and data[position], "DER: a length is not of the shortest form")
        position += count
    need(end - position >= length, "DER: a value is cut off")
    return first >> 6, bool(first & 0x20), first & 0x1F, position, position + length


def check_integer(contents):
    """Section 8.3."""
    need(contents, "DER: an INTEGER without octets")
    need(len(contents) == 1 or not (contents[0] == 0 and contents[1] < 0x80) and not (contents[0] == 0xFF and contents[1] >= 0x80),
         "DER: an INTEGER with needless octets")


def check_bits(contents):
    """Sections 8.6 and 11.2.1."""
    need(contents and contents[0] <= 7 and (len(contents) > 1 or contents[0] == 0), "DER: a BIT STRING's unused bits")
    need(not contents[0] or not contents[-1] & ((1 << contents[0]) - 1), "DER: unused bits that are not zero")


def check_oid(contents):
    """Section 8.19."""
    need(contents and contents[-1] < 0x80, "DER: an OBJECT IDENTIFIER is cut off")
    need(contents[0] != 0x80 and not re.search(rb"[\x00-\x7f]\x80", contents), "DER: an OBJECT IDENTIFIER with needless octets")


def check_text(contents):
    """UTF-8."""
    try:
        contents.decode("utf-8")
    except UnicodeDecodeError:
        need(False, "DER: text that is not UTF-8")


CHECKS = {
    BOOLEAN: lambda contents: need(contents in (b"\x00", b"\xff"), "DER: a BOOLEAN that is neither 00 nor FF"),
    INTEGER: check_integer,
    ENUMERATED: check_integer,
    BIT_STRING: check_bits,
    OCTET_STRING: lambda contents: None,
    NULL: lambda contents: need(not contents, "DER: a NULL with contents"),
    OID: check_oid,
    UTF8: check_text,
    PRINTABLE: lambda contents: need(re.fullmatch(rb"[A-Za-z0-9 '()+,./:=?-]*", contents), "DER: not a PrintableString"),
    IA5: lambda contents: need(contents.isascii(), "DER: not an IA5String"),
    UTC_TIME: lambda contents: need(re.fullmatch(rb"\d{12}Z", contents), "DER: not a UTCTime"),
    GENERALIZED_TIME: lambda contents: need(re.fullmatch(rb"\d{14}Z", contents), "DER: not a GeneralizedTime"),
}


def check_primitive(tag, constructed, contents):
    """A value of the universal class that is neither SEQUENCE nor SET."""
    need(tag in CHECKS, f"DER: a value of universal type {tag}")
    need(not constructed, "DER: a constructed string")
    CHECKS[tag](contents)


def check_value(data, start, end, depth):
    """The value at @start; where it ends."""
    need(depth < DEPTH, "DER: nested too deeply")
    kind, constructed, tag, begin, finish = header(data, start, end)
    if kind == 0 and tag not in (SEQUENCE, SET):
        check_primitive(tag, constructed, bytes(data[begin:finish]))
        return finish
    need(constructed or kind, "DER: a SEQUENCE or SET of primitive form")
    if constructed:
        items = list(values(data, begin, finish, depth + 1))
        need(kind or tag != SET or items == sorted(items), "DER: a SET OF out of order")
    return finish


def values(data, start, end, depth=0):
    """The encodings of the values that fill data[start:end], each checked."""
    while start < end:
        finish = check_value(data, start, end, depth)
        yield bytes(data[start:finish])
        start = finish


def check(data):
    """@data is exactly one value in DER. Values with an implicit tag of their own are their reader's to look at."""
    need(data, "DER: nothing there")
    need(check_value(data, 0, len(data), 0) == len(data), "DER: something behind the end")
