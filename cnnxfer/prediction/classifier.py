"""A model with its class names and settings, and how it is loaded for prediction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.data.decoding.child import ViewFunction
from cnnxfer.engines.engine import Network
from cnnxfer.files import file_hash
from cnnxfer.prediction.dense import DenseView, cell_network, dense_network
from cnnxfer.prediction.tta import IMAGENET_CROP, tta_views
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.probabilities import as_probabilities

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class EngineOptions:
    """The options that decide which engine runs a network, and how.

    Attributes:
        engine: one of `ENGINES`.
        precision: one of `PRECISIONS`.
        batch: the number of images per batch; None for the fastest size.
    """

    engine: str = "auto"
    precision: str = "auto"
    batch: int | None = None


@dataclass(frozen=True)
class Classifier:
    """A model with everything that is needed to answer images.

    Attributes:
        network: the network, whose outputs are logits or probabilities.
        class_ids: ids of the classes, in label order: WordNet ids for ImageNet heads,
            the labels otherwise.
        labels: readable names of the classes, in label order.
        views: returns the views of an image that the network is shown; the
            probabilities of all views are averaged.
        engine_options: the options of the engine.
        thresholds: `(classes,)`, the probability from which each label is assigned, in
            a multi-label model; None in a model with one class per image.
        cells: a network that returns the classes at each cell of an image; None if no
            heat is asked for.
    """

    network: Network
    class_ids: Sequence[str]
    labels: Sequence[str]
    views: ViewFunction
    engine_options: EngineOptions
    thresholds: np.ndarray | None = None
    cells: Network | None = None

    def mean_probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the mean of the probabilities for an image's views.

        Args:
            outputs: the network's outputs, float32 `(views, classes)`.

        Returns:
            float32 `(classes,)`.
        """
        mean: np.ndarray = as_probabilities(outputs, self.network.outputs).mean(axis=0)
        return mean


def load_classifier(
    model: Run | str,
    reporter: Reporter,
    engine_options: EngineOptions = EngineOptions(),
    *,
    tta: str = "none",
    dense: bool = False,
    heat: bool = False,
) -> Classifier:
    """Returns the classifier of a run, or of a backbone with its ImageNet head.

    The model itself is loaded later, when an engine needs it.

    Args:
        model: the run, or the backbone's name.
        reporter: shows the download of missing weights.
        engine_options: the options of the engine.
        tta: which views of an image the model is shown; see `tta_views`.
        dense: whether it is shown the whole image instead; see `dense_network`.
        heat: whether answers include heat; needs `dense`.

    Raises:
        RunError: if the run has no model, or weights could not be downloaded.
    """
    thresholds = None
    if isinstance(model, Run):
        network, crop = _run_network(model), model.config.central_crop
        class_ids = labels = list(model.class_names)
        if model.thresholds is not None:
            thresholds = np.array([model.thresholds[name] for name in labels])
    else:
        network, crop = _imagenet_network(BACKBONES.get(model), reporter), IMAGENET_CROP
        class_ids = [item.class_id for item in imagenet_classes()]
        labels = [item.label for item in imagenet_classes()]
    views: ViewFunction = tta_views(tta, crop, network.image_size)
    cells = cell_network(network) if heat else None
    if dense:
        views = DenseView(crop, network.image_size)
        network = dense_network(network)
    return Classifier(
        network, class_ids, labels, views, engine_options, thresholds, cells
    )


def _run_network(run: Run) -> Network:
    path = run.require_model()
    config = run.config
    multi_label = run.thresholds is not None
    return Network(
        key=_key("multi-label run" if multi_label else "run", file_hash(path)),
        image_size=config.image_size or BACKBONES.get(config.backbone).image_size,
        build=partial(_load, path),
        outputs="multi-label logits" if multi_label else "logits",
    )


def _imagenet_network(backbone: Backbone, reporter: Reporter) -> Network:
    path = ensure_weights(backbone, include_top=True, reporter=reporter)
    return Network(
        key=_key("imagenet", backbone.name, file_hash(path)),
        image_size=backbone.image_size,
        build=partial(_build, backbone, path),
        outputs="probabilities",
    )


# Keras is imported only when a network is built, which is not always needed.
def _load(path: Path) -> keras.Model:
    from cnnxfer.networks.saving import load_model

    return load_model(path)


def _build(backbone: Backbone, path: Path) -> keras.Model:
    from cnnxfer.networks.classifier import build_imagenet_classifier

    return build_imagenet_classifier(backbone, path)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
