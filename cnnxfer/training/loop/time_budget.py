"""How much training fits into a time: measured, and fixed once."""

from __future__ import annotations

import time

from cnnxfer.reporting import counted
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.stepper import Stepper
from cnnxfer.training.optimization.rolled_back import rolled_back

SHARE = 0.95  # of the time; the rest is for saving, and for steps that take longer
# What is measured, after a first step, which compiles.
TRIAL_STEPS = 3
TRIAL_SECONDS = 5.0


def fit_into_time(session: Session, seconds: float) -> None:
    """Gives a stage as many epochs as fit, and says so.

    Its schedule spans exactly these.

    Args:
        session: at its beginning.
        seconds: that the stage may take, measuring included.
    """
    progress, reporter = session.progress, session.setup.reporter
    wanted, whole = progress.epochs, progress.steps_per_epoch
    started = time.monotonic()
    step_seconds, score_seconds = measure(session.stepper, session.number)
    progress.time_limit = progress.seconds + seconds
    progress.epochs, progress.steps_per_epoch = epochs_that_fit(
        seconds - (time.monotonic() - started),
        step_seconds=step_seconds,
        score_seconds=score_seconds,
        epochs=wanted,
        steps_per_epoch=whole,
    )
    progress.planned = True
    session.follow(progress)
    left = f"{seconds / 60:.0f} min" if seconds >= 60 else f"{max(seconds, 0):.0f} s"
    what = f"{progress.epochs} of {counted(wanted, 'epoch')}"
    if progress.steps_per_epoch < whole:
        what = f"{progress.steps_per_epoch} of the {whole} steps of an epoch"
    reporter.info(f"in the {left} that are left there is time for {what}")


def measure(stepper: Stepper, first: int) -> tuple[float, float]:
    """Returns the seconds of an update and of a validation, and undoes the updates.

    Args:
        stepper: whose.
        first: number of the first update that is tried.
    """
    with rolled_back(stepper.model, "measuring what fits into the time"):
        stepper.update(first, 0.0)
        step_seconds: list[float] = []
        while len(step_seconds) < TRIAL_STEPS and sum(step_seconds) < TRIAL_SECONDS:
            started = time.perf_counter()
            stepper.update(first + 1 + len(step_seconds), 0.0)
            step_seconds.append(time.perf_counter() - started)
    batches = min(TRIAL_STEPS, stepper.validation_steps)
    stepper.answers(batches=1)
    started = time.perf_counter()
    stepper.answers(batches=batches)
    score_seconds = time.perf_counter() - started
    return (
        sum(step_seconds) / len(step_seconds),
        score_seconds * stepper.validation_steps / batches,
    )


def epochs_that_fit(
    seconds: float,
    *,
    step_seconds: float,
    score_seconds: float,
    epochs: int,
    steps_per_epoch: int,
) -> tuple[int, int]:
    """Returns how many epochs fit, and of how many steps each is.

    Args:
        seconds: the time.
        step_seconds: what an update takes.
        score_seconds: what validation takes after each epoch.
        epochs: how many are wanted: never more.
        steps_per_epoch: their steps; fewer, but at least one, only where not even one
            epoch fits.
    """
    seconds *= SHARE
    fitting = int(seconds / (steps_per_epoch * step_seconds + score_seconds))
    if fitting > 0:
        return min(fitting, epochs), steps_per_epoch
    steps = int((seconds - score_seconds) / step_seconds)
    return 1, min(max(steps, 1), steps_per_epoch)
