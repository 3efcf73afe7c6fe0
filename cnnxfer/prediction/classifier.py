"""A model with its class names and settings, and how it is loaded for prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.data.decoding.child import ViewFunction
from cnnxfer.engines.engine import Network
from cnnxfer.prediction.dense import DenseView, cell_network, dense_network
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.tta import tta_views
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.probabilities import as_probabilities


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
        model: where it comes from, and its classes.
        network: the network, whose outputs are logits or probabilities.
        views: returns the views of an image that the network is shown; the
            probabilities of all views are averaged.
        engine_options: the options of the engine.
        cells: a network that returns the classes at each cell of an image; None if no
            heat is asked for.
    """

    model: ModelSource
    network: Network
    views: ViewFunction
    engine_options: EngineOptions
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
    model: ModelSource,
    reporter: Reporter,
    engine_options: EngineOptions = EngineOptions(),
    *,
    tta: str = "none",
    dense: bool = False,
    heat: bool = False,
) -> Classifier:
    """Returns the classifier of a model, which is loaded when an engine needs it.

    Args:
        model: the model.
        reporter: shows the download of missing weights.
        engine_options: the options of the engine.
        tta: which views of an image the model is shown; see `tta_views`.
        dense: whether it is shown the whole image instead; see `dense_network`.
        heat: whether answers include heat; needs `dense`.

    Raises:
        RunError: if the run has no model, or weights could not be downloaded.
    """
    network = model.network(reporter)
    views: ViewFunction = tta_views(tta, model.central_crop, network.image_size)
    cells = cell_network(network) if heat else None
    if dense:
        views = DenseView(model.central_crop, network.image_size)
        network = dense_network(network)
    return Classifier(model, network, views, engine_options, cells)
