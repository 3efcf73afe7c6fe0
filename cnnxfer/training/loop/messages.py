"""The messages and history rows of a phase, while it trains and when it stops."""

from cnnxfer.errors import Interrupted
from cnnxfer.reporting import Note, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.phase import PHASES


def title(progress: Progress) -> str:
    """Returns what the phase does, as a title for its progress bar."""
    return PHASES.get(progress.phase).title


def live_notes(progress: Progress) -> list[Note]:
    """Returns the figures beside the progress bar after an update."""
    loss = progress.loss_sum / progress.step
    accuracy = progress.accuracy_sum / progress.step
    notes = [
        Note(f"epoch {progress.number}/{progress.last_number}"),
        Note(f"loss {loss:.3f}", spare=True),
        Note(f"accuracy {accuracy:.1%}", spare=True),
    ]
    if last := progress.last:
        notes.append(Note(f"validation {last.text}", short=f"val {last.value:.1%}"))
    return notes


def history_row(progress: Progress, score: Score, rate: float) -> dict[str, str]:
    """Returns the history row of the current epoch, without phase and epoch number.

    The epoch's last update is done, and `rate` is the learning rate at its start.
    """
    return {
        "learning_rate": f"{rate:.6g}",
        "loss": f"{progress.loss_sum / progress.step:.6f}",
        "accuracy": f"{progress.accuracy_sum / progress.step:.6f}",
        **score.as_history(),
        "seconds": f"{progress.epoch_seconds:.2f}",
    }


def epoch_line(progress: Progress, score: Score) -> str:
    """Returns the line to print at the end of the current epoch."""
    return (
        f"epoch {score.epoch:2d}/{progress.last_number}  "
        f"loss {progress.loss_sum / progress.step:.3f}  "
        f"accuracy {progress.accuracy_sum / progress.step:.1%}  "
        f"validation {score.text}  {progress.epoch_seconds:.0f} s"
        + ("  best" if progress.kept is score else "")
    )


def extension_text(progress: Progress, epochs: int) -> str:
    """Returns the message that a number of epochs was added to a phase."""
    number = progress.last_number
    return (
        f"{counted(epochs, 'more epoch')}, {number} in all, at the learning "
        f"rates of a phase of {number}"
    )


def interruption(run: Run, progress: Progress) -> Interrupted:
    """Returns the error that says what an interrupted run has, and how to resume it."""
    kept = "no epoch is finished yet"
    if progress.kept:
        epoch = progress.kept.epoch
        kept = f"of epoch {epoch}" if epoch else "as before this phase"
        kept += f", validation {progress.kept.text}"
    state = f"has a usable model ({kept})"
    if not run.model_path.exists():
        state = "has no model yet"
    number = min(progress.number, progress.last_number)
    return Interrupted(
        f"interrupted in epoch {number} of {progress.last_number} "
        f"({title(progress)}). {run.path} {state}. "
        f"Go on with: {command('resume', run.path)}"
    )
