"""The directory of all runs: creating, listing and finding runs in it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cnnxfer.errors import ConfigError, RunError, reason_of
from cnnxfer.files import check_writable, local_name
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import Reporter
from cnnxfer.runs.run import Run
from cnnxfer.spelling import command, option
from cnnxfer.texts import normal
from cnnxfer.trust import KEPT_DIRECTORY, distrust

LATEST = "latest"


def resolve_runs_dir(option: Path | str | None) -> Path:
    """Returns the directory of all runs: the option, `CNNXFER_RUNS`, or `runs`."""
    return Path(option or os.environ.get("CNNXFER_RUNS") or "runs")


def create_run(runs_dir: Path, backbone: str, data: str) -> Run:
    """Creates a new, empty run directory, named after its time, backbone and data.

    Raises:
        ConfigError: if the directory cannot be created.
    """
    started = datetime.now().strftime("%Y%m%d-%H%M%S")
    words = re.sub(r"[^\w.-]+", "-", local_name(f"{backbone}-{data}", "-")).strip("-")
    for number in range(1, 1000):
        suffix = "" if number == 1 else f"-{number}"
        path = runs_dir / f"{started}-{words}{suffix}"
        try:
            path.mkdir(mode=KEPT_DIRECTORY, parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _not_writable(runs_dir, error) from error
        return Run(path)
    raise ConfigError(
        f"{runs_dir} has 999 runs that were started in this second. Wait a moment."
    )


@contextmanager
def removed_on_failure(run: Run) -> Iterator[None]:
    """Removes the directory of a run that the block, which creates it, cannot complete.

    The directory is no run before its settings are written, last of all. So a process
    that is killed in the block leaves no run either.
    """
    try:
        yield
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise


def check_runs_dir(runs_dir: Path) -> None:
    """Raises a ConfigError if runs cannot be created in a directory, new or old."""
    existing = next(path for path in (runs_dir, *runs_dir.parents) if path.exists())
    try:
        check_writable(existing)
    except OSError as error:
        raise _not_writable(runs_dir, error) from error


def _not_writable(runs_dir: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"runs cannot be written to {runs_dir} ({reason_of(error)}). "
        f"Choose another directory with {option('--runs-dir')}."
    )


def list_runs(runs_dir: Path) -> list[Run]:
    """Returns the runs in a directory, oldest first; an empty list if it is missing."""
    if not runs_dir.is_dir():
        return []
    runs = [
        Run(path)
        for path in runs_dir.iterdir()
        if (path / "config.toml").is_file() and not path.name.startswith(".")
    ]
    return sorted(runs, key=_start_time)


def _start_time(run: Run) -> tuple[float, str]:
    """Returns the time in the receipt, since runs may be renamed; 0 if damaged."""
    try:
        return datetime.fromisoformat(run.receipt["started"]).timestamp(), run.name
    except (RunError, KeyError, TypeError, ValueError, OverflowError):
        return 0.0, run.name


def find_run(
    name: str,
    runs_dir: Path,
    *,
    with_model: bool = True,
    reporter: Reporter | None = None,
) -> Run:
    """Returns a run by its path, by its name in `runs_dir`, or as `latest`.

    A name with a slash, such as `./a`, is a path.

    Args:
        name: what names the run.
        runs_dir: the directory of all runs.
        with_model: whether `latest` passes over runs without a model, whose training
            has not begun, as long as any run has one.
        reporter: told which runs were passed over.

    Raises:
        ConfigError: if there is no such run, or two of the name: here and in
            `runs_dir`.
        RunError: if others can have written the latest run.
    """
    if name == LATEST:
        runs = list_runs(runs_dir)
        if not runs:
            raise ConfigError(
                f"there is no run in {runs_dir} yet. "
                f"Start one with: {command('train', 'FOLDER')}"
            )
        latest = _latest(runs, reporter) if with_model else runs[-1]
        _require_own(latest)
        return latest
    is_path = os.path.basename(name) != name
    places = (Path(name),) if is_path else (runs_dir / name, Path(name))
    found = [path for path in places if (path / "config.toml").is_file()]
    if len(found) > 1 and not found[0].samefile(found[1]):
        raise ConfigError(
            f"{name!r} is a run in {runs_dir} and a run here. "
            f"Type {os.path.join(runs_dir, name)} or {os.path.join('.', name)}"
        )
    if found:
        path = found[0]
        # The name of a run is that of its directory, and "." has no name.
        return Run(path.resolve() if path.name in ("", "..") else path)
    runs = list_runs(runs_dir)
    for run in runs:
        if normal(run.name) == normal(name):
            return run
    question = did_you_mean(name, (run.name for run in runs))
    raise ConfigError(
        f"no run called {name!r} in {runs_dir}.{question} List them with: cnnxfer runs"
    )


def _latest(runs: list[Run], reporter: Reporter | None) -> Run:
    """Returns the last run that has a model; the last of all if none has."""
    latest = next((run for run in reversed(runs) if run.model_path.exists()), runs[-1])
    if latest != runs[-1] and reporter:
        reporter.info(
            f"the latest run with a model is {latest.path}; {runs[-1].path} has none "
            f"yet. Go on with that one: {command('resume', runs[-1].path)}"
        )
    return latest


def _require_own(run: Run) -> None:
    """Checks that nobody else can have written a run that was not asked for by name."""
    for path in run.decisive_paths:
        if why := distrust(path):
            raise RunError(
                f"{path} {why}, so the latest run is not used unasked. Name it to use "
                f"it as it is: {run.path}. If it is your own, make it so: "
                f"chown -R $(id -u) {run.path}; chmod -R go-w {run.path}"
            )
