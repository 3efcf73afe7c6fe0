"""What may be typed as a value, for completion in a shell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cnnxfer.spelling import LATEST

if TYPE_CHECKING:
    from cnnxfer.config.setting import Setting

Completer = Callable[[typer.Context, str], list[str]]
# The suffixes of files that may be data.
DATA_SUFFIXES = (
    *(".csv", ".tsv", ".jsonl", ".parquet", ".json", ".yaml", ".yml"),
    *(".zip", ".tar", ".tar.gz", ".tgz"),
)


def of(setting: Setting) -> Completer:
    """Returns what completes the values of a setting."""
    own = words(setting.words)
    more = {"data": data, "backbone": backbones, "init": runs}.get(setting.name)
    if more is None:
        return own
    return lambda ctx, incomplete: [*own(ctx, incomplete), *more(ctx, incomplete)]


def words(known: Iterable[str]) -> Completer:
    """Returns what completes one of some words."""
    known = tuple(known)
    return lambda ctx, incomplete: _beginning(incomplete, known)


def backbones(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the names of backbones."""
    from cnnxfer.backbones.catalog import BACKBONES

    return _beginning(incomplete, BACKBONES.names())


def several_backbones(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the names of backbones, after those that were typed with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in backbones(ctx, last)]


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the names of runs, the latest first."""
    place = ctx.params.get("runs_dir") or os.environ.get("CNNXFER_RUNS") or "runs"
    found = sorted(_runs_in(Path(place)), key=_modified, reverse=True)
    return _beginning(incomplete, [LATEST, *(path.name for path in found)])


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the names of runs and of backbones."""
    return [*runs(ctx, incomplete), *backbones(ctx, incomplete)]


def data(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the data at hand: folders, tables, archives, and sets of TFDS."""
    folder, _ = os.path.split(incomplete)
    found = []
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = os.path.join(folder, entry.name)
                if entry.is_dir():
                    found.append(f"{name}/")
                elif entry.name.lower().endswith(DATA_SUFFIXES):
                    found.append(name)
    except OSError:
        pass  # there is no such folder
    named = [] if folder else ["sample", *_tfds_sets()]
    return _beginning(incomplete, [*sorted(found), *named])


def _tfds_sets() -> list[str]:
    """Returns the sets of TensorFlow Datasets that are prepared on this machine."""
    place = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        return sorted(
            path.name
            for path in Path(place).expanduser().iterdir()
            if path.is_dir() and path.name not in ("downloads", "manual")
        )
    except OSError:
        return []


def _runs_in(place: Path) -> Iterable[Path]:
    try:
        return [path for path in place.iterdir() if (path / "config.toml").is_file()]
    except OSError:
        return []


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it has just been removed
        return 0.0


def _beginning(incomplete: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name.startswith(incomplete)]
