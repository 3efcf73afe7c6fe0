import itertools
import math
import random
from typing import Any

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.config import Phase
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.training.optimization import learning_rate_search, rolled_back
from cnnxfer.training.optimization.learning_rate_search import (
    RANGES,
    TRIED,
    Trainee,
    choose_rate,
    growing_rates,
    short_trials,
    smoothed,
)
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.rolled_back import all_variables, state_hash


class Student:
    """A small network with every kind of variable that training changes."""

    def __init__(self, optimizer: str = "sgd", precision: str = "float32") -> None:
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2, seed=1),
            keras.layers.Dense(3),
        ]
        self.model = keras.Sequential([keras.Input((8,)), *layers])
        settings = Phase(optimizer=optimizer, ema=0.9, clip_norm=1.0)
        self.model.compile(
            build_optimizer(
                settings, self.model.trainable_variables, precision=precision
            ),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            auto_scale_loss=False,
        )
        self.rates: list[tuple[int, float]] = []

    def update(self, number: int, rate: float) -> tuple[float, float]:
        self.rates.append((number, rate))
        random.random()
        np.random.random()
        draw = np.random.default_rng(number)
        labels = np.arange(32) % 3
        centres = np.random.default_rng(0).normal(size=(3, 8))
        inputs = (centres[labels] + draw.normal(size=(32, 8))).astype(np.float32)
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([7, number])
        self.model.optimizer.learning_rate = rate
        logs = self.model.train_on_batch(
            inputs, np.eye(3, dtype=np.float32)[labels], return_dict=True
        )
        return float(logs["loss"]), float(logs["accuracy"])

    def find(self, optimizer: str = "sgd", reporter: Reporter | None = None) -> float:
        return growing_rates(self.trainee(optimizer=optimizer, reporter=reporter))

    def trainee(self, optimizer: str = "sgd", **changes: Any) -> Trainee:
        """Returns what a search needs; the validation loss is that of some updates."""
        values = {
            "model": self.model,
            "update": self.update,
            "validation_loss": lambda: self.loss_after(0.0, 20),
            "settings": Phase(optimizer=optimizer),
            "steps_per_epoch": 50,
            "batch_size": 32,
            "reporter": Reporter(),
        }
        given = {name: value for name, value in changes.items() if value is not None}
        return Trainee(**{**values, **given})

    def loss_after(self, rate: float, updates: int = 60) -> float:
        """Returns the mean loss of the last of some updates."""
        with rolled_back.rolled_back(self.model, "a trial"):
            losses = [self.update(1000 + it, rate)[0] for it in range(updates)]
        return float(np.mean(losses[-20:]))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_search_restores_everything(optimizer: str) -> None:
    student = Student(optimizer)
    for number in range(3):  # slots, averages and counters are no zeros
        student.update(number, 0.01)
    state = all_variables(student.model)
    before = state_hash(state)
    draws = random.getstate(), np.random.get_state()[1].tolist()
    student.find(optimizer)
    assert state_hash(state) == before
    assert (random.getstate(), np.random.get_state()[1].tolist()) == draws
    # An update after it is the update that would have been.
    expected = student.update(5, 0.01)
    other = Student(optimizer)
    for number in range(3):
        other.update(number, 0.01)
    assert other.update(5, 0.01) == expected


def test_all_variables_covers_everything_that_training_changes() -> None:
    student = Student()
    paths = {variable.path for variable in all_variables(student.model)}
    for part in ("kernel", "moving_mean", "seed_generator_state", "momentum"):
        assert any(part in path for path in paths), part
    for part in ("average", "iteration", "learning_rate"):
        assert any(part in path for path in paths), part


def test_an_unrestored_variable_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    student = Student()
    norm = next(it for it in student.model.variables if "moving_mean" in it.path)

    def some(model: keras.Model) -> list[Any]:
        return [it for it in all_variables(model) if it is not norm]

    before = state_hash([norm])
    student.find()
    assert state_hash([norm]) == before
    monkeypatch.setattr(rolled_back, "all_variables", some)
    student.find()
    assert state_hash([norm]) != before, "it does not change, which shows nothing"

    class Stubborn:
        """A variable whose value cannot be restored."""

        path = "stubborn"

        def __init__(self) -> None:
            self.draws = itertools.count()

        def assign(self, value: Any) -> None:
            pass

        def __array__(self, *unused: Any, **also: Any) -> np.ndarray:
            return np.array(next(self.draws))

    monkeypatch.setattr(rolled_back, "all_variables", lambda model: [Stubborn()])
    monkeypatch.setattr(rolled_back.keras.ops, "convert_to_numpy", np.asarray)
    with pytest.raises(RunError, match=r"not as it was before the search.*as a bug"):
        student.find()


def test_an_interrupted_search_restores_everything() -> None:
    student = Student()
    before = state_hash(all_variables(student.model))
    update = student.update

    def interrupted(number: int, rate: float) -> tuple[float, float]:
        if number == 10 and rate:
            raise KeyboardInterrupt
        return update(number, rate)

    with pytest.raises(KeyboardInterrupt):
        growing_rates(student.trainee(update=interrupted))
    assert state_hash(all_variables(student.model)) == before


@pytest.mark.parametrize("optimizer", settings_in(Phase)["optimizer"].words)
def test_a_rate_that_learns_is_found(optimizer: str) -> None:
    student = Student(optimizer)
    reporter = RecordingReporter()
    rate = student.find(optimizer, reporter)
    low, high = RANGES[optimizer]
    assert low < rate < high
    assert len(reporter.infos) == 1
    assert reporter.infos[0].startswith(f"learning rate {rate:g}: ")
    assert student.loss_after(rate) < 0.9 * student.loss_after(0.0)


def test_each_rate_is_tried_on_the_images_of_a_rate_of_0() -> None:
    student = Student()
    student.find()
    numbers = [number for number, rate in student.rates if not rate]
    assert numbers == list(range(25))  # half an epoch
    tried = [(number, rate) for number, rate in student.rates if rate]
    assert [number for number, _ in tried] == list(range(len(tried)))
    rates = [rate for _, rate in tried]
    ratios = [after / before for before, after in itertools.pairwise(rates)]
    assert rates[0] == pytest.approx(RANGES["sgd"][0])
    assert ratios == pytest.approx([ratios[0]] * len(ratios))


@pytest.mark.parametrize(("steps", "count"), [(5, 24), (80, 40), (5000, 60)])
def test_the_number_of_trials_depends_on_the_epoch(steps: int, count: int) -> None:
    student = Student()
    tried = []

    def update(number: int, rate: float) -> tuple[float, float]:
        tried.append(rate)
        return 1.0, 0.5

    growing_rates(student.trainee(update=update, steps_per_epoch=steps))
    assert len(tried) == 2 * count


def test_a_nan_loss_from_the_start_is_an_error() -> None:
    with pytest.raises(RunError, match=r"not a finite number.*precision='float32'"):
        growing_rates(Student().trainee(update=lambda number, rate: (math.nan, 0.0)))


def test_a_third_of_the_rate_some_updates_before_the_end_is_taken() -> None:
    rates = np.geomspace(1e-4, 1.0, 41).tolist()  # ten a decade
    assert choose_rate(rates[:31]) == float(f"{rates[25] / 3:.0e}") == 0.01
    assert choose_rate(rates[:31], share=0.5) == 0.005
    assert choose_rate(rates[:3]) == rates[0]


def test_small_batches_have_lower_rates() -> None:
    found = {
        size: growing_rates(
            Student().trainee(
                update=lambda number, rate: (100.0 if rate > 0.3 else 1.0, 0.5),
                steps_per_epoch=80,
                batch_size=size,
            )
        )
        for size in (8, 32, 128)
    }
    assert found[8] == pytest.approx(found[32] / 4, rel=0.3)
    assert found[128] == found[32]


@pytest.mark.parametrize("trouble", [math.nan, math.inf, 100.0])
def test_the_search_ends_when_the_loss_rises(trouble: float) -> None:
    student, reporter = Student(), RecordingReporter()
    tried = []

    def update(number: int, rate: float) -> tuple[float, float]:
        tried.append(rate)
        return (trouble if rate > 0.1 else 1.0), 0.5

    rate = growing_rates(
        student.trainee(update=update, steps_per_epoch=80, reporter=reporter)
    )
    rates = np.geomspace(*RANGES["sgd"], 40)
    high = int(np.argmax(rates > 0.1))
    assert tried[40:] == pytest.approx(rates[: high + 1])
    assert rate == choose_rate(rates[: high + 1].tolist())
    assert "where the loss had risen" in reporter.infos[0]


def test_all_rates_are_tried_if_the_loss_never_rises() -> None:
    reporter = RecordingReporter()
    rate = growing_rates(
        Student().trainee(
            update=lambda number, rate: (1.0, 0.5),
            steps_per_epoch=80,
            reporter=reporter,
        )
    )
    assert rate == choose_rate(np.geomspace(*RANGES["sgd"], 40).tolist()) < 1.0
    assert reporter.infos == [
        f"learning rate {rate:g}: tried from 0.0001 to 3, "
        "where the loss had not risen, in 40 updates"
    ]


def test_noise_of_the_batches_does_not_matter() -> None:
    """The losses of batches differ by ten times as much as a step changes them."""
    student, rates = Student(), set()
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(1.0, 0.3, 60)

        def update(number: int, rate: float, noise: Any = noise) -> tuple[float, float]:
            learned = -0.03 + (rate / 0.1) ** 2 if rate else 0.0
            return noise[number] + learned, 0.5

        rates.add(growing_rates(student.trainee(update=update, steps_per_epoch=120)))
    assert len(rates) == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_short_trials_find_the_rate_that_learns_most(loss: float) -> None:
    student, reporter = Student(), RecordingReporter()
    before = state_hash(all_variables(student.model))
    rates: list[float] = []

    def update(number: int, rate: float) -> tuple[float, float]:
        rates.append(rate)
        return (loss if rates[0] < rate == max(TRIED) else 1.0), 0.5

    trainee = student.trainee(
        update=update,
        validation_loss=lambda: abs(rates[-50] - 0.003),
        reporter=reporter,
    )
    assert short_trials(trainee) == 0.003
    assert "0.03: inf" in reporter.infos[0]
    # An epoch of a cosine each, but for the one that diverged.
    assert len(rates) == 4 * 50 + 1
    assert rates[49] < 0.01 * rates[0]
    short_trials(student.trainee())
    assert state_hash(all_variables(student.model)) == before


def test_smoothing_is_not_biased_towards_zero() -> None:
    assert smoothed([3.0] * 5) == pytest.approx([3.0] * 5)
    assert smoothed([0.0, 1.0]) == pytest.approx([0.0, 0.2 / 0.36])
    assert smoothed([1.0, math.nan]) == [1.0, math.inf]
    assert learning_rate_search.SMOOTHING == 0.8
