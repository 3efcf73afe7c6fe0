"""What callers give: runs, paths and settings."""

from __future__ import annotations

from pathlib import Path

from cnnxfer.config import Config, check_views
from cnnxfer.data.preparing.exclude import read_list
from cnnxfer.data.preparing.splits import parse_split
from cnnxfer.runs import Run, find_run, resolve_runs_dir

Pathlike = str | Path


def find(run: Run | Pathlike, runs_dir: Pathlike | None) -> Run:
    """Returns the run that a directory, a name, or "latest" means.

    Raises:
        ConfigError: if there is none.
    """
    if isinstance(run, Run):
        return run
    return find_run(str(run), resolve_runs_dir(runs_dir))


def check_data_options(config: Config) -> None:
    """Checks how the data is to be read and seen, as far as it goes without the data.

    Raises:
        ConfigError: if an option is wrong.
    """
    parse_split(config.split)
    check_views(config)
    if config.exclude:
        read_list(Path(config.exclude))


def text_of(path: Pathlike | None) -> str | None:
    """Returns a path as settings have it."""
    return None if path is None else str(path)


def path_of(path: Pathlike | None) -> Path | None:
    """Returns a path that may not have been given."""
    return None if path is None else Path(path)
