"""Certificates of a lab: its CA, servers, clients, and the key that signs service account tokens.

ECDSA on P-256: a key and a certificate cost well under a millisecond.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Flag, auto
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_YEARS: Final = 10
LEAF_YEARS: Final = 5
SKEW: Final = timedelta(hours=1)
"""Certificates are valid from a little earlier: clocks differ."""


class Usage(Flag):
    """What a certificate is for."""

    SERVER = auto()
    CLIENT = auto()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key as PEM files (0644 and 0600)."""

    cert: Path
    key: Path

    @staticmethod
    def at(directory: Path, name: str) -> "KeyPair":
        """``NAME.crt`` and ``NAME.key``."""
        return KeyPair(directory / f"{name}.crt", directory / f"{name}.key")

    @property
    def exists(self) -> bool:
        """Whether both files are there."""
        return self.cert.exists() and self.key.exists()


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names: the user and the groups, and for servers where they answer.

    sans: DNS names and literal addresses, told apart by their form.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    sans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA that signs, kept in ``files``."""

    files: KeyPair
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create_ca(directory: Path, name: str = "ca", common_name: str = "podwire-ca") -> CertificateAuthority:
    """The CA in ``directory``, made when it is not there yet."""
    files = KeyPair.at(directory, name)
    if files.exists:
        return load_ca(files)
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(Subject(common_name))
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key.public_key(), CA_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(public, critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files, certificate, key)
    return CertificateAuthority(files, certificate, key)


def load_ca(files: KeyPair) -> CertificateAuthority:
    """A CA that was made before."""
    certificate = x509.load_pem_x509_certificate(files.cert.read_bytes())
    return CertificateAuthority(files, certificate, _load_key(files.key))


def issue(ca: CertificateAuthority, directory: Path, name: str, subject: Subject, usage: Usage) -> KeyPair:
    """A new certificate signed by ``ca``, as ``NAME.crt`` and ``NAME.key`` in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = []
    if Usage.SERVER in usage:
        wanted.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if Usage.CLIENT in usage:
        wanted.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        _builder(_name(subject), ca.certificate.subject, key.public_key(), LEAF_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(wanted), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    )
    if subject.sans:
        names = x509.SubjectAlternativeName([_general_name(san) for san in subject.sans])
        builder = builder.add_extension(names, critical=False)
    files = KeyPair.at(directory, name)
    _write(files, builder.sign(ca.key, hashes.SHA256()), key)
    return files


def service_account_key(directory: Path, name: str = "sa") -> Path:
    """The PEM key that signs service account tokens, made when it is not there yet."""
    path = directory / f"{name}.key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(path, _pem(ec.generate_private_key(ec.SECP256R1())))
    return path


def _name(subject: Subject) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _general_name(san: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(san))
    except ValueError:
        return x509.DNSName(san)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, years: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=365 * years))
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(files: KeyPair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key first, the certificate last and in one step: where it is, both are whole."""
    files.cert.unlink(missing_ok=True)
    _write_private(files.key, _pem(key))
    part = files.cert.with_suffix(".part")
    part.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    part.chmod(0o644)
    part.rename(files.cert)


def _write_private(path: Path, content: bytes) -> None:
    """A file that was never readable by others, not even while it was written."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    part.rename(path)


def bundle(paths: Sequence[Path]) -> bytes:
    """Several PEM files as one, for kubeconfigs and trust stores."""
    return b"".join(path.read_bytes() for path in paths)
