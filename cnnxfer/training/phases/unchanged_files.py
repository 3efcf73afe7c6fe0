"""Checks that files that a run depends on have not changed since it began."""

from pathlib import Path

from cnnxfer.config.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.errors import RunError, with_advice
from cnnxfer.files import file_hash
from cnnxfer.runs import Run
from cnnxfer.spelling import command


def require_unchanged(run: Run, path: Path, entry: str) -> None:
    """Compares a file's hash with that entry of the run's receipt, or records it there.

    Raises:
        RunError: if the file has changed since the run began.
    """
    sha256 = file_hash(path)
    if run.receipt.get(entry) not in (None, sha256):
        raise RunError(
            f"{path} has changed since {run.path} began. Restore the file, or "
            "train a new run."
        )
    run.update_receipt(**{entry: sha256})


def require_same_class_weights(run: Run) -> None:
    """Checks that the file of class weights, if the run has one, has not changed.

    Raises:
        ConfigError: if the file no longer exists or is no longer valid.
        RunError: if the file has changed.
    """
    setting = run.config.class_weights
    if setting not in (NONE, AUTO):
        again = command("resume", run.path)
        with with_advice(f"{run.path} needs it: put it back, then {again}"):
            check_class_weights(setting)
        require_unchanged(run, Path(setting), "class_weights_sha256")
