"""Search for an engine's fastest batch size, by timing it.

No single size is close to the best for all networks. OpenVINO's images per second, as
shares of the best in each row (medians of five runs in turn, 0.8 s each, two cores with
AVX-512 BF16):

                                     1      2      4      8     16     32
    EfficientNet-Lite0, bfloat16   0.94   1.00   0.99   0.97   0.91   0.84
    MobileNet 0.25, bfloat16       0.84   0.92   0.98   0.96   1.00   0.95
    ResNet50, bfloat16             1.00   1.00   0.98   0.94   0.89   0.86
    Xception, bfloat16             1.00   0.95   0.93   0.90   0.85   0.84
    EfficientNet-Lite0, float32    1.00   0.97   0.90   0.82   0.76   0.78
    MobileNet 0.25, float32        0.93   1.00   0.96   0.93   0.85   0.77

With matrix units (AMX), larger batches are faster: in bfloat16, ResNet50 answers 211
images per second in batches of 1 and 265 in batches of 8; VGG16 answers 44 and 74.
"""

import time
from collections.abc import Iterator

import numpy as np

from cnnxfer.engines.engine import Engine
from cnnxfer.hardware.memory import is_out_of_memory

SIZES = (4, 8, 16, 2, 1)  # in the order in which they are tried
TOTAL_SECONDS = 2.0  # for all sizes, at most
SECONDS_PER_SIZE = 0.1  # at least; a small network then takes about a second in all


def fastest_batch_size(engine: Engine, images: np.ndarray) -> tuple[int, bool]:
    """Returns the batch size of `SIZES` that answers the most images per second.

    The first size is always tried; each of the others is skipped if it would not be
    done within `TOTAL_SECONDS`. A size that does not fit into memory is not returned.
    The images are uint8 `(images, size, size, 3)`, at least as many as the largest
    size.

    Returns:
        The batch size, and whether memory sufficed for all sizes that were tried: if
        not, another may be faster once there is more.
    """
    search_start = time.perf_counter()
    rates = {1: 0.0}
    seconds_per_image = 0.0
    sufficed = True
    for size in SIZES:
        start = time.perf_counter()
        if start + size * seconds_per_image > search_start + TOTAL_SECONDS:
            continue
        try:
            rates[size] = _images_per_second(engine, images[:size])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            sufficed = False
        seconds_per_image = (time.perf_counter() - start) / size
    return max(rates, key=lambda size: rates[size]), sufficed


def _images_per_second(engine: Engine, batch: np.ndarray) -> float:
    taken = 0

    def batches() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield batch

    answers = engine.run(batches())
    next(answers)
    in_flight = taken  # batches that are being computed or waiting
    for _ in range(in_flight):  # warm up: compilation for this size is done then
        next(answers)
    start = time.perf_counter()
    answered = 0
    while answered < in_flight or time.perf_counter() < start + SECONDS_PER_SIZE:
        next(answers)
        answered += 1
    return answered * len(batch) / (time.perf_counter() - start)
