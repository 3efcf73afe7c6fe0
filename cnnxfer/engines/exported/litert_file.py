"""Runs a LiteRT file, which TensorFlow Lite's was called, in its interpreter."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from cnnxfer.engines.exported.manifest import Manifest
from cnnxfer.hardware.processor import find_processor
from cnnxfer.quiet import stderr_shown_on_error

BATCH_SIZE = 8


class LiteRtEngine:
    """Runs a network in LiteRT on all cores of the CPU."""

    name = "litert"
    calibration = ""
    streams = 1

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Loads a file; operations that are not built into the runtime are refused."""
        from ai_edge_litert.interpreter import Interpreter

        self.precision, self.image_size = manifest.precision, manifest.image_size
        self.batch_size = batch_size or BATCH_SIZE
        threads = find_processor().logical_cores
        with stderr_shown_on_error():  # it names the delegates that it has chosen
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._allocated = 1

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        for pixels in batches:
            if len(pixels) != self._allocated:
                # A file has one picture at a time, until it is told otherwise.
                self._interpreter.resize_tensor_input(self._input, pixels.shape)
                self._interpreter.allocate_tensors()
                self._allocated = len(pixels)
            self._interpreter.set_tensor(self._input, pixels.astype(np.float32))
            self._interpreter.invoke()
            # A copy, since the interpreter writes the next answer over this one.
            yield np.array(self._interpreter.get_tensor(self._output))
