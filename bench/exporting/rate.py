"""Prints how many pictures a second an export answers in its own runtime.

python -m bench.exporting.rate FOLDER

The pictures are noise, already of the network's size.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from bench.lib.timing import drain, race
from cnnxfer.engines.exported.manifest import read_manifest
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.prediction.model_source import exported_network

PICTURES = 64
SECONDS = 3


def images_per_second(folder: Path) -> float:
    """Returns the best round of `SECONDS`, as others may disturb some of them."""
    import_keras_quietly()
    from cnnxfer.engines.keras_engine import plain_engine

    network = exported_network(folder, read_manifest(folder))
    engine, side = plain_engine(network), network.image_size
    numbers = np.random.default_rng(0)
    pixels = numbers.integers(0, 256, (PICTURES, side, side, 3), np.uint8)
    size = engine.batch_size
    batches = [pixels[at : at + size] for at in range(0, PICTURES, size)]
    drain(engine.run(batches[:1]))  # which may compile the network for this size
    rates: list[list[float]] = []
    end = time.monotonic() + SECONDS
    while not rates or time.monotonic() < end:
        rates += race([lambda: drain(engine.run(batches))], images=PICTURES, rounds=1)
    return max(rate for (rate,) in rates)


if __name__ == "__main__":
    print(images_per_second(Path(sys.argv[1])))
