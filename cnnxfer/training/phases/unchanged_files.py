"""Files of the user's own that a run depends on: the same for all its life."""

from __future__ import annotations

from pathlib import Path

from cnnxfer.config.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.errors import RunError
from cnnxfer.files import file_hash
from cnnxfer.runs import Run


def require_unchanged(run: Run, path: Path, entry: str) -> None:
    """Notes a file's hash in the run's receipt, or compares it with what is there.

    Raises:
        RunError: if it is another file than the one that the run began with.
    """
    sha256 = file_hash(path)
    if run.receipt.get(entry) not in (None, sha256):
        raise RunError(
            f"{path} has changed since {run.path} began. Bring the file back, or "
            "train a new run."
        )
    run.update_receipt(**{entry: sha256})


def require_same_class_weights(run: Run) -> None:
    """Does that with the file of class weights, where the run has one.

    Raises:
        ConfigError: if it is gone or is no such file any more.
        RunError: if it has changed.
    """
    setting = run.config.class_weights
    if setting not in (NONE, AUTO):
        check_class_weights(setting)
        require_unchanged(run, Path(setting), "class_weights_sha256")
