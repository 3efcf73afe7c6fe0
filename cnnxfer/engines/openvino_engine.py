"""The engine that runs a network in OpenVINO, which is much faster on a CPU."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.engines.signal_stack import preserve_signal_stack
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.hardware.cores import VARIABLE, usable_cores

FILES = ("model.xml", "model.bin")  # of a converted network
BATCH_SIZE = 8
# Of int8, what the few layers compute in that are not calibrated.
TYPES = {"bfloat16": "bf16", "float32": "f32", "int8": "f32"}


class OpenVinoEngine:
    """Runs a converted network on all cores of the CPU."""

    name = "openvino"

    def __init__(
        self,
        directory: Path,
        precision: str,
        batch_size: int | None = None,
        *,
        file: str = FILES[0],
    ) -> None:
        """Compiles a converted network.

        Args:
            directory: the directory of the network.
            precision: what it computes in: "float32", "bfloat16", or "int8" if it is
                calibrated.
            batch_size: the largest number of images in a batch; None for a usual one.
            file: the `.xml` file of the network, whose weights are beside it.

        Raises:
            RuntimeError: if OpenVINO cannot run it.
        """
        self.precision = precision
        self.calibration = directory.name if precision == "int8" else ""
        self.batch_size = batch_size or BATCH_SIZE
        core = openvino.Core()
        steps = openvino.preprocess.PrePostProcessor(core.read_model(directory / file))
        # uint8 pixels are a quarter of the size of float32 ones to copy.
        steps.input().tensor().set_element_type(openvino.Type.u8)
        with preserve_signal_stack():
            self._compiled = core.compile_model(
                steps.build(),
                "CPU",
                {
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "INFERENCE_PRECISION_HINT": TYPES[precision],
                    **_threads(),
                },
            )

        self.streams = int(
            self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        )

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that the network takes."""
        return int(self._compiled.input().partial_shape[1].get_length())

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        idle: list[Any] = []
        busy: deque[Any] = deque()
        try:
            for batch in batches:
                # Twice as many requests as streams: no stream waits for a batch.
                if len(busy) == 2 * self.streams:
                    yield _answer(busy[0])
                    idle.append(busy.popleft())
                create = self._compiled.create_infer_request
                busy.append(idle.pop() if idle else create())
                busy[-1].start_async(batch)
            while busy:
                yield _answer(busy[0])
                busy.popleft()
        finally:
            for request in busy:
                with suppress(RuntimeError):  # the first failure has been raised
                    request.wait()


def _threads() -> dict[str, int]:
    """Returns how many threads compute, where OpenVINO is not to decide that."""
    said = VARIABLE in os.environ
    return {"INFERENCE_NUM_THREADS": usable_cores()} if said else {}


def has_bfloat16() -> bool:
    """Returns whether this processor computes in bfloat16."""
    with preserve_signal_stack():
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


def _answer(request: Any) -> np.ndarray:
    request.wait()
    # The first: some layers leave the sizes that they computed as further outputs.
    # A copy, because the request overwrites its own memory with the next answer.
    return np.array(request.get_output_tensor(0).data)
