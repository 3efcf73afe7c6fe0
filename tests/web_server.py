"""A server on the loopback interface that misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

CONTENT = bytes(range(256)) * 2048  # 512 KiB
HALF = len(CONTENT) // 2
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
        self.wfile.write(CONTENT[:HALF])

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
        """Sends one half, and the other once `go_on` is set."""
        self.answer_short(rest)
        self.wfile.flush()
        self.server.go_on.wait(PATIENCE_SECONDS)
        self.wfile.write(CONTENT[HALF:])

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

    def answer_busy(self, rest: str) -> None:
        """Answers with a status and Retry-After to so many requests, before `whole`."""
        times, status, after = rest.split("/", 2)
        if [path for path, _ in self.server.requests].count(self.path) > int(times):
            self.answer_whole("")
            return
        self.send_response(int(status))
        self.send_header("Retry-After", unquote(after))
        self.end_headers()

    def answer_packed(self, rest: str) -> None:
        """Sends the server's `packed` with this Content-Encoding."""
        self.send_response(200)
        self.send_header("Content-Encoding", rest)
        self.send_header("Content-Length", str(len(self.server.packed)))
        self.end_headers()
        self.wfile.write(self.server.packed)

    def do_CONNECT(self) -> None:
        """Refuses to be a proxy for https."""
        self.send_error(407)

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
        self.packed = b""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that go away in the middle are what these tests are about


@contextmanager
def serving() -> Iterator[Server]:
    """Runs a server while the block runs."""
    with Server() as server:
        # The argument is how often, in seconds, it looks if it is to shut down.
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield server
        server.go_on.set()
        server.shutdown()
