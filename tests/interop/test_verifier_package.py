# SPDX-License-Identifier: GPL-2.0-or-later
"""The second verifier on packages that `provcard pack` made, opened with the private keys of cards that have no others' secrets."""
import json
import os
import pathlib
import struct
import time

import pytest
from asn1crypto import core

from provtest import processes, workflow
from verifier import Refused, asn1, der, floe, signed
from verifier.card import Card
from verifier.certificate import read_pem
from verifier.delivery import Verifier
from verifier.package import Package, lifecycle_key, sections

STORAGE_SIZE = 2 * (1 << 20) + 5000


def now():
    """Certificates made within this second hold already."""
    return int(time.time()) + 2


def parsed(path, anchors, at=None):
    """A package, checked."""
    return Package(pathlib.Path(path).read_bytes(), anchors.oem, at or now())


def card(open_card):
    """Its certificates."""
    return Card(open_card.certificates.read_text())


def opened(package, open_card):
    """Its contents for one card."""
    return package.open(card(open_card).card_id, open_card.agreement_key, open_card.kem_key)


def storage(configuration, folder):
    """Change a configuration to one large image and no identity."""
    for name in ("identity", "lifecycle_keys", "responder_timeout_us"):
        configuration.pop(name, None)
    image = bytes(number * 131 + (number >> 8) & 0xFF for number in range(STORAGE_SIZE))
    (folder / "storage.bin").write_bytes(image)
    configuration.update(part="generic", images=[{"name": "storage", "file": "storage.bin", "address": "0x0"}], lock="none")
    return image


@pytest.fixture(name="large", scope="module")
def several_segments(pack, people):
    """(package, image) of three segments, for parts without identity."""
    images = []
    return pack(lambda configuration: images.append(storage(configuration, people.oem.folder)), issuers=False), images[0]


# ---- Honest ones ----

def test_card_certificates(open_cards, delivered, anchors):
    """Of the open cards, and of the card that made the delivery; each family by itself."""
    for text in [one.certificates.read_text() for one in open_cards] + [(delivered.folder / "card-certs.pem").read_text()]:
        one = Card(text)
        one.check(anchors.maker, now())
        with pytest.raises(Refused, match="no anchor of the right kind"):
            one.check(anchors.maker[:1], now())
        with pytest.raises(Refused, match="no path"):
            one.check(anchors.oem, now())


def test_package_in_the_clear(package, anchors, open_cards):
    """Everything that can be seen without a card's keys."""
    found = parsed(package, anchors)
    for one in open_cards:
        grant = found.grant(card(one).card_id).native
        assert (grant["ceiling_good"], grant["ceiling_scrap"], grant["sequence"]) == (9, 3, 1)
    assert len(found.manifest["recipients"]) == 2 and found.core["security_version"].native == 7


def test_the_package_that_was_produced(delivered, anchors):
    """It is the one that the end certificate accounts for, and its grant the first in the records."""
    found, verifier = parsed(delivered.package, anchors), Verifier(delivered.folder, anchors.maker)
    grant = found.grant(verifier.card.card_id).native
    assert found.package_id == verifier.end["package_id"] and found.core["product"].native == verifier.end["product"]
    assert found.grant(verifier.card.card_id).dump() == next(verifier.delivery.records()).attachment
    assert (grant["ceiling_good"], grant["ceiling_scrap"]) == (3, 2)


@pytest.mark.parametrize("which", [0, 1])
def test_each_card_opens_it(which, package, anchors, open_cards):
    """To the configuration and the images that the OEM packed."""
    contents = opened(parsed(package, anchors), open_cards[which])
    wanted, rot = json.loads(workflow.CONFIGURATION.read_text()), contents.rot.native
    assert (rot["part"], rot["lock"], rot["responder_timeout"]) == (wanted["part"], 1, wanted["responder_timeout_us"])
    for name in ("bootloader", "application"):
        assert contents.images[name] == (processes.BUILD / "device" / f"{name}.bin").read_bytes()
    assert rot["identity"]["key_address"] == 0xFE000 and rot["lifecycles"][0]["secret"] == bytes(range(32))
    assert contents.issuers == [read_pem(card.issuer.read_text())[0] for card in open_cards]


@pytest.mark.parametrize("which", [0, 1])
def test_each_card_opens_suite_2(which, package_2, anchors, open_cards):
    """With its ML-KEM-1024 key and no other; what comes out was signed by the ML-DSA-87 key."""
    found, own = parsed(package_2, anchors), open_cards[which]
    identity = card(own).card_id
    assert found.suite == 2 and found.agreement is None and len(found.signed.signers) == 1
    contents = found.open(identity, None, own.kem_1024_key)
    assert contents.images["application"] == (processes.BUILD / "device" / "application.bin").read_bytes()
    assert contents.fields["oem"].dump() == found.signed.signers[0].der
    with pytest.raises(Refused, match="ML-KEM ciphertext|does not unwrap"):
        found.open(identity, own.agreement_key, own.kem_key)
    with pytest.raises(Refused, match="does not unwrap"):
        found.open(identity, None, open_cards[1 - which].kem_1024_key)


def test_suites_do_not_mix(package, package_2, anchors):
    """A pair is not suite 2, nor one signature suite 1; chains keep to what the suite demands."""
    one, two = parsed(package, anchors).signed, parsed(package_2, anchors).signed
    with pytest.raises(Refused, match="one signature by an ML-DSA-87 key"):
        one.oem(anchors.oem, now(), 2)
    with pytest.raises(Refused, match="two signatures are needed"):
        two.oem(anchors.oem, now(), 1)
    with pytest.raises(Refused, match="no anchor of the right kind"):
        two.oem(anchors.oem[:2], now(), 2)


def test_several_segments(large, anchors, open_cards):
    """The image comes out whole, and there is no identity in it."""
    path, image = large
    contents = opened(parsed(path, anchors), open_cards[0])
    assert contents.images["storage"] == image and parsed(path, anchors).core["segments"].native == 3
    assert contents.rot["identity"].native is None and not contents.issuers


def test_lifecycle_key_depends_on_all():
    """Secret, part, name; the comparison with a part's memory is in test_verifier_delivery.py."""
    known = lifecycle_key(bytes(32), bytes(8), "debug", 32)
    others = [lifecycle_key(bytes(31) + b"\x01", bytes(8), "debug", 32), lifecycle_key(bytes(32), bytes(7) + b"\x01", "debug", 32),
              lifecycle_key(bytes(32), bytes(8), "debuh", 32)]
    assert known not in others and lifecycle_key(bytes(32), bytes(8), "debug", 48)[:32] == known


# ---- Wrong keys, wrong people, wrong time ----

def test_a_card_opens_only_with_both_keys(package, anchors, open_cards):
    """Each key of the other card in turn."""
    first, second = open_cards
    found, identity = parsed(package, anchors), card(first).card_id
    with pytest.raises(Refused, match="does not unwrap"):
        found.open(identity, first.agreement_key, second.kem_key)
    with pytest.raises(Refused, match="does not unwrap"):
        found.open(identity, second.agreement_key, first.kem_key)
    with pytest.raises(Refused, match="not for this card"):
        found.open(bytes(32), first.agreement_key, first.kem_key)


def test_an_envelope_of_another_package(package, large, anchors, open_cards):
    """The share opens, but the job key is bound to the manifest."""
    found, other = parsed(package, anchors), parsed(large[0], anchors)
    found.kem, found.agreement = other.kem, other.agreement
    with pytest.raises(Refused, match="FLOE: wrong key"):
        opened(found, open_cards[0])


def test_other_anchors_and_other_times(package, anchors):
    """Neither is believed."""
    data = package.read_bytes()
    with pytest.raises(Refused, match="no path"):
        Package(data, anchors.maker, now())
    with pytest.raises(Refused, match="no anchor of the right kind"):
        Package(data, anchors.oem[:1], now())
    with pytest.raises(Refused, match="no path"):
        Package(data, anchors.oem, now() + 12 * 365 * 86400)


def test_window(pack, anchors):
    """Before and behind."""
    path = pack(extra="--not-before 2030-01-01 --not-after 2030-02-01")
    with pytest.raises(Refused, match="has not begun"):
        parsed(path, anchors)
    parsed(path, anchors, 1894000000)
    with pytest.raises(Refused, match="is over"):
        parsed(path, anchors, 1896500000)


# ---- The file ----

def patched(data, place, new):
    """Other bytes at one place."""
    return data[:place] + new + data[place + len(new):]


def place_of(data, section):
    """Where a section begins."""
    return struct.unpack_from("<Q", data, 16 + 16 * section)[0]


FILES = {
    "cut": (lambda data: data[:-1], "cut off"),
    "cut within the header": (lambda data: data[:4095], "shorter than its header"),
    "longer": (lambda data: data + b"\x00", "behind the end"),
    "another kind of file": (lambda data: patched(data, 0, b"Q"), "not one"),
    "another version": (lambda data: patched(data, 8, b"\x02"), "another version"),
    "another header size": (lambda data: patched(data, 12, b"\x00\x20"), "another version"),
    "a byte in the unused header": (lambda data: patched(data, 4095, b"\x01"), "unused part"),
    "a byte between sections": (lambda data: patched(data, place_of(data, 1) - 1, b"\x01"), "between sections|DER"),
    "sections swapped": (lambda data: patched(data, 16, data[32:48] + data[16:32]), "between sections"),
    "an empty section": (lambda data: patched(data, 40, bytes(8)), "out of place"),
    "an unaligned section": (lambda data: patched(data, 32, struct.pack("<Q", place_of(data, 1) + 1)), "out of place"),
    "a bit of a leaf": (lambda data: patched(data, place_of(data, 1), bytes([data[place_of(data, 1)] ^ 1])), "not its leaf's"),
    "a bit of the payload": (lambda data: patched(data, place_of(data, 2) + 99, bytes([data[place_of(data, 2) + 99] ^ 1])),
                             "not its leaf's"),
}


@pytest.mark.parametrize("name", FILES)
def test_altered_file(name, package, anchors):
    """Each for its own reason."""
    change, reason = FILES[name]
    with pytest.raises(Refused, match=reason):
        Package(change(package.read_bytes()), anchors.oem, now())


def test_segments_may_not_change_places(large, anchors):
    """Neither alone nor with their leaves."""
    data = large[0].read_bytes()
    leaves, payload = place_of(data, 1), place_of(data, 2)
    size = 1 << 20
    segments = patched(data, payload, data[payload + size:payload + 2 * size] + data[payload:payload + size])
    with pytest.raises(Refused, match="not its leaf's"):
        Package(segments, anchors.oem, now())
    both = patched(segments, leaves, data[leaves + 32:leaves + 64] + data[leaves:leaves + 32])
    with pytest.raises(Refused, match="leaves of another tree"):
        Package(both, anchors.oem, now())


def test_altered_manifest(package, anchors):
    """A bit here and there over its whole length."""
    data = package.read_bytes()
    begin, size = place_of(data, 0), len(sections(data)[0])
    for place in range(begin, begin + size, size // 60):
        with pytest.raises(Refused):
            Package(patched(data, place, bytes([data[place] ^ 1])), anchors.oem, now())


# ---- The signature as a structure ----

def rebuild(data, change):
    """A manifest with its SignedData changed by asn1crypto and put into the file again."""
    outer = signed.content_info(signed.SignedData).load(sections(data)[0])
    change(outer["content"])
    manifest = outer.dump(force=True)
    leaves, payload = sections(data)[1:]
    places, end = [], 4096
    for section in (manifest, leaves, payload):
        begin = -(-end // 4096) * 4096
        places += [begin, len(section)]
        end = begin + len(section)
    out = bytearray(end)
    struct.pack_into("<8sII6Q", out, 0, b"PROVPKG\n", 1, 4096, *places)
    for section, begin in zip((manifest, leaves, payload), places[::2]):
        out[begin:begin + len(section)] = section
    return bytes(out)


def only(field, keep):
    """Drop all but some items of a set."""
    def change(signed_data):
        items = list(signed_data[field])
        signed_data[field] = type(signed_data[field])([items[number] for number in keep])
    return change


def version_one(signed_data):
    """Another version."""
    signed_data["version"] = 1


def another_content_type(signed_data):
    """A grant, it says."""
    signed_data["content"]["content_type"] = asn1.CT_GRANT


STRUCTURES = {
    "one signature": (only("signer_infos", [0]), "belongs to no signer"),
    "the other signature": (only("signer_infos", [1]), "belongs to no signer"),
    "the same signature twice": (only("signer_infos", [0, 0]), "belongs to no signer"),
    "no signature": (only("signer_infos", []), "no signer"),
    "no certificates": (only("certificates", []), "without its certificate"),
    "another version": (version_one, "another version"),
    "another content type": (another_content_type, "another kind"),
}


def test_rebuilding_alone_changes_nothing(package, anchors):
    """So the refusals below are of the change."""
    assert Package(rebuild(package.read_bytes(), lambda signed_data: None), anchors.oem, now()).package_id


@pytest.mark.parametrize("name", STRUCTURES)
def test_altered_structure(name, package, anchors):
    """What stock openssl may accept, formats.rst does not."""
    change, reason = STRUCTURES[name]
    with pytest.raises(Refused, match=reason):
        Package(rebuild(package.read_bytes(), change), anchors.oem, now())


def test_signers_in_another_order(package, anchors):
    """asn1crypto would sort them again, so the bytes change places."""
    data = package.read_bytes()
    signed_data = signed.content_info(signed.SignedData).load(sections(data)[0])["content"]
    first, second = (info.dump() for info in signed_data["signer_infos"])
    with pytest.raises(Refused, match="out of order"):
        Package(data.replace(first + second, second + first), anchors.oem, now())


# ---- DER ----

LENIENT = {
    "a long length": b"\x30\x81\x03\x02\x01\x01",
    "indefinite length": b"\x30\x80\x02\x01\x01\x00\x00",
    "a needless zero": b"\x02\x02\x00\x01",
    "a boolean of 1": b"\x01\x01\x01",
    "a constructed string": b"\x24\x05\x04\x03abc",
    "something behind": b"\x02\x01\x01\x00",
    "unsorted set": b"\x31\x06\x02\x01\x02\x02\x01\x01",
    "cut": b"\x30\x04\x02\x01\x01",
    "padding in an OID": b"\x06\x03\x2a\x80\x01",
    "bits that are not zero": b"\x03\x02\x01\x01",
    "a primitive sequence": b"\x10\x00",
    "nothing": b"",
    "deep": b"".join(b"\x30\x84" + struct.pack(">I", 6 * depth) for depth in range(99, -1, -1)),
}


@pytest.mark.parametrize("name", LENIENT)
def test_what_is_not_der(name):
    """Each form that X.690 section 10 forbids."""
    with pytest.raises(Refused, match="DER"):
        der.check(LENIENT[name])


def test_limits_of_the_module(package):
    """A field too many, a wrong size, a value out of range, a name that is none."""
    manifest = signed.read_signed(sections(package.read_bytes())[0], asn1.CT_MANIFEST).content
    core_der = asn1.read(asn1.Manifest, manifest)["core"].dump()
    asn1.read(asn1.ManifestCore, core_der)
    grown = core.Sequence.load(core_der).contents + b"\x05\x00"
    with pytest.raises(Refused, match="ManifestCore"):
        asn1.read(asn1.ManifestCore, core.Sequence(contents=grown).dump())
    window = lambda *numbers: asn1.Window(dict(zip(("not_before", "not_after"), numbers))).dump()
    asn1.read(asn1.Window, window(0, 2 ** 63 - 1))
    for numbers in ((-1, 0), (0, 2 ** 63)):
        with pytest.raises(Refused, match="Seconds out of range"):
            asn1.read(asn1.Window, window(*numbers))
    for text in ("", "x" * 64, "a\nb", "a\x85b"):
        with pytest.raises(Refused, match="a name"):
            asn1.read(asn1.Name, asn1.Name(text).dump())
    with pytest.raises(Refused, match="Digest of 31"):
        asn1.read(asn1.Digest, asn1.Digest(bytes(31)).dump())


# ---- Foreign vectors ----

def vectors(folder):
    """A folder of published vectors, or a skipped test."""
    path = pathlib.Path(os.environ.get("PROVCARD_VECTORS") or "/nowhere") / folder
    if not path.is_dir():
        pytest.skip("the published vectors are not there")
    return path


@pytest.mark.parametrize("name, size", [("go_GCM256_IV256_64", 64), ("java_GCM256_IV256_4K", 4096), ("rust_GCM256_IV256_64", 64),
                                        ("java_lastSegAligned", 40), ("java_lastSegEmpty", 40), ("cpp_GCM256_IV256_4K", 4096)])
def test_floe_against_its_vectors(name, size):
    """Key of zeros, associated data as published."""
    folder = vectors("floe")
    data = bytes.fromhex((folder / f"{name}_ct.txt").read_text().strip())
    reader = floe.Reader(bytes(32), b"This is AAD", data[:74], size)
    body = [data[place:place + size] for place in range(74, len(data), size)]
    plain = b"".join(reader.segment(number, number == len(body) - 1, segment) for number, segment in enumerate(body))
    assert plain == bytes.fromhex((folder / f"{name}_pt.txt").read_text().strip())
    for wrong in (lambda: reader.segment(1, False, body[0]), lambda: reader.segment(0, True, body[0]),
                  lambda: floe.Reader(bytes(32), b"another", data[:74], size)):
        with pytest.raises(Refused, match="FLOE"):
            wrong()
