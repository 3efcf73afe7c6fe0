"""What can be done from Python: the command line's names and defaults.

What is cheap is checked here first. Keras and TensorFlow are imported inside the
functions, after that, so that a misspelt name is answered at once.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnxfer import __version__
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights, find_weights
from cnnxfer.class_weights_file import AUTO, NONE, check_class_weights
from cnnxfer.config import Config, load_config, override
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.exclude import read_list
from cnnxfer.data.sources import find_source
from cnnxfer.data.splits import parse_split
from cnnxfer.errors import ConfigError, Interrupted
from cnnxfer.prediction.engines import check_choice
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter
from cnnxfer.runs import LATEST, Run, create_run, find_run, resolve_runs_dir

if TYPE_CHECKING:
    from cnnxfer.data.check.report import Report
    from cnnxfer.data.preview import Preview
    from cnnxfer.evaluation.comparison import Comparison
    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.prediction.pile import Pile
    from cnnxfer.prediction.prediction import Prediction
    from cnnxfer.training.prepare import Setup

Pathlike = str | Path


def train(
    backbone: str | None = None,
    data: Pathlike | None = None,
    *,
    config: Pathlike | None = None,
    weights: Pathlike | None = None,
    split: str | None = None,
    group_by: str | None = None,
    limit: int | None = None,
    exclude: Pathlike | None = None,
    image_size: int | None = None,
    head: str | None = None,
    class_weights: Pathlike | None = None,
    sampling: str | None = None,
    loss: str | None = None,
    monitor: str | None = None,
    views: int | None = None,
    cache: bool | None = None,
    augment: str | None = None,
    engine: str | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    schedule: str | None = None,
    seed: int | None = None,
    precision: str | None = None,
    devices: str | None = None,
    fine_tune: bool = False,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Trains a new head on a frozen backbone.

    Settings that are None come from `config`, or else are the defaults of
    `cnnxfer.config.Config`, which says what each means.

    Args:
        backbone: a name of the catalog.
        data: a TFDS name, a folder of class folders, a table of paths and labels, an
            archive, an address in a cloud, or "sample"; the README has them all.
        config: a TOML file of settings.
        weights: "imagenet", "none" or a file.
        split: "75/15/10" or "slices".
        group_by: what images have in common that must stay in one part: a column of
            a table, or a regular expression that is searched in their ids.
        limit: how many images to use at most, the same share of every class.
        exclude: a file with the id or the path of an image a line, to leave out.
        image_size: side in pixels.
        head: "linear" or "mlp".
        class_weights: "none", "auto" (the more, the rarer) or a file of
            CLASS,WEIGHT lines.
        sampling: "natural", or "balanced": as many images of every class an epoch.
        loss: "cross-entropy" or "focal".
        monitor: what tells the best epoch: "accuracy", "macro-f1", or "auto".
        views: how many random views of each image are computed and kept.
        cache: False draws new views in every epoch and keeps nothing.
        augment: how training views differ: "none", "textbook", "light" or "strong";
            the last keeps nothing.
        engine: "auto", "openvino" or "keras".
        batch_size: images a step.
        epochs: of the frozen phase.
        lr: highest learning rate of the frozen phase.
        optimizer: of the frozen phase.
        schedule: of the frozen phase's learning rate.
        seed: of all that is random.
        precision: of the backbone's arithmetic.
        devices: "one", "all" or "cpu".
        fine_tune: goes on with `unfreeze` at the settings of `config`.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Returns:
        The run; with `fine_tune`, the second one.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if no classifier can be trained on the data.
        Interrupted: on Ctrl-C; `resume` goes on.
    """
    reporter = reporter or Reporter()
    settings = load_config(
        Path(config) if config is not None else None,
        {
            "backbone": backbone,
            "data": None if data is None else str(data),
            "weights": None if weights is None else str(weights),
            "split": split,
            "group_by": group_by,
            "limit": limit,
            "exclude": None if exclude is None else str(exclude),
            "image_size": image_size,
            "head": head,
            "class_weights": None if class_weights is None else str(class_weights),
            "sampling": sampling,
            "loss": loss,
            "monitor": monitor,
            "views": views,
            "cache": cache,
            "augment": augment,
            "engine": engine,
            "batch_size": batch_size,
            "seed": seed,
            "precision": precision,
            "devices": devices,
            "frozen": {
                "epochs": epochs,
                "learning_rate": lr,
                "optimizer": optimizer,
                "schedule": schedule,
            },
        },
    )
    _check_data_options(settings)
    settings = _checked(settings)
    if settings.cache and settings.augment.plain and settings.precision != "float16":
        check_choice(settings.engine, settings.precision)
    if settings.cache:
        from cnnxfer.training.activation_store import ActivationStore

        ActivationStore()  # tells of a wrong limit
    settings = _with_weights(settings, reporter)
    import_tensorflow_quietly()
    from cnnxfer.training.prepare import data_hash, prepare_run

    setup = prepare_run(settings, resolve_runs_dir(runs_dir), reporter)
    run = setup.run
    _start_receipt(run, parent=None, data_sha256=data_hash(run.split))
    _train_head(run, reporter, setup)
    if fine_tune:
        return unfreeze(run, runs_dir=runs_dir, reporter=reporter)
    return run


def unfreeze(
    run: Run | Pathlike = LATEST,
    *,
    lr: float | None = None,
    epochs: int | None = None,
    last: str | None = None,
    bn: str | None = None,
    optimizer: str | None = None,
    schedule: str | None = None,
    augment: str | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    precision: str | None = None,
    devices: str | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Fine-tunes a run: its last layers, or all, learn on from its head.

    The same images, parts, classes and normalization as in `run`, which is left as it
    was. If no epoch beats it on validation, the new run's model is its model.

    Args:
        run: the run to go on from; a directory, a name, or "latest".
        lr: highest learning rate.
        epochs: of this phase.
        last: share of the backbone that learns, such as "30%".
        bn: "frozen" keeps BatchNormalization as it is, "train" does not.
        optimizer: of this phase.
        schedule: of its learning rate.
        augment: "none", "textbook", "light" or "strong".
        batch_size: images a step.
        seed: of all that is random.
        precision: of the backbone's arithmetic.
        devices: "one", "all" or "cpu".
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Returns:
        The new run, which names `run` as its parent.

    Raises:
        ConfigError: if a setting or the run is wrong.
        RunError: if the run has no model yet.
        Interrupted: on Ctrl-C; `resume` goes on.
    """
    reporter = reporter or Reporter()
    parent = _find(run, runs_dir)
    parent.require_model()
    settings = override(
        parent.config,
        {
            "augment": augment,
            "batch_size": batch_size,
            "seed": seed,
            "precision": precision,
            "devices": devices,
            "fine_tune": {
                "learning_rate": lr,
                "epochs": epochs,
                "last": last,
                "batch_norm": bn,
                "optimizer": optimizer,
                "schedule": schedule,
            },
        },
    )
    settings = _checked(settings)
    child = create_run(parent.path.parent, settings.backbone, _data_name(settings.data))
    child.copy_model(parent)
    child.write_classes(parent.class_names)
    child.write_split(parent.split)
    child.write_config(settings)
    _start_receipt(
        child,
        parent=parent.name,
        data_sha256=parent.receipt.get("data_sha256"),
        weights_sha256=parent.receipt.get("weights_sha256"),
    )
    _fine_tune(child, reporter)
    return child


def resume(
    run: Run | Pathlike = LATEST,
    *,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Goes on with a run after its last finished epoch.

    The epochs that follow are those of an undisturbed run: the same views in the
    same order, the same optimizer.

    Raises:
        ConfigError: if there is no such run, or it is finished.
        Interrupted: on Ctrl-C; it can be resumed again.
    """
    reporter = reporter or Reporter()
    found = _find(run, runs_dir)
    if found.receipt.get("status") == "done":
        raise ConfigError(
            f"{found.path} is finished. "
            f"Fine-tune it with: cnnxfer unfreeze {found.path}"
        )
    found.update_receipt(status="running")
    if found.parent:
        _fine_tune(found, reporter)
    else:
        _train_head(found, reporter)
    return found


def predict(
    inputs: Pathlike | Iterable[Pathlike],
    *,
    model: Run | Pathlike | None = None,
    top: int | None = None,
    min_confidence: float | None = None,
    recursive: bool = True,
    column: str | None = None,
    frames: str = "first",
    max_pixels: int = MAX_PIXELS,
    allow_private: bool = False,
    tta: str = "none",
    dense: bool = False,
    engine: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Iterator[Prediction]:
    """Ranks the classes of images.

    Args:
        inputs: files, folders, globs, `.zip` and `.tar` archives, http(s) addresses,
            tables with a column of paths, `@FILE` with a file, folder, archive or
            address a line, and "-" for such a list on stdin.
        model: a run, or a backbone's name for its ImageNet head. By default the
            latest run, or the built-in backbone where there is none.
        top: how many classes to name; by default 5, or all if there are fewer.
        min_confidence: the probability, above 0 and at most 1, below which a class is
            no answer: `Prediction.label` is "unsure". Where an image may have several,
            each must reach its own threshold besides.
        recursive: whether folders are walked with all that lies below.
        column: the one of tables that holds paths; by default "path", or the only one.
        frames: "first", or "all" of a file that has several, one prediction each.
        max_pixels: larger pictures are not decoded.
        allow_private: whether addresses may lead into private networks.
        tta: what of a picture is looked at, and averaged: "none" (the middle),
            "flip", "five", "ten" or "scales"; see `test_time_views`.
        dense: whether the whole picture is looked at instead, without cropping.
        engine: "openvino", "keras", or "auto": the fastest that answers as Keras
            does in float32, which is checked on the first images.
        precision: "float32", "bfloat16", or "auto": the fastest, likewise.
        batch: how many pictures are computed at once; by default as many as the
            engine does best with. Fewer where memory runs out.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Returns:
        A prediction for each image, in the order of the inputs; one with an `error`
        for an image that cannot be read.

    Raises:
        ConfigError: if the model or an option is unknown or cannot be had here, or
            the model has fewer classes than `top`.
        DataError: if an input does not exist or holds no image.
        RunError: if the run has no model, weights could not be downloaded, or no
            picture fits into memory; or an engine or a precision that is asked for
            by name does not answer as Keras does.
    """
    from cnnxfer.prediction.pile import open_pile

    if isinstance(inputs, str | Path):
        inputs = [inputs]
    pile = open_pile(
        [str(item) for item in inputs],
        model=model,
        top=top,
        min_confidence=min_confidence,
        recursive=recursive,
        column=column,
        frames=frames,
        max_pixels=max_pixels,
        allow_private=allow_private,
        tta=tta,
        dense=dense,
        engine=engine,
        precision=precision,
        batch=batch,
        runs_dir=runs_dir,
        reporter=reporter or Reporter(),
    )
    return _and_prepare(pile)


def _and_prepare(pile: Pile) -> Iterator[Prediction]:
    from cnnxfer.prediction.totals import Totals

    totals = Totals()
    # Who stops early is rid of the decoders at once, and not when garbage is collected.
    with closing(pile.answers):
        for prediction in totals.watch(pile.predictions()):
            # What holds a member of an archive would keep all of it in memory.
            kept = prediction.source and not prediction.source.here
            yield prediction if kept else dataclasses.replace(prediction, source=None)
    if repeats := totals.repeats(pile.model):
        pile.reporter.warn(f"{repeats}.")
    pile.answers.prepare_next_time()


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
    found = _find(run, runs_dir)
    found.require_model()
    find_source(found.config.data if data is None else str(data))
    import_tensorflow_quietly()
    from cnnxfer.evaluation.evaluator import evaluate_data, evaluate_run

    if data is not None:
        return evaluate_data(
            found, str(data), reporter, engine=engine, precision=precision
        )
    return evaluate_run(found, reporter, engine=engine, precision=precision)


def check(
    spec: Pathlike,
    *,
    split: str | None = None,
    group_by: str | None = None,
    exclude: Pathlike | None = None,
    write: Pathlike | None = None,
    html: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Tells what is wrong with images and labels before anything is trained on them.

    Nothing is changed, and neither Keras nor TensorFlow is loaded but for a set of
    TensorFlow Datasets that has not been copied before.

    Args:
        spec: data as `train` takes it.
        split: as of `train`.
        group_by: as of `train`.
        exclude: as of `train`.
        write: where to write a file for `exclude`: what training is better without.
        html: where to write a page that shows the pictures in question.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Raises:
        ConfigError: if there is no such data, an option is wrong, or a file to be
            written is there already and none of these.
        DataError: if data that lies elsewhere cannot be had.
    """
    settings = load_config(
        None,
        {
            "data": str(spec),
            "split": split,
            "group_by": group_by,
            "exclude": None if exclude is None else str(exclude),
        },
    )
    find_source(settings.data)
    _check_data_options(settings)
    from cnnxfer.data.check.checking import check_data

    return check_data(
        settings.data,
        reporter or Reporter(),
        split=settings.split,
        group_by=settings.group_by,
        exclude=settings.exclude,
        write=None if write is None else Path(write),
        html=None if html is None else Path(html),
    )


def preview(
    data: Pathlike | None = None,
    *,
    out: Pathlike = "preview.png",
    augment: str | None = None,
    config: Pathlike | None = None,
    images: int = 6,
    views: int = 6,
    image_size: int | None = None,
    seed: int | None = None,
    reporter: Reporter | None = None,
) -> Preview:
    """Draws what the network will see in training: photographs, and views of each.

    Args:
        data: as `train` takes it.
        out: the PNG to write.
        augment: as of `train`.
        config: a TOML file of settings.
        images: how many photographs, of all classes in turn.
        views: how many training views of each.
        image_size: side of a view in pixels; the backbone's by default.
        seed: of all that is random.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Raises:
        ConfigError: if there is no such data, a setting is wrong, or `out` is there
            already and no preview.
        DataError: if the data cannot be read, or no picture of it.
    """
    settings = load_config(
        Path(config) if config is not None else None,
        {
            "data": None if data is None else str(data),
            "augment": augment,
            "image_size": image_size,
            "seed": seed,
        },
    )
    backbone = BACKBONES.get(settings.backbone)
    size = settings.image_size or backbone.image_size
    backbone.check_image_size(size)
    find_source(settings.data)
    from cnnxfer.data.preview import check_counts, check_own, write_preview
    from cnnxfer.data.sources import load_dataset
    from cnnxfer.prediction.output_file import check_target

    check_counts(images, views)
    check_target("--out", Path(out), [settings.data])
    check_own(Path(out))

    reporter = reporter or Reporter()
    return write_preview(
        Path(out),
        load_dataset(settings.data, reporter),
        settings,
        image_size=size,
        images=images,
        views=views,
        reporter=reporter,
    )


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
        Path(config) if config is not None else None,
        {
            "data": None if data is None else str(data),
            "weights": weights,
            "split": split,
            "group_by": group_by,
            "limit": limit,
            "exclude": None if exclude is None else str(exclude),
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
    _check_data_options(settings)
    check_class_weights(settings.class_weights)
    import_tensorflow_quietly()
    from cnnxfer.evaluation.comparison import compare_backbones

    names = list(dict.fromkeys(item.name for item in chosen))
    return compare_backbones(settings, names, budget_seconds, reporter)


def _seconds(duration: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", duration.strip())
    if not found or not float(found[1]):
        raise ConfigError(
            f"--budget is {duration!r}; expected a time such as 90s, 10m or 2h."
        )
    return float(found[1]) * units[found[2]]


def _find(run: Run | Pathlike, runs_dir: Pathlike | None) -> Run:
    if isinstance(run, Run):
        return run
    return find_run(str(run), resolve_runs_dir(runs_dir))


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


def _check_data_options(config: Config) -> None:
    """Checks how the data is to be read, as far as it goes without the data."""
    parse_split(config.split)
    if config.exclude:
        read_list(Path(config.exclude))


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


def _train_head(run: Run, reporter: Reporter, setup: Setup | None = None) -> None:
    import_tensorflow_quietly()
    from cnnxfer.training.frozen import train_head
    from cnnxfer.training.prepare import set_up

    with _Clock(run):
        best = train_head(setup or set_up(run, reporter))
    reporter.info(
        f"validation {best.text} (epoch {best.epoch}); the model is {run.model_path}"
    )


def _fine_tune(run: Run, reporter: Reporter) -> None:
    import_tensorflow_quietly()
    from cnnxfer.training.fine_tune import fine_tune

    with _Clock(run):
        outcome = fine_tune(run, reporter)
    before, after = outcome.before, outcome.after
    if outcome.improved:
        reporter.info(
            f"validation {before.text} -> {after.value:.1%} "
            f"(epoch {after.epoch}); the model is {run.model_path}"
        )
    else:
        reporter.info(
            f"no epoch beat the validation {before.name} of {before.value:.1%}, so "
            f"{run.model_path} is the model as it was before. Try a lower --lr."
        )


class _Clock:
    """Writes to the receipt how a phase ended and how long it took."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = datetime.now().astimezone()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ended = datetime.now().astimezone()
        status = "done" if kind is None else "failed"
        if kind in (Interrupted, KeyboardInterrupt):
            status = "interrupted"
        self.run.update_receipt(
            status=status,
            ended=ended.isoformat(timespec="seconds"),
            seconds=round((ended - self.started).total_seconds(), 1),
        )


def _start_receipt(run: Run, **values: Any) -> None:
    from cnnxfer.machine.packages import PACKAGES, installed_version
    from cnnxfer.machine.processor import find_processor

    run.update_receipt(
        command=shlex.join(sys.argv),
        cnnxfer=__version__,
        python=sys.version.split()[0],
        packages={name: installed_version(name) for name in PACKAGES},
        hardware=dataclasses.asdict(find_processor()),
        seed=run.config.seed,
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        status="running",
        **values,
    )
