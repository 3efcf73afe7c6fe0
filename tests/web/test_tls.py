"""Servers whose certificate is not in order, or that know no encryption."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from web_server import CONTENT, Server

from cnnxfer.errors import DataError
from cnnxfer.web import Limits, connections, open_url

LIMITS = Limits(100_000_000, 10.0, 60.0, allow_private=True)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("no_proxy")
Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers with certificates made for them; the client trusts them or not."""
    pytest.importorskip(
        "cryptography", reason="needs cryptography to make certificates"
    )
    servers: list[Server] = []

    def start(
        host: str = "127.0.0.1",
        begin: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
        *,
        trusted: bool = True,
    ) -> Server:
        path = tmp_path / "certificate.pem"
        path.write_bytes(certificate(host, begin, end))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        server = Server()
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        servers.append(server)
        if trusted:
            client = ssl.create_default_context(cafile=str(path))
            monkeypatch.setattr(connections, "_tls", lambda: client)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def certificate(host: str, begin: datetime, end: datetime) -> bytes:
    """Returns a private key and a certificate that it has signed itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    address = x509.IPAddress(ipaddress.ip_address(host))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + signed.public_bytes(serialization.Encoding.PEM)


def fetch(server: Server, path: str = "whole") -> bytes:
    url = server.url(path).replace("http:", "https:", 1)
    with open_url(url, LIMITS) as (_, pieces):
        return b"".join(pieces)


def reason(server: Server, path: str = "whole") -> str:
    with pytest.raises(DataError) as caught:
        fetch(server, path)
    return str(caught.value)


def test_a_certificate_in_order_is_trusted(serve: Serve) -> None:
    assert fetch(serve()) == CONTENT


def test_what_is_wrong_with_a_certificate_is_the_reason(serve: Serve) -> None:
    refused = "certificate refused: "
    assert reason(serve(begin=NOW - 2 * DAY, end=NOW - DAY)) == f"{refused}expired"
    assert reason(serve(begin=NOW + DAY, end=NOW + 2 * DAY)) == (
        f"{refused}not valid yet; is this machine's clock right?"
    )
    assert reason(serve(host="127.0.0.2")) == f"{refused}for another host"
    assert reason(serve(trusted=False)) == (
        f"{refused}of an unknown authority; if you trust it, name its file in "
        "SSL_CERT_FILE"
    )


def test_a_redirect_away_from_encryption_is_refused(
    serve: Serve, server: Server
) -> None:
    encrypted = serve()
    expected = "redirect refused: from https to http, which is not encrypted"
    assert reason(encrypted, f"to/{server.url('whole')}") == expected
    assert server.requests == []
    with open_url(
        server.url(f"to/https://127.0.0.1:{encrypted.server_port}/whole"), LIMITS
    ) as (_, pieces):
        assert b"".join(pieces) == CONTENT


def test_a_server_without_tls_is_unreachable_by_https(server: Server) -> None:
    assert reason(server) == (
        "unreachable: the server does not speak TLS; is it an http address?"
    )
