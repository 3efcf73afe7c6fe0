"""Choice of the model that answers: a run, or a backbone with its ImageNet head."""

from __future__ import annotations

from pathlib import Path

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.errors import ConfigError
from cnnxfer.registry import did_you_mean
from cnnxfer.runs import LATEST, Run, find_run, resolve_runs_dir

DEFAULT_TOP = 5


def choose_model(
    model: Run | str | Path | None, runs_dir: str | Path | None = None
) -> Run | str:
    """Returns the run, or the name of the backbone, that `model` refers to.

    Args:
        model: a run, its name or directory, "latest", or a backbone's name; None for
            the latest run, or for the built-in backbone if there are no runs.
        runs_dir: directory of the runs; None for the default.

    Raises:
        ConfigError: if it refers to neither a run nor a backbone.
        RunError: if the run has no trained model yet.
    """
    directory = resolve_runs_dir(runs_dir)
    if model is None:
        try:
            model = find_run(LATEST, directory)
        except ConfigError:
            return next(iter(BACKBONES)).name
    if not isinstance(model, Run):
        if str(model) in BACKBONES:
            return BACKBONES.get(str(model)).name
        model = _run_or_backbone(str(model), directory)
    model.require_model()
    return model


def check_top(top: int | None, model: Run | str) -> int:
    """Returns the number of classes in a ranking: `top`, or 5 if it is None.

    Raises:
        ConfigError: if it is below 1 or above the model's number of classes.
    """
    if top is None:
        return DEFAULT_TOP
    count = len(model.class_names if isinstance(model, Run) else imagenet_classes())
    if not 1 <= top <= count:
        raise ConfigError(
            f"--top is {top}; it must be 1 to {count}, the number of classes."
        )
    return top


def _run_or_backbone(name: str, directory: Path) -> Run:
    try:
        return find_run(name, directory)
    except ConfigError as error:
        if name == LATEST:
            raise
        hint = did_you_mean(name, BACKBONES.names())
        if not hint:
            raise
        raise ConfigError(
            f"there is no run or backbone called {name!r}.{hint}"
        ) from error
