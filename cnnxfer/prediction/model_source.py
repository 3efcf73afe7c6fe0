"""The models that answer: of a run, or a backbone with its ImageNet head."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.backbones.weight_files import weight_file
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.config import Fit
from cnnxfer.engines.engine import Network, Outputs
from cnnxfer.engines.exported.manifest import (
    MANIFEST,
    Manifest,
    find_manifest,
    read_manifest,
)
from cnnxfer.engines.exported.opening import own_engine
from cnnxfer.engines.exported.saved_model import GRAPH
from cnnxfer.errors import ConfigError
from cnnxfer.files import file_hash
from cnnxfer.networks.description import check_description
from cnnxfer.prediction.known_images import known_splits
from cnnxfer.prediction.tta import IMAGENET_CROP
from cnnxfer.registry import BUILT_IN, did_you_mean
from cnnxfer.reporting import Reporter
from cnnxfer.runs import (
    LATEST,
    AmbiguousName,
    Run,
    find_run,
    is_counted,
    resolve_runs_dir,
)
from cnnxfer.spelling import command
from cnnxfer.tasks.catalog import IMAGENET_TASK, TASKS, decision_of, task_of
from cnnxfer.tasks.task import Decision, Task

if TYPE_CHECKING:
    import keras

EXPORTED_SUFFIXES = (".keras", ".onnx", ".tflite", ".xml")


@dataclass(frozen=True)
class ModelSource:
    """A model that answers images, and what belongs to it; nothing is loaded yet.

    Attributes:
        name: the name of the run or the backbone.
        place: what messages call it: the path of the run, or the backbone's name.
        backbone: the catalog entry of the backbone.
        classes: the id and the readable name of each class, in label order. An id is
            that of WordNet for ImageNet heads, the name otherwise.
        fraction: side of the central square that it is shown of an image or of its
            frame, as a share of the shorter side.
        fit: how images are fitted into a square; see `Frame`.
        network: returns the network, which is built later, when an engine needs it. A
            reporter shows the download of missing weights, which raises a RunError if
            it fails.
        task: what it answers.
        decision: how an answer follows from the probabilities of the classes.
        known_splits: returns the splits of the images that the model was trained and
            tested on, by the SHA-256 of their content.
        run: the run; None for a backbone, or an exported network.
        exported: whether it is in the file of another runtime.
        files: those whose content its answers follow from; none of a backbone.
        hides: the name of the backbone that was not meant, since a run is called so,
            too; empty if there is none.
    """

    name: str
    place: str
    backbone: Backbone = field(repr=False)
    classes: Sequence[tuple[str, str]] = field(repr=False)
    fraction: float
    fit: Fit
    network: Callable[[Reporter], Network] = field(repr=False)
    task: Task = field(repr=False)
    decision: Decision = field(repr=False)
    known_splits: Callable[[Reporter], Mapping[str, str]] = field(
        default=lambda reporter: {}, repr=False
    )
    run: Run | None = field(default=None, repr=False)
    exported: bool = field(default=False, repr=False)
    files: tuple[Path, ...] = field(default=(), repr=False)
    hides: str = field(default="", repr=False)


def find_model(
    model: Run | str | Path | None,
    runs_dir: str | Path | None = None,
    reporter: Reporter | None = None,
) -> ModelSource:
    """Returns what `--model` names: a run, a backbone, or an exported network.

    Args:
        model: None for the latest run, or for the built-in backbone without any run. A
            run comes before a backbone of its name, which is `cnnxfer:NAME` and has its
            ImageNet head. An exported network is the path of its folder, or of its file
            in there.
        runs_dir: directory of the runs; None for the default.
        reporter: told if a run without a model is not the latest for that reason.

    Raises:
        ConfigError: if there is neither a run nor a backbone of that name.
        DataError: if an exported network is damaged.
        RunError: if the run has no trained model yet.
    """
    if isinstance(model, Run):
        return run_model(model)
    directory = resolve_runs_dir(runs_dir)
    if model is None:
        try:
            return run_model(find_run(LATEST, directory, reporter=reporter))
        except ConfigError:
            return imagenet_model(next(iter(BACKBONES)))
    name = str(model)
    if name.startswith(BUILT_IN):
        return imagenet_model(BACKBONES.get(name.removeprefix(BUILT_IN)))
    if is_exported(Path(name)):
        return exported_model(Path(name), reporter)
    try:
        prefixes = name not in BACKBONES
        found = run_model(
            find_run(name, directory, prefixes=prefixes, reporter=reporter)
        )
        return replace(found, hides=name if name in BACKBONES else "")
    except AmbiguousName:
        raise
    except ConfigError as error:
        if name in BACKBONES:
            return imagenet_model(BACKBONES.get(name))
        if is_counted(name) or os.path.exists(name):
            raise
        hint = did_you_mean(name, BACKBONES.names())
        raise ConfigError(
            f"there is no run or backbone called {name!r}."
            f"{hint or ' List them with: cnnxfer runs, or cnnxfer backbones'}"
        ) from error


def run_model(run: Run) -> ModelSource:
    """Returns the model of a run.

    Raises:
        RunError: if the run has no trained model yet, lacks another file, or has one
            that its model was not saved for.
    """
    run.require_model()
    check_description(run)
    config, names, task = run.config, run.class_names, task_of(run)
    return ModelSource(
        name=run.name,
        place=str(run.path),
        backbone=BACKBONES.get(config.backbone),
        classes=[(name, name) for name in names],
        fraction=config.central_fraction,
        fit=config.fit,
        network=partial(_run_network, run, task),
        task=task,
        decision=decision_of(run),
        known_splits=partial(known_splits, run),
        run=run,
        files=run.answering_files,
    )


def imagenet_model(backbone: Backbone) -> ModelSource:
    """Returns a backbone with its ImageNet head.

    Raises:
        ConfigError: if no ImageNet weights of it are published.
    """
    if weight_file(backbone, include_top=True) is None:
        raise ConfigError(
            f"{backbone.name} has no ImageNet weights, so it cannot name anything. "
            "Train it first: "
            + command("train", "DATA", backbone=backbone.name, from_scratch=True)
        )
    return ModelSource(
        name=backbone.name,
        place=backbone.name,
        backbone=backbone,
        classes=[(item.class_id, item.label) for item in imagenet_classes()],
        fraction=IMAGENET_CROP,
        fit="crop",
        network=partial(_imagenet_network, backbone),
        task=IMAGENET_TASK,
        decision=IMAGENET_TASK.decision([], {}),
    )


def exported_model(path: Path, reporter: Reporter | None = None) -> ModelSource:
    """Returns a network in the file of another runtime.

    Args:
        path: the folder that `export` has written, or the file of the network in it.
        reporter: told the hash by which the user may know that it is the right one.

    Raises:
        ConfigError: if its runtime is not installed.
        DataError: if a file is missing or differs from what was exported.
    """
    manifest = read_manifest(path)
    folder = find_manifest(path).parent
    network = exported_network(folder, manifest)
    if reporter:
        digest = file_hash(folder / MANIFEST)
        reporter.info(f"{folder}: SHA-256 of {MANIFEST} and so of all files: {digest}")
    task = TASKS.get(manifest.answers["task"])
    names = [name for _, name in manifest.classes]
    return ModelSource(
        name=manifest.name,
        place=str(folder),
        backbone=BACKBONES.get(manifest.backbone),
        classes=[(class_id, name) for class_id, name in manifest.classes],
        fraction=manifest.fraction,
        fit=manifest.fit,
        network=lambda reporter: network,
        task=task,
        decision=task.decision(
            names, manifest.answers["thresholds"], manifest.answers["temperature"]
        ),
        exported=network.own_engine is not None,
        files=tuple(folder / name for name in (MANIFEST, *manifest.sha256)),
    )


def exported_network(folder: Path, manifest: Manifest) -> Network:
    """Returns the network of an export, whose files have been checked.

    Raises:
        ConfigError: if its runtime is not installed.
    """
    answers = manifest.answers
    return Network(
        key=_key("exported", *manifest.sha256.values()),
        image_size=manifest.image_size,
        build=partial(_load_file, folder / manifest.file),
        portable=True,
        outputs=Outputs(TASKS.get(answers["task"]), activated=answers["activated"]),
        own_engine=own_engine(folder, manifest),
    )


def is_exported(path: Path) -> bool:
    """Tells whether a path is that of an exported network, or is called like one."""
    if path.is_dir():
        return (path / MANIFEST).is_file() or (path / GRAPH).is_file()
    return path.suffix in EXPORTED_SUFFIXES and path.is_file()


def _run_network(run: Run, task: Task, reporter: Reporter) -> Network:
    size, classes = run.image_size, len(run.class_names)
    digest = file_hash(run.require_model())
    return Network(
        # So that files which contradict the model are noticed when it is loaded, no
        # engine has an entry for them.
        key=_key("run", task.name, f"{size} {classes}", digest),
        image_size=size,
        build=partial(_load, run),
        portable=True,
        outputs=Outputs(task),
        title=run.name,
        kept_answers=partial(run.known_answers, digest),
    )


def _imagenet_network(backbone: Backbone, reporter: Reporter) -> Network:
    path = ensure_weights(backbone, include_top=True, reporter=reporter)
    return Network(
        key=_key("imagenet", backbone.name, file_hash(path)),
        image_size=backbone.image_size,
        build=partial(_build, backbone, path),
        portable=True,
        outputs=Outputs(IMAGENET_TASK, activated=True),
        title=backbone.name,
    )


# Keras is imported only when a network is built, which is not always needed.
def _load(run: Run) -> keras.Model:
    from cnnxfer.networks.run_model import load_run_model

    return load_run_model(run)


def _load_file(path: Path) -> keras.Model:
    from cnnxfer.networks.saving import load_model

    return load_model(path)


def _build(backbone: Backbone, path: Path) -> keras.Model:
    from cnnxfer.networks.classifier import build_imagenet_classifier

    return build_imagenet_classifier(backbone, path)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
