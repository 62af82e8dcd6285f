# SPDX-License-Identifier: GPL-2.0-or-later
"""Device certificates: the table of formats.rst, field by field."""
import re

from asn1crypto import core

from . import need, tree
from .certificate import EC, ED25519, ML_DSA_44, ML_DSA_65, SECP256R1, SECP384R1

COMMON_NAME, SERIAL_NUMBER, ORGANISATION = "2.5.4.3", "2.5.4.5", "2.5.4.10"
BASIC_CONSTRAINTS, KEY_USAGE, AUTHORITY_KEY, SUBJECT_KEY, ALTERNATIVE_NAME = ("2.5.29.19", "2.5.29.15", "2.5.29.35", "2.5.29.14",
                                                                               "2.5.29.17")
HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4"
# By the kind of the issuing key: algorithm and curve.
SIGNATURES = {(EC, SECP256R1): "1.2.840.10045.4.3.2", (EC, SECP384R1): "1.2.840.10045.4.3.3", (ML_DSA_65, None): ML_DSA_65}
# Bytes of each kind of device key.
KEYS = {(EC, SECP256R1): 65, (EC, SECP384R1): 97, (ED25519, None): 32, (ML_DSA_44, None): 1312, (ML_DSA_65, None): 1952}


class HardwareModuleName(core.Sequence):
    """RFC 4108 section 5."""

    _fields = [("type", core.ObjectIdentifier), ("serial", core.OctetString)]


def kind(key):
    """What the tables above go by."""
    return key.algorithm, key.curve


def check_key(key):
    """One of five kinds; points are not compressed."""
    need(KEYS.get(kind(key)) == len(key.octets), "device: its key is of no kind that devices have")
    need(key.algorithm != EC or key.octets[0] == 4, "device: its key is a compressed point")


def check_serial(certificate):
    """16 octets, the top bits 01."""
    contents = certificate.tbs["serial_number"].contents
    need(len(contents) == 16 and contents[0] >> 6 == 1, "device: serial number")


def check_validity(certificate, issuer_dates_at):
    """notBefore in the type of its year; notAfter never."""
    validity = certificate.tbs["validity"]
    need(validity["not_after"].name == "general_time" and validity["not_after"].chosen.contents == b"99991231235959Z",
         "device: notAfter")
    year = validity["not_before"].native.year
    need(validity["not_before"].name == ("utc_time" if year < 2050 else "general_time"), "device: notBefore")
    if issuer_dates_at is not None:
        need(int(validity["not_before"].native.timestamp()) <= issuer_dates_at, "device: made after the job was closed")


def check_subject(certificate, uid):
    """O, CN and serialNumber, in this order."""
    names, text = certificate.names(), uid.hex().upper()
    need([attribute for attribute, _ in names] == [ORGANISATION, COMMON_NAME, SERIAL_NUMBER], "device: attributes of the subject")
    need(names[2][1] == text, "device: serialNumber is not the UID")
    need(re.fullmatch(rf"(?s).{{1,31}}-{text}", names[1][1]), "device: common name")


def check_extensions(certificate, issuer, uid):
    """Exactly five, two of them critical."""
    found = certificate.extensions
    need(sorted(found) == sorted([BASIC_CONSTRAINTS, KEY_USAGE, AUTHORITY_KEY, SUBJECT_KEY, ALTERNATIVE_NAME])
         and len(certificate.tbs["extensions"]) == 5, "device: extensions")
    critical = {name for name, item in found.items() if item["critical"].native}
    need(critical == {BASIC_CONSTRAINTS, KEY_USAGE}, "device: critical extensions")
    need(found[BASIC_CONSTRAINTS]["extn_value"].contents == b"\x30\x00", "device: basicConstraints")
    need(found[KEY_USAGE]["extn_value"].contents == b"\x03\x02\x07\x80", "device: keyUsage")
    need(found[AUTHORITY_KEY]["extn_value"].contents == b"\x30\x16\x80\x14" + issuer.key_identifier, "device: authorityKeyId")
    need(certificate.key_identifier == tree.sha256(certificate.key.octets)[:20], "device: subjectKeyId")
    check_alternative_name(found[ALTERNATIVE_NAME]["extn_value"].parsed, uid)


def check_alternative_name(names, uid):
    """One otherName: the hardware module."""
    need(len(names) == 1 and names[0].name == "other_name", "device: subjectAltName")
    other = names[0].chosen
    need(other["type_id"].dotted == HARDWARE_MODULE_NAME, "device: subjectAltName's type")
    module = other["value"].parse(HardwareModuleName)
    need(module["serial"].native == uid, "device: hardwareModuleName is not the UID")


def check(certificate, issuer, uid, closed_at=None):
    """Refuse unless it is the device certificate of the part @uid, issued by @issuer."""
    need(certificate.tbs["version"].native == "v3", "device: version")
    check_serial(certificate)
    need(certificate.issuer == issuer.subject, "device: another issuer")
    need(kind(issuer.key) in SIGNATURES and issuer.is_authority and "key_cert_sign" in issuer.usage
         and len(issuer.key_identifier or b"") == 20, "device: its issuer may not issue")
    check_validity(certificate, closed_at)
    check_subject(certificate, uid)
    check_key(certificate.key)
    check_extensions(certificate, issuer, uid)
    algorithm = certificate.tbs["signature"]["algorithm"].dotted
    need(algorithm == SIGNATURES[kind(issuer.key)] == certificate.fields["signature_algorithm"]["algorithm"].dotted,
         "device: signature algorithm")
    issuer.key.verify(algorithm, certificate.tbs.dump(), certificate.fields["signature_value"].native)
