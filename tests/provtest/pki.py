# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys and certificates of a demonstration, all made by stock openssl: card maker, security officer, operators, OEMs."""
import pathlib
import subprocess

CLASSICAL = "EC:P-384"
POST_QUANTUM = "ML-DSA-65"
POST_QUANTUM_5 = "ML-DSA-87"  # of category 5: the card maker's, and for packages of suite 2
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
SIGNER = ("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
          "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")


def openssl(*arguments, stdin=None):
    """Run stock openssl; its output."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def make_key(path, kind=CLASSICAL):
    """A private key in a file nobody else may read."""
    algorithm, _, curve = kind.partition(":")
    options = ["-pkeyopt", f"group:{curve}"] if curve else []
    openssl("genpkey", "-algorithm", algorithm, *options, "-out", path)
    path.chmod(0o600)
    return path


class Authority:
    """A root with its key in a folder."""

    def __init__(self, folder, name, kind=CLASSICAL, subject=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = make_key(self.folder / f"{name}.key", kind)
        self.certificate = self.folder / f"{name}.pem"
        self._extensions = self.folder / f"{name}.ext"
        openssl("req", "-x509", "-new", "-key", self.key, "-days", 7300, "-subj", subject or f"/O=Demonstration/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-out", self.certificate)

    def sign(self, request, output, extensions=None, days=3650, not_before=None, not_after=None):
        """Certify a request (PEM bytes). Without extensions, those that the request asks for are copied."""
        when = ["-days", days] if not_after is None else ["-not_before", not_before, "-not_after", not_after]
        if extensions is None:
            how = ["-copy_extensions", "copyall"]
        else:
            self._extensions.write_text(extensions)
            how = ["-extfile", self._extensions]
        text = openssl("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, *when, *how, stdin=request)
        pathlib.Path(output).write_bytes(text)
        return pathlib.Path(output)

    def issue(self, name, subject, kind=CLASSICAL, extensions=SIGNER, **options):
        """A new key and its certificate: (key, certificate)."""
        key = make_key(self.folder / f"{name}.key", kind)
        request = openssl("req", "-new", "-key", key, "-subj", subject)
        return key, self.sign(request, self.folder / f"{name}.pem", extensions, **options)


class Person:
    """A self-signed key of an officer, operator or auditor."""

    def __init__(self, folder, name, kind=CLASSICAL):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.key = make_key(folder / f"{name}.key", kind)
        self.certificate = folder / f"{name}.pem"
        openssl("req", "-x509", "-new", "-key", self.key, "-days", 3650, "-subj", f"/O=Programming house/CN={name}",
                "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
                "-out", self.certificate)


def split_pem(text, label):
    """The blocks of one kind in a PEM text."""
    begin, end = f"-----BEGIN {label}-----", f"-----END {label}-----"
    return [begin + part.split(end)[0] + end + "\n" for part in text.split(begin)[1:]]


class Maker:
    """The card maker: certifies a card's two identity keys, each by a root of its own family."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.classical = Authority(folder, "maker-classical", CLASSICAL, "/O=Card maker/CN=Card maker root (P-384)")
        self.pq = Authority(folder, "maker-pq", POST_QUANTUM_5, "/O=Card maker/CN=Card maker root (ML-DSA-87)")
        self.anchors = self.folder / "maker-anchors.pem"
        self.anchors.write_text(self.classical.certificate.read_text() + self.pq.certificate.read_text())

    def certify(self, requests, output):
        """Answer `provcard csr --identity`: both identity certificates in one PEM file."""
        classical, pq = split_pem(requests, "CERTIFICATE REQUEST")
        parts = [self.classical.sign(classical.encode(), self.folder / "identity-classical.pem"),
                 self.pq.sign(pq.encode(), self.folder / "identity-pq.pem")]
        pathlib.Path(output).write_text("".join(part.read_text() for part in parts))
        return pathlib.Path(output)


class Oem:
    """An OEM: signing certificates of one subject, two for suite 1, one for suite 2, each with its root; a CA for its devices."""

    def __init__(self, folder, name="Example Devices", **validity):
        self.folder, self.name = pathlib.Path(folder), name
        subject = f"/O={name}/CN={name} package signer"
        self.classical_root = Authority(folder, "oem-root-classical", CLASSICAL, f"/O={name}/CN={name} root (P-384)")
        self.pq_root = Authority(folder, "oem-root-pq", POST_QUANTUM, f"/O={name}/CN={name} root (ML-DSA-65)")
        self.key, self.certificate = self.classical_root.issue("signer-classical", subject, CLASSICAL, **validity)
        self.pq_key, self.pq_certificate = self.pq_root.issue("signer-pq", subject, POST_QUANTUM, **validity)
        self.pq_87_root = Authority(folder, "oem-root-pq-87", POST_QUANTUM_5, f"/O={name}/CN={name} root (ML-DSA-87)")
        self.pq_87_key, self.pq_87_certificate = self.pq_87_root.issue("signer-pq-87", subject, POST_QUANTUM_5, **validity)
        self.device_root = Authority(folder, "device-root", CLASSICAL, f"/O={name}/CN={name} device root")
        self.anchors = self.folder / "oem-anchors.pem"
        roots = (self.classical_root, self.pq_root, self.pq_87_root)
        self.anchors.write_text("".join(root.certificate.read_text() for root in roots))

    def certify_issuer(self, request, output):
        """Answer `provcard csr --issuer`: the certificate of a card's issuing key."""
        return self.device_root.sign(request.encode(), output)

    def certify_other_ca(self, name="line-ca", kind="EC:P-256"):
        """A CA below the device root with its own key, as a third party runs one: (key, certificate)."""
        extensions = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        return self.device_root.issue(name, f"/O={self.name}/CN={self.name} {name}", kind, extensions + "authorityKeyIdentifier=keyid\n")

    def make_escrow(self, folder=None):
        """The OEM's encryption keys for what is returned: [(key, certificate)], P-384 and ML-KEM-768."""
        folder = pathlib.Path(folder or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        return [escrow_pair(folder, "escrow-agreement", CLASSICAL, "keyAgreement", self.classical_root),
                escrow_pair(folder, "escrow-kem", "ML-KEM-768", "keyEncipherment", self.pq_root)]


def escrow_pair(folder, name, kind, usage, authority):
    """A key that cannot sign has no request: its public half is certified as it is."""
    key, certificate, public = make_key(folder / f"{name}.key", kind), folder / f"{name}.pem", folder / f"{name}.pub"
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"keyUsage=critical,{usage}\nsubjectKeyIdentifier=hash\n")
    openssl("x509", "-new", "-force_pubkey", public, "-subj", f"/CN={name}", "-CA", authority.certificate, "-CAkey", authority.key,
            "-days", 3650, "-extfile", extensions, "-out", certificate)
    return key, certificate
