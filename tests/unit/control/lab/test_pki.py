"""A lab's certificates."""

import ssl
import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from control.lab import pki


def certificate(pair: pki.KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.cert.read_bytes())


def test_a_serving_certificate_is_valid_for_its_names_and_addresses(tmp_path: Path) -> None:
    ca = pki.create_ca(tmp_path)
    subject = pki.Subject("kube-apiserver", (), ("kubernetes.default", "10.96.0.1", "fd00:10:96::1"))
    pair = pki.issue(ca, tmp_path, "apiserver", subject, pki.Usage.SERVER)

    builder = PolicyBuilder().store(Store([ca.certificate]))
    verifier = builder.build_server_verifier(x509.DNSName("kubernetes.default"))
    assert len(verifier.verify(certificate(pair), [])) == 2
    names = certificate(pair).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.96.0.1", "fd00:10:96::1"]


def test_a_client_certificate_names_user_and_groups_and_loads(tmp_path: Path) -> None:
    ca = pki.create_ca(tmp_path)
    pair = pki.issue(ca, tmp_path, "admin", pki.Subject("ann", ("a", "b")), pki.Usage.CLIENT)

    assert certificate(pair).subject.rfc4514_string() == "CN=ann,O=b,O=a"
    ssl.create_default_context(cafile=ca.files.cert).load_cert_chain(pair.cert, pair.key)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    ca = pki.create_ca(tmp_path)
    signing = pki.service_account_key(tmp_path)

    for path in (ca.files.key, signing):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ca.files.cert.stat().st_mode) == 0o644


def test_a_second_call_finds_what_the_first_made(tmp_path: Path) -> None:
    first = pki.create_ca(tmp_path)
    key = pki.service_account_key(tmp_path).read_bytes()

    assert pki.create_ca(tmp_path).certificate == first.certificate
    assert pki.service_account_key(tmp_path).read_bytes() == key
