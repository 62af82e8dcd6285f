# SPDX-License-Identifier: GPL-2.0-or-later
"""A second reader of provcard's files, written from Documentation/formats.rst and Documentation/asn1/provcard.asn1 alone.

It shares no code with lib/provpkg, so that the two can be set against each other: asn1crypto parses, python-cryptography and stock
openssl (ML-DSA, ML-KEM, certificate paths) compute. It is written to be read, not to be fast.
"""


class Refused(Exception):
    """What was read is not what the formats allow, or does not say what it must."""


def need(condition, sentence):
    """Refuse unless @condition holds."""
    if not condition:
        raise Refused(sentence)
