"""How many pictures an engine is to take at once: what is fastest, found by trying.

No size is near the best for all. OpenVINO's pictures a second, as shares of the best in
the line (medians of five runs in turn, 0.8 s each, two cores with AVX-512 BF16):

                                     1      2      4      8     16     32
    EfficientNet-Lite0, bfloat16   0.94   1.00   0.99   0.97   0.91   0.84
    MobileNet 0.25, bfloat16       0.84   0.92   0.98   0.96   1.00   0.95
    ResNet50, bfloat16             1.00   1.00   0.98   0.94   0.89   0.86
    Xception, bfloat16             1.00   0.95   0.93   0.90   0.85   0.84
    EfficientNet-Lite0, float32    1.00   0.97   0.90   0.82   0.76   0.78
    MobileNet 0.25, float32        0.93   1.00   0.96   0.93   0.85   0.77

With matrix units (AMX), it is the other way round: in bfloat16, ResNet50 answers 211
pictures a second one by one and 265 by eights, VGG16 44 and 74.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from cnnxfer.engines.engine import Engine
from cnnxfer.hardware.memory import is_out_of_memory

SIZES = (4, 8, 16, 2, 1)  # in the order in which they are tried
SECONDS = 3.0  # for all of them, at most
SECONDS_EACH = 0.15  # at least, so that small networks take about a second


def fastest_batch_size(engine: Engine, pictures: np.ndarray) -> int:
    """Returns the one of `SIZES` with which most pictures are answered in a second.

    The first is tried, and of the others those that will be done within `SECONDS`.

    Args:
        engine: what answers them.
        pictures: uint8 `(images, size, size, 3)`, as many as the largest size or more.
    """
    begun = time.perf_counter()
    rates = {1: 0.0}
    seconds_a_picture = 0.0
    for size in SIZES:
        start = time.perf_counter()
        if start + size * seconds_a_picture > begun + SECONDS:
            continue
        try:
            rates[size] = _pictures_per_second(engine, pictures[:size])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        seconds_a_picture = (time.perf_counter() - start) / size
    return max(rates, key=lambda size: rates[size])


def _pictures_per_second(engine: Engine, batch: np.ndarray) -> float:
    taken = 0

    def batches() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield batch

    answers = engine.run(batches())
    next(answers)
    wave = taken  # so many are computed at the same time, or wait
    for _ in range(wave):  # what is compiled for this size is so now
        next(answers)
    start = time.perf_counter()
    answered = 0
    while answered < wave or time.perf_counter() < start + SECONDS_EACH:
        next(answers)
        answered += 1
    return answered * len(batch) / (time.perf_counter() - start)
