"""What a phase does where it cannot go on as it is: a lower rate, smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import counted
from cnnxfer.training.loop.checkpoint import (
    checkpoint_at,
    read_arrays,
    read_checkpoint,
    restore,
)
from cnnxfer.training.loop.progress import parts_of
from cnnxfer.training.loop.session import Diverged, Session
from cnnxfer.training.loop.variables import with_parts

Result = TypeVar("Result")

# A rate that is too high is divided by this, so many times at most. What is typed is
# often one for SGD, of which AdamW takes a tenth to a twentieth.
LOWERED_BY = 10.0
LOWERINGS = 3


def retried(session: Session, trial: Callable[[], Result]) -> Result:
    """Returns what a trial before the first update finds, in the memory there is.

    Raises:
        Interrupted: on Ctrl-C.
        DataError: if an image cannot be read any more.
        RunError: if there is no memory for a single image.
    """
    with session.explained():
        while True:
            try:
                return trial()
            except Exception as error:
                go_on_in_less_memory(session, error)


def go_on_in_less_memory(session: Session, error: Exception) -> None:
    """Makes ready to go on in smaller parts if memory ran out; else raises the error.

    Raises:
        RunError: if a single image is too much.
    """
    if session.trained.failure or not is_out_of_memory(error):
        raise error
    error.__traceback__ = None  # it would hold on to memory
    use_less_memory(session)


def lower_rate(session: Session, trouble: Diverged) -> None:
    """Takes a stage back to its start, to go on at a lower rate.

    Raises:
        RunError: if that was done too often, or it is too late to.
    """
    progress, run = session.progress, session.setup.run
    variables = session.stepper.variables
    if progress.step < progress.steps_per_epoch:
        place = f"in epoch {progress.number}, step {progress.step + 1}"
        rate = session.rate
    else:
        place = f"after epoch {progress.number}"
        rate = progress.peak * progress.scale
    seen = f"{trouble} {place}, at learning rate {rate:.3g}"
    start = None
    if session.watching and progress.lowered < LOWERINGS:
        start = checkpoint_at(run.checkpoints_dir, progress.start)
    if not start:
        times = progress.lowered
        again = f" It was lowered {counted(times, 'time')}." if times else ""
        kept = f" {run.path} keeps its model." if progress.kept else ""
        raise RunError(f"{seen}.{again}{kept} Try a lower --lr, or --lr auto.")
    back = start.progress
    parts = back.accumulate, progress.accumulate  # memory may have run out since
    back.accumulate = progress.accumulate
    back.scale = progress.scale / LOWERED_BY
    back.lowered = progress.lowered + 1
    back.seconds = progress.seconds
    back.epochs, back.extended = progress.epochs, progress.extended
    back.time_limit = progress.time_limit
    back.planned = not progress.time_limit  # there is less time left
    if progress.kept != back.kept:
        session.recorder.take_back(back, progress)
    session.follow(back)
    restore(with_parts(read_arrays(start), variables, *parts), variables)
    session.checkpoint()
    session.setup.reporter.warn(
        f"{seen}: too high. The phase begins again, at {back.peak * back.scale:.3g}."
    )


def use_less_memory(session: Session) -> None:
    """Halves what is computed at once, and goes on from the last checkpoint, if any.

    The batch of an update stays as large, and so the learning rates.

    Raises:
        RunError: if a single image is too much.
    """
    setup, now = session.setup, session.progress
    size, parts = now.part_size, parts_of(now.batch_size, 2 * now.accumulate)
    place = f"at {setup.image_size} pixels"
    if setup.devices.replicas > 1:
        raise RunError(
            f"memory ran out with --batch {now.batch_size} {place}, on "
            f"{setup.devices.replicas} devices. Try half of it."
        )
    if setup.precision == "float16":  # see `beginning`
        raise RunError(
            f"memory ran out with --batch {now.batch_size} {place}, and float16 can't "
            "be computed in parts. Try half of it, or --precision bfloat16."
        )
    if size == 1:
        raise RunError(
            f"memory ran out with one image at once, {place}. Let fewer layers learn, "
            "with --last, or train at a smaller --image-size."
        )
    session.recover()
    if session.begun:
        last = read_checkpoint(setup.run.checkpoints_dir)
        assert last, "a stage begins with a checkpoint"
        before, progress = last.progress.accumulate, last.progress
        if not progress.updates:
            progress.start = last.number
        progress.seconds, progress.accumulate = now.seconds, parts
        session.progress = progress
        session.build()
        variables = session.stepper.variables
        restore(with_parts(read_arrays(last), variables, before, parts), variables)
        session.checkpoint()
    else:
        now.accumulate = parts
        session.build()
    setup.reporter.warn(
        f"memory ran out with {size} images at once. The batch stays "
        f"{now.batch_size}, in {parts} parts of {now.batch_size // parts}."
    )
