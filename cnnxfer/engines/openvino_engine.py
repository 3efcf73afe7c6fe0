"""OpenVINO, several times as fast as Keras on a CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.engines.converted import FILES
from cnnxfer.engines.signal_stack import kept_signal_stack
from cnnxfer.engines.silent_openvino import openvino

BATCH_SIZE = 8
TYPES = {"bfloat16": "bf16", "float32": "f32"}


class OpenVinoEngine:
    """Runs a converted network on all cores of the CPU."""

    name = "openvino"

    def __init__(
        self, directory: Path, precision: str, batch_size: int | None = None
    ) -> None:
        """Compiles the network in `directory`; see `converted`.

        Args:
            directory: what `convert` or `find_converted` returned.
            precision: "float32" or "bfloat16".
            batch_size: how many pictures it is to take at once, at most.

        Raises:
            RuntimeError: if OpenVINO cannot run it.
        """
        self.precision = precision
        self.batch_size = batch_size or BATCH_SIZE
        core = openvino.Core()
        steps = openvino.preprocess.PrePostProcessor(
            core.read_model(directory / FILES[0])
        )
        # Four times less to copy than float32.
        steps.input().tensor().set_element_type(openvino.Type.u8)
        with kept_signal_stack():
            self._compiled = core.compile_model(
                steps.build(),
                "CPU",
                {
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "INFERENCE_PRECISION_HINT": TYPES[precision],
                },
            )

    @property
    def image_size(self) -> int:
        """Side in pixels of what the network takes."""
        return int(self._compiled.input().partial_shape[1].get_length())

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        streams = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        # As many again wait, so that no stream does.
        idle = [self._compiled.create_infer_request() for _ in range(2 * streams)]
        busy: deque[Any] = deque()
        try:
            for batch in batches:
                if not idle:
                    yield _answer(busy[0])
                    idle.append(busy.popleft())
                busy.append(idle.pop())
                busy[-1].start_async(batch)
            while busy:
                yield _answer(busy[0])
                busy.popleft()
        finally:
            for request in busy:
                with suppress(RuntimeError):  # one failure has been told already
                    request.wait()


def has_bfloat16() -> bool:
    """Tells whether this processor computes in bfloat16."""
    with kept_signal_stack():
        abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in abilities


def _answer(request: Any) -> np.ndarray:
    request.wait()
    # The request's own memory takes the next answer.
    return np.array(request.get_output_tensor().data)
