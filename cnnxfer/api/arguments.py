"""Resolves and checks the arguments that several functions of the API take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cnnxfer.config import Config, check_views
from cnnxfer.config.origins import origins_of
from cnnxfer.data.preparing.exclude import read_list
from cnnxfer.data.preparing.splits import parse_split
from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError, with_advice
from cnnxfer.reporting import Reporter
from cnnxfer.runs import NamesFiles, Run, find_run, resolve_runs_dir
from cnnxfer.spelling import command

Pathlike = str | Path


def resolve_run(
    run: Run | Pathlike,
    runs_dir: Pathlike | None,
    reporter: Reporter | None = None,
    *,
    with_model: bool = True,
) -> Run:
    """Returns the run for a path, a name, or "latest"; see `find_run`.

    Raises:
        ConfigError: if there is no such run.
    """
    if isinstance(run, Run):
        return run
    place = resolve_runs_dir(runs_dir)
    try:
        return find_run(str(run), place, with_model=with_model, reporter=reporter)
    except NamesFiles as error:
        raise ConfigError(
            f"{error}; to measure one on these files: {command('evaluate', data=run)}; "
            f"to train on them: {command('train', run)}"
        ) from error


def place_of_images(run: Run, data: Pathlike | None, spec: str, retry: str) -> str:
    """Returns where a run's images are now, with an absolute path.

    Args:
        run: the run.
        data: the place that the user names; None for `spec`.
        spec: the place that settings name.
        retry: the command that names another place, for messages.

    Raises:
        ConfigError: if no source accepts the place.
        DataError: if the source finds at once that the data cannot be read.
    """
    if data is not None:
        return find_source(str(data)).absolute(str(data))
    with with_advice(f"If the images of {run.path} have moved: {retry}"):
        return find_source(spec).absolute(spec)


def tell_of_demonstration(
    name: str, data: Pathlike | None, path: Path | None, reporter: Reporter
) -> None:
    """Says that it is no data of the user's that is worked on, if nothing names some.

    Args:
        name: the command.
        data: the data that the user names; None for none.
        path: a file of settings, which may name data; None for no file.
        reporter: is told.

    Raises:
        ConfigError: if the file of settings cannot be read.
    """
    if data is not None:
        return
    if origins_of(path, {}, "auto", "frozen")["data"].source == "default":
        reporter.info(
            "no data is named, so this shows how it works on the synthetic flowers of "
            f"the demo set, 'sample'. Name your own: {command(name, 'FOLDER')}"
        )


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


def as_texts(inputs: Pathlike | Iterable[Pathlike]) -> list[str]:
    """Returns one input or several as texts, as they are typed on the command line."""
    inputs = [inputs] if isinstance(inputs, str | Path) else inputs
    return [str(item) for item in inputs]


def as_fraction(option: str, value: float | str) -> float:
    """Returns a share that was typed as 0.92 or 92%.

    Raises:
        ConfigError: if it is no number above 0 and up to 1.
    """
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:  # neither is NaN
        raise ConfigError(
            f"{option} is {value}; expected a number above 0 and up to 1, such as 0.92 "
            "or 92%."
        )
    return number
