"""A model with its classes: encoded images in, probabilities out."""

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
from cnnxfer.data.decoding.child import See
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
class Computing:
    """What a network is run by.

    Attributes:
        engine: one of `ENGINES`.
        precision: one of `PRECISIONS`.
        batch: how many pictures at once; None for as many as it does best with.
    """

    engine: str = "auto"
    precision: str = "auto"
    batch: int | None = None


@dataclass(frozen=True)
class Classifier:
    """A model with all that answering takes.

    Attributes:
        network: what an engine runs; its outputs are logits or probabilities.
        class_ids: in label order; WordNet ids for ImageNet heads, else the labels.
        labels: names for people, in label order.
        see: what of a picture the network is shown; the answers to several views of
            it are averaged.
        computing: what it is run by.
        thresholds: `(classes,)`: from which probability on each class is an answer, of
            a model that knows several for a picture; None where the best one is it.
        cells: tells the class at each cell of the picture; None where no heat is
            asked for.
    """

    network: Network
    class_ids: Sequence[str]
    labels: Sequence[str]
    see: See
    computing: Computing
    thresholds: np.ndarray | None = None
    cells: Network | None = None

    def conclude(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the mean of the probabilities for a picture's views.

        Args:
            outputs: of the network, float32 `(views, classes)`.

        Returns:
            float32 `(classes,)`.
        """
        mean: np.ndarray = as_probabilities(outputs, self.network.outputs).mean(axis=0)
        return mean


def load_classifier(
    model: Run | str,
    reporter: Reporter,
    computing: Computing = Computing(),
    *,
    tta: str = "none",
    dense: bool = False,
    heat: bool = False,
) -> Classifier:
    """Finds a run's model, or a backbone with its ImageNet head.

    Args:
        model: the run, or the backbone's name.
        reporter: told of a download.
        computing: what is to run it.
        tta: what of a picture it is shown; see `tta_views`.
        dense: whether that is the whole picture instead; see `dense_network`.
        heat: whether it tells where the class is, too; with `dense`.

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
    see: See = tta_views(tta, crop, network.image_size)
    cells = cell_network(network) if heat else None
    if dense:
        see = DenseView(crop, network.image_size)
        network = dense_network(network)
    return Classifier(network, class_ids, labels, see, computing, thresholds, cells)


def _run_network(run: Run) -> Network:
    path = run.require_model()
    config = run.config
    several = run.thresholds is not None
    return Network(
        key=_key("multi-label run" if several else "run", file_hash(path)),
        image_size=config.image_size or BACKBONES.get(config.backbone).image_size,
        build=partial(_load, path),
        outputs="multi-label logits" if several else "logits",
    )


def _imagenet_network(backbone: Backbone, reporter: Reporter) -> Network:
    path = ensure_weights(backbone, include_top=True, reporter=reporter)
    return Network(
        key=_key("imagenet", backbone.name, file_hash(path)),
        image_size=backbone.image_size,
        build=partial(_build, backbone, path),
        outputs="probabilities",
    )


# Keras is imported by who builds a network; not everybody has to.
def _load(path: Path) -> keras.Model:
    from cnnxfer.networks.saving import load_model

    return load_model(path)


def _build(backbone: Backbone, path: Path) -> keras.Model:
    from cnnxfer.networks.classifier import build_imagenet_classifier

    return build_imagenet_classifier(backbone, path)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
