"""Measuring a run, and comparing backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnxfer.api.arguments import Pathlike, check_data_options, find, path_of, text_of
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.config import load_config
from cnnxfer.config.class_weights_file import check_class_weights
from cnnxfer.config.setting import seconds_of
from cnnxfer.data.sources import find_source
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter
from cnnxfer.runs import LATEST, Run

if TYPE_CHECKING:
    from cnnxfer.evaluation.comparison import Comparison
    from cnnxfer.evaluation.metrics import Evaluation


def evaluate(
    run: Run | Pathlike = LATEST,
    *,
    data: Pathlike | None = None,
    engine: str = "auto",
    precision: str = "auto",
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Measures a run on its test images, which nothing else has looked at.

    A fine-tuned run is measured beside the run that it began with. The figures are
    added to the run's metrics.

    Args:
        run: a directory, a name, or "latest".
        data: other labelled images; their class names must be the run's. Those that
            it was trained or validated on are left out. The figures are returned only.
        engine: "openvino", "keras", or "auto": the fastest that answers as Keras
            does in float32, which is checked on the first images.
        precision: "float32", "bfloat16", or "auto": the fastest, likewise.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Raises:
        ConfigError: if there is no such run or data, or the engine or the precision
            is unknown or cannot be had here.
        DataError: if there are no test images, classes the run doesn't know, other
            kinds of labels than the run's, or no image that is new to it.
        RunError: if the run has no model yet, or an engine or a precision that is
            asked for by name does not answer as Keras does.
    """
    reporter = reporter or Reporter()
    check_choice(engine, precision)
    found = find(run, runs_dir)
    found.require_model()
    find_source(found.config.data if data is None else str(data))
    import_tensorflow_quietly()
    from cnnxfer.evaluation.evaluator import evaluate_data, evaluate_run

    if data is not None:
        return evaluate_data(
            found, str(data), reporter, engine=engine, precision=precision
        )
    return evaluate_run(found, reporter, engine=engine, precision=precision)


def compare(
    data: Pathlike | None = None,
    backbones: Sequence[str] | None = None,
    *,
    budget: str = "10m",
    config: Pathlike | None = None,
    weights: str | None = None,
    split: str | None = None,
    group_by: str | None = None,
    limit: int | None = None,
    exclude: Pathlike | None = None,
    views: int | None = None,
    seed: int | None = None,
    engine: str | None = None,
    precision: str | None = None,
    devices: str | None = None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Ranks backbones by a head on the features of each, on the same images.

    Settings that are None come from `config`, or else are the defaults of
    `cnnxfer.config.Config`, which says what each means.

    Args:
        data: as `train` takes it.
        backbones: names of the catalog; by default all whose weights are here.
        budget: when to stop, such as "90s", "10m" or "2h".
        config: a TOML file of settings.
        weights: "imagenet" or "none".
        split: "75/15/10" or "slices".
        group_by: as of `train`.
        limit: as of `train`.
        exclude: as of `train`.
        views: how many random views of each image are computed and kept.
        seed: of all that is random.
        engine: "auto", "openvino" or "keras".
        precision: of the engine.
        devices: "one" or "cpu".
        reporter: told of the progress; the logger "cnnxfer" by default.

    Raises:
        ConfigError: if a setting or a name is wrong.
        DataError: if no classifier can be trained on the data.
    """
    reporter = reporter or Reporter()
    settings = load_config(
        path_of(config),
        {
            "data": text_of(data),
            "weights": weights,
            "split": split,
            "group_by": group_by,
            "limit": limit,
            "exclude": text_of(exclude),
            "views": views,
            "seed": seed,
            "engine": engine,
            "precision": precision,
            "devices": devices,
        },
    )
    if settings.weights not in ("imagenet", "none"):
        raise ConfigError(
            f"--weights is {settings.weights!r}; to compare backbones, it must be "
            "imagenet or none."
        )
    budget_seconds = _seconds(budget)
    if backbones is None:
        chosen = [item for item in BACKBONES if find_weights(item, include_top=False)]
    else:
        chosen = [BACKBONES.get(name.strip()) for name in backbones]
    find_source(settings.data)
    check_data_options(settings)
    check_class_weights(settings.class_weights)
    import_tensorflow_quietly()
    from cnnxfer.evaluation.comparison import compare_backbones

    names = list(dict.fromkeys(item.name for item in chosen))
    return compare_backbones(settings, names, budget_seconds, reporter)


def _seconds(duration: str) -> float:
    seconds = seconds_of(duration)
    if not seconds:
        raise ConfigError(
            f"--budget is {duration!r}; expected a time such as 90s, 10m or 2h."
        )
    return seconds
