import json
import math
from itertools import pairwise
from typing import Any

import pytest

from cnnxfer.config import FineTune, Phase
from cnnxfer.tasks.score import Score
from cnnxfer.training.optimization.learning_rates import Rates

SCHEDULES = ["constant", "cosine", "inverse-time", "step", "plateau"]


def rates(settings: Phase, steps: list[int], peak: float = 0.1) -> list[float]:
    schedule = Rates(settings, steps_per_epoch=10, peak=peak)
    return [schedule.at(step) for step in steps]


def score(accuracy: float, epoch: int = 1, loss: float = 1.0) -> Score:
    return Score({"accuracy": accuracy}, loss=loss, epoch=epoch)


def test_constant() -> None:
    settings = Phase(schedule="constant")
    assert rates(settings, [0, 5, 99, 1000]) == [0.1] * 4


def test_cosine_falls_from_the_highest_rate_to_zero() -> None:
    settings = Phase(epochs=10, schedule="cosine")
    expected = [0.1, 0.05 * (1 + math.cos(math.pi / 4)), 0.05, 0.0, 0.0]
    assert rates(settings, [0, 25, 50, 100, 200]) == pytest.approx(expected)


def test_inverse_time_divides_by_one_plus_decay_times_step() -> None:
    settings = Phase(schedule="inverse-time", decay=0.01)
    steps = [0, 1, 100, 1000]
    expected = [0.2 / (1 + 0.01 * step) for step in steps]
    assert rates(settings, steps, peak=0.2) == pytest.approx(expected)


def test_step_lowers_the_rate_every_so_many_epochs() -> None:
    settings = Phase(schedule="step", step_epochs=2, step_factor=0.5)
    expected = [0.1, 0.1, 0.05, 0.05, 0.025]
    assert rates(settings, [0, 19, 20, 39, 40]) == pytest.approx(expected)


def test_one_cycle_rises_and_falls() -> None:
    settings = Phase(epochs=10, schedule="one-cycle", warmup_epochs=5.0)
    every = rates(settings, list(range(100)))
    top = every.index(max(every))
    assert top == 30  # whatever the warm-up
    assert every[:30] == sorted(every[:30])
    assert every[30:] == sorted(every[30:], reverse=True)
    assert max(every) == pytest.approx(0.1, rel=0.01)
    assert every[0] == pytest.approx(0.1 / 25)
    assert every[-1] == pytest.approx(0.1 / 1e4)
    steps = [after - before for before, after in pairwise(every[:30])]
    assert steps == pytest.approx([steps[0]] * 29)


def test_one_cycle_of_a_single_step_has_a_rate() -> None:
    settings = Phase(epochs=1, schedule="one-cycle")
    assert Rates(settings, steps_per_epoch=1, peak=0.1).at(0) == pytest.approx(0.004)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_climbs_evenly_and_then_the_schedule_begins(schedule: str) -> None:
    settings = Phase(schedule=schedule, warmup_epochs=0.5)
    climbing = rates(settings, [0, 1, 2, 3, 4])
    expected = [0.02, 0.04, 0.06, 0.08, 0.1]
    assert climbing == pytest.approx(expected)
    falls = schedule in ("cosine", "inverse-time")
    assert (rates(settings, [20])[0] < 0.1) == falls
    assert rates(settings, [5]) == pytest.approx([0.1])


def test_a_warm_up_longer_than_the_phase_only_climbs() -> None:
    settings = Phase(epochs=2, schedule="cosine", warmup_epochs=4.0)
    assert rates(settings, [0, 19]) == pytest.approx([0.0025, 0.05])


def plateau(**values: Any) -> Rates:
    settings = Phase(schedule="plateau", **{"plateau_patience": 2, **values})
    return Rates(settings, steps_per_epoch=10, peak=1.0)


def test_plateau_lowers_the_rate_after_epochs_without_a_better_one() -> None:
    schedule = plateau(step_factor=0.5)
    # Two that don't beat 0.6, two (and one) that don't beat 0.7.
    accuracies = (0.5, 0.6, 0.6, 0.55, 0.6, 0.7, 0.6, 0.6, 0.6, 0.6)
    expected = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125)
    for accuracy, rate in zip(accuracies, expected, strict=True):
        schedule.epoch_ended(score(accuracy))
        assert schedule.at(0) == schedule.at(500) == rate


def test_a_lower_loss_at_the_same_accuracy_is_better() -> None:
    schedule = plateau(plateau_patience=1)
    for loss in (3.0, 2.0, 1.0):
        schedule.epoch_ended(score(0.5, loss=loss))
    assert schedule.at(0) == 1.0
    schedule.epoch_ended(score(0.5, loss=1.5))
    assert schedule.at(0) < 1.0


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle", "step"])
def test_other_schedules_ignore_scores(schedule: str) -> None:
    settings = Phase(schedule=schedule, plateau_patience=1)
    one, other = (Rates(settings, steps_per_epoch=10, peak=1.0) for _ in range(2))
    for _ in range(5):
        one.epoch_ended(score(0.5))
    assert [one.at(step) for step in range(100)] == [
        other.at(step) for step in range(100)
    ]


def test_a_restored_state_continues_exactly() -> None:
    accuracies = [0.5, 0.4, 0.4, 0.6, 0.5, 0.5, 0.5, 0.5]
    whole = plateau()
    expected = []
    for accuracy in accuracies:
        whole.epoch_ended(score(accuracy))
        expected.append(whole.at(0))
    assert len(set(expected)) == 4, "nothing was lowered, which shows nothing"
    for cut in range(len(accuracies)):
        before = plateau()
        for accuracy in accuracies[:cut]:
            before.epoch_ended(score(accuracy))
        after = plateau()
        after.restore(json.loads(json.dumps(before.state())))
        found = []
        for accuracy in accuracies[cut:]:
            after.epoch_ended(score(accuracy))
            found.append(after.at(0))
        assert found == expected[cut:]


def test_added_epochs_follow_the_schedule_of_a_longer_phase() -> None:
    short = FineTune(epochs=8, warmup_epochs=0.5)
    long = FineTune(epochs=13, warmup_epochs=0.5)
    end = Rates(short, steps_per_epoch=10, peak=0.1).at(80)
    on = Rates(long, steps_per_epoch=10, peak=0.1)
    assert end == pytest.approx(0.0, abs=1e-9)
    assert 0.02 < on.at(80) < 0.04
    assert on.at(129) < 1e-4
