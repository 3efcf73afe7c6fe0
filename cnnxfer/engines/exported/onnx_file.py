"""Runs an ONNX file in ONNX Runtime."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from cnnxfer.engines.exported.manifest import Manifest
from cnnxfer.errors import DataError

BATCH_SIZE = 8
# Each tensor in another file says by this word where it is. Our files never have it.
ELSEWHERE = b"location"


class OnnxEngine:
    """Runs a network in ONNX Runtime on all cores of the CPU."""

    name = "onnx"
    calibration = ""
    streams = 1

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Loads a file; operations that are not built into the runtime are refused.

        Raises:
            DataError: if it has weights in other files, which nobody has checked.
        """
        import onnxruntime

        _require_all_inside(path)
        onnxruntime.set_default_logger_severity(3)  # errors
        self.precision, self.image_size = manifest.precision, manifest.image_size
        self.batch_size = batch_size or BATCH_SIZE
        self._input, self._output = manifest.input, manifest.output
        self._session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"], enable_fallback=0
        )

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        for pixels in batches:
            inputs = {self._input: pixels.astype(np.float32)}
            (answers,) = self._session.run([self._output], inputs)
            yield answers


def _require_all_inside(path: Path) -> None:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content.find(ELSEWHERE) >= 0:
            raise DataError(
                f"{path} has weights in other files, as no network of cnnxfer has. It "
                "is not loaded."
            )
