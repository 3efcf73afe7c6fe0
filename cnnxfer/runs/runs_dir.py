"""The directory of all runs: creating, listing and finding runs in it."""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from cnnxfer.errors import ConfigError, RunError, reason_of
from cnnxfer.files import check_writable
from cnnxfer.registry import MAX_SHOWN, did_you_mean
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs.names import (
    BEFORE_LATEST,
    check_name,
    is_counted,
    names_after,
)
from cnnxfer.runs.run import Run
from cnnxfer.spelling import LATEST, command, option
from cnnxfer.texts import normal
from cnnxfer.trust import KEPT_DIRECTORY, distrust


def resolve_runs_dir(option: Path | str | None) -> Path:
    """Returns the directory of all runs: the option, `CNNXFER_RUNS`, or `runs`."""
    return Path(option or os.environ.get("CNNXFER_RUNS") or "runs")


def create_run(runs_dir: Path, data: str, name: str | None = None) -> Run:
    """Creates a new, empty run directory, which no other process can have made, too.

    Args:
        runs_dir: the directory of all runs; it is made if it does not exist.
        data: a short name of the data, after which the run is called, with a number.
        name: what to call it instead.

    Raises:
        ConfigError: if the directory cannot be created, or there is one of that name.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        for proposed in names_after(data, runs_dir) if name is None else [name]:
            path = runs_dir / proposed
            with suppress(FileExistsError):
                path.mkdir(mode=KEPT_DIRECTORY)
                return Run(path)
    except OSError as error:
        raise _not_writable(runs_dir, error) from error
    raise _taken(runs_dir / str(name))


def check_new_name(name: str | None, runs_dir: Path) -> None:
    """Checks that a new run can have the name that `--name` gives; None is for none.

    Raises:
        ConfigError: if it cannot, or there is a directory of that name.
    """
    if name is None:
        return
    check_name(name, option("--name"))
    if os.path.lexists(runs_dir / name):
        raise _taken(runs_dir / name)


def _taken(path: Path) -> ConfigError:
    return ConfigError(
        f"{option('--name')} is {path.name!r}, but there is {path} already. Choose "
        "another name, or give that one another: "
        f"cnnxfer runs rename {shlex.quote(str(path))} NEW"
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
    places = (runs_dir, *runs_dir.parents)
    existing = next(path for path in places if os.path.lexists(path))
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
    """Returns the runs in a directory, oldest first; an empty list if it is missing.

    When they were made is what their receipts say, whatever their names are.
    """
    if not runs_dir.is_dir():
        return []
    runs = [
        Run(path)
        for path in runs_dir.iterdir()
        if (path / "config.toml").is_file() and not path.name.startswith(".")
    ]
    return sorted(runs, key=_start_time)


def _start_time(run: Run) -> tuple[float, str]:
    """Returns the time in the receipt, with the name for equal ones; 0 if damaged."""
    try:
        return datetime.fromisoformat(run.receipt["started"]).timestamp(), run.name
    except (RunError, KeyError, TypeError, ValueError, OverflowError):
        return 0.0, run.name


def find_run(
    name: str,
    runs_dir: Path,
    *,
    with_model: bool = True,
    prefixes: bool = True,
    reporter: Reporter | None = None,
) -> Run:
    """Returns a run by its path, its name in `runs_dir` or when it was made.

    A name with a slash, such as `./a`, is a path. `latest` and `@0` are the run that
    was made last, and `@1` the one before. The beginning of a name is enough where no
    other run's name begins so.

    Args:
        name: what names the run.
        runs_dir: the directory of all runs.
        with_model: whether `latest` and `@1` pass over runs without a model, whose
            training has not begun, as long as any run has one.
        prefixes: whether the beginning of a name is enough.
        reporter: told which runs were passed over.

    Raises:
        ConfigError: if there is no such run, or there are two: one here and one in
            `runs_dir`, or two whose names begin so.
        RunError: if others can have written a run that was not asked for by name.
    """
    if is_counted(name):
        back = 0 if name == LATEST else int(name.removeprefix(BEFORE_LATEST))
        return _made_last(back, runs_dir, with_model, reporter)
    if found := _named_exactly(name, runs_dir):
        return found
    runs = list_runs(runs_dir)
    begun = [run for run in runs if normal(run.name).startswith(normal(name))]
    if exact := [run for run in begun if normal(run.name) == normal(name)]:
        return exact[0]
    if prefixes and name and begun:
        if len(begun) == 1:
            return begun[0]
        raise AmbiguousName(
            f"the names of {len(begun)} runs in {runs_dir} begin with {name!r}: "
            f"{_shortened([run.name for run in begun])}. Type more of one."
        )
    if os.path.exists(name):
        raise NamesFiles(
            f"no run called {name!r} in {runs_dir}, but there are files of that name. "
            "List the runs with: cnnxfer runs"
        )
    question = did_you_mean(name, (run.name for run in runs))
    raise ConfigError(
        f"no run called {name!r} in {runs_dir}.{question} List them with: cnnxfer runs"
    )


class AmbiguousName(ConfigError):
    """Raised for the beginning of several names of runs."""


class NamesFiles(ConfigError):
    """Raised for a name that no run has, but something else."""


def _named_exactly(name: str, runs_dir: Path) -> Run | None:
    """Returns the run at a path, or of a name in `runs_dir` or here."""
    is_path = os.path.basename(name) != name
    places = (Path(name),) if is_path else (runs_dir / name, Path(name))
    found = [path for path in places if (path / "config.toml").is_file()]
    if len(found) > 1 and not found[0].samefile(found[1]):
        raise ConfigError(
            f"{name!r} is a run in {runs_dir} and a run here. "
            f"Type {os.path.join(runs_dir, name)} or {os.path.join('.', name)}"
        )
    if not found:
        return None
    path = found[0]
    # The name of a run is that of its directory, and "." has no name.
    return Run(path.resolve() if path.name in ("", "..") else path)


def _made_last(
    back: int, runs_dir: Path, with_model: bool, reporter: Reporter | None
) -> Run:
    """Returns the run that was made last, or `back` runs before that."""
    runs = list_runs(runs_dir)
    if not runs:
        raise ConfigError(
            f"there is no run in {runs_dir} yet. "
            f"Start one with: {command('train', 'FOLDER')}"
        )
    trained = [run for run in runs if run.model_path.exists()]
    known = trained if with_model and trained else runs
    if back >= len(known):
        raise ConfigError(
            f"{BEFORE_LATEST}{back} is {counted(back, 'run')} before the latest, but "
            f"{runs_dir} has {counted(len(known), 'run')} to choose from; "
            f"{BEFORE_LATEST}{len(known) - 1} is the first. List them with: "
            "cnnxfer runs"
        )
    chosen = known[-1 - back]
    if not back and chosen != runs[-1] and reporter:
        reporter.info(
            f"the latest run with a model is {chosen.path}; {runs[-1].path} has none "
            f"yet. Go on with that one: {command('resume', runs[-1].path)}"
        )
    _require_own(chosen)
    return chosen


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - MAX_SHOWN
    return ", ".join(names[:MAX_SHOWN]) + f" and {more} more" * (more > 0)


def _require_own(run: Run) -> None:
    """Checks that nobody else can have written a run that was not asked for by name."""
    for path in run.decisive_paths:
        if why := distrust(path):
            raise RunError(
                f"{path} {why}, so this run is used only where it is named: "
                f"{run.path}. If it is your own, make it so: "
                f"chown -R $(id -u) {run.path}; chmod -R go-w {run.path}"
            )
