"""Renames and removes runs, and keeps right what other runs say of them."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from cnnxfer.errors import ConfigError, RunError, reason_of
from cnnxfer.files import TEMPORARY
from cnnxfer.reporting import listed
from cnnxfer.runs.lineage import parent_name, standing_on, starts_from
from cnnxfer.runs.lock import HOLDER, lock_run
from cnnxfer.runs.names import check_name
from cnnxfer.runs.run import Run

MEASURED = ("validation", "test")  # entries of the metrics that name runs


def rename_run(run: Run, name: str) -> Run:
    """Gives a run another name, and tells it to the runs that stand on it.

    Args:
        run: the run; neither it nor one that stands on it may be trained meanwhile.
        name: its new name.

    Returns:
        The run as it is called now.

    Raises:
        ConfigError: if no run can have this name, or something has it already.
        RunError: if one of the runs is being trained or cannot be written.
    """
    check_name(name, "the new name")
    _require_run(run)
    renamed = Run(run.path.with_name(name))
    if os.path.lexists(renamed.path):
        raise _taken(renamed.path)
    with ExitStack() as stack:
        stack.enter_context(lock_run(run))
        others = standing_on(run)
        for other in others:
            stack.enter_context(lock_run(other))
        # The move comes last: what a process that is killed here has left is completed
        # by renaming the run again.
        try:
            for each in (run, *others):
                _tell(each, run, renamed)
            _move(run.path, renamed.path)
        except BaseException:
            if run.path.is_dir():
                for each in (run, *others):
                    with suppress(RunError):
                        _tell(each, renamed, run)
            raise
        # The lock will look for it where the run was.
        (renamed.path / HOLDER).unlink(missing_ok=True)
    return renamed


def remove_runs(runs: Sequence[Run]) -> None:
    """Removes the directories of runs, with all that is in them.

    Links in them are removed, and never what they lead to.

    Raises:
        ConfigError: if one is a link, or does not look like a run.
        RunError: if one is being trained, another run stands on it, or it cannot be
            removed.
    """
    check_removable(runs)
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(lock_run(run))
        check_removable(runs)  # again: others may have begun with them meanwhile
        for run in runs:
            _discard(run.path)


def check_removable(runs: Sequence[Run]) -> None:
    """Checks what `remove_runs` checks, apart from locks and permissions.

    Raises:
        ConfigError: see `remove_runs`.
        RunError: if another run stands on one of them.
    """
    paths = {run.path.resolve() for run in runs}
    for run in runs:
        _require_run(run)
        others = [it for it in standing_on(run) if it.path.resolve() not in paths]
        if others:
            names = [other.name for other in others]
            raise RunError(
                f"{run.path} is what {listed(names)} began with, and what comparisons "
                "and repetitions go back to. To remove all of them: "
                f"cnnxfer runs rm {shlex.join(str(it.path) for it in (run, *others))}"
            )


def _require_run(run: Run) -> None:
    """Checks that a path is the directory of a run itself, and not one of other things.

    A directory of a program's settings may have a `config.toml`, too.
    """
    if run.path.is_symlink():
        raise ConfigError(
            f"{run.path} is a link to {os.readlink(run.path)}, and links are not "
            "followed here. Name the run itself, or remove the link with: "
            f"rm {shlex.quote(str(run.path))}"
        )
    if not run.is_recognizable:
        raise ConfigError(
            f"{run.path} does not look like a run: it has neither a receipt.json nor a "
            "classes.json. Nothing was changed."
        )


def _taken(path: Path) -> ConfigError:
    return ConfigError(f"there is {path} already. Choose another name.")


def _tell(run: Run, old: Run, new: Run) -> None:
    """Has a run know another one, or itself, by its new name."""
    _rename_in_metrics(run, old.name, new.name)
    if starts_from(run, old):
        scratch = dataclasses.replace(run.config.scratch, init=str(new.path.resolve()))
        run.write_config(dataclasses.replace(run.config, scratch=scratch))
    if parent_name(run) == old.name:
        run.update_receipt(parent=new.name)


def _move(path: Path, target: Path) -> None:
    """Renames a directory to a name that nothing has yet."""
    try:
        target.mkdir()  # claims the name; an empty directory can be replaced
    except FileExistsError:
        raise _taken(target) from None
    except OSError as error:
        raise _refused(path, "renamed", error) from error
    try:
        path.rename(target)
    except OSError as error:
        target.rmdir()
        raise _refused(path, "renamed", error) from error


def _discard(path: Path) -> None:
    """Removes a directory at once, so that no run is left that lacks files."""
    try:
        place = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
    except OSError as error:
        raise _refused(path, "removed", error) from error
    try:
        path.rename(place / path.name)
        shutil.rmtree(place)
    except OSError as error:
        with suppress(OSError):
            place.rmdir()
        rest = f" What is left of it is in {place}." if place.exists() else ""
        raise _refused(path, "removed", error, rest) from error


def _refused(path: Path, what: str, error: OSError, rest: str = "") -> RunError:
    return RunError(f"{path} cannot be {what}: {reason_of(error)}.{rest}")


def _rename_in_metrics(run: Run, old: str, new: str) -> None:
    """Has the figures of a run, and of the run beside it, name the new name."""
    try:
        metrics = run.metrics
    except RunError:  # damaged, which whoever reads them will tell
        return
    found = {name: metrics[name] for name in MEASURED if name in metrics}
    renamed = _with_name(found, old, new)
    if renamed != found:
        run.update_metrics(**renamed)


def _with_name(value: Any, old: str, new: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: new if (key, item) == ("run", old) else _with_name(item, old, new)
        for key, item in value.items()
    }
