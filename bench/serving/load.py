"""Requests a second of `cnnxfer serve`, beside servers as people write them.

One JPEG of 500x375 pixels is posted again and again by `hey`, which Debian has, over
loopback; it and the servers share the cores of the machine.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import numpy as np

from bench.lib.options import add_rounds
from bench.lib.photographs import write_photographs
from bench.lib.results import Cell, Table, show
from bench.lib.timing import drain, race, share_of_limit
from bench.serving.baselines import BACKBONE
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.data.images.source import file_source
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import find_model

CLIENTS = (1, 8, 64)
MODEL = f"cnnxfer:{BACKBONE}"
READY_SECONDS = 120
ALONE = 256  # pictures, for decoding alone and the engine alone
SERVERS = {
    "FastAPI and model.predict": ("bench.serving.baselines", "keras"),
    "FastAPI and the engine, one at a time": ("bench.serving.baselines", "engine"),
    "cnnxfer serve": ("cnnxfer", "serve", f"lite0={MODEL}", "-q", "--port"),
}


@dataclass(frozen=True)
class Lap:
    """What a load has measured: requests a second, and seconds a request."""

    rate: float
    p50: float
    p99: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--seconds", type=int, default=10, help="of each load; by default 10"
    )
    add_rounds(parser, 3)


def measure(options: argparse.Namespace) -> Table:
    """Measures each server with each number of clients; medians of the rounds.

    Raises:
        SystemExit: if `hey` is missing, or a request fails.
    """
    if not shutil.which("hey"):
        raise SystemExit("hey is missing, which sends the requests: apt install hey")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        os.environ["CNNXFER_CACHE"] = str(folder / "cache")
        (picture,) = write_photographs(folder / "photographs", 1)
        alone = _Alone(picture)  # reaches the verdict that servers find
        ports = {
            name: stack.enter_context(_server(words)) for name, words in SERVERS.items()
        }
        laps: dict[tuple[str, int], list[Lap]] = {}
        limits: list[list[float]] = []
        for _ in range(options.rounds):
            limits += alone.race()
            for name, port in ports.items():
                for clients in CLIENTS:
                    lap = _load(port, picture, clients, options.seconds)
                    laps.setdefault((name, clients), []).append(lap)
                    show(name, clients=clients, rate=lap.rate)
    return _table(laps, limits, options)


class _Alone:
    """Decoding alone and the engine alone, each with all cores."""

    def __init__(self, picture: Path) -> None:
        self._sources = [file_source(str(picture))] * ALONE
        self._classifier = Classifier(find_model(MODEL))
        with closing(Decoders(self._classifier.reader)) as decoders:
            views = [each.pixels for each in decoders.decode(self._sources)]
        pixels = np.concatenate([view for view in views if view is not None])
        (self._engine,) = self._classifier.engines(lambda: pixels)
        size = self._engine.batch_size
        self._batches = [pixels[at : at + size] for at in range(0, ALONE, size)]

    def race(self) -> list[list[float]]:
        """Returns the pictures a second of both, in a list for the one round."""
        return race((self._decode, self._compute), images=ALONE, rounds=1)

    def _decode(self) -> None:
        with closing(Decoders(self._classifier.reader)) as decoders:
            drain(decoders.decode(self._sources))

    def _compute(self) -> None:
        drain(self._engine.run(self._batches))


@contextmanager
def _server(words: Sequence[str]) -> Iterator[int]:
    """Starts a server; yields its port when it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", *words, str(port)])
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json").close()
            return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise SystemExit(f"no server has come up on port {port}")


def _load(port: int, picture: Path, clients: int, seconds: int) -> Lap:
    command = ["hey", "-z", f"{seconds}s", "-c", str(clients), "-o", "csv"]
    command += ["-m", "POST", "-T", "image/jpeg", "-D", str(picture)]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/predict"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = list(csv.DictReader(output.splitlines()))
    failed = {row["status-code"] for row in rows} - {"200"}
    if failed or not rows:
        raise SystemExit(f"port {port} has answered with {failed or 'nothing'}")
    times = [float(row["response-time"]) for row in rows]
    ends = [float(row["offset"]) + float(row["response-time"]) for row in rows]
    parts = quantiles(times, n=100)
    return Lap(len(rows) / max(ends), parts[49], parts[98])


def _table(
    laps: dict[tuple[str, int], list[Lap]],
    limits: list[list[float]],
    options: argparse.Namespace,
) -> Table:
    decoding, computing = (median(rates) for rates in zip(*limits, strict=True))
    rows: list[list[Cell]] = []
    for (name, clients), found in laps.items():
        rate = median(lap.rate for lap in found)
        share = share_of_limit(decoding, computing, rate)
        p50, p99 = (1000 * median(values) for values in zip(
            *((lap.p50, lap.p99) for lap in found), strict=True
        ))  # fmt: skip
        rows.append([name, clients, rate, p50, p99, share])
    return Table(
        "Requests a second over loopback, EfficientNet-Lite0, a JPEG of 500x375 each",
        ("server", "clients", "requests/s", "p50, ms", "p99, ms", "share of the limit"),
        rows,
        [
            f"Medians of {options.rounds} round(s) of {options.seconds} s; `hey` runs "
            "on the same cores.",
            f"Alone with all cores, decoding reaches {decoding:.0f} and the engine "
            f"{computing:.0f} pictures a second; the limit is 1 / (1/decoding + "
            "1/engine).",
        ],
    )
