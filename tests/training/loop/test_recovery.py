"""Training recovers from divergence and lack of memory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_phase import BATCH, SETTINGS, STEPS, TRAIN, Killed, at_update, end_of, kill
from tiny_phase import tiny_phase as begin

from cnnxfer.errors import RunError
from cnnxfer.training.loop import time_budget
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recovery import MAX_RESTARTS, RATE_DIVISOR
from cnnxfer.training.loop.session import Session

ALWAYS = 1e-9  # a checkpoint after every step
SOUND = 0.06  # and less
TOO_HIGH = 0.05 * RATE_DIVISOR**2
Update = Callable[[int, float], tuple[float, float]]


def spoil(
    phase: Session, when: Callable[[float], bool], loss: float, first: int = 1
) -> None:
    """Makes updates at some rates report a loss, from a step of each epoch on."""
    update = phase.stepper.update

    def spoilt(number: int, rate: float) -> tuple[float, float]:
        found, accuracy = update(number, 0.0 if when(rate) else rate)
        return (loss if when(rate) and number % STEPS >= first else found), accuracy

    phase.stepper.update = spoilt


def test_a_rate_that_is_too_high_is_lowered(tmp_path: Path) -> None:
    """The phase restarts and ends as if the lower rate had been set."""
    settings = replace(SETTINGS, schedule="constant", warmup_epochs=0.0)
    phase = begin(tmp_path / "run", replace(settings, learning_rate=0.45))
    spoil(phase, lambda rate: rate > 0.02, np.nan)
    fit(phase)
    assert phase.setup.reporter.warnings == [
        "the loss became nan in epoch 1, step 2, at learning rate 0.45: too high. The "
        "phase begins again, at 0.045.",
        "the loss became nan in epoch 1, step 2, at learning rate 0.045: too high. The "
        "phase begins again, at 0.0045.",
    ]
    known = begin(tmp_path / "known", replace(settings, learning_rate=0.45 / 100))
    fit(known)
    for name in ("weights", "model", "arrays", "metrics", "history"):
        assert end_of(phase)[name] == end_of(known)[name], name


@pytest.mark.parametrize("loss", [np.inf, 20.0])
@pytest.mark.parametrize(
    ("moment", "times"), [(3, (0, 1, 2)), (STEPS + 2, (2,))], ids=["first", "second"]
)
def test_a_lowered_rate_survives_a_kill(
    tmp_path: Path, moment: int, times: tuple[int, ...], loss: float
) -> None:
    """The update is reached at three rates, and the process is killed each time."""

    def too_high(path: str, every: float) -> Session:
        settings = replace(
            SETTINGS, learning_rate=TOO_HIGH, schedule="constant", warmup_epochs=0.0
        )
        phase = begin(tmp_path / path, settings, checkpoint_every=every)
        spoil(phase, lambda rate: rate > SOUND, loss, first=4)
        return phase

    undisturbed = too_high("undisturbed", 300.0)
    fit(undisturbed)
    assert undisturbed.progress.lowered == 2
    for lowered in times:
        phase = too_high("run", ALWAYS)
        update = phase.stepper.update

        def killing(
            number: int,
            rate: float,
            phase: Session = phase,
            update: Update = update,
            lowered: int = lowered,
        ) -> tuple[float, float]:
            if (number, phase.progress.lowered) == (moment, lowered):
                raise Killed
            return update(number, rate)

        phase.stepper.update = killing
        with pytest.raises(Killed):
            fit(phase)
    phase = too_high("run", ALWAYS)
    fit(phase)
    assert end_of(phase) == end_of(undisturbed)


def test_the_remaining_time_is_planned_again_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch takes 90 of 500 seconds, and the first one is lost."""
    monkeypatch.setattr(time_budget, "measure", lambda *_: (10.0, 30.0))
    settings = replace(SETTINGS, epochs=9, schedule="constant", warmup_epochs=0.0)

    phase = begin(tmp_path / "run", settings, time_budget=500.0)
    spoil(phase, lambda rate: rate > 0.02, np.nan, first=3)
    update = phase.stepper.update

    def slow(number: int, rate: float) -> tuple[float, float]:
        phase.progress.seconds += 20.0
        return update(number, rate)

    phase.stepper.update = slow
    fit(phase)
    planned = [
        said for said in phase.setup.reporter.infos if "there is time for" in said
    ]
    assert [said.partition("time for ")[2] for said in planned] == [
        "5 of 9 epochs",
        "4 of 5 epochs",
    ]
    assert len(phase.recorder.run.history) == 4


def test_added_epochs_survive_a_restart(tmp_path: Path) -> None:
    settings = replace(SETTINGS, schedule="constant", warmup_epochs=0.0)
    phase = begin(tmp_path / "run", settings, checkpoint_every=ALWAYS)
    at_update(phase, 2, kill)
    with pytest.raises(Killed):
        fit(phase)
    phase = begin(tmp_path / "run", settings, extra_epochs=2)
    spoil(phase, lambda rate: rate > 0.02, np.nan)
    fit(phase)
    assert phase.progress.lowered == 1
    assert len(phase.recorder.run.history) == SETTINGS.epochs + 2


def test_a_network_that_forgets_is_restarted(tmp_path: Path) -> None:
    """No loss exceeds the limit, but the score is far below that at the start."""
    settings = replace(SETTINGS, learning_rate=0.3)
    phase = begin(tmp_path / "run", settings)
    phase.progress.before = replace(phase.progress.before, figures={"accuracy": 0.99})
    phase.set_progress(phase.progress)
    spoil(phase, lambda rate: phase.progress.lowered == 0, 1.0)
    phase.stepper.update, update = (lambda n, r: (0.9, 1.0)), phase.stepper.update
    at_update(phase, 1, lambda: setattr(phase.stepper, "update", update))
    fit(phase)
    (warned,) = phase.setup.reporter.warnings
    assert warned.startswith("validation accuracy fell from 99.0% to ")
    assert "after epoch 1, at learning rate" in warned
    assert [row["epoch"] for row in phase.recorder.run.history] == [1, 2, 3]


def test_after_the_last_restart_the_user_has_to_set_a_rate(tmp_path: Path) -> None:
    settings = replace(SETTINGS, schedule="constant", warmup_epochs=0.0)
    phase = begin(tmp_path / "run", settings)
    spoil(phase, lambda rate: True, np.nan)
    with pytest.raises(RunError) as caught:
        fit(phase)
    assert len(phase.setup.reporter.warnings) == MAX_RESTARTS
    assert str(caught.value) == (
        "the loss became nan in epoch 1, step 2, at learning rate "
        f"{0.05 / RATE_DIVISOR**MAX_RESTARTS:.3g}. It was lowered {MAX_RESTARTS} "
        f"times. {tmp_path / 'run'} keeps its model. Try a lower lr, or lr='auto'."
    )


def test_a_nan_loss_late_in_a_phase_ends_it(tmp_path: Path) -> None:
    phase = begin(tmp_path / "run", checkpoint_every=ALWAYS)

    def ruin() -> None:
        kernel = phase.model.get_layer("logits").kernel
        kernel.assign(kernel * np.nan)

    at_update(phase, 2 * STEPS + 3, ruin)
    assert phase._watched_epochs == 2  # it warms up in the first
    with pytest.raises(RunError) as caught:
        fit(phase)
    rate = phase.rate
    assert str(caught.value) == (
        f"the loss became nan in epoch 3, step 4, at learning rate {rate:.3g}. "
        f"{tmp_path / 'run'} keeps its model. Try a lower lr, or lr='auto'."
    )
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
    assert saved.progress.updates == 2 * STEPS + 3
    assert all(np.isfinite(value).all() for value in saved.arrays().values())


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    """The update that makes them so has a finite loss."""
    phase = begin(tmp_path / "run", checkpoint_every=ALWAYS)
    update = phase.stepper.update

    def ruining(number: int, rate: float) -> tuple[float, float]:
        found = update(number, rate)
        if number == 2 * STEPS + 3:
            kernel = phase.model.get_layer("hidden").kernel
            kernel.assign(kernel * np.nan)
        return found

    phase.stepper.update = ruining
    with pytest.raises(RunError, match="weights are no longer finite numbers in epoch"):
        fit(phase)
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
    assert saved.progress.updates == 2 * STEPS + 3


MEMORY_ERRORS = [
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
    RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", MEMORY_ERRORS, ids=lambda error: type(error).__name__)
def test_smaller_parts_keep_the_batch_size_if_memory_runs_out(
    tmp_path: Path, error: Exception
) -> None:
    phase = begin(tmp_path / "run", checkpoint_every=ALWAYS)
    trained = phase.trained

    def fail() -> None:
        # A step that fails may have changed some of the variables.
        kernel = phase.model.get_layer("hidden").kernel
        kernel.assign(kernel + 1)
        trained.largest_batch = 0
        raise error

    at_update(phase, STEPS + 2, fail)
    fit(phase)
    assert phase.setup.reporter.warnings == [
        "memory ran out with 4 images at once. The batch stays 4, in 2 parts of 2."
    ]
    assert trained.largest_batch == 2
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
    assert (saved.progress.accumulate, saved.progress.batch_size) == (2, BATCH)
    # Keras counts parts.
    assert saved.arrays()["optimizer/iteration"] == 2 * 3 * STEPS
    assert [row["epoch"] for row in phase.recorder.run.history] == [1, 2, 3]


def test_smaller_parts_compute_what_whole_batches_do(tmp_path: Path) -> None:
    """Normalization, whose statistics are those of a part, and dropout are excluded."""

    def still(path: str) -> Session:
        phase = begin(tmp_path / path, settings)
        phase.trained.classifier.get_layer("norm").trainable = False
        for name in ("drop", "again"):
            phase.trained.classifier.get_layer(name).rate = 0.0
        phase.build()
        return phase

    settings = replace(SETTINGS, optimizer="adamw", clip_norm=1.0)
    whole = still("whole")
    fit(whole)
    phase = still("run")

    def fail() -> None:
        raise MemoryError

    at_update(phase, STEPS + 2, fail)
    fit(phase)
    assert phase.progress.accumulate == 2
    for actual, reference in zip(
        phase.model.get_weights(), whole.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(actual, reference, rtol=1e-3, atol=1e-4)


def test_no_memory_for_one_image_ends_the_phase(tmp_path: Path) -> None:
    phase = begin(tmp_path / "run")
    build = phase.build

    def fail(*_: object) -> tuple[float, float]:
        raise MemoryError

    def build_failing() -> None:
        build()
        phase.stepper.update = fail

    phase.build = build_failing
    phase.stepper.update = fail
    with pytest.raises(RunError) as caught:
        fit(phase)
    assert len(phase.setup.reporter.warnings) == 2
    assert str(caught.value) == (
        "memory ran out with one image at once, at 224 pixels. Train at a smaller "
        "image_size; to fine-tune, let fewer layers learn, with last."
    )


def sizes_seen(phase: Session) -> list[int]:
    """Records how many images each part of an update has."""
    seen: list[int] = []
    train_on_batch = phase.model.train_on_batch

    def noting(inputs: tf.Tensor, targets: tf.Tensor, **options: object) -> object:
        seen.append(len(inputs))
        if len(inputs) > 2:
            raise MemoryError
        return train_on_batch(inputs, targets, **options)

    phase.model.train_on_batch = noting
    return seen


@pytest.mark.parametrize(
    ("batch", "parts"), [(4, [2, 2]), (5, [1] * 5), (6, [1] * 6), (7, [1] * 7)]
)
def test_parts_cover_all_images_of_a_batch(
    tmp_path: Path, batch: int, parts: list[int]
) -> None:
    phase = begin(tmp_path / "run", replace(SETTINGS, epochs=1), batch=batch)
    seen = sizes_seen(phase)
    fit(phase)
    steps = TRAIN // batch
    assert seen[-steps * len(parts) :] == parts * steps
    (*_, warned) = phase.setup.reporter.warnings
    assert f"The batch stays {batch}, in {len(parts)} parts of {parts[0]}." in warned


def test_memory_may_run_out_while_the_time_is_measured(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    phase = begin(tmp_path / "run", settings, time_budget=3600.0)
    seen = sizes_seen(phase)
    fit(phase)
    assert seen[-2:] == [2, 2]
    assert phase.progress.finished


def test_a_stage_can_restart_after_memory_ran_out(tmp_path: Path) -> None:
    """The checkpoint at the start was written before the batch was divided."""
    settings = replace(
        SETTINGS, learning_rate=0.3, schedule="constant", warmup_epochs=0.0
    )
    phase = begin(tmp_path / "run", settings)
    seen = sizes_seen(phase)
    build = phase.build

    def spoiling() -> None:
        build()
        spoil(phase, lambda rate: rate > 0.1, np.nan)

    phase.build = spoiling
    fit(phase)
    memory, rate = phase.setup.reporter.warnings
    assert "in 2 parts of 2" in memory
    assert rate.endswith("too high. The phase begins again, at 0.03.")
    assert seen[-2:] == [2, 2]
    assert phase.progress.finished


def test_epochs_before_a_restart_no_longer_count(tmp_path: Path) -> None:
    """The first epoch goes well, the second diverges, and the stage restarts."""
    settings = replace(
        SETTINGS, learning_rate=0.3, schedule="constant", warmup_epochs=2.0
    )
    parent = begin(tmp_path / "parent")
    parent.recorder.require_model(parent.trained.learned_weights())
    phase = begin(tmp_path / "run", settings)
    phase.recorder.run.update_receipt(parent="parent")
    score, update = phase.score, phase.stepper.update

    def failing_once(number: int, rate: float) -> tuple[float, float]:
        loss, accuracy = update(number, rate)
        fails = number == STEPS + 1 and not phase.progress.lowered
        return np.nan if fails else loss, accuracy

    phase.score = lambda epoch: replace(
        score(epoch), figures={"accuracy": 0.5 if phase.progress.lowered else 0.99}
    )
    phase.stepper.update = failing_once
    fit(phase)
    assert len(phase.setup.reporter.warnings) == 1
    kept = phase.recorder.run.metrics["fine_tune"]
    assert kept["val_accuracy"] == 0.5
    assert {row["val_accuracy"] for row in phase.recorder.run.history} == {0.5}
