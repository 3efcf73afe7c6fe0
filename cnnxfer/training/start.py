"""Prepares a run for training: a new one from settings, or one from its directory."""

from pathlib import Path

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.config import Config, override
from cnnxfer.data.prepared import load_splits, prepare_data
from cnnxfer.errors import ConfigError
from cnnxfer.networks.precision import resolve_precision
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow, create_run
from cnnxfer.spelling import option
from cnnxfer.tasks.catalog import task_of
from cnnxfer.tasks.class_weights import require_known_classes
from cnnxfer.tasks.data import load_data
from cnnxfer.training.optimization.devices import Devices, prepare_devices
from cnnxfer.training.setup import Setup


def claim_processors(devices: str, precision: str) -> tuple[Devices, str]:
    """Returns the processors to train on, and the precision to train in.

    Call this before TensorFlow computes anything in this process.

    Args:
        devices: `one`, `all` or `cpu`.
        precision: `auto`, or a key of `precision.POLICIES`.

    Raises:
        ConfigError: if this machine does not support one of them.
    """
    claimed = prepare_devices(devices)
    return claimed, resolve_precision(precision, claimed.compute_capability)


def prepare_run(
    config: Config, runs_dir: Path, reporter: Reporter
) -> tuple[Run, Setup]:
    """Reads and splits the data, and creates a run directory.

    The caller completes the run by writing its receipt and then its settings.

    Raises:
        ConfigError: if the configuration does not suit the machine or the data.
        DataError: if no classifier can be trained on the data.
    """
    devices, precision = claim_processors(config.devices, config.precision)
    task, dataset = load_data(config.data, reporter, config.task)
    data = prepare_data(dataset, config, reporter)
    require_known_classes(config.class_weights, data.class_names)
    run = create_run(runs_dir, config.backbone, data.name)
    run.write_classes(data.class_names)
    run.write_split(
        SplitRow(
            example.id,
            example.annotation.text(data.class_names),
            part,
            example.sha256,
        )
        for example, part in zip(data.examples, data.splits, strict=True)
    )
    return run, Setup(
        config=override(config, {"task": task.name}),
        backbone=BACKBONES.get(config.backbone),
        class_names=data.class_names,
        splits=data.by_split(),
        devices=devices,
        precision=precision,
        reporter=reporter,
        task=task,
    )


def set_up(run: Run, reporter: Reporter) -> Setup:
    """Returns an existing run's setup: claims the processors and finds the images.

    A run keeps the precision that it began with, even on another machine.

    Raises:
        ConfigError: if the devices cannot be used.
        DataError: if images are missing.
    """
    config = run.config
    devices, precision = claim_processors(
        config.devices, run.receipt.get("precision", config.precision)
    )
    return Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=run.class_names,
        splits=load_splits(run, reporter),
        devices=devices,
        precision=precision,
        reporter=reporter,
        task=task_of(run),
    )


def find_weights_file(config: Config, reporter: Reporter) -> Path | None:
    """Returns the file of the backbone's initial weights; None for random ones.

    Raises:
        ConfigError: if the user's weights file no longer exists.
        DataError: if the published file is damaged.
        RunError: if the published file could not be downloaded.
    """
    if config.weights == "none":
        return None
    if config.weights == "imagenet":
        backbone = BACKBONES.get(config.backbone)
        return ensure_weights(backbone, include_top=False, reporter=reporter)
    path = Path(config.weights)
    if not path.is_file():
        raise ConfigError(
            f"{option('--weights')} {path} no longer exists. Restore the file."
        )
    return path
