# SPDX-License-Identifier: GPL-2.0-or-later
"""The structures of Documentation/asn1/provcard.asn1 in asn1crypto's terms, with the limits that asn1crypto does not know."""
import unicodedata

from asn1crypto import core, x509

from . import Refused, der, need

ARC = "2.25.164986415590780601343394135739266742624"
CT_MANIFEST, CT_GRANT, CT_REQUEST, CT_END_CERTIFICATE = (f"{ARC}.1.{number}" for number in range(1, 5))
CT_FIRMWARE = f"{ARC}.1.6"
CT_EVIDENCE = f"{ARC}.1.5"
ZERO = bytes(32)
WORD = 2 ** 32 - 1


# ---- Values with limits ----

class Number(core.Integer):
    """INTEGER (low..high)."""

    low, high = 0, 2 ** 64 - 1

    def check(self):
        """Refuse what is out of range."""
        need(self.low <= self.native <= self.high, f"{type(self).__name__} out of range: {self.native}")


class Octets(core.OctetString):
    """OCTET STRING (SIZE (low..high))."""

    low, high = 0, None

    def check(self):
        """Refuse a wrong size."""
        size = len(self.contents)
        need(self.low <= size and (self.high is None or size <= self.high), f"{type(self).__name__} of {size} bytes")


class Name(core.UTF8String):
    """Text of 1 to 63 bytes without control characters."""

    high = 63

    def check(self):
        """Refuse what is no name."""
        need(1 <= len(self.contents) <= self.high, f"a name of {len(self.contents)} bytes")
        try:
            text = self.contents.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("a name that is not UTF-8") from error
        need(not any(unicodedata.category(character) == "Cc" for character in text), "a name with control characters")


class List(core.SequenceOf):
    """SEQUENCE SIZE (low..high) OF."""

    low, high = 0, None

    def check(self):
        """Refuse a wrong count."""
        need(self.low <= len(self) and (self.high is None or len(self) <= self.high), f"{type(self).__name__} of {len(self)}")


def limited(base, name, low, high):
    """A type with limits."""
    return type(name, (base,), {"low": low, "high": high})


def sequence_of(spec, low=0, high=None):
    """SEQUENCE SIZE (low..high) OF spec."""
    return type(f"{spec.__name__}List", (List,), {"_child_spec": spec, "low": low, "high": high})


Version = limited(Number, "Version", 1, 1)
Count = limited(Number, "Count", 0, 2 ** 64 - 1)
PositiveCount = limited(Number, "PositiveCount", 1, 2 ** 64 - 1)
Word = limited(Number, "Word", 0, WORD)
PositiveWord = limited(Number, "PositiveWord", 1, WORD)
Seconds = limited(Number, "Seconds", 0, 2 ** 63 - 1)
Digest = limited(Octets, "Digest", 32, 32)
CardId = limited(Octets, "CardId", 32, 32)
PackageId = limited(Octets, "PackageId", 16, 16)
SecurityVersion = limited(Number, "SecurityVersion", 1, 1023)
PartName = type("PartName", (Name,), {"high": 31})
Certificates = sequence_of(x509.Certificate)


# ---- Statements ----

class Initialise(core.Sequence):
    """Arguments of operation 1."""

    _fields = [("officer_name", Name), ("officer", x509.Certificate), ("identity_classical", x509.Certificate),
               ("identity_pq", x509.Certificate), ("chain", sequence_of(x509.Certificate, 0, 16))]


class Enrol(core.Sequence):
    """Arguments of operation 2."""

    _fields = [("role", limited(Number, "Role", 1, 5)), ("name", Name), ("certificates", sequence_of(x509.Certificate, 1, 16))]


class Allocate(core.Sequence):
    """Arguments of operation 3."""

    _fields = [("package_id", PackageId), ("count", PositiveCount)]


class Close(core.Sequence):
    """Arguments of operation 4."""

    _fields = [("package_id", PackageId)]


class Zeroise(core.Sequence):
    """Arguments of operation 5."""

    _fields = []


class Remove(core.Sequence):
    """Arguments of operation 6."""

    _fields = [("name", Name)]


class Policy(core.Sequence):
    """Arguments of operation 7."""

    _fields = [("officers", limited(Number, "Officers", 1, 16)), ("failures", limited(Number, "Failures", 0, 255))]


class Unlock(core.Sequence):
    """Arguments of operation 8."""

    _fields = [("name", Name)]


class Audit(core.Sequence):
    """Arguments of operation 9."""

    _fields = [("size", PositiveCount), ("root", Digest), ("package_id", PackageId, {"optional": True})]


class ActivateFirmware(core.Sequence):
    """Arguments of operation 12."""

    _fields = [("digest", Digest), ("security_version", SecurityVersion)]


class SetState(core.Sequence):
    """Arguments of operation 10."""

    _fields = [("state", limited(Number, "State", 0, 6))]


class SetTime(core.Sequence):
    """Arguments of operation 11."""

    _fields = [("time", limited(Number, "Time", 1, 2 ** 63 - 1))]


OPERATIONS = {1: Initialise, 2: Enrol, 3: Allocate, 4: Close, 5: Zeroise, 6: Remove, 7: Policy, 8: Unlock, 9: Audit,
              10: SetState, 11: SetTime, 12: ActivateFirmware}


class Request(core.Sequence):
    """A privileged operation; its arguments are read by operation."""

    _fields = [("version", Version), ("operation", limited(Number, "Operation", 1, 12)), ("card_id", CardId),
               ("nonce", limited(Octets, "Nonce", 32, 32)), ("arguments", core.Any)]


class Counters(core.Sequence):
    """Of a job."""

    _fields = [("good", Count), ("scrap", Count), ("reserved", Count), ("allocated", Count)]


class JobPart(core.Sequence):
    """What a record says of a job."""

    _fields = [("package_id", PackageId), ("before", Counters), ("after", Counters)]


class UnitPart(core.Sequence):
    """What a record says of a part."""

    _fields = [("head", Word), ("uid", limited(Octets, "Uid", 0, 16)), ("part", PartName, {"optional": True}),
               ("certificate", Digest), ("locked", core.Boolean), ("proof", limited(Number, "Proof", 0, 2))]


class Record(core.Sequence):
    """A leaf of the log."""

    _fields = [("version", Version), ("index", Count), ("previous", Digest), ("boot", Word), ("time", Seconds),
               ("authenticated", core.Boolean), ("event", limited(Number, "Event", 1, 23)),
               ("code", limited(Number, "Code", 0, 32767)), ("actor", Name, {"optional": True}), ("attachment", Digest),
               ("job", JobPart, {"implicit": 0, "optional": True}), ("unit", UnitPart, {"implicit": 1, "optional": True})]


(BOOT, INITIALISED, ENROLLED, LOADED, ALLOCATED, GOOD, SCRAP, UNIT_REFUSED, CLOSED, ZEROISED, REQUEST_REFUSED,
 GRANTED) = range(1, 13)
REMOVED, POLICY, LOCKED_OUT, UNLOCKED, AUDITED = range(13, 18)
FIRMWARE_STORED, FIRMWARE_ACTIVATED, FIRMWARE_CONFIRMED = range(21, 24)
STATE_CHANGED, TIME_SET, TAMPERED = range(18, 21)


class EndCertificate(core.Sequence):
    """The card's statement on a finished job."""

    _fields = [("version", Version), ("card_id", CardId), ("package_id", PackageId), ("product", Name), ("oem", Name),
               ("granted", Count), ("granted_good", Count), ("granted_scrap", Count), ("good", Count), ("scrap", Count),
               ("unused", Count), ("first_index", Count), ("last_index", Count), ("records", Count), ("log_size", Count),
               ("log_root", Digest), ("certificates_root", Digest), ("closed_at", Seconds)]


class RunningFirmware(core.Sequence):
    """As the boot stage measured it."""

    _fields = [("version", Name), ("digest", Digest), ("security_version", Word)]


class CardCounters(core.Sequence):
    """Of the whole card."""

    _fields = [("jobs", Count), ("good", Count), ("scrap", Count), ("ledger_generation", Count), ("log_size", Count),
               ("log_root", Digest)]


class HeldKey(core.Sequence):
    """A private key that the card holds."""

    _fields = [("role", limited(Number, "KeyRole", 1, 5)), ("algorithm", PartName), ("owner", Name, {"implicit": 0, "optional": True}),
               ("digest", Digest)]


class Evidence(core.Sequence):
    """The card's statement on itself."""

    _fields = [("version", Version), ("nonce", limited(Octets, "Nonce", 32, 32)), ("card_id", CardId), ("serial", Name),
               ("firmware", RunningFirmware), ("state", limited(Number, "State", 0, 6)), ("boots", Word), ("time", Seconds),
               ("authenticated", core.Boolean), ("counters", CardCounters), ("keys", sequence_of(HeldKey, 0, 256))]


# ---- Packages ----

class Window(core.Sequence):
    """When."""

    _fields = [("not_before", Seconds), ("not_after", Seconds)]


class Extension(core.Sequence):
    """As in a certificate; the default of critical is never written."""

    _fields = [("extn_id", core.ObjectIdentifier), ("critical", core.Boolean, {"optional": True}), ("extn_value", core.OctetString)]

    def check(self):
        """DER of a default."""
        need(isinstance(self["critical"], core.Void) or self["critical"].native, "an extension with its default written out")


class Approval(core.Sequence):
    """So many people of a role must sign an operation."""

    _fields = [("operation", limited(Number, "ApprovedOperation", 3, 4)), ("role", limited(Number, "ApproverRole", 1, 3)),
               ("count", limited(Number, "ApproverCount", 1, 16))]


class ApprovalList(sequence_of(Approval, 1, 6)):
    """No operation and role twice."""

    def check(self):
        """Refuse repetitions."""
        super().check()
        said = [(item["operation"].native, item["role"].native) for item in self]
        need(len(set(said)) == len(said), "approvals of one role for one operation, twice")


class QuotaMember(core.Sequence):
    """Who may grant with others, by digests of certificates."""

    _fields = [("name", Name), ("signers", sequence_of(Digest, 1, 2))]


class QuotaAuthority(core.Sequence):
    """Who grants in the OEM's place."""

    _fields = [("threshold", limited(Number, "Threshold", 1, 16)), ("members", sequence_of(QuotaMember, 1, 16))]

    def check(self):
        """Members are distinct and enough."""
        names = [member["name"].native for member in self["members"]]
        signers = [digest.native for member in self["members"] for digest in member["signers"]]
        need(len(set(names)) == len(names) and len(set(signers)) == len(signers), "a member of a quota authority twice")
        need(self["threshold"].native <= len(names), "a quota authority that nobody can satisfy")


class ManifestCore(core.Sequence):
    """What the job key is bound to."""

    _fields = [("version", Version), ("suite", Word), ("package_id", PackageId), ("product", Name), ("security_version", Word),
               ("window", Window), ("segment_size", limited(Number, "SegmentSize", 1 << 20, 1 << 20)), ("payload_size", Count),
               ("segments", Count), ("template_digest", Digest, {"explicit": 0, "optional": True}),
               ("issuer_digest", Digest, {"explicit": 1, "optional": True}),
               ("extensions", sequence_of(Extension), {"explicit": 2, "optional": True}),
               ("approvals", ApprovalList, {"explicit": 3, "optional": True}),
               ("quota_authority", QuotaAuthority, {"explicit": 4, "optional": True})]


class Recipient(core.Sequence):
    """Which RecipientInfo is whose."""

    _fields = [("card_id", CardId), ("kem_key_id", core.OctetString), ("agreement_key_id", core.OctetString, {"optional": True})]


class Grant(core.Sequence):
    """How many units one card may make of one package."""

    _fields = [("version", Version), ("grant_id", limited(Octets, "GrantId", 16, 16)), ("card_id", CardId),
               ("package_id", PackageId), ("sequence", PositiveCount), ("ceiling_good", Word), ("ceiling_scrap", Word),
               ("window", Window), ("previous", Digest), ("termination", core.Boolean)]

    def check(self):
        """The first follows none, and only the first."""
        need((self["sequence"].native == 1) == (self["previous"].native == ZERO), "a grant's previous does not fit its sequence")


class Manifest(core.Sequence):
    """The signed part of a package."""

    _fields = [("core", ManifestCore), ("payload_header", limited(Octets, "FloeHeader", 74, 74)), ("payload_root", Digest),
               ("recipients", sequence_of(Recipient, 1, 4096)), ("kem_envelope", core.OctetString),
               ("agreement_envelope", core.OctetString, {"optional": True}), ("grants", sequence_of(Grant))]


DERIVED, RANDOM = 0, 1


class Image(core.Sequence):
    """One image and its place in the part."""

    _fields = [("name", Name), ("address", Word), ("offset", limited(Number, "Offset", 0, 2 ** 63 - 1)), ("size", PositiveWord),
               ("digest", Digest)]


class Identity(core.Sequence):
    """The device's own key and certificate."""

    _fields = [("algorithm", limited(Number, "Algorithm", 1, 5)), ("key_address", Word), ("certificate_address", Word),
               ("certificate_size", limited(Number, "CertificateSize", 5, WORD)), ("organisation", Name), ("common_name", Name),
               ("hardware_type", core.ObjectIdentifier)]


class LifecycleKey(core.Sequence):
    """A key of which each part gets its own: derived from a secret, or made by the card."""

    _fields = [("name", Name), ("address", Word), ("size", limited(Number, "KeySize", 16, 64)),
               ("mode", limited(Number, "Mode", DERIVED, RANDOM)), ("secret", limited(Octets, "Secret", 32, 32), {"optional": True}),
               ("returned", core.Boolean)]

    def check(self):
        """A secret exactly when it is derived; one that is random goes back to the OEM."""
        derived = self["mode"].native == DERIVED
        need(isinstance(self["secret"], core.Void) != derived, "a lifecycle key's mode and secret do not go together")
        need(derived or self["returned"].native, "a random lifecycle key that nobody gets")


class RotConfiguration(core.Sequence):
    """How a blank part becomes one with a root of trust."""

    _fields = [("version", Version), ("part", PartName), ("images", sequence_of(Image, 1, 16)),
               ("identity", Identity, {"explicit": 0, "optional": True}), ("lifecycles", sequence_of(LifecycleKey, 0, 8)),
               ("lock", limited(Number, "Lock", 0, 2)), ("responder_timeout", Word)]

    def check(self):
        """Names are unique within their list."""
        for field in ("images", "lifecycles"):
            names = [item["name"].native for item in self[field]]
            need(len(set(names)) == len(names), f"{field} with the same name twice")


class Contents(core.Sequence):
    """What stands before the images."""

    _fields = [("version", Version), ("rot", RotConfiguration), ("oem", x509.Certificate), ("issuers", Certificates),
               ("issuer_chain", Certificates), ("issuing_key", core.OctetString, {"implicit": 0, "optional": True}),
               ("escrow", sequence_of(x509.Certificate, 1, 2), {"implicit": 1, "optional": True})]


# ---- What is returned to the OEM ----

class EscrowFields(core.Sequence):
    """Both shares of a job's escrow key."""

    _fields = [("suite", Word), ("kem_key_id", core.OctetString), ("kem_envelope", core.OctetString),
               ("agreement_key_id", core.OctetString, {"implicit": 0, "optional": True}),
               ("agreement_envelope", core.OctetString, {"implicit": 1, "optional": True})]


class EscrowEnvelope(core.Choice):
    """Behind the grant that a job was loaded with."""

    _alternatives = [("fields", EscrowFields, {"implicit": 0})]


class SealedFields(core.Sequence):
    """AES-256-GCM, the tag behind the ciphertext."""

    _fields = [("charge", Count), ("nonce", limited(Octets, "Nonce", 12, 12)), ("ciphertext", limited(Octets, "Sealed", 17, 2064))]


class SealedSecrets(core.Choice):
    """Behind a unit's certificate."""

    _alternatives = [("fields", SealedFields, {"implicit": 0})]


class UnitSecret(core.Sequence):
    """One key."""

    _fields = [("name", Name), ("value", limited(Octets, "Value", 16, 64))]


UnitSecrets = sequence_of(UnitSecret, 1, 8)


# ---- Firmware ----

class FirmwareManifest(core.Sequence):
    """What a card's maker signs."""

    _fields = [("version", Version), ("board", PartName), ("release", PartName), ("security_version", SecurityVersion),
               ("size", limited(Number, "ImageSize", 1, 64 << 20)), ("sha256", Digest), ("sha384", limited(Octets, "Digest384", 48, 48))]


# ---- Reading ----

def walk(value):
    """Check a value and all below it."""
    if isinstance(value, core.Choice):
        return walk(value.chosen)
    if isinstance(value, (core.Sequence, core.Set)) and not isinstance(value, x509.Certificate):
        fields = value._fields  # asn1crypto has no public list of them, and lets a value have more
        need(len(value) == len(fields), f"{type(value).__name__}: a field too many")
        for field in fields:
            walk(value[field[0]])
    elif isinstance(value, (core.SequenceOf, core.SetOf)):
        for item in value:
            walk(item)
    elif not isinstance(value, (core.Any, x509.Certificate)):  # whose algorithms asn1crypto may not know
        need(value.native is not None or isinstance(value, core.Void), "a value without one")
    if hasattr(value, "check"):
        value.check()
    return None


def read(spec, data):
    """@data as a value of @spec, in DER and within every limit."""
    der.check(data)
    try:
        value = spec.load(bytes(data), strict=True)
        walk(value)
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"{spec.__name__}: {error}") from error
    return value


def read_request(data):
    """A Request and its arguments."""
    request = read(Request, data)
    need(request["operation"].native in OPERATIONS, "a request for an unknown operation")
    return request, read(OPERATIONS[request["operation"].native], request["arguments"].dump())
