"""Training a head, fine-tuning, and going on."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer.api.arguments import Pathlike, check_data_options, find, path_of, text_of
from cnnxfer.api.options import TrainOptions, UnfreezeOptions, settings_of
from cnnxfer.api.receipt import Clock, start_receipt
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.config import (
    Config,
    check_phases,
    load_config,
    override,
    with_recipe,
)
from cnnxfer.config.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.config.phases import USUAL_LEARNING_RATES
from cnnxfer.data.sources import find_source
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import CnnxferError, ConfigError, Interrupted
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter
from cnnxfer.runs import (
    LATEST,
    Run,
    check_runs_dir,
    create_run,
    lock_run,
    require_idle,
    resolve_runs_dir,
)
from cnnxfer.stopping import interrupted_by_sigterm

if TYPE_CHECKING:
    from cnnxfer.training.phases.plan import StageRow
    from cnnxfer.training.task import Setup


# What a second phase has from the first.
SAME = (
    "backbone",
    "data",
    "split",
    "group_by",
    "limit",
    "exclude",
    "image_size",
    "head",
)


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

    Settings that are not given are those of the recipe, or else of `config`, or else
    the defaults.

    Args:
        backbone: a name of the catalog.
        data: a folder of class folders, a table of paths and labels, an archive, the
            name of a set of TensorFlow Datasets, an address in a bucket, or "sample".
        config: a TOML file of settings.
        fine_tune: whether to go on with `unfreeze`, with the settings of the recipe or
            of `config`.
        runs_dir: the folder of the runs; by default $CNNXFER_RUNS, or `runs`.
        reporter: what hears of the progress; by default, the logger "cnnxfer".
        **options: see `TrainOptions`.

    Returns:
        The run; with `fine_tune`, the one that was fine-tuned.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if no classifier can be trained on the data.
        Interrupted: on Ctrl-C or SIGTERM, after saving; `resume` goes on.
    """
    started = time.monotonic()
    reporter = reporter or Reporter()
    given = {"backbone": backbone, "data": text_of(data), **options}
    path = path_of(config)
    _not_of_second_phase(path)
    settings = load_config(path, settings_of(given, "frozen"))
    check_data_options(settings)
    check_phases(settings)
    settings = _checked(settings)
    _check_cache(settings)
    place = resolve_runs_dir(runs_dir)
    check_runs_dir(place)
    settings = _with_weights(settings, reporter)
    import_tensorflow_quietly()
    from cnnxfer.data.prepared import data_hash
    from cnnxfer.training.start import prepare_run

    setup = prepare_run(settings, place, reporter)
    run = setup.run
    with lock_run(run):
        data_sha256 = data_hash(run.split)
        start_receipt(
            run,
            settings.seed,
            parent=None,
            data_sha256=data_sha256,
            precision=setup.precision,
        )
        run.write_config(settings)  # last: it makes a run of the directory
        with Clock(run), interrupted_by_sigterm():
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
    config: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[UnfreezeOptions],
) -> Run:
    """Fine-tunes a run: the last layers of its backbone, or all, learn on.

    The new run has the images, parts, classes and normalization of `run`, which is
    left as it was. If no epoch beats the model of `run` on validation, the new run's
    model is that model, unless `keep` is "last".

    Args:
        run: the run to fine-tune, its directory, its name, or "latest".
        config: a TOML file of settings for the same network and images, such as the
            `config.toml` of a run that is to be repeated.
        runs_dir: the folder of the runs; by default $CNNXFER_RUNS, or `runs`.
        reporter: what hears of the progress; by default, the logger "cnnxfer".
        **options: see `UnfreezeOptions`; those not given are the settings of `run`.

    Returns:
        The new run, which names `run` as its parent.

    Raises:
        ConfigError: if a setting or the run is wrong.
        RunError: if the run has no model yet.
        Interrupted: on Ctrl-C or SIGTERM, after saving; `resume` goes on.
    """
    reporter = reporter or Reporter()
    parent = find(run, runs_dir)
    parent.require_model()
    require_idle(parent)
    settings = _to_unfreeze(parent, path_of(config), options)
    _check_stages(parent, settings)
    import_tensorflow_quietly()
    from cnnxfer.training.start import claim_processors, set_up

    claim_processors(settings.devices, settings.precision)  # tells if they can't
    child = create_run(parent.path.parent, settings.backbone, _data_name(settings.data))
    with lock_run(child):
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
        with Clock(child), interrupted_by_sigterm():
            setup = set_up(child, reporter)
            child.update_receipt(precision=setup.precision)
            _fine_tune(setup)
    return child


def unfreeze_plan(
    run: Run | Pathlike = LATEST,
    *,
    config: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    **options: Unpack[UnfreezeOptions],
) -> list[StageRow]:
    """Returns what `unfreeze` would do with the same arguments: a row for each stage.

    Raises:
        ConfigError: if a setting or the run is wrong.
        RunError: if the run has no model yet.
    """
    parent = find(run, runs_dir)
    parent.require_model()
    return _plan(parent, _to_unfreeze(parent, path_of(config), options))


def resume(
    run: Run | Pathlike = LATEST,
    *,
    epochs: str | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Goes on with a run where it stopped, and takes the steps that it had left.

    In float32 and on the same machine, the run ends with the weights of one that was
    never interrupted, to the bit.

    Args:
        run: a run, its directory, its name, or "latest".
        epochs: how many epochs to add to those that the run was to have, such as "+5";
            this extends a finished run, too.
        runs_dir: the folder of the runs; by default $CNNXFER_RUNS, or `runs`.
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        The same run.

    Raises:
        ConfigError: if there is no such run, or it is finished and `epochs` is None.
        Interrupted: on Ctrl-C or SIGTERM, after saving; it can be resumed again.
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
    import_tensorflow_quietly()
    from cnnxfer.training.start import set_up

    with lock_run(found):
        setup = set_up(found, reporter)  # if images are gone, nothing has changed
        found.update_receipt(status="running", more_epochs=setup.more_epochs + more)
        found.update_metrics(validation=None, test=None)  # of the model until now
        with Clock(found), interrupted_by_sigterm():
            if found.parent:
                _fine_tune(setup)
            else:
                _train_head(setup)
    return found


def _not_of_second_phase(path: Path | None) -> None:
    """Makes sure that a file of settings is not one that `unfreeze` has written."""
    if not path or path.name != "config.toml":
        return
    run = Run(path.resolve().parent)
    if (run.path / "receipt.json").is_file() and run.parent:
        raise ConfigError(
            f"{path} is of a run that was fine-tuned. Repeat it with: "
            f"cnnxfer unfreeze {run.parent.path} --config {path}"
        )


def _to_unfreeze(parent: Run, path: Path | None, options: UnfreezeOptions) -> Config:
    """Returns the settings of the run that goes on from `parent`, all checked."""
    # The time was the parent's.
    settings = dataclasses.replace(parent.config, time_budget=0.0)
    settings = load_config(path, base=settings)
    given = dict(options)
    if given.get("last") and given.get("start"):
        raise ConfigError(
            f"--last {given['last']} and --from {given['start']} exclude each other. "
            "Give one."
        )
    if recipe := given.pop("recipe", None):
        ours = with_recipe(Config(), str(recipe))
        settings = dataclasses.replace(
            settings,
            recipe=ours.recipe,
            augment=ours.augment,
            batch_size=ours.batch_size,
            precision=ours.precision,
            cache=ours.cache,
            fine_tune=ours.fine_tune,
        )
    optimizer = str(given.get("optimizer"))
    if given.get("lr") is None and optimizer in USUAL_LEARNING_RATES:
        given["lr"] = USUAL_LEARNING_RATES[optimizer]
    # What learns is said in one of two ways.
    if given.get("last"):
        given["start"] = ""
    settings = _checked(override(settings, settings_of(given, "fine_tune")))
    check_phases(settings, ["fine_tune"])
    _check_cache(settings)
    for name in SAME:
        here, there = getattr(settings, name), getattr(parent.config, name)
        if here != there:
            raise ConfigError(
                f"{name} is {here!r} in {path}, and {there!r} in {parent.path}. A run "
                "goes on with the same network and images. Leave it out."
            )
    return settings


def _check_cache(settings: Config) -> None:
    """Makes sure that what is to be kept can be computed and kept, before any work."""
    if not settings.cache:
        return
    from cnnxfer.training.activations.store import ActivationStore

    ActivationStore()  # tells of a wrong limit
    if settings.augment.plain and settings.precision != "float16":
        check_choice(settings.engine, settings.precision)


def _check_stages(parent: Run, settings: Config) -> None:
    """Makes sure that the network has the layers that are named, before any work."""
    if settings.fine_tune.start or settings.fine_tune.gradual > 1:
        _plan(parent, settings)


def _plan(parent: Run, settings: Config) -> list[StageRow]:
    import_tensorflow_quietly()
    from cnnxfer.training.phases.plan import plan_fine_tuning

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


def _train_head(setup: Setup) -> None:
    from cnnxfer.training.phases.frozen import train_head

    best = train_head(setup)
    setup.reporter.info(
        f"validation {best.text} (epoch {best.epoch}); "
        f"the model is {setup.run.model_path}"
    )


def _fine_tune(setup: Setup) -> None:
    from cnnxfer.evaluation.before_after import compare_with_parent
    from cnnxfer.training.phases.fine_tune import fine_tune

    run, reporter = setup.run, setup.reporter
    outcome = fine_tune(setup)
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
