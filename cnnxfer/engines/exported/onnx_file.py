"""Runs an ONNX file in ONNX Runtime."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from cnnxfer.engines.exported.manifest import Manifest

BATCH_SIZE = 8


class OnnxEngine:
    """Runs a network in ONNX Runtime on all cores of the CPU."""

    name = "onnx"
    streams = 1

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Loads a file, which may name no code and no file outside of its folder."""
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)  # errors
        self.precision, self.image_size = manifest.precision, manifest.image_size
        self.batch_size = batch_size or BATCH_SIZE
        self._input, self._output = manifest.input, manifest.output
        self._session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"]
        )

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        for pixels in batches:
            inputs = {self._input: pixels.astype(np.float32)}
            (answers,) = self._session.run([self._output], inputs)
            yield answers
