"""A model with its classes: encoded images in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.data.decode import decode
from cnnxfer.data.geometry import central_box, view
from cnnxfer.data.parallel import parallel_map
from cnnxfer.errors import DataError
from cnnxfer.prediction.engines.keras_engine import KerasEngine
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.model import build_imagenet_classifier, load_model

# The usual central crop of ImageNet's evaluation: 224 of 256.
IMAGENET_CROP = 0.875


@dataclass(frozen=True)
class Answer:
    """What the model says of one image.

    Attributes:
        width: of the upright image, in pixels.
        height: the same.
        probabilities: float32 `(classes,)`; None if the image could not be read.
        error: why it could not be read; None if it could.
    """

    width: int = 0
    height: int = 0
    probabilities: np.ndarray | None = None
    error: str | None = None


@dataclass(frozen=True)
class Classifier:
    """A model that is ready to answer.

    Attributes:
        engine: runs the network.
        class_ids: in label order; WordNet ids for ImageNet heads, else the labels.
        labels: names for people, in label order.
        central_crop: side of the square that it sees, of the shorter side.
        from_logits: whether the network's outputs are logits, not probabilities.
    """

    engine: KerasEngine
    class_ids: Sequence[str]
    labels: Sequence[str]
    central_crop: float
    from_logits: bool

    def answer(
        self, images: Sequence[Callable[[], bytes]], title: str, reporter: Reporter
    ) -> Iterator[Answer]:
        """Yields an answer for each image, in order; decodes while it computes.

        Args:
            images: functions that read an encoded image, or raise DataError.
            title: what the progress bar says.
            reporter: draws it.
        """
        size = self.engine.batch_size
        views = parallel_map(self._view, images, ahead=4 * size)
        with reporter.progress(title, len(images), "images") as advance:
            while batch := list(islice(views, size)):
                yield from self._answer(batch)
                advance(len(batch))

    def _view(self, read: Callable[[], bytes]) -> tuple[Answer, np.ndarray | None]:
        try:
            image = decode(read())
        except DataError as error:
            return Answer(error=str(error)), None
        box = central_box(image.width, image.height, self.central_crop)
        pixels = view(image, box, self.engine.image_size)
        return Answer(image.width, image.height), pixels

    def _answer(
        self, views: Sequence[tuple[Answer, np.ndarray | None]]
    ) -> Iterator[Answer]:
        readable = [pixels for _, pixels in views if pixels is not None]
        rows = iter(self._probabilities(np.stack(readable)) if readable else ())
        for answer, pixels in views:
            if pixels is None:
                yield answer
            else:
                yield Answer(answer.width, answer.height, next(rows))

    def _probabilities(self, pixels: np.ndarray) -> np.ndarray:
        outputs = self.engine(pixels)
        return softmax(outputs) if self.from_logits else outputs


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities: rows that sum to 1."""
    exponentials: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def load_classifier(model: Run | str, reporter: Reporter) -> Classifier:
    """Loads a run's model, or a backbone with its ImageNet head.

    Raises:
        RunError: if the run has no model, or weights could not be downloaded.
    """
    if isinstance(model, Run):
        engine = KerasEngine(load_model(model.require_model()))
        names, crop = model.class_names, model.config.central_crop
        return Classifier(engine, names, names, crop, from_logits=True)
    backbone = BACKBONES.get(model)
    weights_path = ensure_weights(backbone, include_top=True, reporter=reporter)
    classes = imagenet_classes()
    return Classifier(
        KerasEngine(build_imagenet_classifier(backbone, weights_path)),
        [item.class_id for item in classes],
        [item.label for item in classes],
        IMAGENET_CROP,
        from_logits=False,
    )
