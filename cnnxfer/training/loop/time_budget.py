"""Measures how much training fits into a time budget, and sets the epochs once."""

from cnnxfer.reporting import counted
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.stepper import Stepper
from cnnxfer.training.optimization.rolled_back import rolled_back
from cnnxfer.training.workers.joining import clock

USABLE_SHARE = 0.95  # of the time; the rest is for saving and for slow steps
# How much is measured, after a first step, which compiles the model.
TRIAL_STEPS = 3
TRIAL_SECONDS = 5.0


def fit_into_time(session: Session, seconds: float) -> None:
    """Gives a stage as many epochs as fit into a time, and reports the number.

    The schedule of the learning rate spans exactly these epochs. The measurement is
    part of the time.
    """
    progress, reporter = session.progress, session.setup.reporter
    wanted, whole = progress.epochs, progress.steps_per_epoch
    started = clock()
    step_seconds, score_seconds = measure(session.stepper, session.update_number)
    progress.time_limit = progress.seconds + seconds
    progress.epochs, progress.steps_per_epoch = epochs_that_fit(
        seconds - (clock() - started),
        step_seconds=step_seconds,
        score_seconds=score_seconds,
        epochs=wanted,
        steps_per_epoch=whole,
    )
    if session.trained.brief:  # a whole epoch is worth its moment
        progress.steps_per_epoch = whole
    progress.planned = True
    session.set_progress(progress)
    left = f"{seconds / 60:.0f} min" if seconds >= 60 else f"{max(seconds, 0):.0f} s"
    fitting = f"{progress.epochs} of {counted(wanted, 'epoch')}"
    if progress.steps_per_epoch < whole:
        fitting = f"{progress.steps_per_epoch} of the {whole} steps of an epoch"
    reporter.info(f"in the {left} that are left there is time for {fitting}")


def measure(stepper: Stepper, first: int) -> tuple[float, float]:
    """Returns the seconds of an update and of a validation, and undoes the updates."""
    with rolled_back(stepper.model, "measuring what fits into the time"):
        stepper.update(first, 0.0)
        step_seconds: list[float] = []
        while len(step_seconds) < TRIAL_STEPS and sum(step_seconds) < TRIAL_SECONDS:
            started = clock()
            stepper.update(first + 1 + len(step_seconds), 0.0)
            step_seconds.append(clock() - started)
    batches = min(TRIAL_STEPS, stepper.validation_steps)
    stepper.validation_logits(batches=1)
    started = clock()
    stepper.validation_logits(batches=batches)
    score_seconds = clock() - started
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
    """Returns how many epochs fit into a time, and the number of steps in each.

    They are at most `epochs` of `steps_per_epoch` each. If not even one fits, it is one
    epoch of fewer steps, but at least one.
    """
    seconds *= USABLE_SHARE
    fitting = int(seconds / (steps_per_epoch * step_seconds + score_seconds))
    if fitting > 0:
        return min(fitting, epochs), steps_per_epoch
    steps = int((seconds - score_seconds) / step_seconds)
    return 1, min(max(steps, 1), steps_per_epoch)
