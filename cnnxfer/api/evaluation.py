"""`evaluate` and `compare`: measuring runs and backbones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer.api.arguments import (
    Pathlike,
    as_fraction,
    as_path,
    check_data_options,
    place_of_images,
    resolve_run,
    tell_of_demonstration,
)
from cnnxfer.api.options import CompareKeywords, EvaluateKeywords
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.config import load_task_config, override
from cnnxfer.config.class_weights_file import check_class_weights
from cnnxfer.config.options import settings_of
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.config.setting import parse_duration
from cnnxfer.console import CONSOLE
from cnnxfer.data.sources import find_source
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import LATEST, Run
from cnnxfer.spelling import command, option

if TYPE_CHECKING:
    from cnnxfer.evaluation.comparison import Comparison
    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.prediction.model_source import ModelSource


def evaluate(
    run: Run | Pathlike | None = None,
    *,
    model: Run | Pathlike | None = None,
    data: Pathlike | None = None,
    out: Pathlike | None = None,
    fail_under: float | str | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[EvaluateKeywords],
) -> Evaluation:
    """Measures a run on its test images, which no phase has used.

    A fine-tuned run is measured together with the run that it was fine-tuned from. The
    results are added to the run's metrics.

    Args:
        run: the path or the name of a run, or "latest", the default.
        model: in place of a run, what `predict` takes: an exported network, which is
            measured in its own runtime, or a backbone for its ImageNet classes. Both
            need `data`, all of which counts.
        data: other labelled images to measure on, whose classes have the same names as
            the run's. Images that the run was trained or validated on are left out,
            and the results are not added to the run's metrics. If no image is new to
            the run, these are its own images, which have moved, and it is measured as
            it would be where they were.
        out: the file to write with the answer to each image, as `predict_into` does;
            its suffix says in which format.
        fail_under: what the figure that stands for all should at least be, such as 0.92
            or "92%". If it is less, `shortfall` of the evaluation says so.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options.

    Raises:
        ConfigError: if `out` or `fail_under` cannot be used, there is no such run,
            model or data, a run and another model are named, or the engine or the
            precision is unknown or not available on this machine.
        DataError: if there are no test images or no images that are new to the run,
            more than half of its test images are missing, or the data has classes or
            kinds of labels that the run does not have.
        RunError: if the run has no model yet, or the outputs of the requested engine
            or precision do not agree with those of Keras.
    """
    reporter = reporter or SilentReporter()
    chosen = override(ClassifierOptions(), settings_of("evaluate", options))
    check_choice(chosen.engine, chosen.precision)
    source = _model(run, model, runs_dir, reporter)
    found = source.run
    if found:
        retry = command("evaluate", found.path, data="NEW_PLACE")
        place = place_of_images(found, data, found.config.data, retry)
    elif data is None:
        raise ConfigError(
            f"{source.place} has no images of its own to be measured on. Name labelled "
            f"ones with {option('--data')}."
        )
    else:
        place = find_source(str(data)).absolute(str(data))
    required = None
    if fail_under is not None:
        required = as_fraction(option("--fail-under"), fail_under)
    out_path = as_path(out)
    if out_path:
        from cnnxfer.prediction.outputs.file import (
            check_target,
            choose_writer,
            write_file,
        )

        writer = choose_writer("auto", out_path)
        check_target(option("--out"), out_path, [place])
    with reporter.wait("measuring"):
        # Neither imports TensorFlow, which is not needed where all answers are kept.
        from cnnxfer.evaluation.evaluator import (
            evaluate_data,
            evaluate_model,
            evaluate_run,
        )

        if not found:
            evaluation = evaluate_model(source, str(data), reporter, chosen)
        elif data is not None:
            evaluation = evaluate_data(found, str(data), reporter, chosen)
        else:
            evaluation = evaluate_run(found, place, reporter, chosen)
    if out_path:
        assert evaluation.answers
        write_file(evaluation.answers, writer, out_path)
    return replace(evaluation, required=required)


def _model(
    run: Run | Pathlike | None,
    model: Run | Pathlike | None,
    runs_dir: Pathlike | None,
    reporter: Reporter,
) -> ModelSource:
    """Returns the model to measure: that of a run, or another one.

    Raises:
        ConfigError: if both are named, or there is none.
        RunError: if the run has no model yet.
    """
    from cnnxfer.prediction.model_source import find_model, is_exported, run_model

    if model is None:
        run = LATEST if run is None else run
        if not isinstance(run, Run) and is_exported(Path(run)):
            raise ConfigError(
                f"{run} is an export. Measure it with "
                f"{command('evaluate', model=run, data='DATA')}."
            )
        return run_model(resolve_run(run, runs_dir, reporter))
    if run is not None:
        raise ConfigError(
            f"a run ({run}) and another model ({model}) are named. Name one of them."
        )
    return find_model(model, runs_dir, reporter)


def compare(
    data: Pathlike | None = None,
    backbones: str | Sequence[str] | None = None,
    *,
    budget: float | str = "10m",
    config: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[CompareKeywords],
) -> Comparison:
    """Ranks backbones by the accuracy of a head on their features of the same images.

    Settings that are not given come from `config`, or are the defaults.

    Args:
        data: the data, as `train` takes it.
        backbones: names of backbones in the catalog, or one text of them with commas;
            by default all whose weights are on this machine.
        budget: the time after which the comparison stops: seconds, or a text such as
            "90s", "10m" or "2h".
        config: a TOML file of settings.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options.

    Raises:
        ConfigError: if a setting or a name is wrong.
        DataError: if no classifier can be trained on the data.
    """
    reporter = reporter or SilentReporter()
    given = {"data": data, **settings_of("compare", options)}
    settings_for = partial(load_task_config, as_path(config), given)
    settings = settings_for("auto")
    if settings.weights not in ("imagenet", "none"):
        raise ConfigError(
            f"{option('--weights')} is {settings.weights!r}; to compare backbones, "
            "it must be imagenet or none."
        )
    budget_seconds = _parse_budget(budget)
    if backbones is None:
        chosen = [
            backbone
            for backbone in BACKBONES
            if find_weights(backbone, include_top=False)
        ]
    else:
        names = backbones.split(",") if isinstance(backbones, str) else backbones
        chosen = [BACKBONES.get(name.strip()) for name in names]
    find_source(settings.data)
    check_data_options(settings)
    check_choice(settings.engine, settings.precision)
    check_class_weights(settings.class_weights)
    tell_of_demonstration("compare", data, as_path(config), reporter)
    with starting_keras(reporter):
        from cnnxfer.evaluation.comparison import compare_backbones

    unique = list(dict.fromkeys(backbone.name for backbone in chosen))
    return compare_backbones(settings_for, unique, budget_seconds, reporter)


def _parse_budget(budget: float | str) -> float:
    label = option("--budget")
    seconds = parse_duration(budget, label) if isinstance(budget, str) else budget
    if isinstance(budget, bool) or not seconds or not 0 < seconds < math.inf:
        raise ConfigError(
            f"{label} is {budget!r}; expected a time such as 90s, 10m or 2h."
        )
    return seconds
