"""What `resume` needs to go on after the last finished epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnxfer.errors import RunError
from cnnxfer.files import atomic_path, file_hash, write_text
from cnnxfer.training.score import Score

STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A finished epoch.

    Attributes:
        epoch: how many epochs are finished.
        best: the best score so far, of which `model.keras` holds the weights.
        file: name of the file with the weights.
        sha256: of that file.
    """

    epoch: int
    best: Score
    file: str
    sha256: str


def save_checkpoint(
    directory: Path, epoch: int, best: Score, variables: Iterable[Any]
) -> None:
    """Writes the variables, then the state that names them, then removes the old.

    Whenever the process dies, `state.json` names a file that is whole.
    """
    directory.mkdir(exist_ok=True)
    path = directory / f"epoch-{epoch:04d}.npz"
    arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, *arrays)
    checkpoint = Checkpoint(epoch, best, path.name, file_hash(path))
    write_text(directory / STATE, json.dumps(asdict(checkpoint), indent=2) + "\n")
    for old in directory.glob("*.npz"):
        if old != path:
            old.unlink()


def read_checkpoint(directory: Path) -> Checkpoint | None:
    """Returns the last finished epoch; None if no epoch has finished.

    Raises:
        RunError: if its files are torn.
    """
    path = directory / STATE
    if not path.is_file():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        best = {**state["best"], "thresholds": tuple(state["best"]["thresholds"])}
        checkpoint = Checkpoint(**{**state, "best": Score(**best)})
    except (ValueError, TypeError, KeyError) as error:
        raise _torn(path) from error
    weights = directory / checkpoint.file
    if not weights.is_file() or file_hash(weights) != checkpoint.sha256:
        raise _torn(weights)
    return checkpoint


def restore(directory: Path, checkpoint: Checkpoint, variables: Iterable[Any]) -> None:
    """Sets the variables, in the order in which they were saved."""
    with np.load(directory / checkpoint.file, allow_pickle=False) as arrays:
        for variable, name in zip(variables, arrays.files, strict=True):
            variable.assign(arrays[name])


def _torn(path: Path) -> RunError:
    return RunError(
        f"{path} is torn or missing. Remove {path.parent} to train this phase again "
        "from its start."
    )
