"""Asks a server well and badly for some minutes, and writes what it answered.

    python scripts/hostile_requests.py --seconds 600 --out hostile.json

It starts `cnnxfer serve MODEL` itself, and samples the memory of the server and of its
decoders each second (Linux alone). It fails if a response has a status of 5xx, a good
request is not answered with 200 (or 429, while the queue is full; or not at all, while
there is a flood of connections), the server writes a traceback, ends, or is not ended
by SIGTERM within a minute, or its memory grows by over a quarter after two minutes.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import math
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

from PIL import Image

from cnnxfer.data.sample.flowers import CLASS_NAMES, draw

QUICK, SLOW = 24, 12  # threads of clients
FLOOD = 700  # connections at once
AFTER_FLOOD = 5.0  # seconds until the server has seen their end
SETTLED, MINUTE = 120, 60  # seconds after which memory may grow little, and of a sample
GROWTH = 1.25
PATIENCE = 60.0  # seconds
GOOD = "good: "
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Target:
    """The server, as its clients see it.

    Attributes:
        model: the name of a model.
        pictures: encoded images.
        floods: the beginning and the end of each flood of connections.
    """

    def __init__(self, address: str, model: str, pictures: list[bytes]) -> None:
        """Takes what clients know."""
        parts = urlsplit(address)
        self.place = (str(parts.hostname), int(parts.port or 80))
        self.model, self.pictures = model, pictures
        self.floods: list[list[float]] = []

    def connect(self) -> socket.socket:
        """Returns a connection."""
        return socket.create_connection(self.place, timeout=PATIENCE)

    def ask(self, *pieces: bytes, pause: float = 0, half_close: bool = False) -> bytes:
        """Sends pieces, and returns what comes until the server closes."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have answered all the same
            return _read(connection)

    def post(
        self, path: str, body: bytes, *fields: str, length: object = None
    ) -> bytes:
        """Returns a request."""
        head = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        if length != "":
            head.append(f"Content-Length: {len(body) if length is None else length}")
        return "\r\n".join([*head, *fields, "", ""]).encode("latin-1") + body


def _read(connection: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    except OSError as error:
        pieces.append(b"<timeout>" if isinstance(error, TimeoutError) else b"<reset>")
    return b"".join(pieces)


Client = Callable[[Target, random.Random], bytes]
ROWS = "/v1/models/{}:predict"
INFER = "/v2/models/{}/infer"


def _rows(images: list[bytes]) -> bytes:
    rows = [{"b64": base64.b64encode(image).decode()} for image in images]
    return json.dumps({"instances": rows}).encode()


def _good_file(target: Target, draw: random.Random) -> bytes:
    return target.ask(target.post("/predict", draw.choice(target.pictures)))


def _good_rows(target: Target, draw: random.Random) -> bytes:
    images = draw.choices(target.pictures, k=draw.randint(1, 8))
    return target.ask(target.post(ROWS.format(target.model), _rows(images)))


def _good_chunks(target: Target, draw: random.Random) -> bytes:
    body = _chunked(draw.choice(target.pictures), draw.randint(100, 5000))
    field = "Transfer-Encoding: chunked"
    return target.ask(target.post("/predict", body, field, length=""))


def _good_binary(target: Target, draw: random.Random) -> bytes:
    picture = draw.choice(target.pictures)
    binary = struct.pack("<I", len(picture)) + picture
    tensor = {"name": "images", "datatype": "BYTES", "shape": [1]}
    tensor["parameters"] = {"binary_data_size": len(binary)}
    head = json.dumps({"inputs": [tensor]}).encode()
    field = f"Inference-Header-Content-Length: {len(head)}"
    return target.ask(target.post(INFER.format(target.model), head + binary, field))


def _good_form(target: Target, draw: random.Random) -> bytes:
    return target.ask(_form(target, draw.choice(target.pictures), "flower.jpg"))


def _good_half_closed(target: Target, draw: random.Random) -> bytes:
    request = target.post("/predict", draw.choice(target.pictures))
    return target.ask(request, half_close=True)


def _good_pipeline(target: Target, draw: random.Random) -> bytes:
    request = target.post("/predict", draw.choice(target.pictures))
    kept = request.replace(b"Connection: close\r\n", b"")
    return target.ask(kept * draw.randint(1, 4) + request)


def _form(target: Target, content: bytes, name: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'
    body = head.encode("latin-1") + content + b"\r\n--b--\r\n"
    return target.post(
        "/predict", body, "Content-Type: multipart/form-data; boundary=b"
    )


def _chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def _broken_picture(target: Target, draw: random.Random) -> bytes:
    with Image.open(io.BytesIO(draw.choice(target.pictures))) as picture:
        stream = io.BytesIO()
        picture.save(stream, draw.choice(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]))
    content = bytearray(stream.getvalue())
    for _ in range(draw.randint(1, 30)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    broken = bytes(content[: draw.randint(1, len(content))])
    if draw.random() < 0.3:
        return target.ask(target.post(ROWS.format(target.model), _rows([broken])))
    return target.ask(target.post("/predict", broken))


def _bomb(target: Target, draw: random.Random) -> bytes:
    return target.ask(target.post("/predict", draw.choice(_bombs())))


def _bombs() -> list[bytes]:
    if not _BOMBS:
        with _BOMB_LOCK:
            if not _BOMBS:
                _BOMBS.extend(_made_bombs())
    return _BOMBS


_BOMBS: list[bytes] = []
_BOMB_LOCK = threading.Lock()


def _made_bombs() -> Iterator[bytes]:
    for mode, side in (("1", 50_000), ("L", 6_900)):  # beyond the limit, and below it
        stream = io.BytesIO()
        Image.new(mode, (side, side)).save(stream, "PNG")
        yield stream.getvalue()
    packer = zlib.compressobj(9)
    zeros = b"".join(packer.compress(bytes(1 << 20)) for _ in range(500))
    chunks = [b"IHDR" + struct.pack(">II5B", 100, 100, 8, 2, 0, 0, 0)]
    chunks += [b"zTXt" + b"a\0\0" + zeros, b"IDAT" + zeros, b"IEND"]
    png = b"\x89PNG\r\n\x1a\n"
    for chunk in chunks:
        png += struct.pack(">I", len(chunk) - 4) + chunk
        png += struct.pack(">I", zlib.crc32(chunk))
    yield png
    yield b"P6 99999 99999 255\n" + bytes(1000)
    yield b"BM" + struct.pack("<IIIIiiHHI", 1000, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0)
    yield (
        b"GIF89a\xff\xff\xff\xff\x00\x00\x00," + bytes(4) + b"\xff\xff\xff\xff\x00\x08"
    )
    yield b"PK\3\4" + zeros


def _deep_json(target: Target, draw: random.Random) -> bytes:
    opened, closed = draw.choice([("[", "]"), ('{"a":', "}")])
    depth = draw.choice([100, 900, 960, 1000, 100_000])
    deep = opened * depth + "0" + closed * depth * draw.randint(0, 1)
    name = draw.choice(["instances", "inputs", "signature_name", "outputs", "id"])
    path = draw.choice([ROWS, INFER]).format(target.model)
    return target.ask(target.post(path, f'{{"{name}": {deep}}}'.encode()))


def _wide_json(target: Target, draw: random.Random) -> bytes:
    item = draw.choice(["{}", "[]", "[[[0,0,0]]]", '{"b64":""}', "0", "1e999", "null"])
    rows = ",".join([item] * draw.choice([70, 10_000, 300_000]))
    body = f'{{"{draw.choice(["instances", "inputs"])}": [{rows}]}}'
    return target.ask(target.post(ROWS.format(target.model), body.encode()))


def _odd_json(target: Target, draw: random.Random) -> bytes:
    odd = ["NaN", "1" * 5000, '"\\ud800"', "[[]]", "{}", "true", "-1", "[-1]", "1e400"]
    tensor = {
        name: draw.choice(odd)
        for name in ("datatype", "shape", "data", "parameters")
        if draw.random() < 0.5
    }
    fields = "".join(f', "{name}": {value}' for name, value in tensor.items())
    text = f'{{"inputs": [{{"name": "images"{fields}}}], "id": {draw.choice(odd)}}}'
    field = "Inference-Header-Content-Length: " + draw.choice(["0", "9" * 5000, "-3"])
    fields_sent = [field] if draw.random() < 0.3 else []
    path = INFER.format(target.model)
    return target.ask(target.post(path, text.encode(), *fields_sent))


def _many_images(target: Target, draw: random.Random) -> bytes:
    number = draw.choice([65, 10_000, 1_000_000])
    tensor = {"name": "images", "datatype": "UINT8", "shape": [number, 1, 1, 3]}
    tensor["parameters"] = {"binary_data_size": 3 * number}
    head = json.dumps({"inputs": [tensor]}).encode()
    body = head + bytes(3 * number)
    field = f"Inference-Header-Content-Length: {len(head)}"
    return target.ask(target.post(INFER.format(target.model), body, field))


def _wrong_length(target: Target, draw: random.Random) -> bytes:
    body = draw.choice(target.pictures)
    length = draw.choice(
        [10, len(body) + 50, -1, "abc", "9" * 30, 10**10, "1, 2", "+5"]
    )
    fields = ["Content-Length: 3"] if draw.random() < 0.2 else []
    request = target.post("/predict", body, *fields, length=length)
    return target.ask(request, half_close=True)


def _large_body(target: Target, draw: random.Random) -> bytes:
    body = bytes(33_000_000)
    if draw.random() < 0.5:
        return target.ask(target.post("/predict", body))
    field = "Transfer-Encoding: chunked"
    return target.ask(
        target.post("/predict", _chunked(body, 100_000), field, length="")
    )


def _huge_head(target: Target, draw: random.Random) -> bytes:
    if draw.random() < 0.3:
        return target.ask(b"GET /" + b"x" * 300_000 + b" HTTP/1.1\r\n\r\n")
    if draw.random() < 0.5:
        return target.ask(b"GET /v2 HTTP/1.1\r\nX: " + b"x" * 1_000_000)
    return target.ask(b"GET /v2 HTTP/1.1\r\n" + b"X: y\r\n" * 50_000)


def _bad_chunks(target: Target, draw: random.Random) -> bytes:
    body = draw.choice(
        [
            b"zz\r\nabc\r\n0\r\n\r\n",
            b"ffffffffffffffffff\r\nabc\r\n",
            b"-1\r\nabc\r\n",
            b"3\r\nabcdef\r\n0\r\n\r\n",
            b"3;" + b"x" * 300_000 + b"\r\nabc\r\n0\r\n\r\n",
            b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 50_000,
            b"3\nabc\n0\n\n",
        ]
    )
    field = "Transfer-Encoding: " + draw.choice(
        ["chunked", "gzip, chunked", "chunked, x"]
    )
    length = draw.choice(["", 5])
    request = target.post("/predict", body, field, length=length)
    return target.ask(request, half_close=True)


def _random_bytes(target: Target, draw: random.Random) -> bytes:
    start = draw.choice([b"", b"GET ", b"POST /predict HTTP/1.1\r\n", b"\x16\x03\x01"])
    return target.ask(start + draw.randbytes(draw.randint(1, 5000)), half_close=True)


def _vanish(target: Target, draw: random.Random) -> bytes:
    request = target.post(ROWS.format(target.model), _rows(target.pictures[:2]))
    with target.connect() as connection:
        connection.sendall(request[: draw.randint(0, len(request))])
        time.sleep(draw.choice([0, 0.005, 0.05]))
        if draw.random() < 0.5:  # by RST
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return b"<vanished>"


def _wrong_path(target: Target, draw: random.Random) -> bytes:
    path = draw.choice(
        [
            "/v1/models/nobody:predict",
            "/v2/models/%2e%2e%2f/infer",
            "/docs/files/../../../../etc/passwd",
            "/docs/files/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/docs/files/%00",
            "/docs/files/" + "a" * 3000,
            "//etc/passwd",
            "/\xff\xfe",
            "/%ff%fe?model=%ff",
            "/predict?model=" + "x" * 9000,
            "/v2/models/x/versions/%F0%9F%A6%8A/ready",
            "http://flowers.example/v2",
            "*",
            "/metrics",
            "/explain?class=%00",
        ]
    )
    method = draw.choice(
        ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PRI"]
    )
    request = target.post(path, b"x").replace(b"POST", method.encode(), 1)
    return target.ask(request, half_close=True)


def _injection(target: Target, draw: random.Random) -> bytes:
    text = draw.choice(
        [
            "a\r\nX-Evil: 1",
            "a\n\nHTTP/1.1 200 OK",
            "a\0b",
            "\x1b[31m",
            "<script>",
            "é" * 9,
        ]
    )
    if draw.random() < 0.5:
        return target.ask(_form(target, draw.choice(target.pictures), text))
    fields = [f"X-Name: {text}", f"Host: {text}", f"Authorization: {text}"]
    fields.append(f"Content-Type: multipart/form-data; boundary=b; charset={text}")
    request = target.post("/predict", b"x", draw.choice(fields))
    return target.ask(request, half_close=True)


def _odd_fields(target: Target, draw: random.Random) -> bytes:
    field = draw.choice(
        [
            "Upgrade: websocket\r\nConnection: Upgrade",
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
            "Expect: 100-continue",
            "Expect: 200-maybe",
            "Content-Encoding: gzip",
            "Sec-Fetch-Site: cross-site",
            "Host: flowers.example",
            "Content-Type: multipart/form-data; boundary=b; charset=punycode",
            "Content-Type: multipart/form-data",
            "Content-Type: application/json",
            "Range: bytes=0-0,-1,9-3",
        ]
    )
    request = target.post("/predict", draw.choice(target.pictures), field)
    return target.ask(request, half_close=True)


def _addresses(target: Target, draw: random.Random) -> bytes:
    host, port = target.place
    urls = [
        f"http://{host}:{port}/v2",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "http://[",
        "http://\ud800",
        "gopher://localhost",
        "",
    ]
    body = json.dumps({"urls": draw.choices(urls, k=draw.choice([1, 5, 64, 65]))})
    field = "Content-Type: application/json"
    return target.ask(target.post("/predict", body.encode(), field))


def _slow_head(target: Target, draw: random.Random) -> bytes:
    request = target.post("/predict", b"x", "X-Slow: " + "x" * 40)
    return target.ask(*[request[at : at + 1] for at in range(60)], pause=0.5)


def _slow_body(target: Target, draw: random.Random) -> bytes:
    request = target.post("/predict", draw.choice(target.pictures))
    rest = request[-70:]
    return target.ask(
        request[:-70], *[rest[at : at + 1] for at in range(60)], pause=0.7
    )


def _silent(target: Target, draw: random.Random) -> bytes:
    return target.ask(draw.choice([b"", b"P", b"POST /predict HTTP/1.1\r\n"]))


def _takes_nothing(target: Target, draw: random.Random) -> bytes:
    request = (
        b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    with target.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request * 20)
        time.sleep(draw.uniform(5, 70))
    return b"<vanished>"


def _flood(target: Target, draw: random.Random) -> bytes:
    connections = []
    flood = [time.monotonic(), math.inf]
    target.floods.append(flood)
    try:
        for _ in range(FLOOD):
            connections.append(target.connect())
        time.sleep(1)
    except OSError:
        pass
    for connection in connections:
        connection.close()
    flood[1] = time.monotonic() + AFTER_FLOOD
    time.sleep(60)
    return b"<vanished>"


QUICK_CLIENTS: dict[str, tuple[Client, int]] = {
    GOOD + "a file": (_good_file, 12),
    GOOD + "rows": (_good_rows, 8),
    GOOD + "chunks": (_good_chunks, 4),
    GOOD + "binary": (_good_binary, 6),
    GOOD + "form": (_good_form, 6),
    GOOD + "half-closed": (_good_half_closed, 3),
    GOOD + "pipeline": (_good_pipeline, 3),
    "broken picture": (_broken_picture, 18),
    "bomb": (_bomb, 1),
    "deep JSON": (_deep_json, 8),
    "wide JSON": (_wide_json, 2),
    "odd JSON": (_odd_json, 10),
    "many images": (_many_images, 2),
    "wrong length": (_wrong_length, 5),
    "large body": (_large_body, 1),
    "huge head": (_huge_head, 3),
    "bad chunks": (_bad_chunks, 4),
    "random bytes": (_random_bytes, 20),
    "vanishes": (_vanish, 15),
    "wrong path": (_wrong_path, 30),
    "injection": (_injection, 5),
    "odd fields": (_odd_fields, 5),
    "addresses": (_addresses, 3),
}
SLOW_CLIENTS: dict[str, tuple[Client, int]] = {
    "slow head": (_slow_head, 6),
    "slow body": (_slow_body, 6),
    "silent": (_silent, 6),
    "takes nothing": (_takes_nothing, 3),
    "flood": (_flood, 1),
}


class Counts:
    """What came back, by kind of client, and what should not have."""

    def __init__(self) -> None:
        """Starts with nothing."""
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, answer: bytes, flooded: bool = False) -> None:
        """Counts what one client got, maybe while there were too many connections."""
        statuses = [found.decode() for found in STATUS.findall(answer)]
        statuses = [status for status in statuses if status != "100"]
        if not statuses:
            word = re.search(rb"<(\w+)>$", answer)
            statuses = [word[1].decode() if word else "closed"]
        expected: tuple[str, ...] = ()
        if name.startswith(GOOD):
            lost = ("reset", "closed") if flooded else ()
            expected = ("200", "429", *lost)
        with self._lock:
            for status in statuses:
                self.outcomes[name, status] += 1
                if status[0] == "5" or (expected and status not in expected):
                    self.wrong.append(f"{name}: {answer[:400]!r}")


def main() -> None:
    """Runs the server and its clients."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="cnnxfer:efficientnet-lite0")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a file for the JSON")
    options = parser.parse_args()
    command = [sys.executable, "-m", "cnnxfer", "serve", f"model={options.model}"]
    with TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [*command, "--port", "0"], stdout=log, stderr=log, text=True
        )
        try:
            address = _address(server, log)
            document = _run(server, Target(address, "model", _pictures()), options)
            started = time.monotonic()
            server.send_signal(signal.SIGTERM)
            document["exit_code"] = server.wait(PATIENCE)
            document["seconds_to_end"] = round(time.monotonic() - started, 1)
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        lines = log.read().splitlines()
        document["log"], document["log_lines"] = lines[-20:], len(lines)
        document["tracebacks"] = sum("Traceback" in line for line in lines)
    options.out.write_text(json.dumps(document, indent=1))
    print(json.dumps(document, indent=1))
    failures = [document[name] for name in ("wrong", "exit_code", "tracebacks")]
    if any(failures) or (document["memory_growth"] or 0) > GROWTH:
        sys.exit(1)


def _address(server: subprocess.Popen[str], log: io.TextIOBase) -> str:
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        log.seek(0)
        if found := re.search(r"ready: (\S+)", log.read()):
            return found[1]
        time.sleep(0.2)
    log.seek(0)
    sys.exit(f"the server did not start:\n{log.read()}")


def _pictures() -> list[bytes]:
    found = []
    for number, name in enumerate(CLASS_NAMES):
        stream = io.BytesIO()
        draw(name, number).save(stream, ("JPEG", "PNG", "WEBP")[number % 3])
        found.append(stream.getvalue())
    return found


def _run(
    server: subprocess.Popen[str], target: Target, options: argparse.Namespace
) -> dict[str, object]:
    counts, started = Counts(), time.monotonic()
    deadline = started + options.seconds

    def clients(kinds: dict[str, tuple[Client, int]], seed: int) -> None:
        draw = random.Random(seed)
        weights = [weight for _, weight in kinds.values()]
        while time.monotonic() < deadline and server.poll() is None:
            (name,) = draw.choices(list(kinds), weights)
            begun = time.monotonic()
            try:
                answer = kinds[name][0](target, draw)
            except ConnectionError:
                answer = b"<reset>"
            flooded = any(begun <= end for _, end in target.floods)
            counts.add(name, answer, flooded)

    threads = [
        threading.Thread(target=clients, args=[kinds, options.seed * 1000 + number])
        for number, kinds in enumerate([QUICK_CLIENTS] * QUICK + [SLOW_CLIENTS] * SLOW)
    ]
    for thread in threads:
        thread.start()
    memory: list[tuple[int, int, int]] = []
    while time.monotonic() < deadline and server.poll() is None:
        memory.append((round(time.monotonic() - started), *_memory(server.pid)))
        time.sleep(1)
    for thread in threads:
        thread.join()
    time.sleep(2)
    alive = target.ask(target.post("/predict", target.pictures[0]))
    counts.add(GOOD + "the last one", alive)
    statuses: Counter[str] = Counter()
    for (_, status), number in counts.outcomes.items():
        statuses[status] += number
    return {
        "seconds": options.seconds,
        "requests": sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "clients": _by_client(counts.outcomes),
        "wrong": counts.wrong[:20],
        "wrong_count": len(counts.wrong),
        "memory_mb": [
            {"second": second, "server": server_mb, "decoders": decoders_mb}
            for second, server_mb, decoders_mb in memory
        ],
        "memory_mb_at_the_end": _memory(server.pid),
        "memory_growth": _growth([(at, sum(mb)) for at, *mb in memory]),
    }


def _growth(samples: list[tuple[int, int]]) -> float | None:
    """Returns by what factor memory has grown since it settled; None of a short run.

    Args:
        samples: seconds, and megabytes.
    """
    end = samples[-1][0]
    first = [mb for at, mb in samples if SETTLED <= at < SETTLED + MINUTE]
    last = [mb for at, mb in samples if at > end - MINUTE]
    if end < SETTLED + 2 * MINUTE:
        return None
    return round(statistics.median(last) / statistics.median(first), 2)


def _by_client(outcomes: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (name, status), number in sorted(outcomes.items()):
        found.setdefault(name, {})[status] = number
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Returns the resident megabytes of a process, and of its children together."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    below = [int(child) for path in children for child in path.read_text().split()]
    return _resident(pid), sum(map(_resident, below))


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0  # it has just ended
    found = re.search(r"VmRSS:\s*(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
