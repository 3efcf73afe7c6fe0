"""Files from a server on the loopback interface that misbehaves on request."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from web_server import CONTENT, Server

from cnnxfer import __version__
from cnnxfer.errors import DataError
from cnnxfer.web import Limits, addresses, open_url

LIMITS = Limits(100_000_000, 10.0, 60.0, allow_private=True)
PUBLIC = replace(LIMITS, allow_private=False)


pytestmark = pytest.mark.usefixtures("no_proxy")


def fetch(url: str, limits: Limits = LIMITS) -> bytes:
    with open_url(url, limits) as (_, pieces):
        return b"".join(pieces)


def reason(url: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(DataError) as caught:
        fetch(url, limits)
    return str(caught.value)


@pytest.mark.parametrize(
    "path", ["whole", "unsized", "again/5", "whole/a b/\u00e4.jpg"]
)
def test_a_complete_image_is_downloaded(path: str, server: Server) -> None:
    assert fetch(server.url(path)) == CONTENT
    assert server.requests[0][1]["User-Agent"] == f"cnnxfer/{__version__}"


def test_addresses_are_percent_encoded(server: Server) -> None:
    fetch(server.url("whole/a b/\u00e4%20\udcff?q=1&r#part"))
    assert server.requests[0][0] == "/whole/a%20b/%C3%A4%20%FF?q=1&r"
    fetch(server.url("to//whole/\u00fc"))
    assert server.requests[-1][0] == "/whole/%C3%BC"


def test_host_names_are_encoded_in_punycode(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to_loopback(monkeypatch)
    fetch(f"http://M\u00fcnchen.invalid:{server.server_port}/whole")
    host = server.requests[0][1]["Host"]
    assert host == f"xn--mnchen-3ya.invalid:{server.server_port}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("short", "truncated download: 262,144 of 524,288 bytes"),
        ("broken", "truncated download"),
        ("status/404", "HTTP 404 Not Found"),
        ("status/500", "HTTP 500 Internal Server Error"),
        ("status/799", "HTTP 799"),
        ("status/302", "HTTP 302 Found"),  # without saying where to
        ("again/6", "too many redirects: over 5, the limit"),
        ("to/ftp://host/a.jpg", "redirect refused: to ftp; expected http or https"),
        ("to/file:///etc/passwd", "redirect refused: to file; expected http or https"),
        ("announced", "too large: over 100.0 MB, the limit"),
        ("busy/9/503/never", "HTTP 503 Service Unavailable"),
        ("nonsense", "broken connection: BadStatusLine"),
    ],
)
def test_the_reason_is_the_error_of_the_server(
    path: str, expected: str, server: Server
) -> None:
    assert reason(server.url(path)) == expected


def test_the_size_limit_applies_to_the_received_bytes(server: Server) -> None:
    found = reason(server.url("endless"), replace(LIMITS, max_bytes=1_000_000))
    assert found == "too large: over 1.0 MB, the limit"
    limits = replace(LIMITS, max_bytes=len(CONTENT))
    assert fetch(server.url("unsized"), limits) == CONTENT


def test_the_announced_size_is_told(server: Server) -> None:
    with open_url(server.url("whole"), LIMITS) as (total, _):
        assert total == len(CONTENT)
    with open_url(server.url("unsized"), LIMITS) as (total, _):
        assert total is None


@pytest.mark.parametrize("path", ["silent", "stalled"])
def test_a_server_that_stops_sending_times_out(path: str, server: Server) -> None:
    found = reason(server.url(path), replace(LIMITS, idle_seconds=0.1))
    assert found == "timeout: no answer for 0.1 seconds"


@pytest.mark.parametrize("path", ["slow/body", "slow/headers", "to//slow/body"])
def test_a_server_that_sends_too_slowly_times_out(path: str, server: Server) -> None:
    found = reason(server.url(path), replace(LIMITS, total_seconds=0.3))
    assert found == "timeout: not whole after 0.3 seconds"


def test_a_refused_connection_is_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    found = reason(f"http://127.0.0.1:{port}/a.jpg")
    assert found == "unreachable: connection refused"


@pytest.mark.parametrize(
    "url", ["http://[::1/a.jpg", "http://host:port/", "http://a..\u00fc/", "http:///x"]
)
def test_an_invalid_address_is_the_reason(url: str) -> None:
    assert reason(url) in ("not a web address", "unreachable: no host given")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0x7f.1", "[::ffff:7f00:1]", "017700000001"),
        *("2130706433", "127.1", "\u2460\u2461\u2466.0.0.1", "127\u30020.0.1"),
    ],
)
def test_private_addresses_are_refused(host: str, server: Server) -> None:
    url = f"http://{host}:{server.server_port}/whole"
    found = reason(url, PUBLIC)
    if "unreachable" not in found or host in ("127.0.0.1", "localhost"):
        assert found.startswith("private address: ")
        assert found.endswith("; allow it with allow_private=True")
    assert server.requests == []


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.0.1", "127.9.9.9", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
        *("::1", "fe80::1%2", "fd00::1", "::ffff:10.0.0.1", "::", "ff02::1"),
        *("fec0::1", "feff::1", "::10.0.0.1", "::7f00:1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1"),
        # IPv4 translated, mapped twice over, by 6to4 and by ISATAP
        *("::ffff:0:10.0.0.1", "2002:7f00:1::", "2606:4700::5efe:10.0.0.1"),
        *("2606:4700::200:5efe:192.168.0.1", "fe80::5efe:8.8.8.8"),
        # NAT64 of a site, whatever it leads to; Teredo
        *("64:ff9b:1::1", "64:ff9b:1:808:8:800::", "2001::1", "2001:0:808:808::1"),
        # reserved: of this network, protocols, relays, benchmarks, documentation
        *("0.1.2.3", "192.0.0.1", "192.0.0.9", "192.88.99.1", "198.18.0.1"),
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "::ffff:198.19.0.1"),
        *("2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:20::1", "5f00::1"),
        *("4000::1", "::1:2:3:4", "fe80::1%eth0", "ff0e::1"),
    ],
)
def test_private_address_ranges_are_refused(address: str) -> None:
    with pytest.raises(DataError, match="private address"):
        addresses.refuse_private(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
        *("2002:808:808::1", "::ffff:0:8.8.8.8", "2606:4700::5efe:8.8.8.8"),
        *("2a00:1450:4001::200e", "9.9.9.9", "99.255.255.1", "172.32.0.1"),
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    addresses.refuse_private(address)


def test_a_redirect_to_a_private_address_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = [True, True]  # the name of the first, and what it is connected to
    real = addresses.refuse_private
    monkeypatch.setattr(
        addresses,
        "refuse_private",
        lambda text: None if public and public.pop() else real(text),
    )
    found = reason(server.url(f"to/{server.url('whole')}"), PUBLIC)
    assert found.startswith("private address: 127.0.0.1")
    assert [path for path, _ in server.requests] == [f"/to/{server.url('whole')}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_address_that_is_connected_to_is_checked(
    scheme: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to_loopback(monkeypatch, after=1)
    url = f"{scheme}://public.invalid:{server.server_port}/whole"
    assert reason(url, PUBLIC).startswith("private address: 127.0.0.1")
    assert server.requests == []


def resolve_to_loopback(monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    """Resolves every name to a public address at first, and to this machine later."""
    real = socket.getaddrinfo
    addresses = ["127.0.0.1", *["8.8.8.8"] * after]

    def getaddrinfo(host: str, *rest: object, **more: object) -> object:
        address = addresses.pop() if len(addresses) > 1 else addresses[0]
        return real(address, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_no_connection_is_opened_to_a_private_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.jpg"
        assert reason(url, PUBLIC).startswith("private address: ")
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_proxy_may_be_private_but_not_its_targets(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url(""))
    # The proxy knows this name, and we do not.
    assert fetch("http://public.invalid/whole", PUBLIC) == CONTENT
    for url in ("http://127.0.0.1/whole", "http://localhost/whole"):
        assert reason(url, PUBLIC).startswith("private address: ")
    assert len(server.requests) == 1


def test_what_is_wrong_with_a_proxy_is_said_of_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = f"127.0.0.1:{unused.getsockname()[1]}"
    open_ = f"127.0.0.1:{server.server_port}"
    for proxy, expected in (
        (f"http://me:secret@{closed}", f"proxy {closed}: connection refused"),
        (f"http://{open_}", f"proxy {open_}: HTTP 407 Proxy Authentication Required"),
        ("http://no.invalid:80", "proxy no.invalid:80: no host of this name"),
        (
            "socks5://127.0.0.1:1",
            "proxy of an unknown kind: socks5; expected http://HOST:PORT in "
            "https_proxy",
        ),
    ):
        monkeypatch.setenv("https_proxy", proxy)
        found = reason("https://public.invalid/whole")
        # Offline, no name can be looked up.
        assert found == expected or (".invalid" in proxy and "looked up" in found)


def test_a_name_without_a_host_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, expected in (
        (socket.EAI_NONAME, "unreachable: no host of this name"),
        (
            socket.EAI_AGAIN,
            "unreachable: names of hosts cannot be looked up; is this machine online?",
        ),
    ):
        error = socket.gaierror(number, "its own words")

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        assert reason("http://public.invalid/whole", PUBLIC) == expected
