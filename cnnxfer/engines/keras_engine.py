"""The engine that runs a network in Keras itself, on any of its backends."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from cnnxfer.engines.engine import Engine, Network

BATCH_SIZE = 32


class KerasEngine:
    """Runs a model in float32; on a GPU, Keras has XLA compile it."""

    name = "keras"
    precision = "float32"
    calibration = ""
    streams = 1

    def __init__(self, model: keras.Model, batch_size: int | None = None) -> None:
        """Wraps a model of pixels `(batch, size, size, 3)` in [0, 255]."""
        self.model = model
        self.batch_size = batch_size or BATCH_SIZE

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that the model takes."""
        return int(self.model.input_shape[1])

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the model's answers; see `Engine.run`."""
        largest: dict[tuple[int, ...], int] = {}  # batch so far, by shape of the images
        for pixels in batches:
            shape, count = pixels.shape[1:], len(pixels)
            # A smaller batch, such as the last one, would be compiled again.
            largest[shape] = max(largest.get(shape, 0), count)
            missing = largest[shape] - count
            pixels = np.pad(pixels, [(0, missing), (0, 0), (0, 0), (0, 0)])
            outputs: np.ndarray = self.model.predict_on_batch(pixels)
            yield outputs[:count]


def plain_engine(network: Network) -> Engine:
    """Returns the engine by whose answers a network is known.

    That is its own one, or Keras, as which all others have to answer.
    """
    if network.own_engine:
        return network.own_engine.open(None)
    return KerasEngine(network.build())


def computes_on_cpu() -> bool:
    """Returns whether Keras has no accelerator in this process."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return not torch.cuda.is_available()
    if backend in ("tensorflow", "jax"):
        devices = keras.distribution.list_devices()
        return all(device.startswith("cpu") for device in devices)
    return True
