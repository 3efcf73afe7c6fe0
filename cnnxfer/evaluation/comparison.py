"""Ranks backbones by heads trained on their features, within a time budget."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, defaults_of
from cnnxfer.data.prepared import PreparedData, prepare_data
from cnnxfer.engines.choice import check_available
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import CnnxferError, Interrupted
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.notebook import table
from cnnxfer.reporting import Advance, ForwardingReporter, Note, Reporter
from cnnxfer.tasks.class_weights import require_known_classes
from cnnxfer.tasks.data import load_data
from cnnxfer.tasks.score import ACCURACY
from cnnxfer.tasks.significance import Accuracy, wilson_interval
from cnnxfer.tasks.task import Task
from cnnxfer.training.activations.engines import engine_text
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.optimization.devices import Devices, prepare_devices
from cnnxfer.training.phases.head_on_features import choose_features, learn_head
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import find_weights_file

SPEED_SECONDS = 1.0  # how long the speed of an engine is measured


@dataclass(frozen=True)
class RankedBackbone:
    """The results of one backbone.

    Attributes:
        backbone: the name of the backbone.
        monitor: the figure that ranks the backbones, a key of `score.NAMES`.
        val_monitored: that figure on the validation images, a fraction.
        val_accuracy: the accuracy on the validation images, with its interval; None if
            the task's answers have none.
        images_per_second: the speed of the engine alone, on pixels in memory.
        engine: the name and the precision of the engine.
        image_size: the side of the input images, in pixels.
        parameters: the number of parameters of the backbone with its new head.
        size_bytes: the size of these parameters in float32.
        seconds: the time that it took to train and measure the backbone.
    """

    backbone: str
    monitor: str
    val_monitored: float
    val_accuracy: Accuracy | None
    images_per_second: float
    engine: str
    image_size: int
    parameters: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """A ranking of backbones on one data set.

    Attributes:
        data: the name of the data set.
        train_images: the number of images that the heads were trained on.
        val_images: the number of images that they were measured on.
        places: the backbones in order, the best first.
        left_out: why backbones were left out, by their names.
    """

    data: str
    train_images: int
    val_images: int
    places: tuple[RankedBackbone, ...]
    left_out: dict[str, str]

    def __repr__(self) -> str:
        places = [
            f"{place.backbone} {place.val_monitored:.1%}" for place in self.places
        ]
        return f"Comparison({self.data!r}: {', '.join(places)})"

    def _repr_html_(self) -> str:
        rows: list[list[object]] = [
            ["backbone", "monitor", "validation", "accuracy", "images/s", "pixels"]
        ]
        for place in self.places:
            rows.append(
                [
                    place.backbone,
                    place.monitor,
                    f"{place.val_monitored:.1%}",
                    place.val_accuracy.text if place.val_accuracy else "",
                    f"{place.images_per_second:,.0f}",
                    place.image_size,
                ]
            )
        reasons = [f"left out {name}: {why}" for name, why in self.left_out.items()]
        return table(f"backbones on {self.data}", rows, *reasons)


def compare_backbones(
    settings_for: Callable[[str], Config],
    names: Sequence[str],
    budget_seconds: float,
    reporter: Reporter,
) -> Comparison:
    """Trains a head on the features of each backbone, and ranks the backbones.

    All backbones are trained and measured on the same images. Features are cached, so
    those computed before the budget ended are used by the next comparison or `train`.

    Args:
        settings_for: returns the settings for all backbones, for the name of a task or
            for `auto`; the backbone in them is ignored, and the image size is that of
            each backbone unless the task has its own.
        names: the names of the backbones, in the order in which they are tried.
        budget_seconds: the time after which the current backbone is stopped and no
            other one begins.
        reporter: shows the progress.

    Raises:
        ConfigError: if the configuration does not suit the machine or the data.
        DataError: if no classifier can be trained on the data.
        Interrupted: on Ctrl-C or SIGTERM while a head is trained.
    """
    budget = _Budget(budget_seconds, reporter)
    config = settings_for("auto")
    devices = prepare_devices(config.devices)
    check_available(config.engine, config.precision)
    job, dataset = load_data(config.data, reporter, config.task, config.ignore)
    config = settings_for(job.name)
    job.check_settings(config)
    own_size = defaults_of(job.name).image_size
    data = prepare_data(dataset, config, reporter)
    require_known_classes(config.class_weights, data.class_names)
    places: list[RankedBackbone] = []
    left_out: dict[str, str] = {}
    for name in names:
        backbone_config = dataclasses.replace(
            config, backbone=name, image_size=BACKBONES.get(name).input_size(own_size)
        )
        try:
            budget.check()
            places.append(_ranked(backbone_config, job, data, devices, budget))
        except _BudgetSpent:
            left_out[name] = f"the budget of {budget_seconds:g} s was spent"
        except Interrupted:
            raise
        except CnnxferError as error:
            left_out[name] = str(error)
        if name in left_out:
            reporter.warn(f"left out {name}: {left_out[name]}")
    parts = data.by_split()
    return Comparison(
        data.name,
        len(parts.train),
        len(parts.validation),
        tuple(sorted(places, key=_rank)),
        left_out,
    )


def _ranked(
    config: Config,
    job: Task,
    data: PreparedData,
    devices: Devices,
    budget: _Budget,
) -> RankedBackbone:
    """Trains a head on a backbone's features; returns the results."""
    started = time.perf_counter()
    budget.info(f"{config.backbone}:")
    setup = Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=data.class_names,
        splits=data.by_split(),
        devices=devices,
        precision="float32",
        reporter=budget,
        task=job,
    )
    weights_path = find_weights_file(config, budget)
    classifier = setup.build_classifier(precision="float32", weights_path=weights_path)
    backbone_of(classifier).trainable = False
    store = ActivationStore()
    # Not fewer views where they don't fit: then all backbones would not be alike.
    cut = dataclasses.replace(
        choose_features(setup, classifier, store), views=config.views
    )
    learned = learn_head(setup, Recorder(classifier), cut, store)
    images = len(setup.splits.validation)
    score = learned.score
    share = score.figures.get(ACCURACY)
    parameters = classifier.count_params()
    return RankedBackbone(
        backbone=config.backbone,
        monitor=score.monitor,
        val_monitored=score.value,
        val_accuracy=wilson_interval(round(share * images), images)
        if share is not None
        else None,
        images_per_second=_speed(learned.engine),
        engine=engine_text(learned.engine),
        image_size=setup.image_size,
        parameters=parameters,
        size_bytes=4 * parameters,
        seconds=time.perf_counter() - started,
    )


def _rank(place: RankedBackbone) -> tuple[float, float]:
    return -place.val_monitored, -place.images_per_second


def _speed(engine: Engine) -> float:
    """Returns the number of images per second of an engine after a first batch."""
    size = engine.image_size
    noise = np.random.default_rng(0).integers(
        0, 256, (engine.batch_size, size, size, 3), np.uint8
    )
    count = 0

    def batches(seconds: float) -> Iterator[np.ndarray]:
        nonlocal count
        end = time.perf_counter() + seconds
        while not count or time.perf_counter() < end:
            count += len(noise)
            yield noise

    for _ in engine.run([noise]):  # the first batch is slower
        pass
    started = time.perf_counter()
    for _ in engine.run(batches(SPEED_SECONDS)):
        pass
    return count / (time.perf_counter() - started)


class _BudgetSpent(Exception):
    """The time budget has been spent."""


class _Budget(ForwardingReporter):
    """A reporter that passes everything on, and ends the work when time is up."""

    def __init__(self, seconds: float, reporter: Reporter) -> None:
        super().__init__(reporter)
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self._end:
            raise _BudgetSpent

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        with super().progress(title, total, unit) as advance:

            def advance_in_time(steps: int = 1, *notes: Note) -> None:
                advance(steps, *notes)
                self.check()

            yield advance_in_time
