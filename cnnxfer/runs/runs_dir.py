"""Where runs live: making, listing and finding them."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from cnnxfer.errors import ConfigError, RunError, reason_of
from cnnxfer.files import check_writable
from cnnxfer.registry import did_you_mean
from cnnxfer.runs.run import Run

LATEST = "latest"


def resolve_runs_dir(option: Path | str | None) -> Path:
    """Returns where runs live: the option, `CNNXFER_RUNS`, or `runs`."""
    return Path(option or os.environ.get("CNNXFER_RUNS") or "runs")


def create_run(runs_dir: Path, backbone: str, data: str) -> Run:
    """Makes a new, empty run directory; never an existing one.

    Raises:
        ConfigError: if it cannot be made.
    """
    started = datetime.now().strftime("%Y%m%d-%H%M%S")
    words = re.sub(r"[^\w.-]+", "-", f"{backbone}-{data}").strip("-")
    for number in range(1, 1000):
        suffix = "" if number == 1 else f"-{number}"
        path = runs_dir / f"{started}-{words}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _no_place(runs_dir, error) from error
        return Run(path)
    raise ConfigError(f"{runs_dir} has 999 runs of this second; wait a moment.")


def check_place(runs_dir: Path) -> None:
    """Makes sure that runs can be made in a directory, before any work.

    Raises:
        ConfigError: if they cannot.
    """
    there = next(path for path in (runs_dir, *runs_dir.parents) if path.exists())
    try:
        check_writable(there)
    except OSError as error:
        raise _no_place(runs_dir, error) from error


def _no_place(runs_dir: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"no run can be written to {runs_dir} ({reason_of(error)}). "
        "Choose another place with --runs-dir."
    )


def list_runs(runs_dir: Path) -> list[Run]:
    """Returns the runs in a directory, oldest first; none if it does not exist."""
    if not runs_dir.is_dir():
        return []
    runs = [
        Run(path)
        for path in runs_dir.iterdir()
        if (path / "config.toml").is_file() and not path.name.startswith(".")
    ]
    return sorted(runs, key=_age)


def _age(run: Run) -> tuple[float, str]:
    """Sorts by start, as names may have been changed; damaged runs come first."""
    try:
        return datetime.fromisoformat(run.receipt["started"]).timestamp(), run.name
    except (RunError, KeyError, TypeError, ValueError):
        return 0.0, run.name


def find_run(name: str, runs_dir: Path) -> Run:
    """Returns the run that `name` means.

    Args:
        name: a run directory, the name of one in `runs_dir`, or `latest`.
        runs_dir: where runs live.

    Raises:
        ConfigError: if there is none.
    """
    runs = list_runs(runs_dir)
    if name == LATEST:
        if not runs:
            raise ConfigError(
                f"there is no run in {runs_dir} yet. "
                "Start one with: cnnxfer train --data FOLDER"
            )
        return runs[-1]
    for path in (runs_dir / name, Path(name)):
        if (path / "config.toml").is_file():
            # A run is called by its directory, and "." has no name.
            return Run(path.resolve() if path.name in ("", "..") else path)
    near = did_you_mean(name, (run.name for run in runs))
    raise ConfigError(
        f"no run called {name!r} in {runs_dir}.{near} List them with: cnnxfer runs"
    )
