"""Suspected labels of images, from heads on the features of a frozen backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.dataset import SPLITS, Example
from cnnxfer.data.prepared import Splits
from cnnxfer.evaluation.cross_validation import out_of_sample_probabilities
from cnnxfer.evaluation.suspects import suspected_labels
from cnnxfer.networks.cut import network_before
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.class_task import POOLED, class_targets
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.engines import engines_for, load_split_activations
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.optimization.devices import prepare_devices
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import find_weights_file


@dataclass(frozen=True)
class SuspectedImage:
    """An image whose labels are suspected to be wrong.

    Attributes:
        example: the image.
        split: the split that it is in: "train", "validation" or "test".
        labels: the names of the classes that it is labelled with.
        suggested: the names of those that it rather shows.
        score: how improbable the most doubtful of its labels is, in [0, 1]; see
            `suspects.Suspect`.
        likely: whether it is among the worst of its class; else it may be no more than
            hard.
    """

    example: Example
    split: str
    labels: tuple[str, ...]
    suggested: tuple[str, ...]
    score: float
    likely: bool


def suspected_images(
    config: Config,
    class_names: Sequence[str],
    splits: Splits,
    groups: Sequence[Sequence[int]],
    reporter: Reporter,
) -> tuple[SuspectedImage, ...]:
    """Returns the images whose labels are suspected to be wrong, the worst first.

    Their features are those that the frozen phase trains a head on, and are kept for
    it, or have been kept by it. They are of a backbone that has seen none of the
    labels; see `cross_validation` for the heads.

    Args:
        config: its backbone, weights, image size, views, engine and precision decide
            the features.
        class_names: the names of the classes, in label order.
        splits: the images, whose SHA-256 must be known; at least two.
        groups: numbers of images that belong together, such as near-duplicates, counted
            from the first training image to the last test image.
        reporter: shows the progress.

    Raises:
        DataError: if an image cannot be read any more, or no class has two images that
            don't belong together.
        RunError: if the weights could not be downloaded, or features are not finite.
    """
    features = pooled_features(config, class_names, splits, reporter)
    examples = [*splits.train, *splits.validation, *splits.test]
    if all(len(example.labels) == 1 for example in examples):
        labels = np.array([example.label for example in examples])
    else:
        labels = class_targets(examples, len(class_names)) > 0
    probabilities = out_of_sample_probabilities(features, labels, groups, reporter)
    sizes = map(len, (splits.train, splits.validation, splits.test))
    parts = np.repeat(SPLITS, list(sizes)).tolist()

    def names(numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(class_names[number] for number in numbers)

    return tuple(
        SuspectedImage(
            examples[suspect.image],
            parts[suspect.image],
            names(suspect.labels),
            names(suspect.suggested),
            suspect.score,
            suspect.likely,
        )
        for suspect in suspected_labels(probabilities, labels)
    )


def pooled_features(
    config: Config, class_names: Sequence[str], splits: Splits, reporter: Reporter
) -> np.ndarray:
    """Returns the features of all images, float32 `(images, channels)`.

    They are in the order train, validation, test; see `suspected_images`.
    """
    setup = Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=tuple(class_names),
        splits=splits,
        devices=prepare_devices(config.devices),
        precision="float32",
        reporter=reporter,
        task=TASKS.get(config.task),
    )
    classifier = setup.build_classifier(
        precision="float32", weights_path=find_weights_file(config, reporter)
    )
    network = network_before(classifier, setup.backbone, POOLED)
    engine = next(engines_for(setup, network, used=""))
    store = ActivationStore()
    title = "features of {} images"
    train, validation = load_split_activations(
        setup, network, engine, store, views=1, title=title
    )
    test = []
    if splits.test:
        test = load_activations(
            network,
            engine,
            splits.test,
            [setup.central_views],
            store=store,
            reporter=reporter,
            title=title.format("test"),
        )
    return np.concatenate([part[:] for part in (*train, validation, *test)])
