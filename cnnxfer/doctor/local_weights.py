"""Which pretrained weights are on this machine, and whether their server answers."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights

WEIGHTS_SERVER = "https://storage.googleapis.com"  # of `keras.applications`


@dataclass(frozen=True)
class WeightsFile:
    """Pretrained weights of a backbone that need no download."""

    backbone: str
    path: Path


def find_weights_files() -> tuple[WeightsFile, ...]:
    """Returns the weights on this machine, in the order of the catalog."""
    found = (
        (backbone.name, find_weights(backbone, include_top=False))
        for backbone in BACKBONES
    )
    return tuple(WeightsFile(name, path) for name, path in found if path is not None)


def weights_address() -> tuple[str, int]:
    """Returns the host and port of the server or mirror that has the weights."""
    server = os.environ.get("CNNXFER_WEIGHTS_MIRROR") or WEIGHTS_SERVER
    try:
        url = urlsplit(server)
        return url.hostname or server, url.port or (80 if url.scheme == "http" else 443)
    except ValueError:  # not an address; the server then does not answer
        return server, 443


def answers(host: str, port: int, timeout_seconds: float) -> bool:
    """Returns True if a connection to a server can be opened.

    Raises:
        OSError: if it cannot be opened within `timeout_seconds`.
    """
    with socket.create_connection((host, port), timeout=timeout_seconds):
        return True
