"""What a phase does where it cannot go on as it is: a lower rate, smaller parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnxfer.errors import RunError
from cnnxfer.reporting import counted
from cnnxfer.training.phase.checkpoint import (
    checkpoint_at,
    read_arrays,
    read_checkpoint,
    restore,
)
from cnnxfer.training.phase.state import with_parts

if TYPE_CHECKING:
    from cnnxfer.training.phase.loop import PhaseRun

# A rate that is too high is divided by this, so many times at most. What is typed is
# often one for SGD, of which AdamW takes a tenth to a twentieth.
LOWERED_BY = 10.0
LOWERINGS = 3


class Diverged(Exception):
    """Training makes the network worse; the message says how it is seen."""


def lower_rate(phase: PhaseRun, trouble: Diverged) -> None:
    """Takes a stage back to its start, to go on at a lower rate.

    Raises:
        RunError: if that was done too often, or it is too late to.
    """
    progress, run = phase.progress, phase.setup.run
    if progress.step < progress.steps_per_epoch:
        place = f"in epoch {progress.number}, step {progress.step + 1}"
        rate = phase.rate
    else:
        place = f"after epoch {progress.number}"
        rate = progress.peak * progress.scale
    seen = f"{trouble} {place}, at learning rate {rate:.3g}"
    start = None
    if phase.watching and progress.lowered < LOWERINGS:
        start = checkpoint_at(run.checkpoints_dir, progress.start)
    if not start:
        times = progress.lowered
        again = f" It was lowered {counted(times, 'time')}." if times else ""
        kept = f" {run.path} keeps its model." if progress.kept else ""
        raise RunError(f"{seen}.{again}{kept} Try a lower --lr, or --lr auto.")
    back = start.progress
    back.scale = progress.scale / LOWERED_BY
    back.lowered = progress.lowered + 1
    back.seconds, back.kept = progress.seconds, progress.kept
    phase.follow(back)
    restore(read_arrays(start), phase.stepper.variables)
    phase.checkpoint()
    phase.setup.reporter.warn(
        f"{seen}: too high. The phase begins again, at {back.peak * back.scale:.3g}."
    )


def use_less_memory(phase: PhaseRun) -> None:
    """Halves what is computed at once, and goes on from the last checkpoint.

    The batch of an update stays as large, and so the learning rates.

    Raises:
        RunError: if a single image is too much.
    """
    setup, now = phase.setup, phase.progress
    place = f"at {setup.image_size} pixels"
    if setup.devices.replicas > 1:
        raise RunError(
            f"memory ran out with --batch {now.batch_size} {place}, on "
            f"{setup.devices.replicas} devices. Try half of it."
        )
    if now.part_size == 1:
        raise RunError(
            f"memory ran out with one image at once, {place}. Let fewer layers learn, "
            "with --last, or train at a smaller --image-size."
        )
    last = read_checkpoint(setup.run.checkpoints_dir)
    assert last, "a stage begins with a checkpoint"
    before, progress = last.progress.accumulate, last.progress
    if not progress.updates:
        progress.start = last.number
    progress.accumulate = 2 * now.accumulate
    progress.seconds = now.seconds
    phase.recover()
    phase.progress = progress
    phase.build()
    variables = phase.stepper.variables
    arrays = with_parts(read_arrays(last), variables, before, progress.accumulate)
    restore(arrays, variables)
    phase.checkpoint()
    setup.reporter.warn(
        f"memory ran out with {now.part_size} images at once. The batch stays "
        f"{now.batch_size}, in {progress.accumulate} parts of {progress.part_size}."
    )
