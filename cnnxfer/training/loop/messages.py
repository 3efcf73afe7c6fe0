"""What is said of a phase, while it trains and when it stops."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.errors import Interrupted
from cnnxfer.reporting import counted
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.progress import Progress


def title(progress: Progress) -> str:
    """Returns what the phase does."""
    return "training the head" if progress.phase == "frozen" else "fine-tuning"


def live_text(progress: Progress) -> str:
    """Returns what is seen beside the progress bar, after an update."""
    text = (
        f"epoch {progress.number}/{progress.last_number}  "
        f"loss {progress.loss_sum / progress.step:.3f}  "
        f"accuracy {progress.accuracy_sum / progress.step:.1%}"
    )
    return f"{text}  validation {progress.last.text}" if progress.last else text


def history_row(progress: Progress, score: Score, rate: float) -> dict[str, str]:
    """Returns the row of the epoch under way, whose updates are all done.

    Args:
        progress: before the epoch counts as finished.
        score: after it.
        rate: with which it began.
    """
    return {
        "learning_rate": f"{rate:.6g}",
        "loss": f"{progress.loss_sum / progress.step:.6f}",
        "accuracy": f"{progress.accuracy_sum / progress.step:.6f}",
        **score.as_history(),
        "seconds": f"{progress.epoch_seconds:.2f}",
    }


def epoch_lines(progress: Progress, score: Score, *, first: bool) -> Iterator[str]:
    """Yields what is said of the epoch under way, whose updates are all done.

    Args:
        progress: before the epoch counts as finished.
        score: after it.
        first: whether it is the first that this process says something of.
    """
    seconds = progress.epoch_seconds
    yield (
        f"epoch {score.epoch:2d}/{progress.last_number}  "
        f"loss {progress.loss_sum / progress.step:.3f}  "
        f"accuracy {progress.accuracy_sum / progress.step:.1%}  "
        f"validation {score.text}  {seconds:.0f} s"
        + ("  best" if progress.kept is score else "")
    )
    left = progress.last_number - score.epoch
    if left and first:
        yield f"{counted(left, 'epoch')} to go, about {left * seconds / 60:.0f} min"


def extension_text(progress: Progress, epochs: int) -> str:
    """Returns what is said of a phase that has so many more epochs."""
    number = progress.last_number
    return (
        f"{counted(epochs, 'more epoch')}, {number} in all, which go on at the "
        f"learning rates that a phase of {number} has"
    )


def interruption(run: Run, progress: Progress) -> Interrupted:
    """Returns the error that tells what is left of a run, and how to go on."""
    kept = "no epoch is finished yet"
    if progress.kept:
        epoch = progress.kept.epoch
        kept = f"of epoch {epoch}" if epoch else "as before this phase"
        kept += f", validation {progress.kept.text}"
    usable = f"has a usable model ({kept})"
    if not run.model_path.exists():
        usable = "has no model yet"
    number = min(progress.number, progress.last_number)
    return Interrupted(
        f"interrupted in epoch {number} of {progress.last_number} "
        f"({title(progress)}). {run.path} {usable}. "
        f"Go on with: cnnxfer resume {run.path}"
    )
