"""Images from a server on the loopback interface that misbehaves on request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cnnxfer import __version__
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import InputOptions, find_images, web
from cnnxfer.prediction.inputs.web import fetch

CONTENT = bytes(range(256)) * 160  # 40,960 bytes
PATIENCE_SECONDS = 30


class Handler(BaseHTTPRequestHandler):
    """A server whose answer depends on the first part of the path."""

    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        path = self.path.removeprefix("http://public.invalid")  # if we are a proxy
        _, name, *rest = path.split("/")
        getattr(self, "answer_" + name)("/".join(rest))

    def answer_whole(self, rest: str) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT)

    def answer_unsized(self, rest: str) -> None:
        self.start(None)
        self.wfile.write(CONTENT)

    def answer_short(self, rest: str) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT[:1024])

    def answer_broken(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"100000\r\n" + CONTENT)

    def answer_announced(self, rest: str) -> None:
        self.start(10**15)

    def answer_endless(self, rest: str) -> None:
        self.start(None)
        while True:
            self.wfile.write(CONTENT)

    def answer_silent(self, rest: str) -> None:
        self.server.go_on.wait(PATIENCE_SECONDS)

    def answer_stalled(self, rest: str) -> None:
        self.answer_short(rest)
        self.wfile.flush()
        self.server.go_on.wait(PATIENCE_SECONDS)

    def answer_slow(self, rest: str) -> None:
        """Sends a byte now and then, in the body or in the headers, and never ends."""
        if rest == "body":
            self.start(len(CONTENT))
        else:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while not self.server.go_on.wait(0.02):
            self.wfile.write(b"x")
            self.wfile.flush()

    def answer_status(self, rest: str) -> None:
        self.send_response(int(rest), "\x1b[31mown words")
        self.end_headers()

    def answer_to(self, rest: str) -> None:
        """Redirects to the rest of the path."""
        self.send_response(302)
        self.send_header("Location", rest)
        self.end_headers()
        self.wfile.write(CONTENT)

    def answer_again(self, rest: str) -> None:
        left = int(rest)
        self.answer_to(f"/again/{left - 1}" if left > 1 else "/whole")

    def answer_nonsense(self, rest: str) -> None:
        self.wfile.write(b"\x1b[31mnonsense\r\n\r\n")

    def start(self, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.go_on = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away in the middle are what these tests are about


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        # The argument is how often, in seconds, it looks if it is to shut down.
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server
        server.go_on.set()
        server.shutdown()


def reason(url: str, **options: bool) -> str:
    with pytest.raises(DataError) as caught:
        fetch(url, **{"allow_private": True, **options})
    return str(caught.value)


@pytest.mark.parametrize(
    "path", ["whole", "unsized", "again/5", "whole/a b/\u00e4.jpg"]
)
def test_a_complete_image_is_downloaded(path: str, server: Server) -> None:
    assert fetch(server.url(path), allow_private=True) == CONTENT
    assert server.requests[0][1]["User-Agent"] == f"cnnxfer/{__version__}"


def test_addresses_are_percent_encoded(server: Server) -> None:
    fetch(server.url("whole/a b/\u00e4%20\udcff?q=1&r#part"), allow_private=True)
    assert server.requests[0][0] == "/whole/a%20b/%C3%A4%20%FF?q=1&r"
    fetch(server.url("to//whole/\u00fc"), allow_private=True)
    assert server.requests[-1][0] == "/whole/%C3%BC"


def test_host_names_are_encoded_in_punycode(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to_loopback(monkeypatch)
    fetch(f"http://M\u00fcnchen.invalid:{server.server_port}/whole", allow_private=True)
    host = server.requests[0][1]["Host"]
    assert host == f"xn--mnchen-3ya.invalid:{server.server_port}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("short", "truncated download: 1,024 of 40,960 bytes"),
        ("broken", "truncated download"),
        ("status/404", "HTTP 404 Not Found"),
        ("status/500", "HTTP 500 Internal Server Error"),
        ("status/799", "HTTP 799"),
        ("status/302", "HTTP 302 Found"),  # without saying where to
        ("again/6", "too many redirects: over 5, the limit"),
        ("to/ftp://host/a.jpg", "redirect refused: to ftp; expected http or https"),
        ("to/file:///etc/passwd", "redirect refused: to file; expected http or https"),
        ("announced", "too large: over 100.0 MB, the limit"),
        ("nonsense", "broken connection: BadStatusLine"),
    ],
)
def test_the_reason_is_the_error_of_the_server(
    path: str, expected: str, server: Server
) -> None:
    assert reason(server.url(path)) == expected


def test_the_size_limit_applies_to_the_received_bytes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MAX_BYTES", 1_000_000)
    assert reason(server.url("endless")) == "too large: over 1.0 MB, the limit"
    monkeypatch.setattr(web, "MAX_BYTES", len(CONTENT))
    assert fetch(server.url("unsized"), allow_private=True) == CONTENT


@pytest.mark.parametrize("path", ["silent", "stalled"])
def test_a_server_that_stops_sending_times_out(
    path: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "IDLE_TIMEOUT_SECONDS", 0.1)
    assert reason(server.url(path)) == "timeout: no answer for 0.1 seconds"


@pytest.mark.parametrize("path", ["slow/body", "slow/headers", "to//slow/body"])
def test_a_server_that_sends_too_slowly_times_out(
    path: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TOTAL_TIMEOUT_SECONDS", 0.3)
    assert reason(server.url(path)) == "timeout: not whole after 0.3 seconds"


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
    "host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:7f00:1]"]
)
def test_private_addresses_are_refused(host: str, server: Server) -> None:
    url = f"http://{host}:{server.server_port}/whole"
    found = reason(url, allow_private=False)
    if "unreachable" not in found or host in ("127.0.0.1", "localhost"):
        assert found.startswith("private address: ")
        assert found.endswith("; allow it with --allow-private")
    assert server.requests == []


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.0.1", "127.9.9.9", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
        *("::1", "fe80::1%2", "fd00::1", "::ffff:10.0.0.1", "::", "ff02::1"),
        *("fec0::1", "feff::1", "::10.0.0.1", "::7f00:1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1"),
    ],
)
def test_private_address_ranges_are_refused(address: str) -> None:
    with pytest.raises(DataError, match="private address"):
        web._refuse_private(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
        "2002:808:808::1",
    ],
)
def test_public_addresses_are_allowed(address: str) -> None:
    web._refuse_private(address)


def test_a_redirect_to_a_private_address_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = [True, True]  # the name of the first, and what it is connected to
    real = web._refuse_private
    monkeypatch.setattr(
        web,
        "_refuse_private",
        lambda text: None if public and public.pop() else real(text),
    )
    found = reason(server.url(f"to/{server.url('whole')}"), allow_private=False)
    assert found.startswith("private address: 127.0.0.1")
    assert [path for path, _ in server.requests] == [f"/to/{server.url('whole')}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_address_that_is_connected_to_is_checked(
    scheme: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to_loopback(monkeypatch, after=1)
    url = f"{scheme}://public.invalid:{server.server_port}/whole"
    assert reason(url, allow_private=False).startswith("private address: 127.0.0.1")
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
        assert reason(url, allow_private=False).startswith("private address: ")
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_proxy_may_be_private_but_not_its_targets(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url(""))
    # The proxy knows this name, and we do not.
    assert fetch("http://public.invalid/whole") == CONTENT
    for url in ("http://127.0.0.1/whole", "http://localhost/whole"):
        assert reason(url, allow_private=False).startswith("private address: ")
    assert len(server.requests) == 1


def test_a_server_without_tls_is_unreachable_by_https(server: Server) -> None:
    url = server.url("whole").replace("http:", "https:")
    assert reason(url).startswith("unreachable: ")


def test_addresses_can_be_mixed_with_files(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a")
    urls = [server.url("whole"), server.url("status/404").replace("http:", "HTTP:")]
    sources = list(find_images([urls[0], str(path), urls[1]]))
    assert [source.name for source in sources] == [urls[0], str(path), urls[1]]
    assert [source.here for source in sources] == [True, False, True]
    assert server.requests == []  # not before they are asked for
    with pytest.raises(DataError, match="private address"):
        sources[0].read()
    open_sources = list(find_images(urls, InputOptions(allow_private=True)))
    assert open_sources[0].read() == CONTENT
    with pytest.raises(DataError, match=r"^HTTP 404 Not Found$"):
        open_sources[1].read()


def test_several_threads_can_download(server: Server) -> None:
    urls = [server.url(f"whole/{number}") for number in range(64)]
    sources = find_images(urls, InputOptions(allow_private=True))
    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(lambda source: source.read(), sources))
    assert contents == [CONTENT] * 64
