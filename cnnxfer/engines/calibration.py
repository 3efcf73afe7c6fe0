"""Calibration: a converted network becomes one that computes in int8.

What a layer's inputs range over is seen on pictures, and each range is divided into 256
steps. So a calibrated network follows from the network and the pictures, and both are
in the name of its cache entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.images.decode import DECODER
from cnnxfer.data.spread import spread
from cnnxfer.data.views.views import Views, pixel_batches
from cnnxfer.engines.converted import keep_network
from cnnxfer.engines.engine import Network
from cnnxfer.engines.openvino_engine import FILES
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.quiet import quiet_libraries
from cnnxfer.reporting import Reporter, counted

PICTURES = 300  # more did not change what int8 keeps
LEAST_PICTURES = 32  # with fewer, ranges are those of single pictures


@dataclass(frozen=True)
class Calibration:
    """The pictures that a network is calibrated on.

    Attributes:
        key: hexadecimal SHA-256 of what the pixels follow from.
        count: how many pictures there are.
        pixels: reads them, uint8 `(count, size, size, 3)`; raises DataError if one
            cannot be read any more, or has changed.
        title: what they are, such as "training picture".
    """

    key: str
    count: int
    pixels: Callable[[], np.ndarray]
    title: str = "picture"


def pictures_key(sha256s: Iterable[str], views: object) -> str:
    """Returns the key of pictures, by the SHA-256 of each and by what is seen of it."""
    parts = (DECODER, repr(views), *sha256s)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def training_calibration(
    examples: Sequence[Example], views: Views, image_size: int
) -> Calibration:
    """Returns the calibration on training pictures, whose content has been read."""
    chosen = spread(examples, PICTURES)
    key = pictures_key((example.sha256 for example in chosen), views.describe())

    def pixels() -> np.ndarray:
        batches = pixel_batches(
            chosen, [views], image_size=image_size, batch_size=len(chosen)
        )
        return next(batches)

    return Calibration(key, len(chosen), pixels, "training picture")


def calibrated(
    network: Network, directory: Path, calibration: Calibration, reporter: Reporter
) -> Path:
    """Returns the directory in the cache of a network that computes in int8.

    Args:
        network: the network.
        directory: where it is in OpenVINO's form, in float32.
        calibration: the pictures, which are read if the cache lacks the network.
        reporter: told what takes long.

    Raises:
        Exception: of many kinds, if NNCF does not support the network, or the cache
            cannot be written.
    """

    def write(place: Path) -> None:
        pixels = calibration.pixels()
        with reporter.wait(
            f"calibrating {network.title} on "
            f"{counted(len(pixels), calibration.title)} for int8"
        ):
            converted = openvino.Core().read_model(directory / FILES[0])
            model = quantized(converted, pixels)
            openvino.save_model(model, place / FILES[0], compress_to_fp16=False)

    parts = ("int8", version("nncf"), network.key, calibration.key)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return keep_network(key, write, reporter)


def quantized(network: Any, pixels: np.ndarray) -> Any:
    """Returns a network with weights and activations in int8.

    Args:
        network: an `openvino.Model` in float32.
        pixels: what it is calibrated on, uint8 `(pictures, size, size, 3)`.
    """
    pictures = [picture[None].astype(np.float32) for picture in pixels]
    with quiet_libraries():
        import nncf

        return nncf.quantize(
            network,
            nncf.Dataset(pictures),
            subset_size=len(pictures),
            preset=nncf.QuantizationPreset.MIXED,
        )
