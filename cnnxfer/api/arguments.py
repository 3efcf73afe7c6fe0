"""Resolves and checks the arguments that several functions of the API take."""

from __future__ import annotations

from pathlib import Path

from cnnxfer.config import Config, check_views
from cnnxfer.data.preparing.exclude import read_list
from cnnxfer.data.preparing.splits import parse_split
from cnnxfer.runs import Run, find_run, resolve_runs_dir

Pathlike = str | Path


def resolve_run(run: Run | Pathlike, runs_dir: Pathlike | None) -> Run:
    """Returns the run for a path, a name, or "latest".

    Raises:
        ConfigError: if there is no such run.
    """
    if isinstance(run, Run):
        return run
    return find_run(str(run), resolve_runs_dir(runs_dir))


def check_data_options(config: Config) -> None:
    """Checks the settings `split`, `views`, `augment` and `exclude`.

    Raises:
        ConfigError: if one of them is wrong.
    """
    parse_split(config.split)
    check_views(config)
    if config.exclude != "none":
        read_list(Path(config.exclude))


def as_path(path: Pathlike | None) -> Path | None:
    """Returns text as a path; None for None."""
    return None if path is None else Path(path)
