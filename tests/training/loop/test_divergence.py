"""Learning rates that are far too high are noticed, and normal training is not."""

import json
import math

import numpy as np
import pytest
from tiny_phase import scored

from cnnxfer.training.loop.divergence import WINDOW, DivergenceWatch

CHANCE = math.log(5)
IMAGES = 500
TRAINED = scored(0.9, 0.3)


def seen(
    losses: list[float],
    before: float | None = None,
    after: float = 0.9,
    *,
    chance: float = CHANCE,
    images: int = IMAGES,
) -> str:
    """Returns what is wrong in an epoch with these losses, or ""."""
    watch = DivergenceWatch(chance, scored(before, 0.3) if before else None)
    for index, loss in enumerate(losses):
        if trouble := watch.update_done(loss, 2 * index >= len(losses)):
            return trouble
    return watch.epoch_done(scored(after), images)


def curve(
    first: float, last: float, noise: float = 0.0, steps: int = 80
) -> list[float]:
    """Returns losses that change linearly, with noise as of batches."""
    random = np.random.default_rng(0)
    losses = np.linspace(first, last, steps) + random.normal(0, noise, steps)
    return np.maximum(losses, 0.01).tolist()


SOUND = {
    "falls": (curve(0.5, 0.3, 0.1), 0.93, 0.94),
    "smoothed labels": (curve(0.8, 0.6, 0.1), 0.93, 0.92),
    "rises a little": (curve(0.4, 0.6, 0.1), 0.93, 0.90),
    "rises, and falls again": (
        [*curve(0.5, 1.5, 0.1, 20), *curve(1.5, 0.4, 0.1, 60)],
        0.93,
        0.91,
    ),
    "a single batch is far off": ([*curve(0.4, 0.4, 0.1), 50.0, 0.4], 0.93, 0.93),
    "mixed images": (curve(1.3, 1.1, 0.3), 0.93, 0.92),
    "a new head": (curve(1.7, 1.2, 0.2), None, 0.6),
    "a new head on lively features": (curve(2.5, 1.9, 0.8), None, 0.4),
    "an easy first batch": ([0.3, *curve(1.6, 1.2, 0.4)], None, 0.6),
    "two classes": (curve(0.25, 0.2, 0.15), 0.95, 0.94),
    # The averages of BatchNormalization come after the weights.
    "only validation is worse": (curve(0.5, 0.3, 0.1), 0.93, 0.5),
}


@pytest.mark.parametrize("name", SOUND)
def test_normal_training_is_not_stopped(name: str) -> None:
    losses, before, after = SOUND[name]
    assert seen(losses, before, after) == ""


def test_few_images_prove_nothing() -> None:
    losses = curve(0.5, 0.8)
    assert seen(losses, 0.9, 0.6, images=10) == ""
    assert seen(losses, 0.9, 0.6, images=100) != ""


def test_a_network_that_is_worse_than_guessing_is_noticed_at_once() -> None:
    watch = DivergenceWatch(CHANCE, TRAINED)
    troubles = [watch.update_done(loss, False) for loss in [0.5, *[1.7] * WINDOW]]
    assert troubles.index("the loss went from 0.5 to 1.7") == WINDOW - 1


def test_a_new_head_that_only_gets_worse_is_noticed() -> None:
    assert seen(curve(1.7, 9.0)) == "the loss went from 1.7 to 3.41"
    assert seen(curve(0.3, 9.0)) == "the loss went from 0.3 to 3.33"


def test_an_epoch_of_few_updates_is_noticed_at_its_end() -> None:
    losses = [0.5, 2.0, 3.0, 4.0]
    assert seen(losses, 0.9) == "the loss went from 0.5 to more than 1.61"
    assert seen([0.5], 0.9) == ""


def test_a_network_that_forgot_is_noticed() -> None:
    """The network is still better than guessing."""
    assert seen(curve(0.5, 0.9), 0.93, 0.7) == (
        "validation accuracy fell from 93.0% to 70.0%"
    )


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_noticed(loss: float) -> None:
    assert (
        DivergenceWatch(CHANCE, None).update_done(loss, False)
        == f"the loss became {loss}"
    )
    watch = DivergenceWatch(CHANCE, TRAINED)
    assert watch.epoch_done(scored(0.5, loss), 10) == (
        f"the validation loss became {loss}"
    )


def test_the_limit_depends_on_the_number_of_classes() -> None:
    losses = curve(1.0, 3.0)
    assert seen(losses, 0.7, 0.7, chance=math.log(100)) == ""
    assert seen(losses, 0.7, 0.7, chance=math.log(3)) != ""


def test_a_watch_continues_from_its_state() -> None:
    losses = [0.5, *[1.7] * WINDOW]
    for stop in range(len(losses)):
        watch = DivergenceWatch(CHANCE, TRAINED)
        for loss in losses[:stop]:
            watch.update_done(loss, loss > 1)
        again = DivergenceWatch(CHANCE, TRAINED, json.loads(json.dumps(watch.state())))
        troubles = [again.update_done(loss, loss > 1) for loss in losses[stop:]]
        assert "the loss went from 0.5 to 1.7" in troubles
        assert "more than 1.61" in again.epoch_done(scored(0.9), 10)
