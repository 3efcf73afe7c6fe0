"""Training a head, fine-tuning, and going on."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer.api.given import Pathlike, check_data_options, find, path_of, text_of
from cnnxfer.api.options import TrainOptions, UnfreezeOptions, settings_of
from cnnxfer.api.receipt import Clock, start_receipt
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.config import Config, load_config, override, with_recipe
from cnnxfer.config.phases import USUAL_RATES
from cnnxfer.data.sources import find_source
from cnnxfer.errors import CnnxferError, ConfigError, Interrupted
from cnnxfer.prediction.engines import check_choice
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter
from cnnxfer.runs import (
    LATEST,
    Run,
    check_place,
    create_run,
    hold_run,
    resolve_runs_dir,
)
from cnnxfer.stopping import interrupted_by_sigterm

if TYPE_CHECKING:
    from cnnxfer.training.prepare import Setup
    from cnnxfer.training.stage_table import StageRow


def train(
    backbone: str | None = None,
    data: Pathlike | None = None,
    *,
    config: Pathlike | None = None,
    fine_tune: bool = False,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[TrainOptions],
) -> Run:
    """Trains a new head on a frozen backbone.

    Settings that are not given come from `config`, or else from the recipe, or else
    are the defaults of `cnnxfer.config.Config`, which says what each means.

    Args:
        backbone: a name of the catalog.
        data: a TFDS name, a folder of class folders, a table of paths and labels, an
            archive, an address in a cloud, or "sample"; the README has them all.
        config: a TOML file of settings.
        fine_tune: goes on with `unfreeze` at the settings of the recipe or `config`.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.
        **options: see `TrainOptions`.

    Returns:
        The run; with `fine_tune`, the second one.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if no classifier can be trained on the data.
        Interrupted: on Ctrl-C or SIGTERM; `resume` goes on.
    """
    started = time.monotonic()
    reporter = reporter or Reporter()
    given = {"backbone": backbone, "data": text_of(data), **options}
    settings = load_config(path_of(config), settings_of(given, "frozen"))
    check_data_options(settings)
    settings = _checked(settings)
    if settings.cache and settings.augment.plain and settings.precision != "float16":
        check_choice(settings.engine, settings.precision)
    if settings.cache:
        from cnnxfer.training.activation_store import ActivationStore

        ActivationStore()  # tells of a wrong limit
    place = resolve_runs_dir(runs_dir)
    check_place(place)
    settings = _with_weights(settings, reporter)
    import_tensorflow_quietly()
    from cnnxfer.training.prepare import data_hash, prepare_run

    setup = prepare_run(settings, place, reporter)
    run = setup.run
    with hold_run(run):
        data_sha256 = data_hash(run.split)
        start_receipt(run, settings.seed, parent=None, data_sha256=data_sha256)
        run.write_config(settings)  # last: it makes a run of the directory
        _train_head(setup)
    if not fine_tune:
        return run
    left = None
    if settings.time_budget:
        left = max(settings.time_budget - (time.monotonic() - started), 1.0)
    return unfreeze(run, time_budget=left, runs_dir=runs_dir, reporter=reporter)


def unfreeze(
    run: Run | Pathlike = LATEST,
    *,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[UnfreezeOptions],
) -> Run:
    """Fine-tunes a run: its last layers, or all, learn on from its head.

    The same images, parts, classes and normalization as in `run`, which is left as it
    was. If no epoch beats it on validation, the new run's model is its model, unless
    the last is to be kept.

    Args:
        run: the run to go on from; a directory, a name, or "latest".
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.
        **options: see `UnfreezeOptions`; those not given are the settings of `run`.

    Returns:
        The new run, which names `run` as its parent.

    Raises:
        ConfigError: if a setting or the run is wrong.
        RunError: if the run has no model yet.
        Interrupted: on Ctrl-C or SIGTERM; `resume` goes on.
    """
    reporter = reporter or Reporter()
    parent = find(run, runs_dir)
    parent.require_model()
    settings = _to_unfreeze(parent, options)
    _check_stages(parent, settings)
    child = create_run(parent.path.parent, settings.backbone, _data_name(settings.data))
    with hold_run(child):
        child.copy_model(parent)
        child.write_classes(parent.class_names)
        child.write_split(parent.split)
        start_receipt(
            child,
            settings.seed,
            parent=parent.name,
            data_sha256=parent.receipt.get("data_sha256"),
            weights_sha256=parent.receipt.get("weights_sha256"),
        )
        child.write_config(settings)  # last: it makes a run of the directory
        _fine_tune(child, reporter)
    return child


def unfreeze_plan(
    run: Run | Pathlike = LATEST,
    *,
    runs_dir: Pathlike | None = None,
    **options: Unpack[UnfreezeOptions],
) -> list[StageRow]:
    """Returns what `unfreeze` would do with the same arguments, a row a stage.

    Raises:
        ConfigError: if a setting or the run is wrong.
        RunError: if the run has no model yet.
    """
    parent = find(run, runs_dir)
    parent.require_model()
    return _plan(parent, _to_unfreeze(parent, options))


def resume(
    run: Run | Pathlike = LATEST,
    *,
    epochs: str | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Goes on with a run where it stopped, with the same steps as if it had not.

    Args:
        run: a directory, a name, or "latest".
        epochs: such as "+5": so many more than it was to have, for a finished run too.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Raises:
        ConfigError: if there is no such run, or it is finished.
        Interrupted: on Ctrl-C or SIGTERM; it can be resumed again.
    """
    reporter = reporter or Reporter()
    more = 0 if epochs is None else _more_epochs(epochs)
    found = find(run, runs_dir)
    if found.receipt.get("status") == "done" and not more:
        raise ConfigError(
            f"{found.path} is finished. Fine-tune it with: "
            f"cnnxfer unfreeze {found.path}, or extend it with: "
            f"cnnxfer resume {found.path} --epochs +5"
        )
    with hold_run(found):
        found.update_receipt(status="running")
        found.update_metrics(validation=None, test=None)  # of the model until now
        if found.parent:
            _fine_tune(found, reporter, more)
        else:
            import_tensorflow_quietly()
            from cnnxfer.training.prepare import set_up

            _train_head(set_up(found, reporter), more)
    return found


def _to_unfreeze(parent: Run, options: UnfreezeOptions) -> Config:
    """Returns the settings of the run that goes on from `parent`, all checked."""
    settings = parent.config
    given = dict(options)
    if recipe := given.pop("recipe", None):
        ours = with_recipe(settings, str(recipe))
        settings = dataclasses.replace(
            settings,
            recipe=ours.recipe,
            augment=ours.augment,
            batch_size=ours.batch_size,
            precision=ours.precision,
            fine_tune=ours.fine_tune,
        )
    optimizer = str(given.get("optimizer"))
    if given.get("lr") is None and optimizer in USUAL_RATES:
        given["lr"] = USUAL_RATES[optimizer]
    # What learns is said in one of two ways.
    if given.get("last"):
        given["start"] = ""
    settings = _checked(override(settings, settings_of(given, "fine_tune")))
    if settings.cache and settings.augment.plain and settings.precision != "float16":
        check_choice(settings.engine, settings.precision)
    return settings


def _check_stages(parent: Run, settings: Config) -> None:
    """Makes sure that the network has the layers that are named, before any work."""
    if settings.fine_tune.start or settings.fine_tune.gradual > 1:
        _plan(parent, settings)


def _plan(parent: Run, settings: Config) -> list[StageRow]:
    import_tensorflow_quietly()
    from cnnxfer.training.stage_table import plan_fine_tuning

    return plan_fine_tuning(parent, settings)


def _more_epochs(text: str) -> int:
    found = re.fullmatch(r"\+(\d{1,6})", text.strip())
    if not found or not int(found[1]):
        raise ConfigError(
            f"--epochs is {text!r}; expected how many more there are to be, as +5."
        )
    return int(found[1])


def _checked(config: Config) -> Config:
    """Returns the settings with every name resolved; all that is cheap is checked."""
    backbone = BACKBONES.get(config.backbone)
    source = find_source(config.data)
    check_class_weights(config.class_weights)
    _ = config.fine_tune.fraction
    image_size = config.image_size or backbone.image_size
    backbone.check_image_size(image_size)
    return dataclasses.replace(
        config,
        backbone=backbone.name,
        # A run can be resumed from another directory.
        data=source.absolute(config.data),
        exclude=_absolute(config.exclude),
        class_weights=_absolute(config.class_weights)
        if config.class_weights not in (NONE, AUTO)
        else config.class_weights,
        image_size=image_size,
    )


def _absolute(path: str) -> str:
    return str(Path(path).resolve()) if path else path


def _with_weights(config: Config, reporter: Reporter) -> Config:
    """Makes sure of the weights before any picture is read or run made."""
    if config.weights == "none":
        return config
    if config.weights == "imagenet":
        backbone = BACKBONES.get(config.backbone)
        ensure_weights(backbone, include_top=False, reporter=reporter)
        return config
    path = Path(config.weights)
    if not path.is_file():
        near = suggestion(config.weights, ("imagenet", "none"))
        raise ConfigError(f"--weights {path} is no file.{near}")
    return dataclasses.replace(config, weights=str(path.resolve()))


def _data_name(spec: str) -> str:
    path = Path(spec)
    if path.is_file():
        return path.name.partition(".")[0]
    if path.is_dir() or "://" in spec:
        return path.name
    return spec.removeprefix("tfds:")


def _train_head(setup: Setup, extra_epochs: int = 0) -> None:
    from cnnxfer.training.frozen import train_head

    run = setup.run
    with Clock(run), interrupted_by_sigterm():
        best = train_head(setup, extra_epochs)
    setup.reporter.info(
        f"validation {best.text} (epoch {best.epoch}); the model is {run.model_path}"
    )


def _fine_tune(run: Run, reporter: Reporter, extra_epochs: int = 0) -> None:
    import_tensorflow_quietly()
    from cnnxfer.evaluation.before_after import compare_with_parent
    from cnnxfer.training.fine_tune import fine_tune

    with Clock(run), interrupted_by_sigterm():
        outcome = fine_tune(run, reporter, extra_epochs)
        before, after = outcome.before, outcome.after
        if outcome.improved:
            reporter.info(f"epoch {after.epoch} is kept; the model is {run.model_path}")
        else:
            reporter.info(
                f"no epoch beat the validation {before.name} of {before.value:.1%}, "
                f"so {run.model_path} is the model as it was before. Try a lower --lr."
            )
        try:
            compare_with_parent(run, reporter)
        except Interrupted:
            raise
        except CnnxferError as error:
            reporter.warn(f"not compared with the model before: {error}")
