from collections.abc import Callable

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.config import Phase
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.training.optimization import batch_size_search
from cnnxfer.training.optimization.batch_size_search import find_batch_size, scaled_rate
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.rolled_back import state_hash

ALL = {size: size for size in (8, 16, 32, 64, 128, 256)}
USELESS = "larger ones are not faster"
NO_ROOM = "an epoch has no room for larger ones"


class Machine:
    """A clock that only updates advance, at a speed for each batch size."""

    def __init__(self, speeds: dict[int, float]) -> None:
        self.speeds = speeds
        self.now = 0.0
        self.sizes: list[int] = []

    def perf_counter(self) -> float:
        return self.now

    def update_for(self, size: int) -> Callable[[int, float], None]:
        self.sizes.append(size)

        def update(number: int, rate: float) -> None:
            if size not in self.speeds:
                raise MemoryError
            assert rate == 0.0
            # It compiles first, and then others slow it down.
            waiting = {0: 1000.0, 2: 0.0}.get(number, 10.0)
            self.now += size / self.speeds[size] + waiting

        return update


def compiled() -> keras.Model:
    """Returns a compiled model with every kind of variable that training changes."""
    layers = [
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5, seed=1),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    compile_model(model)
    return model


def compile_model(model: keras.Model) -> None:
    settings = Phase(optimizer="adamw", ema=0.9)
    optimizer = build_optimizer(settings, model.trainable_variables)
    model.compile(optimizer, loss="mse", auto_scale_loss=False)


@pytest.mark.parametrize(
    ("speeds", "images", "best", "tried", "why"),
    [
        ({8: 10, 16: 20, 32: 30, 64: 30.1}, 10_000, 32, [8, 16, 32, 64], USELESS),
        ({8: 10, 16: 10.4, 32: 30}, 10_000, 8, [8, 16], USELESS),
        ({8: 10, 16: 20, 32: 15, 64: 40}, 10_000, 16, [8, 16, 32], USELESS),
        ({8: 10, 16: 20, 32: 30, 64: 30.1}, 512, 32, [8, 16, 32, 64], USELESS),
        (
            {8: 10, 16: 20},
            10_000,
            16,
            [8, 16, 32],
            "there is no memory for larger ones",
        ),
        ({8: 10, 16: 20, 32: 40, 64: 80}, 511, 32, [8, 16, 32], NO_ROOM),  # 8 updates
        ({3: 10}, 30, 3, [3], NO_ROOM),
        (ALL, 10**6, 256, list(ALL), "no larger ones are tried"),
    ],
)
def test_batches_grow_as_long_as_they_are_faster(
    monkeypatch: pytest.MonkeyPatch,
    speeds: dict[int, float],
    images: int,
    best: int,
    tried: list[int],
    why: str,
) -> None:
    machine, reporter = Machine(speeds), RecordingReporter()
    monkeypatch.setattr(batch_size_search, "clock", machine.perf_counter)
    found = find_batch_size(
        compiled(), machine.update_for, images=images, reporter=reporter
    )
    assert found == best
    assert machine.sizes == tried
    measured = ", ".join(
        f"{size}: {speeds[size]:.0f}" for size in tried if size in speeds
    )
    assert reporter.infos == [f"batches of {best}: {why} (images a second: {measured})"]


def test_no_memory_for_the_smallest_batch_is_an_error() -> None:
    machine = Machine({})
    with pytest.raises(RunError, match=r"ran out with 8 images at once\. Train"):
        find_batch_size(
            compiled(), machine.update_for, images=1000, reporter=Reporter()
        )


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def update_for(size: int) -> Callable[[int, float], None]:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        find_batch_size(compiled(), update_for, images=1000, reporter=Reporter())


def test_the_search_restores_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_size_search, "SECONDS", 0.0)
    model = compiled()
    before = state_hash(model.variables)
    random = np.random.default_rng(0)
    during = []

    def update_for(size: int) -> Callable[[int, float], None]:
        compile_model(model)

        def update(number: int, rate: float) -> None:
            model.optimizer.learning_rate = rate
            inputs = random.normal(size=(size, 3)).astype(np.float32)
            model.train_on_batch(inputs, inputs[:, :2])
            during.append(state_hash(model.variables))

        return update

    find_batch_size(model, update_for, images=200, reporter=Reporter())
    assert during
    assert before not in during, "nothing changed, which shows nothing"
    assert state_hash(model.variables) == before


def test_rates_grow_with_the_batch() -> None:
    assert scaled_rate(0.01, 32, "sgd") == 0.01
    assert scaled_rate(0.01, 128, "sgd") == pytest.approx(0.04)
    assert scaled_rate(0.01, 8, "sgd") == pytest.approx(0.0025)
    for name in ("adamw", "adam", "lion", "rmsprop"):
        assert scaled_rate(0.01, 128, name) == pytest.approx(0.02)
