"""Servers in threads of the tests, and what clients send them."""

from __future__ import annotations

import base64
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.serving import server
from cnnxfer.stopping import Stop

START_SECONDS = 60


@dataclass
class Served:
    """A server that answers.

    Attributes:
        address: where it answers.
        client: asks it.
        reporter: has what it told its operator.
    """

    address: str
    client: httpx.Client
    reporter: RecordingReporter

    def connect(self) -> socket.socket:
        """Returns a connection, for what httpx would not send."""
        parts = urlsplit(self.address)
        return socket.create_connection((parts.hostname, parts.port), timeout=10)

    def metric(self, name: str) -> float:
        """Returns the sum of a figure over its labels."""
        lines = self.client.get("/metrics").text.splitlines()
        values = [line.rpartition(" ")[2] for line in lines if line.startswith(name)]
        return sum(map(float, values))

    def failures(self) -> list[str]:
        """Returns the lines that count responses of 5xx."""
        lines = self.client.get("/metrics").text.splitlines()
        return [line for line in lines if 'status="5' in line]


@contextmanager
def serving(*models: str, **options: object) -> Iterator[Served]:
    """Runs `cnnxfer.serve` in a thread while the block runs.

    Fails if a response had a status of 5xx.
    """
    ready, addresses, servers = threading.Event(), [], []
    errors: list[BaseException] = []

    class Server(server.SignalledServer):
        def __init__(self, config: uvicorn.Config, stop: Stop) -> None:
            super().__init__(config, stop)
            servers.append(self)

    def run() -> None:
        try:
            cnnxfer.serve(
                models,
                reporter=reporter,
                on_ready=lambda address: (addresses.append(address), ready.set()),
                **{"port": 0, **options},
            )
        except BaseException as error:
            errors.append(error)
            ready.set()

    reporter = RecordingReporter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SignalledServer", Server)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(START_SECONDS)
    if errors:
        raise errors[0]
    token = str(options.get("token", ""))
    headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
    with httpx.Client(
        base_url=addresses[0], headers=headers, trust_env=False, timeout=START_SECONDS
    ) as asks:
        served = Served(addresses[0], asks, reporter)
        try:
            yield served
            assert served.failures() == []
        finally:
            servers[0].should_exit = True
            asks.close()
            thread.join(START_SECONDS)
    assert not errors
    assert not thread.is_alive()


def pixels_of(red: int = 0, green: int = 0, blue: int = 0) -> np.ndarray:
    """Returns a picture of one colour, of 60 x 40 pixels."""
    return np.full((40, 60, 3), (red, green, blue), np.uint8)


def png(**colour: int) -> bytes:
    """Returns a PNG of one colour."""
    stream = io.BytesIO()
    Image.fromarray(pixels_of(**colour)).save(stream, "PNG")
    return stream.getvalue()


def b64(content: bytes) -> str:
    """Returns a file as JSON has it."""
    return base64.b64encode(content).decode()


RED, GREEN, BLUE = png(red=200), png(green=200), png(blue=200)
