"""How training recovers: at a lower learning rate, or in smaller parts of a batch."""

from collections.abc import Callable
from typing import TypeVar

from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import counted
from cnnxfer.spelling import option
from cnnxfer.training.loop.progress import parts_per_batch
from cnnxfer.training.loop.session import Diverged, Session
from cnnxfer.training.optimization.batch_size_search import too_little_memory

Result = TypeVar("Result")

# A learning rate that is too high is divided by this number, at most so many times.
# Users often type a rate for SGD; AdamW needs a tenth to a twentieth of it.
RATE_DIVISOR = 10.0
MAX_RESTARTS = 3


def retry_with_less_memory(session: Session, trial: Callable[[], Result]) -> Result:
    """Returns the result of a trial, repeated in smaller parts while memory runs out.

    Raises:
        Interrupted: on Ctrl-C.
        DataError: if an image can no longer be read.
        RunError: if there is not enough memory for a single image.
    """
    with session.explaining_errors():
        while True:
            try:
                return trial()
            except Exception as error:
                continue_with_less_memory(session, error)


def continue_with_less_memory(session: Session, error: Exception) -> None:
    """Prepares to continue in smaller parts if memory ran out, else raises the error.

    Raises:
        RunError: if there is not enough memory for a single image.
    """
    if session.trained.failure or not is_out_of_memory(error):
        raise error
    error.__traceback__ = None  # its frames keep tensors alive
    halve_parts(session)


def restart_at_lower_rate(session: Session, divergence: Diverged) -> None:
    """Restarts a stage from its beginning, at a lower learning rate.

    Raises:
        RunError: if the stage was restarted too often, or is past the epochs in which
            it may restart.
    """
    progress, recorder = session.progress, session.recorder
    if progress.step < progress.steps_per_epoch:
        moment = f"in epoch {progress.number}, step {progress.step + 1}"
        rate = session.rate
    else:
        moment = f"after epoch {progress.number}"
        rate = progress.peak * progress.scale
    observed = f"{divergence} {moment}, at learning rate {rate:.3g}"
    start = None
    if session.may_restart and progress.lowered < MAX_RESTARTS:
        start = recorder.checkpoint_at(progress.start)
    if not start:
        times = progress.lowered
        again = f" It was lowered {counted(times, 'time')}." if times else ""
        has_model = progress.kept and recorder.place
        kept = f" {recorder.place} keeps its model." if has_model else ""
        raise RunError(
            f"{observed}.{again}{kept} Try a lower {option('--lr')}, or "
            f"{option('--lr', 'auto')}."
        )
    restarted = start.progress
    # The number of parts may have changed since, for lack of memory.
    session.restore(start, restarted.accumulate)
    restarted.accumulate = progress.accumulate
    restarted.scale = progress.scale / RATE_DIVISOR
    restarted.lowered = progress.lowered + 1
    restarted.seconds = progress.seconds
    restarted.epochs, restarted.extended = progress.epochs, progress.extended
    restarted.time_limit = progress.time_limit
    restarted.planned = not progress.time_limit  # less time is left
    recorder.undo_epochs(restarted, progress)
    session.set_progress(restarted)
    session.checkpoint()
    session.setup.reporter.warn(
        f"{observed}: too high. The phase begins again, at "
        f"{restarted.peak * restarted.scale:.3g}."
    )


def halve_parts(session: Session) -> None:
    """Halves the part of a batch that is computed at once, and restores the state.

    The state is that of the last checkpoint, or of the beginning. The size of a batch
    stays the same, and so do the learning rates.

    Raises:
        RunError: if there is not enough memory for a single image, or if several
            devices or float16 rule out smaller parts.
    """
    setup, now = session.setup, session.progress
    size, workers = now.part_size, setup.devices.shares
    pixels = f"at {setup.image_size} pixels"
    if setup.devices.replicas > 1:
        raise RunError(
            f"memory ran out with {option('--batch', now.batch_size)} {pixels}, on "
            f"{setup.devices.replicas} devices. Try half of it."
        )
    if setup.precision == "float16" and workers == 1:  # see `initial_progress`
        raise RunError(
            f"memory ran out with {option('--batch', now.batch_size)} {pixels}, and "
            "float16 can't be computed in parts. Try half of it, or "
            f"{option('--precision', 'bfloat16')}."
        )
    if size == 1:
        raise too_little_memory(f"with one image at once, {pixels}")
    parts = parts_per_batch(now.batch_size, 2 * now.accumulate, workers)
    session.restore_initial_values()
    if session.begun:
        last = session.recorder.last_checkpoint()
        assert last, "a stage begins with a checkpoint"
        session.recorder.forget_epochs()
        before, progress = last.progress.accumulate, last.progress
        if not progress.updates:
            progress.start = last.number
        progress.seconds, progress.accumulate = now.seconds, parts
        session.progress = progress
        session.build()
        session.restore(last, before)
        session.checkpoint()
    else:
        now.accumulate = parts
        session.build()
    setup.reporter.warn(
        f"memory ran out with {size} images at once. The batch stays "
        f"{now.batch_size}, in {parts} parts of {now.batch_size // parts}."
    )
