"""The training images that look most alike to a model, by its pooled features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnxfer.config.prediction import EvaluateOptions
from cnnxfer.data.dataset import TRAIN, Example
from cnnxfer.data.run_images import find_images
from cnnxfer.data.views.views import central_views, pixel_batches
from cnnxfer.engines.calibration import training_calibration
from cnnxfer.engines.choice import SAMPLES, choose_engine
from cnnxfer.engines.trial import answer_all
from cnnxfer.evaluation.explanations.explanation import Neighbour
from cnnxfer.networks.cut import network_before
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import ActivationStore

CHUNK = 4096  # training images whose features are in memory


class TrainingImages:
    """The images that a run was trained on, with their features.

    The features are those that training has kept, where it has seen these very views;
    otherwise they are computed and kept for the next time.
    """

    def __init__(
        self,
        model: ModelSource,
        classifier: Any,
        spec: str,
        count: int,
        options: EvaluateOptions,
        reporter: Reporter,
    ) -> None:
        """Finds the images, and loads their features or computes them.

        Args:
            model: the model of a run.
            classifier: its Keras model, in float32.
            spec: where the run's images are.
            count: how many neighbours are asked for.
            options: say which engine computes features.
            reporter: shows the progress.

        Raises:
            DataError: if too many of the images are missing, or cannot be read.
            RunError: if there is no room for the features.
        """
        run = model.run
        assert run
        retry = f"add {option('--data', 'NEW_PLACE')}"
        images = find_images(run, spec, reporter, retry=retry, parts=[TRAIN])
        self._examples: Sequence[Example] = images.splits.train
        self._names = run.class_names
        self._count = min(count, len(self._examples))
        views = central_views(run.config)
        network = network_before(classifier, model.backbone, POOLED)

        def samples() -> np.ndarray:
            some = self._examples[:SAMPLES]
            size = network.image_size
            batches = pixel_batches(
                some, [views], image_size=size, batch_size=len(some)
            )
            return next(batches)

        self._engine = choose_engine(
            network,
            engine=options.engine,
            precision=options.precision,
            samples=samples,
            calibration=lambda: training_calibration(
                self._examples, views, network.image_size
            ),
            reporter=reporter,
        )
        (self._features,) = load_activations(
            network,
            self._engine,
            self._examples,
            [views],
            store=ActivationStore(),
            reporter=reporter,
            title="features of training images",
        )

    def nearest(self, views: np.ndarray) -> list[tuple[Neighbour, ...]]:
        """Returns the nearest training images of each view, the nearest first.

        Args:
            views: uint8 `(views, size, size, 3)`.
        """
        asked = _of_length_1(answer_all(self._engine, views))
        alike = np.concatenate(
            [
                asked @ _of_length_1(self._features[at : at + CHUNK]).T
                for at in range(0, len(self._features), CHUNK)
            ],
            axis=1,
        )
        order = np.argsort(-alike, axis=1, kind="stable")[:, : self._count]
        return [
            tuple(self._neighbour(at, 1 - float(row[at])) for at in places.tolist())
            for row, places in zip(alike, order, strict=True)
        ]

    def _neighbour(self, at: int, distance: float) -> Neighbour:
        example = self._examples[at]
        labels = tuple(self._names[label] for label in example.labels)
        return Neighbour(example, labels, max(0.0, distance))


def _of_length_1(features: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: np.ndarray = features / np.maximum(length, np.finfo(np.float32).tiny)
    return scaled
