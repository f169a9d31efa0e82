"""TLS is always verified, whatever the environment says: over real sockets."""

from __future__ import annotations

import ast
import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import flask_idverify
from flask_idverify.errors import VendorError, VendorUnavailable

from .egress import (
    ASKED,
    BOTH,
    MATRIX,
    PLATFORM_CALLS,
    Server,
    adapter_at,
    approved,
    serving,
)


def _certificate(folder: Path, address: str) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate that signs itself, for one address; return its server side and itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = folder / f"{address}.pem"
    public.write_bytes(made.public_bytes(pem))
    (folder / "both.pem").write_bytes(plain + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context, public


@pytest.mark.parametrize(("kind", "call"), MATRIX)
def test_a_certificate_that_nobody_trusts_ends_every_call_before_a_word_is_said(
    tmp_path: Path, kind: str, call: str
) -> None:
    context, _ = _certificate(tmp_path, "127.0.0.1")
    with serving(context) as untrusted, adapter_at(untrusted.url, kind) as adapter:
        with pytest.raises(VendorUnavailable, match="TLS"):
            PLATFORM_CALLS[call](adapter)
        assert untrusted.heard == []


@BOTH
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONHTTPSVERIFY"])
@pytest.mark.parametrize("value", ["", "0", "false"])
def test_no_variable_of_the_environment_switches_the_verification_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    context, _ = _certificate(tmp_path, "127.0.0.1")
    with serving(context) as untrusted, adapter_at(untrusted.url, kind) as adapter:
        with pytest.raises(VendorError):
            adapter.fetch(ASKED)
        assert untrusted.heard == []


@BOTH
def test_the_authorities_that_the_host_names_are_trusted_for_their_names_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    context, public = _certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    with serving(context) as trusted:
        trusted.answer = approved(kind, Server(url="https://evil.example"))
        with adapter_at(trusted.url, kind) as adapter:
            assert adapter.fetch(ASKED).status == "approved"
    other, public = _certificate(tmp_path, "127.0.0.9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    with serving(other) as wrong, adapter_at(wrong.url, kind) as adapter:
        with pytest.raises(VendorUnavailable, match="TLS"):
            adapter.fetch(ASKED)
        assert wrong.heard == []


def test_nobody_in_the_source_touches_the_verification() -> None:
    package = Path(flask_idverify.__file__).parent
    words = {"verify", "cert_reqs", "check_hostname", "verify_mode", "assert_hostname"}
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imported = ast.dump(ast.Module([n for n in tree.body if "Import" in type(n).__name__], []))
        if not any(name in imported for name in ("'requests'", "'ssl'", "'urllib3")):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg not in words, f"{path.name} passes {node.arg}="
            if isinstance(node, ast.Attribute):
                assert node.attr not in (*words, "_create_unverified_context", "CERT_NONE"), path
