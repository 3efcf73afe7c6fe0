"""Prepares training: of a new run from settings, or of an existing one."""

from collections.abc import Callable
from pathlib import Path

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import check_own_weights, ensure_weights
from cnnxfer.config import Config, override
from cnnxfer.data.prepared import prepare_data
from cnnxfer.data.run_images import FoundImages, find_images
from cnnxfer.errors import ConfigError
from cnnxfer.networks.precision import resolve_precision
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow, create_run, removed_on_failure
from cnnxfer.spelling import option
from cnnxfer.tasks.catalog import task_of
from cnnxfer.tasks.class_weights import require_known_classes
from cnnxfer.tasks.data import load_data
from cnnxfer.training.optimization.devices import Devices, prepare_devices
from cnnxfer.training.setup import Setup


def claim_processors(config: Config, precision: str) -> tuple[Devices, str]:
    """Returns the processors to train on, and the precision to train in.

    Call this before TensorFlow computes anything in this process.

    Args:
        config: says which processors.
        precision: `auto`, `int8` or a key of `precision.POLICIES`.

    Raises:
        ConfigError: if this machine does not support one of them.
        RunError: if another worker is lost.
    """
    claimed = prepare_devices(config.devices, together=True)
    return claimed, resolve_precision(precision, claimed.compute_capability)


def prepare_run(
    settings_for: Callable[[str], Config],
    runs_dir: Path,
    name: str | None,
    reporter: Reporter,
) -> tuple[Run, Setup]:
    """Reads and splits the data, and creates a run directory.

    The caller completes the run by writing the rest of its receipt and then its
    settings.

    Args:
        settings_for: returns all settings for the name of a task, or for `auto` until
            the data has told the task.
        runs_dir: the directory of all runs.
        name: what to call the run; None for a name after its data.
        reporter: shows messages and progress.

    Raises:
        ConfigError: if the configuration does not suit the machine or the data.
        DataError: if no classifier can be trained on the data.
    """
    config = settings_for("auto")
    devices, precision = claim_processors(config, config.precision)
    task, dataset = load_data(config.data, reporter, config.task, config.ignore)
    config = settings_for(task.name)
    task.check_settings(config)
    data = prepare_data(dataset, config, reporter)
    require_known_classes(config.class_weights, data.class_names)
    run = create_run(runs_dir, data.name, name)
    with removed_on_failure(run):
        run.update_receipt(data_name=data.name)
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


def set_up(
    run: Run, config: Config, precision: str, reporter: Reporter, *, retry: str
) -> tuple[Setup, FoundImages]:
    """Returns what an existing run's images are trained on with, and these images.

    Nothing is written, so a run that cannot be trained on leaves no trace.

    Args:
        run: the run whose images, splits and classes are used.
        config: the settings; its `data` says where the images are.
        precision: as `claim_processors` takes it.
        reporter: shows progress, and what was found.
        retry: the command that names another place of the images, for messages.

    Raises:
        ConfigError: if the devices cannot be used, or there is no such place.
        DataError: if too many images are missing; see `find_images`.
    """
    devices, precision = claim_processors(config, precision)
    task = task_of(run)
    task.check_settings(config)
    images = find_images(run, config.data, reporter, retry=retry)
    setup = Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=run.class_names,
        splits=images.splits,
        devices=devices,
        precision=precision,
        reporter=reporter,
        task=task,
    )
    return setup, images


def find_weights_file(config: Config, reporter: Reporter) -> Path | None:
    """Returns the file of the backbone's initial weights; None for random ones.

    Raises:
        ConfigError: if the user's weights file no longer exists, or is for another
            backbone.
        DataError: if a published file is damaged.
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
            f"{option('--weights')} {path} no longer exists. Put it back, or set "
            "weights in the run's config.toml to its new place."
        )
    check_own_weights(BACKBONES.get(config.backbone), path)
    return path
