"""What servers meet: slow, silent, half-gone and lying clients, and too many."""

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from served import BLUE, RED, Served, b64, serving

from cnnxfer.serving import bodies, connections, server


@pytest.fixture(scope="module")
def hurried(exports: list[str]) -> Iterator[Served]:
    """A server that waits a second for heads, bodies and readers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "BODY_SECONDS", 1.0)
        patch.setattr(bodies, "LEFT_SECONDS", 0.5)
        patch.setattr(connections, "HEADER_SECONDS", 1.0)
        patch.setattr(connections, "READER_SECONDS", 1.0)
        with serving(exports[0], most_megabytes=1) as served:
            yield served


def read(connection: socket.socket) -> bytes:
    """Returns all that a server sends until it closes the connection."""
    pieces = []
    try:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"RESET")
    return b"".join(pieces)


def ask(served: Served, *pieces: bytes | str, pause: float = 0) -> bytes:
    """Sends pieces, and returns what is answered until the connection is closed."""
    with served.connect() as connection:
        for piece in pieces:
            text = piece.encode() if isinstance(piece, str) else piece
            try:
                connection.sendall(text)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(pause)
        return read(connection)


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers]
    if not any("chunked" in line or "Content-Length" in line for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def statuses(answer: bytes) -> list[int]:
    """Returns the statuses of the responses on a connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", answer)]


LAST = "Connection: close"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/models/nobody:predict", [], 404),
        ("/nowhere", [], 404),
        ("/v2", [], 405),
        ("/v1/models/colours:predict", ["Sec-Fetch-Site: cross-site"], 403),
    ],
)
def test_a_body_that_nobody_reads_is_not_the_next_request(
    served: Served, path: str, headers: list[str], status: int
) -> None:
    """Refused before its body was read, a request leaves the connection as it was."""
    body = post(path, b"x" * 300_000, *headers)
    again = post("/predict", RED, LAST)
    assert statuses(ask(served, body[:1000], body[1000:], again, pause=0.1)) == [
        status,
        200,
    ]


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    answer = ask(served, post("/predict", RED) + post("/predict", BLUE, LAST))
    labels = re.findall(rb'"rank":1,"class_id":"(\w+)"', answer)
    assert labels == [b"red", b"blue"]


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_refused(hurried: Served, chunked: bool) -> None:
    """The client has sent all of it before it reads, and still gets the reason."""
    content = bytes(5_000_000)
    answer = hurried.client.post(
        "/predict", content=iter([content]) if chunked else content
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "the body is over 1.0 MB, the limit."
    assert hurried.client.post("/predict", content=RED).status_code == 200


def test_a_client_that_asks_first_need_not_send(hurried: Served) -> None:
    head = post("/predict", b"", "Content-Length: 5000000", "Expect: 100-continue")
    started = time.monotonic()
    assert statuses(ask(hurried, head)) == [413]
    assert time.monotonic() - started < 0.5
    head = post("/predict", b"", f"Content-Length: {len(RED)}", "Expect: 100-continue")
    with hurried.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(RED)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_slow_body_is_refused(hurried: Served) -> None:
    body = post("/predict", RED)
    answer = ask(hurried, body[:-20], *[b"x"] * 14, pause=0.1)
    assert statuses(answer) == [408]
    assert b"the body took over 1 s to arrive" in answer
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    ("begun", "more"), [("", ""), ("G", ""), ("GET /v2 HTTP/1.1\r\nHost: local", "x")]
)
def test_a_slow_head_is_ended(hurried: Served, begun: str, more: str) -> None:
    started = time.monotonic()
    ask(hurried, begun, *[more] * 8, pause=0.2)
    assert time.monotonic() - started < 3


def test_a_large_head_is_refused(hurried: Served) -> None:
    fields = [f"X-{number}: {'x' * 4000}" for number in range(100)]
    head = "\r\n".join(["GET /v2 HTTP/1.1", "Host: localhost", *fields])
    started = time.monotonic()
    assert statuses(ask(hurried, head)) == [400]
    assert time.monotonic() - started < 0.9


@pytest.mark.parametrize("line", ["X-More: of it\r\n", "x"])
def test_what_follows_the_chunks_may_not_be_endless(hurried: Served, line: str) -> None:
    body = post("/predict", b"3\r\nabc\r\n0\r\n", "Transfer-Encoding: chunked")
    answer = ask(hurried, body, line * (200_000 // len(line)))
    assert statuses(answer) == [400]


def test_a_body_may_come_in_chunks_of_a_byte(served: Served) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in RED * 300)
    body = post("/predict", chunks + b"0\r\n\r\n", "Transfer-Encoding: chunked", LAST)
    assert statuses(ask(served, body)) == [200]


def test_a_client_that_takes_nothing_is_left(hurried: Served) -> None:
    asked = b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with hurried.connect() as connection:
        connection.sendall(asked * 20)
        time.sleep(2)
        assert len(statuses(read(connection))) < 20


def test_a_client_that_sends_no_more_gets_its_answer(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(post("/predict", RED))
        connection.shutdown(socket.SHUT_WR)
        assert statuses(read(connection)) == [200]
    with served.connect() as connection:
        connection.sendall(post("/predict", RED)[:-9])
        connection.shutdown(socket.SHUT_WR)
        assert read(connection) == b""


def test_a_client_that_vanishes_is_no_failure(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    vanished = 'cnnxfer_requests_total{route="/predict",status="499"'
    before, known = served.metric("cnnxfer_requests_total"), served.metric(vanished)
    body = json.dumps({"instances": [{"b64": b64(RED)}]}).encode()
    for path, content, *fields in (
        ("/v1/models/colours:predict", body),
        ("/predict", RED),
        ("/nowhere", RED),
        ("/v2", RED, "Sec-Fetch-Site: cross-site"),
    ):
        for sent in (10, 1):
            with served.connect() as connection:
                connection.sendall(post(path, content, *fields)[:-sent])
                time.sleep(0.05)
    served.client.post(
        "/predict",
        content=b"none",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    before += 1
    deadline = time.monotonic() + 5
    while served.metric("cnnxfer_requests_total") < before + 8:
        assert time.monotonic() < deadline
    assert served.metric(vanished) == known + 2
    assert not caplog.records
    assert served.metric("cnnxfer_held_bytes") == 0
    assert served.metric("cnnxfer_waiting_images") == 0
