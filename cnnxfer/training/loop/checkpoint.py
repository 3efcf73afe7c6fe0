"""Checkpoints, from which `resume` continues a phase; the last two are kept.

A checkpoint is numbered and has two files: `000012.npz` holds the variables by name,
and `000012.json` the progress of the phase and the hash of the first file, protected by
a hash of its own. The second file is written when the first is complete, and older
checkpoints are removed when both are.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.errors import RunError
from cnnxfer.files import (
    atomic_path,
    file_hash,
    read_json_with_hash,
    write_json_with_hash,
)
from cnnxfer.reporting import Reporter
from cnnxfer.training.loop.progress import Progress
from cnnxfer.trust import KEPT, KEPT_DIRECTORY
from cnnxfer.unpacking import is_stored

CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Manifest:
    """What the JSON of a checkpoint holds."""

    sha256: str  # of the file with the arrays
    progress: Progress


@dataclass(frozen=True)
class Checkpoint:
    """The state of a phase between two updates, as saved."""

    number: int  # later ones have higher numbers
    progress: Progress
    arrays: Callable[[], dict[str, np.ndarray]]  # reads the variables' values by name


def save_checkpoint(
    directory: Path,
    progress: Progress,
    arrays: Mapping[str, np.ndarray],
    *,
    also_keep: int = 0,
) -> int:
    """Writes a checkpoint, and then removes all but the last two.

    If the process dies at any moment, the previous checkpoint is still complete.

    Args:
        directory: created if it does not exist.
        progress: how far the phase is.
        arrays: the values of the variables by name.
        also_keep: the number of a checkpoint that is not removed; 0 for none.

    Returns:
        The number of the new checkpoint.

    Raises:
        OSError: if a file cannot be written.
    """
    directory.mkdir(mode=KEPT_DIRECTORY, exist_ok=True)
    with_arrays = _numbers(directory, "npz")
    with_manifest = _numbers(directory, "json")
    number = max(with_arrays | with_manifest, default=0) + 1
    path = _path(directory, number, "npz")
    with atomic_path(path, KEPT) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    manifest = Manifest(file_hash(path), progress)
    write_json_with_hash(_path(directory, number, "json"), asdict(manifest))
    complete = sorted(with_arrays & with_manifest)
    kept = {also_keep, *complete[1 - CHECKPOINTS_KEPT :]}
    for old in (with_arrays | with_manifest) - kept:
        for suffix in ("json", "npz"):
            _path(directory, old, suffix).unlink(missing_ok=True)
    return number


def read_checkpoint(
    directory: Path, reporter: Reporter | None = None
) -> Checkpoint | None:
    """Returns the last complete checkpoint; None if none was ever completed.

    Args:
        directory: the directory of the checkpoints; it need not exist.
        reporter: warns if the last checkpoint is damaged and an earlier one is used.

    Raises:
        RunError: if all checkpoints are damaged.
    """
    numbers = sorted(_numbers(directory, "npz") | _numbers(directory, "json"))[::-1]
    for number in numbers:
        checkpoint = checkpoint_at(directory, number)
        if checkpoint:
            if number != numbers[0] and reporter:
                last = _path(directory, numbers[0], "npz")
                reporter.warn(
                    f"the last checkpoint, {last}, is damaged or incomplete. The one "
                    "before it is used."
                )
            return checkpoint
    # The process may have died while it wrote its very first checkpoint.
    if numbers in ([], [1]) and not _numbers(directory, "json"):
        return None
    raise RunError(
        f"the checkpoints in {directory} are damaged. Remove them to train this phase "
        f"again from its start: rm -r {directory}"
    )


def checkpoint_at(directory: Path, number: int) -> Checkpoint | None:
    """Returns the checkpoint with a number; None if it is missing or damaged."""
    arrays_path = _path(directory, number, "npz")
    manifest = read_json_with_hash(_path(directory, number, "json"), Manifest)
    try:
        if manifest is None or file_hash(arrays_path) != manifest.sha256:
            return None
        if not is_stored(arrays_path):
            return None
    except OSError:
        return None
    return Checkpoint(number, manifest.progress, partial(_read_arrays, arrays_path))


def restore(arrays: Mapping[str, np.ndarray], variables: Mapping[str, Any]) -> None:
    """Sets variables to the values of the arrays of the same names.

    Raises:
        RunError: if names or shapes differ.
    """
    shapes = {name: value.shape for name, value in arrays.items()}
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != expected:
        differing = sorted(
            name for name in shapes | expected if shapes.get(name) != expected.get(name)
        )
        raise RunError(
            f"the checkpoint does not fit the network: they differ in {differing[0]} "
            f"and {len(differing) - 1} more. Train a new run."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _numbers(directory: Path, suffix: str) -> set[int]:
    return {
        int(path.stem)
        for path in directory.glob(f"*.{suffix}")
        if path.stem.isdecimal()
    }


def _path(directory: Path, number: int, suffix: str) -> Path:
    return directory / f"{number:06d}.{suffix}"
