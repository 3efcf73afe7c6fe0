import time
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from cnnxfer.engines import batch_size
from cnnxfer.engines.batch_size import SIZES, fastest_batch_size

IMAGES = np.zeros((32, 2, 2, 3), np.uint8)


class Timed:
    """An engine that takes a given time for a batch of each size, on its own clock."""

    name = "timed"
    calibration = ""
    precision = "float32"
    image_size = 2
    batch_size = 8

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.tried: list[int] = []

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        source = iter(batches)
        ahead = [next(source), next(source)]
        self.tried.append(len(ahead[0]))
        while True:
            batch = ahead.pop(0)
            if len(batch) not in self.seconds:
                raise MemoryError
            self.now += self.seconds[len(batch)]
            yield np.zeros((len(batch), 5), np.float32)
            ahead.append(next(source))


@pytest.fixture
def fastest(monkeypatch: pytest.MonkeyPatch) -> object:
    def find(engine: Timed) -> tuple[int, bool]:
        monkeypatch.setattr(time, "perf_counter", lambda: engine.now)
        return fastest_batch_size(engine, IMAGES)

    return find


@pytest.mark.parametrize("best", SIZES)
def test_the_fastest_batch_size_is_found(best: int, fastest: object) -> None:
    seconds = {size: size * (0.001 if size == best else 0.0011) for size in SIZES}
    engine = Timed(seconds)
    assert fastest(engine) == (best, True)  # type: ignore[operator]
    assert sorted(engine.tried) == sorted(SIZES)


def test_few_batch_sizes_are_tried_for_a_slow_network(fastest: object) -> None:
    engine = Timed({size: 0.07 * size for size in SIZES})
    fastest(engine)  # type: ignore[operator]
    assert engine.tried == [4, 1]
    assert engine.now < batch_size.TOTAL_SECONDS


def test_a_batch_size_that_does_not_fit_into_memory_is_not_chosen(
    fastest: object,
) -> None:
    scarce = Timed({2: 0.003, 1: 0.002})
    assert fastest(scarce) == (2, False)  # type: ignore[operator]
    assert fastest(Timed({})) == (1, False)  # type: ignore[operator]


def test_other_errors_are_raised() -> None:
    class Broken(Timed):
        def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
            raise RuntimeError("no such layer")

    with pytest.raises(RuntimeError, match="no such layer"):
        fastest_batch_size(Broken({}), IMAGES)
