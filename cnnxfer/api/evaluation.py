"""Measuring a run, and comparing backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnxfer.api.arguments import Pathlike, check_data_options, find, path_of, text_of
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.config import load_config
from cnnxfer.config.class_weights_file import check_class_weights
from cnnxfer.config.setting import parse_duration
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
    """Measures a run on its test images, which no phase has looked at.

    A fine-tuned run is measured beside the run that it was fine-tuned from. The
    figures are added to the run's metrics.

    Args:
        run: a run, its directory, its name, or "latest".
        data: other labelled images, whose class names must be the run's. Those that
            the run was trained or validated on are left out. The figures are returned
            and not added to the run's metrics.
        engine: "openvino", "keras", or "auto": the fastest whose answers agree with
            those of Keras in float32, which is checked on the first images.
        precision: what the engine computes in: "float32", "bfloat16", or "auto": the
            fastest that passes the same check.
        runs_dir: the folder of the runs; by default $CNNXFER_RUNS, or `runs`.
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        The figures, those of each class among them.

    Raises:
        ConfigError: if there is no such run or data, or the engine or the precision
            is unknown or not available on this machine.
        DataError: if there are no test images, or `data` has classes that the run does
            not know, another kind of labels, or no image that is new to the run.
        RunError: if the run has no model yet, or an engine or a precision that is
            asked for by name does not agree with Keras.
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
    """Ranks backbones by the accuracy of a head on the features of each.

    All are trained and measured on the same images. Settings that are None are those
    of `config`, or else the defaults.

    Args:
        data: the data: whatever `train` accepts.
        backbones: names of the catalog; by default all whose weights are on this
            machine.
        budget: the time after which no backbone is begun or gone on with, such as
            "90s", "10m" or "2h".
        config: a TOML file of settings.
        weights: "imagenet" or "none".
        split: how the images are split, as in `train`.
        group_by: what stays in one part, as in `train`.
        limit: number of images to use at most, as in `train`.
        exclude: a file that lists images to leave out, as in `train`.
        views: number of random views of each image that are computed and kept.
        seed: what everything random follows from.
        engine: what computes the features: "auto", "openvino" or "keras".
        precision: what the engine computes in: "auto", "float32", "bfloat16" or
            "float16".
        devices: "one" or "cpu".
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        The backbones, the best first, and why others were left out.

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
    seconds = parse_duration(duration)
    if not seconds:
        raise ConfigError(
            f"--budget is {duration!r}; expected a time such as 90s, 10m or 2h."
        )
    return seconds
